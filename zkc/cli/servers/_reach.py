"""The ways to a server: its addresses, a connection to one of its ports, TLS, and every reason why there is none."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    import ssl

    from zkc import TLS

__all__ = [
    "PATIENCE",
    "AskError",
    "Left",
    "Server",
    "client_context",
    "connect_to",
    "parse_address",
    "refused_client",
    "resolve",
    "secure",
    "speaks_tls",
    "wants_tls",
]

Left = Callable[[], float]
"""Returns the seconds that are left, or raises an AskError when there are none."""

DEFAULT_PORT = 2181
PATIENCE = 0.7
"""Seconds without an answer, until a port is tried with TLS."""
_NOT_ALLOWED = ("not_whitelisted", "unauthorized", "forbidden", "tls")
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
# The alerts of a server that wants a client certificate, or another one; "SSLV3_" or "TLSV1_" is in front of them.
_ABOUT_CLIENTS = (
    "ALERT_BAD_CERTIFICATE", "ALERT_NO_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_UNKNOWN", "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_ACCESS_DENIED", "ALERT_DECRYPT_ERROR",
)  # fmt: skip


class AskError(Exception):
    """A question without an answer.

    Args:
        reason: Why, as one word for scripts:

            * ``unresolved``: the name has no address;
            * ``refused``, ``unreachable``, ``timeout``: there was no connection, or no answer in time;
            * ``closed``: the server closed the connection without an answer;
            * ``not_whitelisted``: the server does not execute this four-letter word;
            * ``not_serving``: the server runs, and serves no clients: it has no quorum, or starts;
            * ``tls``: a certificate is refused; ``not_tls``: the port does not speak TLS;
              ``wants_tls``: the port speaks TLS only;
            * ``http``: a port for clients speaks HTTP; ``not_admin``: the port is not one of AdminServer;
            * ``unauthorized``, ``forbidden``: AdminServer wants credentials, or others;
            * ``unknown_command``, ``rate_limited``, ``failed``: AdminServer's other answers.
        message: The reason in words, and what to do unless ``advice`` says it.
        advice: What to do.
        cause: For ``tls``, the reason as ``TLSError.reason`` has it, such as ``expired``.
    """

    def __init__(self, reason: str, message: str, *, advice: Optional[str] = None, cause: Optional[str] = None) -> None:
        super().__init__(message if advice is None else f"{message}. {advice}")
        self.reason, self.text, self.advice, self.cause = reason, message, advice, cause

    def as_command_error(self, server: Server) -> CommandError:
        """Return the error that ends a command which asked this server only."""
        code = ExitCode.NO_CONNECTION
        if self.reason in _NOT_ALLOWED:
            code = ExitCode.NOT_ALLOWED
        elif self.reason in ("unknown_command", "rate_limited", "failed"):
            code = ExitCode.OTHER
        details: dict[str, object] = {"server": server.name}
        if self.cause is not None:
            details["reason"] = self.cause
        return CommandError(f"{server.name}: {self}", code, name=self.reason, details=details)


@dataclass(frozen=True)
class Server:
    """One server of the connection string."""

    name: str
    """As the connection string has it. A name with several addresses is several servers: ``zk:2181 (10.0.0.7)``."""
    host: str
    """The host's name or address: what the server's certificate is for."""
    port: int
    admin_port: int
    addresses: tuple[str, ...] = ()
    problem: Optional[AskError] = None
    """Why there are no addresses."""


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port of ``host:port``, ``[v6]:port`` or ``host``.

    Raises:
        CommandError: The text is malformed.
    """
    host, colon, port = text.rpartition(":")
    if not colon or (text.startswith("[") and text.endswith("]")):
        host, port = text, str(DEFAULT_PORT)
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise CommandError(f"{text!r} is no address: give host:port", ExitCode.USAGE, name="usage")
    return host, int(port)


def client_context(tls: Optional[TLS], verify: Optional[bool] = None) -> ssl.SSLContext:
    """Return the settings of TLS as a context of the standard library; None trusts what the system trusts.

    Args:
        tls: The settings.
        verify: Whether the server's certificate is verified, if not as the settings want it.

    Raises:
        AskError: A file is missing or malformed.
    """
    import os
    import ssl

    if tls is None:
        return ssl.create_default_context()
    folder = tls.ca is not None and os.path.isdir(tls.ca)
    try:
        context = ssl.create_default_context(cafile=None if folder else tls.ca, capath=tls.ca if folder else None)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, tls.password or "")
    except (OSError, ValueError) as error:
        named = ", ".join(filter(None, (tls.ca, tls.certificate, tls.key)))
        raise AskError("tls", f"the files of the TLS settings cannot be used ({named}): {error}") from None
    # Newer versions of Python are stricter than the sessions' own check. What a session accepts is accepted here.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    verify = tls.verify if verify is None else verify
    context.check_hostname = verify and tls.check_hostname
    if not verify:
        context.verify_mode = ssl.CERT_NONE
    return context


def resolve(host: str) -> list[tuple[str, ...]]:
    """Return the servers of a name, each with its addresses.

    One address of either family is one server that has both. Several addresses of a family are as many servers.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        raise AskError("unresolved", f"the name {host} has no address: {text}") from None
    families: dict[int, list[str]] = {}
    for family, _, _, _, address in found:
        known = families.setdefault(family, [])
        if address[0] not in known:
            known.append(str(address[0]))
    lists = sorted(families.values(), key=len, reverse=True)
    if len(lists[0]) == 1:
        # The address of IPv4 first: servers listen there more often.
        return [tuple(sorted((each[0] for each in lists), key=lambda address: ":" in address))]
    return [(address,) for address in lists[0]]


def wants_tls() -> AskError:
    """Return the error of a plain question to a port that speaks TLS."""
    return AskError("wants_tls", "the port speaks TLS: use --tls, --ca and --cert, or the plain port")


def connect_to(server: Server, port: int, left: Left) -> socket.socket:
    """Return a connection to a port of a server. Each of its addresses gets a fair part of the time.

    Raises:
        AskError: There is no connection.
    """
    if server.problem is not None:
        raise server.problem
    failure: Optional[AskError] = None
    for index, address in enumerate(server.addresses):
        place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        place = "it" if place == server.name else place  # Every message begins with the server's name.
        try:
            return socket.create_connection((address, port), left() / (len(server.addresses) - index))
        except socket.timeout:
            failure = AskError("timeout", f"{place} does not answer: the host is down, or a firewall drops packets")
        except ConnectionRefusedError:
            failure = AskError("refused", f"{place} refuses connections: no process listens there")
        except ConnectionError:  # It closes so quickly that the attempt to connect is reset or aborted.
            failure = AskError("closed", f"{place} accepts connections, and closes them at once")
        except OSError as error:
            reason = "unreachable" if error.errno in _UNREACHABLE else "failed"
            failure = AskError(reason, f"{place} cannot be reached: {error.strerror or error}")
    assert failure is not None
    raise failure


def secure(
    connection: socket.socket,
    server: Server,
    tls: Optional[TLS],
    left: Left,
    port: Optional[int] = None,
    verify: Optional[bool] = None,
) -> ssl.SSLSocket:
    """Encrypt a connection, to the port for clients or to another one.

    The certificate is verified as the settings want it, unless ``verify`` says otherwise.

    Raises:
        AskError: A certificate is refused, or the port does not speak TLS.
    """
    import ssl

    context = client_context(tls, verify)
    name = tls.server_name if tls is not None and tls.server_name else server.host
    try:
        connection.settimeout(left())
        return context.wrap_socket(connection, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        from zkc.cli.servers._certificates import advice_for, refusal

        cause, text = refusal(error, server, port or server.port, name, tls, left)
        raise AskError("tls", text, advice=advice_for(cause), cause=cause) from None
    except socket.timeout:
        raise AskError("timeout", "no TLS handshake in time: does the port speak TLS?") from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):  # Python 3.9 raises the second.
        raise AskError("not_tls", "the server closed the connection in the TLS handshake: the port is a plain one,"
                                  " or wants another certificate") from None  # fmt: skip
    except ssl.SSLError as error:
        if error.reason in _NO_TLS:
            raise AskError("not_tls", "the port does not speak TLS") from None
        if error.reason and error.reason.endswith(_ABOUT_CLIENTS):
            raise refused_client("the server", error, tls) from None
        raise AskError("tls", f"the TLS handshake failed: {error.reason or error}") from None


def refused_client(who: str, error: ssl.SSLError, tls: Optional[TLS]) -> AskError:
    """Return the error of a server that has ended a TLS connection with an alert, as sessions tell it."""
    from zkc.cli.servers._certificates import advice_for

    text = f"{who} refused our client certificate"
    if tls is None or tls.certificate is None:
        text = f"{who} demands a client certificate, and we have none to show"
    text += f" ({(error.reason or str(error)).replace('_', ' ').lower()})"
    return AskError("tls", text, advice=advice_for("client_certificate"), cause="client_certificate")


def speaks_tls(server: Server, port: int, left: Left) -> bool:
    """Return whether a port speaks TLS, with any certificate."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with contextlib.closing(connect_to(server, port, left)) as plain:
            plain.settimeout(0.7 * left())
            context.wrap_socket(plain).close()
    except ssl.SSLError as error:
        return error.reason not in _NO_TLS and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    except (OSError, AskError):
        return False
    return True
