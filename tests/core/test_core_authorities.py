"""The system's certificate authorities, as distributions lay them out, for an OpenSSL that does not know the system."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from zkc import _zookeeper as core
from zkc.errors import _system_ca
from zkc.testing import ZooKeeperServer

from ..tls_support import settings
from .core_support import CONNECTED

# Where a system of each kind has them: a file with all, or a folder by their hashes. The rest is there to mislead.
LAYOUTS = {
    "Debian": ("etc/ssl/certs/ca-certificates.crt", ["etc/ssl/certs/4a6481c9.0", "etc/ssl/openssl.cnf"]),
    "Fedora": ("etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", ["etc/pki/tls/openssl.cnf", "etc/ssl/certs/README"]),
    "old Fedora": ("etc/pki/tls/certs/ca-bundle.crt", ["etc/pki/tls/openssl.cnf"]),
    "Alpine": ("etc/ssl/cert.pem", ["etc/ssl/certs/README"]),
    "Alpine with ca-certificates": ("etc/ssl/certs/ca-certificates.crt", ["etc/ssl/cert.pem"]),
    "SUSE": ("etc/ssl/ca-bundle.pem", ["etc/ssl/certs/README"]),
    "late SUSE": ("var/lib/ca-certificates/ca-bundle.pem", []),
}


@pytest.fixture(scope="module")
def server():
    if not core.build_info()["tls"]:  # the system's library, as distributions build it
        pytest.skip("this libzookeeper has no TLS")
    with ZooKeeperServer(tls=True) as running:
        yield running


def lay_out(root, files, authorities):
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(authorities, root / name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_known_and_serves(open_session, server, tmp_path, layout):
    bundle, others = LAYOUTS[layout]
    lay_out(tmp_path, [bundle, *others], server.tls.ca)
    found = _system_ca.system_authorities(str(tmp_path), {})
    assert found == str(tmp_path / bundle)
    session = open_session(server.tls_hosts, tls=settings(server.tls, ca=found))
    assert session.state == CONNECTED


def test_a_folder_of_authorities_serves(open_session, server, tmp_path):
    folder = tmp_path / "etc" / "ssl" / "certs"
    lay_out(tmp_path, ["etc/ssl/certs/one.pem"], server.tls.ca)
    assert _system_ca.system_authorities(str(tmp_path), {}) is None  # OpenSSL cannot find it by its name
    if shutil.which("openssl") is None:  # a program of the system's, which no build needs
        pytest.skip("no openssl to compute a hash with")
    command = ["openssl", "x509", "-noout", "-hash", "-in", str(folder / "one.pem")]
    hashed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (folder / f"{hashed}.0").symlink_to("one.pem")
    found = _system_ca.system_authorities(str(tmp_path), {})
    assert found == str(folder)
    assert open_session(server.tls_hosts, tls=settings(server.tls, ca=found)).state == CONNECTED


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_environment_comes_first(tmp_path, variable):
    lay_out(tmp_path, ["etc/ssl/cert.pem"], __file__)
    assert _system_ca.system_authorities(str(tmp_path), {variable: "/elsewhere"}) is None
    assert _system_ca.system_authorities(str(tmp_path), {variable: ""}) is not None


@pytest.mark.parametrize(
    ("variable", "named"),
    [("SSL_CERT_FILE", "gone.pem"), ("SSL_CERT_FILE", "empty.pem"), ("SSL_CERT_DIR", "folder:gone")],
)
def test_a_variable_that_names_nothing_is_reported(tmp_path, variable, named):
    (tmp_path / "empty.pem").touch()
    (tmp_path / "folder").mkdir()
    value = os.pathsep.join(str(tmp_path / name) for name in named.split(":"))
    assert _system_ca.missing({variable: value}) == f"{variable}={value}"


def test_a_variable_that_names_authorities_is_not_reported(tmp_path):
    (tmp_path / "4a6481c9.0").write_text("a certificate")
    assert _system_ca.missing({}) is None
    assert _system_ca.missing({"SSL_CERT_FILE": __file__, "SSL_CERT_DIR": f"/nowhere{os.pathsep}{tmp_path}"}) is None


def test_what_is_empty_or_absent_is_passed_over(tmp_path):
    assert _system_ca.system_authorities(str(tmp_path), {}) is None
    lay_out(tmp_path, ["etc/ssl/cert.pem"], __file__)
    (tmp_path / "etc" / "ssl" / "certs").mkdir()
    (tmp_path / "etc" / "ssl" / "certs" / "ca-certificates.crt").touch()
    assert _system_ca.system_authorities(str(tmp_path), {}) == str(tmp_path / "etc" / "ssl" / "cert.pem")


def test_a_name_that_leads_nowhere_is_no_authority(tmp_path):
    folder = tmp_path / "etc" / "ssl" / "certs"
    folder.mkdir(parents=True)
    (folder / "4a6481c9.0").symlink_to("gone.pem")
    assert _system_ca.system_authorities(str(tmp_path), {}) is None


def test_what_may_not_be_read_is_passed_over(tmp_path, monkeypatch):
    lay_out(tmp_path, ["etc/ssl/certs/4a6481c9.0"], __file__)

    def refuse(path):  # The system refuses root nothing.
        raise PermissionError(path)

    monkeypatch.setattr(os, "listdir", refuse)
    assert _system_ca.system_authorities(str(tmp_path), {}) is None


def test_this_system_has_some():
    found = _system_ca.system_authorities(environment={})
    if found is None:  # a machine without ca-certificates is none the worse for our tests
        pytest.skip("this system trusts no authorities")
    assert os.path.isabs(found)
