"""The settings of a client, checked and in the form that the native core takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from zkc import _args as ops
from zkc.types import ACL

if TYPE_CHECKING:
    from zkc.credentials import SASL, TLS

__all__ = ["Settings"]

Credentials = tuple[str, Union[str, bytes]]


class Settings:
    """The settings of a client: its sessions are opened with them. :meth:`add_auth` and set_hosts change them later."""

    def __init__(
        self,
        hosts: str,
        *,
        session_timeout: float,
        connect_timeout: Optional[float],
        request_timeout: Optional[float],
        read_only: bool,
        auth: Iterable[Credentials],
        tls: Optional[TLS],
        sasl: Optional[SASL],
        client_id: Optional[tuple[int, bytes]],
        default_acl: Sequence[ACL],
        max_in_flight: int,
        max_data: Optional[int],
        max_queued_events: int,
    ) -> None:
        self.hosts, self.core_hosts = ops.check_hosts(hosts)
        self.session_timeout = ops.check_session_timeout(session_timeout)
        self.connect_timeout = ops.check_timeout(connect_timeout, "connect_timeout")
        self.request_timeout = ops.check_timeout(request_timeout, "request_timeout")
        self.read_only = ops.check_flag(read_only, "read_only")
        self.auth = ops.check_auths(auth)
        self.tls: Optional[TLS] = None
        self.sasl: Optional[SASL] = None
        if tls is not None or sasl is not None:
            from zkc import credentials  # Here, as most clients need none of it.

            self.tls = _check_kind(tls, credentials.TLS, "tls", "zkc.TLS(ca='ca.pem')")
            self.sasl = _check_kind(sasl, credentials.SASL, "sasl", "zkc.SASL('DIGEST-MD5', 'user', 'password')")
        self.client_id = ops.check_client_id(client_id)
        self.default_acl = ops.encode_acl(default_acl, "default_acl")
        self.max_in_flight = ops.check_max_in_flight(max_in_flight)
        self.max_data = ops.check_max_data(max_data)
        self.max_queued_events = ops.check_max_queued_events(max_queued_events)

    def session_arguments(self, resume: bool) -> dict[str, Any]:
        """Return the keyword arguments that open the native session.

        Args:
            resume: Whether to resume the session that ``client_id`` names.
        """
        return {
            "session_timeout": self.session_timeout,
            "client_id": self.client_id if resume else None,
            "read_only": self.read_only,
            "tls": None if self.tls is None else self.tls._core(),
            "sasl": None if self.sasl is None else self.sasl._core(),
            "max_in_flight": self.max_in_flight,
            "max_packet": self.max_data,
            "max_queued_events": self.max_queued_events,
        }

    def add_auth(self, scheme: str, encoded: bytes) -> None:
        """Add credentials for the next sessions."""
        if (scheme, encoded) not in self.auth:
            self.auth.append((scheme, encoded))

    def check_new_hosts(self, hosts: str) -> str:
        """Return new servers in the form that the core takes; the chroot stays.

        Raises:
            ValueError: ``hosts`` is malformed, or has a chroot of its own.
        """
        shown, core = ops.check_hosts(hosts)
        if "/" in shown:
            raise ValueError(f"hosts must not have a chroot here, because the client keeps its own: {hosts!r}")
        return core

    def change_hosts(self, hosts: str) -> None:
        """Replace the servers for the next sessions."""
        shown, core = ops.check_hosts(hosts)
        chroot = "".join(self.hosts.partition("/")[1:])
        self.hosts, self.core_hosts = shown + chroot, core + chroot


def _check_kind(value: object, kind: type[Any], name: str, example: str) -> Any:
    if value is None or isinstance(value, kind):
        return value
    raise TypeError(f"{name} must be {example} or None, not {type(value).__name__}")
