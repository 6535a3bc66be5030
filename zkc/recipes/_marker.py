"""Markers: ephemeral znodes that are written in one transaction with a change, and show whether it was carried out.

A marker is a child of the changed znode, and belongs to one change at a time. Each change creates it or raises its
version. After a lost reply, its version shows exactly whether the change was carried out. Later changes of the changed
znode by other clients do not matter.
"""

from __future__ import annotations

import contextlib
import uuid
import weakref
from typing import TYPE_CHECKING, Any, Optional

from zkc._zookeeper import RLock
from zkc.constants import CreateMode
from zkc.errors import ZooKeeperError
from zkc.recipes._holds import delete_surely

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._commands.transaction import CoreOp
    from zkc._zookeeper import Session, Stat

__all__ = ["Marker", "Markers"]


class Marker:
    """A marker of one session.

    Args:
        session: The session that owns it.
        path: Its path.
    """

    __slots__ = ("looked", "path", "pending", "seen", "session", "version")

    def __init__(self, session: Session, path: str) -> None:
        self.session = session
        self.path = path
        self.version = -1  # The version that the last known change has left; -1 before the first, which creates it.
        self.pending = False  # Whether the outcome of a change is not known.
        self.looked = False  # Whether the session has read the marker after a lost reply.
        self.seen: Optional[Stat] = None  # What it has read; None if the marker does not exist.

    def operation(self, acl: CoreACL) -> CoreOp:
        """Return the operation that goes with a change."""
        if self.version < 0:
            return ("create", self.path, b"", acl, CreateMode.EPHEMERAL)
        return ("set", self.path, b"", -1)

    def settle(self, *, applied: bool) -> None:
        """Note the outcome of a change."""
        self.pending = False
        if applied:
            self.version += 1

    @property
    def applied(self) -> Optional[bool]:
        """Whether the pending change was carried out, by what the session has read; None if that does not show it."""
        if not self.looked:
            return None
        if self.seen is None:
            # Before the first change it did not exist. Later, another client must have deleted it.
            return False if self.version < 0 else None
        return self.seen.version == self.version + 1


class Markers:
    """The markers of a client below one znode. Changes that are under way at the same time have one each."""

    def __init__(self, path: str) -> None:
        self._prefix = f"{'' if path == '/' else path}/_zkc_"
        self._free: list[Marker] = []

    @classmethod
    def of(cls, client: BaseClient, path: str) -> Markers:
        """Return the markers of a client below a znode: all recipe objects for the znode share them."""
        with _registry_lock:
            return _registry.setdefault(client, {}).setdefault(path, cls(path))

    def take(self, session: Session) -> Marker:
        """Return a marker of a session that no change uses."""
        while self._free:
            with contextlib.suppress(IndexError):  # Another thread has taken the last.
                marker = self._free.pop()
                if marker.session is session:
                    return marker
        return Marker(session, f"{self._prefix}{uuid.uuid4().hex}")

    def give(self, client: BaseClient, marker: Marker) -> None:
        """Take a marker back. One whose change has an unknown outcome is deleted in the background."""
        if not marker.pending:
            marker.looked = False
            self._free.append(marker)
            return
        with contextlib.suppress(ZooKeeperError):
            client._background(_delete(marker))


_registry: weakref.WeakKeyDictionary[Any, dict[str, Markers]] = weakref.WeakKeyDictionary()
_registry_lock = RLock()


def _delete(marker: Marker) -> Any:
    yield from delete_surely(marker.session, marker.path)
