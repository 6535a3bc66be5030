"""TLS and SASL settings: the credentials of a session, and the authorities that it trusts.

>>> tls = TLS(ca="/etc/zk/ca.pem", certificate="/etc/zk/client.pem", key="/etc/zk/client.key")
>>> sasl = SASL.digest("alice", "secret")
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Optional, Union

__all__ = ["SASL", "TLS"]

_Path = Union[str, "os.PathLike[str]"]


def _set(instance: object, name: str, value: object) -> None:
    """Set an attribute of a frozen instance that is being made."""
    object.__setattr__(instance, name, value)


def _check_text(name: str, value: object, *, secret: bool = False, empty: bool = False) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"{name} must not contain a NUL character" + ("" if secret else f": {value!r}"))
    if not value and not empty:
        raise ValueError(f"{name} must not be empty")
    return value


def _check_path(name: str, value: object) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path (str or os.PathLike), not {type(value).__name__}")
    return _check_text(name, os.fspath(value))


@dataclass(frozen=True, init=False)
class TLS:
    """The encryption of a session, and the authorities whose certificates it trusts.

    A server gets nothing from the session before its certificate has been verified. A trusted authority must have
    issued it, for the host or the address by which ``hosts`` names the server.

    Args:
        ca: PEM file with the trusted authorities, or a folder as ``openssl rehash`` makes it. Only these are trusted;
            None: those that the system trusts.
        certificate: PEM file with the client's certificate, and after it those of its authorities. None: the client
            shows none, which is enough for servers with ``ssl.clientAuth=none`` or ``want``.
        key: PEM file with the private key of ``certificate``; None: it is in the same file.
        password: What ``key`` is encrypted with; None: nothing.
        verify: Whether the server's certificate is verified. False is for tests only: an attacker on the network
            could read and change everything.
        check_hostname: Whether the certificate has to be for the server's host or address. False takes every
            certificate of the authority for every server.
        server_name: The name that the certificates of all servers have, instead of their hosts' names.

    Raises:
        TypeError: An argument is of a wrong type.
        ValueError: An argument is empty, or a key or a password comes without a certificate.

    The files are read when a session is opened, and again for each connection: they may be replaced in between.

    .. versionadded:: 0.1
    """

    ca: Optional[str]
    certificate: Optional[str]
    key: Optional[str]
    password: Optional[str] = field(repr=False)
    verify: bool
    check_hostname: bool
    server_name: Optional[str]

    def __init__(
        self,
        ca: Optional[_Path] = None,
        certificate: Optional[_Path] = None,
        key: Optional[_Path] = None,
        password: Optional[str] = None,
        *,
        verify: bool = True,
        check_hostname: bool = True,
        server_name: Optional[str] = None,
    ) -> None:
        for name, path in (("ca", ca), ("certificate", certificate), ("key", key)):
            _set(self, name, None if path is None else _check_path(name, path))
        _set(self, "password", None if password is None else _check_text("password", password, secret=True))
        for name, switch in (("verify", verify), ("check_hostname", check_hostname)):
            if not isinstance(switch, bool):
                raise TypeError(f"{name} must be bool, not {type(switch).__name__}")
            _set(self, name, switch)
        _set(self, "server_name", None if server_name is None else _check_text("server_name", server_name))
        if certificate is None and (key is not None or password is not None):
            raise ValueError(
                f"{'password' if key is None else 'key'} needs a certificate: give its file as certificate"
            )

    def _core(self) -> dict[str, Any]:
        """Return the settings as the native session takes them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, init=False)
class SASL:
    """The identity of a session, and the proof of it.

    Args:
        mechanisms: Names of SASL mechanisms, separated by spaces; the servers take ``DIGEST-MD5``.
        user: Name of the user.
        password: The user's password.
        realm: Realm of the user; None: the server's.
        service: First part of the server's principal.
        host: Second part of the server's principal, the same for all servers.

    Raises:
        TypeError: An argument is not text.
        ValueError: An argument is empty.

    .. versionadded:: 0.1
    """

    mechanisms: str
    user: Optional[str]
    password: Optional[str] = field(repr=False)
    realm: Optional[str]
    service: str
    host: str

    def __init__(
        self,
        mechanisms: str = "DIGEST-MD5",
        user: Optional[str] = None,
        password: Optional[str] = None,
        *,
        realm: Optional[str] = None,
        service: str = "zookeeper",
        host: str = "zk-sasl-md5",
    ) -> None:
        for name, text in (("mechanisms", mechanisms), ("service", service), ("host", host)):
            _set(self, name, _check_text(name, text))
        for name, optional in (("user", user), ("realm", realm)):
            _set(self, name, None if optional is None else _check_text(name, optional))
        secret = None if password is None else _check_text("password", password, secret=True, empty=True)
        _set(self, "password", secret)

    @classmethod
    def digest(cls, user: str, password: str) -> SASL:
        """Return the settings for a user with a password (DIGEST-MD5).

        Args:
            user: Name of the user.
            password: The user's password.

        .. versionadded:: 0.1
        """
        return cls("DIGEST-MD5", _check_text("user", user), _check_text("password", password, secret=True, empty=True))

    def _core(self) -> dict[str, str]:
        """Return the settings as the native session takes them."""
        settings = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in settings.items() if value is not None}
