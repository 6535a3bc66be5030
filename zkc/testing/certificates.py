"""Certificates made for a test, with the ``openssl`` command."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass, replace
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
    """The PEM files of a server and its clients for TLS, and certificates that either side has to refuse.

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
    #: A certificate that has expired; otherwise as good as the client's and the server's.
    expired: Certificate
    #: A server's certificate for another host.
    wrong_host: Certificate
    #: A certificate that is not valid yet; otherwise as good as the client's and the server's.
    not_yet_valid: Certificate
    #: A certificate that no authority signed, for localhost, 127.0.0.1 and ::1.
    self_signed: Certificate
    #: A server's certificate for the name localhost, and for no address.
    name_only: Certificate
    #: A server's certificate for the address 127.0.0.1, and for no name.
    address_only: Certificate

    def serving(self, certificate: Certificate) -> TLSFiles:
        """Return the same files for a server that shows another certificate: ``ZooKeeperServer(tls=...)``.

        :param certificate: the certificate that the server shows, for example one that clients have to refuse.
        """
        return replace(self, server_cert=certificate.cert, server_key=certificate.key)

    def client_context(self, *, verify: bool = True) -> ssl.SSLContext:
        """Return a context with which Python's own :mod:`ssl` connects to the server, as the client.

        :param verify: whether to verify the server's certificate; False accepts every one.
        """
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.ca))
        context.load_cert_chain(self.client_cert, self.client_key)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def server_context(self, *, client_auth: str = "need") -> ssl.SSLContext:
        """Return a context with which Python's own :mod:`ssl` serves, for a stand-in of the server.

        :param client_auth: whether a client has to show a certificate, as in :class:`ServerOptions`.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.ca))
        context.load_cert_chain(self.server_cert, self.server_key)
        context.verify_mode = {"need": ssl.CERT_REQUIRED, "want": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}[client_auth]
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

        :param folder: a folder for all its files, empty or not existing yet.
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

    def issue(
        self,
        name: str,
        hosts: tuple[str, ...] = LOOPBACK_NAMES,
        *,
        expired: bool = False,
        not_yet_valid: bool = False,
    ) -> Certificate:
        """Make a key and sign a certificate for it, good for servers and clients.

        :param name: its common name, and the name of the files.
        :param hosts: the hosts it is for, as OpenSSL writes them: ``"DNS:localhost"``, ``"IP:127.0.0.1"``.
        :param expired: whether to make a certificate that has expired.
        :param not_yet_valid: whether to make a certificate that is valid only in the future.
        """
        made = Certificate(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(
            f"basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName={','.join(hosts)}\n"
        )
        validity = ["-days", str(_VALID_DAYS)]
        if expired or not_yet_valid:
            first, last = ("20000101", "20010101") if expired else ("20990101", "20991231")
            validity = ["-startdate", f"{first}000000Z", "-enddate", f"{last}000000Z"]
        _openssl("req", *_new_key(made.key), "-subj", f"/CN={name}", "-out", str(request))
        _openssl(
            *("ca", "-batch", "-notext", "-config", str(self.folder / "ca.cnf"), "-in", str(request)),
            *("-cert", str(self.cert), "-keyfile", str(self._key), "-extfile", str(extensions)),
            *(*validity, "-out", str(made.cert)),
        )
        return made


def self_signed(folder: Path, name: str, hosts: tuple[str, ...] = LOOPBACK_NAMES) -> Certificate:
    """Make a key and a certificate for it that no authority signed.

    :param folder: an existing folder for both files.
    :param name: its common name, and the name of the files.
    :param hosts: the hosts it is for, as in :meth:`CertificateAuthority.issue`.

    .. versionadded:: 0.1
    """
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    _openssl(
        *("req", "-x509", *_new_key(made.key), "-subj", f"/CN={name}", "-days", str(_VALID_DAYS)),
        *("-addext", f"subjectAltName={','.join(hosts)}", "-out", str(made.cert)),
    )
    return made


def make_tls_files(folder: Path) -> TLSFiles:
    """Make an authority, certificates for a server and a client, and certificates that have to be refused.

    :param folder: a folder for the files, empty or not existing yet.
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
        not_yet_valid=authority.issue("early", not_yet_valid=True),
        self_signed=self_signed(folder, "lonely"),
        name_only=authority.issue("name", ("DNS:localhost",)),
        address_only=authority.issue("address", ("IP:127.0.0.1",)),
    )


def _new_key(path: Path) -> tuple[str, ...]:
    """Return the arguments of ``openssl req`` for a new key, on an elliptic curve because that is fast."""
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(path))


def _openssl(*arguments: str) -> None:
    command = shutil.which("openssl")
    if command is None:
        raise NotInstalledError("There is no openssl command on PATH. Install it (apt-get install openssl).")
    done = subprocess.run([command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TestingError(f"openssl {arguments[0]} failed:\n{done.stderr}")
