"""The classes of the errors of TLS."""

from __future__ import annotations

from zkc.errors._base import ZooKeeperError

__all__ = ["CertificateError", "SSLConnectionError", "TLSError"]


class SSLConnectionError(ZooKeeperError, ConnectionError):
    """No TLS connection could be made."""

    code = -15
    c_name = "ZSSLCONNECTIONERROR"
    what = "no TLS connection could be made"
    advice = "check the certificates, and that the port is the servers' secure one"


class TLSError(SSLConnectionError):
    """A TLS connection was not made. ``reason`` says why, in one word."""

    reason: str = "handshake"
    """The failed step: ``"handshake"``, ``"timeout"``, ``"closed"``, ``"protocol"`` or ``"files"``; for a
    :class:`CertificateError` one of its own reasons."""


class CertificateError(TLSError):
    """A certificate was refused: the server's by this client, or the client's by the server.

    ``reason`` is ``"hostname"``, ``"expired"``, ``"not_yet_valid"``, ``"unknown_ca"``, ``"self_signed"``,
    ``"certificate"`` (for another cause) or ``"client_certificate"`` (the client's). Nothing was sent to the server.
    """

    reason = "certificate"
    what = "a certificate was refused"
