"""Certificates made for a test, with the ``openssl`` command."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ._errors import NotInstalledError, TestingError

LOOPBACK_NAMES = ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
_VALID_DAYS = 30
_CA_CONFIG = """\
[ca]
default_ca = authority
[authority]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir/issued
serial = $dir/serial
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
"""


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, each in a PEM file.

    .. versionadded:: 0.1
    """

    cert: Path
    key: Path


@dataclass(frozen=True)
class TLSFiles:
    """What a server and its clients need for TLS, and what a test needs to see it refused. All are PEM files.

    .. versionadded:: 0.1
    """

    #: The certificate of the authority that signed the others.
    ca: Path
    #: The server's certificate, for localhost, 127.0.0.1 and ::1, and its key.
    server_cert: Path
    server_key: Path
    #: A client's certificate and its key.
    client_cert: Path
    client_key: Path
    #: The certificate of another authority, which signed none of these.
    wrong_ca: Path
    #: A certificate, for clients and servers, that the other authority signed.
    wrong_ca_signed: Certificate
    #: A certificate whose time is over; else as good as the client's and the server's.
    expired: Certificate
    #: A server's certificate for another host.
    wrong_host: Certificate

    def client_context(self) -> ssl.SSLContext:
        """Return a context with which Python's own :mod:`ssl` connects to the server, as the client."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.ca))
        context.load_cert_chain(self.client_cert, self.client_key)
        return context

    def encrypted_client_key(self, password: str) -> Path:
        """Write the client's key once more, encrypted.

        :param password: the password that will open it.
        :returns: the path of the new PEM file.
        """
        path = self.client_key.with_name("client-encrypted.key")
        _openssl("pkey", "-in", str(self.client_key), "-aes256", "-passout", f"pass:{password}", "-out", str(path))
        return path


class CertificateAuthority:
    """An authority that signs certificates for tests.

    .. versionadded:: 0.1
    """

    def __init__(self, folder: Path, name: str = "zkc test CA") -> None:
        """Make the authority's own certificate and key.

        :param folder: an empty folder, or one to be made, for all its files.
        :param name: the common name of the authority.
        :raises NotInstalledError: if there is no ``openssl`` command.
        """
        self.folder = folder
        (folder / "issued").mkdir(parents=True)
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        (folder / "ca.cnf").write_text(_CA_CONFIG.format(folder=folder))
        self.cert = folder / "ca.crt"
        self._key = folder / "ca.key"
        extensions = [
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ]
        _openssl(
            *("req", "-x509", *_new_key(self._key), "-subj", f"/CN={name}", "-days", str(_VALID_DAYS)),
            *(*extensions, "-out", str(self.cert)),
        )

    def issue(self, name: str, hosts: tuple[str, ...] = LOOPBACK_NAMES, *, expired: bool = False) -> Certificate:
        """Make a key and sign a certificate for it, good for servers and clients.

        :param name: its common name, and the name of the files.
        :param hosts: the hosts it is for, as OpenSSL writes them: ``"DNS:localhost"``, ``"IP:127.0.0.1"``.
        :param expired: whether its time is to be over.
        """
        made = Certificate(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(
            f"basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName={','.join(hosts)}\n"
        )
        validity = ["-startdate", "20000101000000Z", "-enddate", "20010101000000Z"] if expired else []
        _openssl("req", *_new_key(made.key), "-subj", f"/CN={name}", "-out", str(request))
        _openssl(
            *("ca", "-batch", "-notext", "-config", str(self.folder / "ca.cnf"), "-in", str(request)),
            *("-cert", str(self.cert), "-keyfile", str(self._key), "-extfile", str(extensions)),
            *("-days", str(_VALID_DAYS), *validity, "-out", str(made.cert)),
        )
        return made


def make_tls_files(folder: Path) -> TLSFiles:
    """Make an authority, certificates for a server and a client, and some that have to be refused.

    :param folder: an empty folder, or one to be made.
    :raises NotInstalledError: if there is no ``openssl`` command.

    .. versionadded:: 0.1
    """
    authority = CertificateAuthority(folder / "authority")
    other = CertificateAuthority(folder / "other", "zkc other test CA")
    server, client = authority.issue("server"), authority.issue("client")
    return TLSFiles(
        ca=authority.cert,
        server_cert=server.cert,
        server_key=server.key,
        client_cert=client.cert,
        client_key=client.key,
        wrong_ca=other.cert,
        wrong_ca_signed=other.issue("stranger"),
        expired=authority.issue("expired", expired=True),
        wrong_host=authority.issue("elsewhere", ("DNS:elsewhere.invalid", "IP:192.0.2.1")),
    )


def _new_key(path: Path) -> tuple[str, ...]:
    """Return the arguments of ``openssl req`` for a new key: elliptic, because it is made in no time."""
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(path))


def _openssl(*arguments: str) -> None:
    command = shutil.which("openssl")
    if command is None:
        raise NotInstalledError("There is no openssl command on PATH. Install it (apt-get install openssl).")
    done = subprocess.run([command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TestingError(f"openssl {arguments[0]} failed:\n{done.stderr}")
