"""The reason why a certificate is refused, in the words that sessions have for it: its end, its names, its authority.

The standard library tells neither a certificate's dates nor its names when it refuses it. So this module makes two more
connections, after a refusal only. The first takes the certificate as it is, and the second trusts just that one.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    import ssl

    from zkc import TLS
    from zkc.cli.servers._reach import Left, Server

__all__ = ["advice_for", "certificate_of", "refusal"]

_NO_CHECK_TIME, _PARTIAL_CHAIN = 0x200000, 0x80000  # X509_V_FLAG_… of OpenSSL, which Python has no names for.
_EXPIRED, _NOT_YET_VALID = 10, 9
_HOSTNAME = (62, 64)
_SELF_SIGNED = 18
_UNKNOWN_CA = (2, 19, 20, 21)
_MOST_NAMES = 5


def advice_for(reason: str) -> str:
    """Return what to do about a TLS error, by its reason."""
    from zkc.cli._connect import TLS_ADVICE  # Here, as it loads the client.

    return TLS_ADVICE[reason]


def certificate_of(server: Server, port: int, tls: Optional[TLS], left: Left) -> dict[str, Any]:
    """Return a server's certificate as ``SSLSocket.getpeercert()`` has it, also if it is refused; empty if unknown."""
    import ssl

    from zkc.cli.servers._reach import AskError, client_context, connect_to

    trusted: Optional[bytes] = None
    with contextlib.suppress(OSError, ValueError, AskError):
        for _ in range(2):
            context = client_context(tls)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if trusted is not None:
                context.load_verify_locations(cadata=trusted)
                context.verify_flags |= _NO_CHECK_TIME | _PARTIAL_CHAIN
                context.verify_mode = ssl.CERT_REQUIRED
            with contextlib.closing(connect_to(server, port, left)) as plain:
                plain.settimeout(left())
                name = tls.server_name if tls is not None and tls.server_name else server.host
                with contextlib.closing(context.wrap_socket(plain, server_hostname=name)) as connection:
                    if trusted is not None:
                        return dict(connection.getpeercert() or {})
                    trusted = connection.getpeercert(binary_form=True)
    return {}


def refusal(
    error: ssl.SSLCertVerificationError, server: Server, port: int, name: str, tls: Optional[TLS], left: Left
) -> tuple[str, str]:
    """Return the reason why a certificate is refused, in one word as ``TLSError.reason`` has it, and in a sentence.

    Args:
        error: The refusal.
        server: The server.
        port: Its port.
        name: The name or address that the certificate must be for.
        tls: The settings.
        left: Returns the seconds that are left.
    """
    where = "" if port == server.port else f" of port {port}"
    subject, code = f"the certificate{where}", error.verify_code
    if code == _SELF_SIGNED:
        return "self_signed", f"{subject} is self-signed, and none of the trusted ones"
    found = certificate_of(server, port, tls, left)
    if code in _UNKNOWN_CA:
        issuer = ", ".join(value for part in found.get("issuer", ()) for key, value in part if key == "commonName")
        return "unknown_ca", f"{subject} was issued by an authority that is not trusted" + (issuer and f": {issuer}")
    if code in (_EXPIRED, _NOT_YET_VALID):
        member, happens = ("notAfter", "expired at") if code == _EXPIRED else ("notBefore", "is not valid before")
        reason = "expired" if code == _EXPIRED else "not_yet_valid"
        moment = _moment(found.get(member))
        if moment is not None and (moment < time.time()) == (code == _EXPIRED):
            return reason, f"{subject} {happens} {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(moment))}"
        if moment is not None:
            subject = f"an authority above {subject}"
        return reason, f"{subject} {'has expired' if code == _EXPIRED else 'is not yet valid'}"
    if code in _HOSTNAME:
        names = [value for _, value in found.get("subjectAltName", ())]
        names = names or [value for part in found.get("subject", ()) for key, value in part if key == "commonName"]
        told = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
        return "hostname", f"{subject} is for {told or 'another name'}, not for {name}"
    what = (error.verify_message or error.reason or str(error)).rstrip(".")
    return "certificate", f"{subject} is not accepted: {what}"


def _moment(text: Optional[str]) -> Optional[float]:
    import ssl

    return ssl.cert_time_to_seconds(text) if text else None
