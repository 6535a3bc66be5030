"""The client as the layers below it see it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Optional, Protocol

from zkc._flow import Flow
from zkc._session.listeners import Listeners
from zkc._session.settings import Settings
from zkc._zookeeper import Session
from zkc.constants import ClientState
from zkc.errors import ZooKeeperError

__all__ = ["SessionClient"]


class SessionClient(Protocol):
    """The part of a client that sessions, subscriptions and re-created ephemerals use. They import no client."""

    _connections: int
    _dropped_events: int
    _failure: Optional[Callable[[], ZooKeeperError]]
    _listeners: Listeners[ClientState]
    _resumables: weakref.WeakSet[Any]
    _session: Optional[Session]
    _settings: Settings
    _state: ClientState

    @property
    def session(self) -> Session:
        """The native session; an error if there is none."""

    @property
    def hosts(self) -> str:
        """The servers and the chroot."""

    @property
    def closed(self) -> bool:
        """Whether the client has no session and opens none."""

    def _background(self, flow: Flow[None]) -> None:
        """Drive a flow without a waiting caller; a failure is logged."""

    def _call_later(self, seconds: float, function: Callable[[], None]) -> object:
        """Call a function after some time, or when the client is closed."""

    def _call_user(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a callback of the user's; what it raises is logged."""
