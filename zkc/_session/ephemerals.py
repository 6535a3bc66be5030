"""Ephemeral znodes that a client was asked to keep: which they are, and how they stand in the present session.

What the client's requests do to them is in :mod:`zkc._session.ephemeral_changes`. How a znode is created in a session
is in :mod:`zkc._session.ephemeral_claims`.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional

from zkc._args import CoreACL
from zkc._flow import Flow
from zkc._session.ephemeral_changes import Change, Creation, Noted, Znode
from zkc._session.ephemeral_claims import claim, together, unmake
from zkc._session.listeners import Listeners
from zkc._zookeeper import RLock, Session
from zkc.constants import KeptState
from zkc.errors import ClosingError, ConnectionLossError, SessionLostError
from zkc.types import Data, KeptZnode

if TYPE_CHECKING:
    from zkc._session.protocol import SessionClient

__all__ = ["RecreatedEphemerals"]

_log = logging.getLogger("zkc.client")
_WINDOW = 1000
_CHANGING = frozenset({"delete", "set", "set_acl"})


class RecreatedEphemerals:
    """The znodes that a client keeps.

    Args:
        client: Whose they are; it is not held.
    """

    def __init__(self, client: SessionClient) -> None:
        self._client = weakref.ref(client)
        # Nothing is waited for, and nothing of the user's runs, under it. A signal handler may take it again.
        self.lock = RLock()
        self._znodes: dict[str, Znode] = {}
        self._coming: dict[str, list[Znode]] = {}  # Being created.
        self.changes: set[Change] = set()  # Without an outcome.
        self.former: set[int] = set()  # The client's sessions of which a server has said that they are over.
        # Created while another thread deleted them: the path, and the czxid or 0.
        self.unwanted: dict[str, int] = {}
        self.listeners: Listeners[KeptZnode] = Listeners(client._call_user)

    def __contains__(self, path: object) -> bool:
        return path in self._znodes or path in self._coming

    def paths(self) -> list[str]:
        """Return the paths of the znodes that are kept."""
        return [znode.path for znode in list(self._znodes.values()) if not znode.deletes]

    def described(self) -> list[KeptZnode]:
        """Describe the znodes that are kept."""
        with self.lock:
            return [_describe(znode) for znode in self._znodes.values() if not znode.deletes]

    def clear(self) -> None:
        """Keep nothing any longer."""
        with self.lock:
            self._znodes.clear()
            self._coming.clear()
            self.changes.clear()
            self.unwanted.clear()

    # ---- requests ---------------------------------------------------------------------------------------------------

    def creating(self, path: str, data: Optional[Data], acl: CoreACL, known: bool) -> Creation:
        """Note that a znode to keep is about to be created.

        Args:
            path: Where.
            data: What it will hold.
            acl: Who may do what with it.
            known: Whether the path is known before the answer.
        """
        znode = Znode(path, data, acl)
        if known:
            with self.lock:
                self._coming.setdefault(path, []).append(znode)
        return Creation(self, znode, known)

    def changing(self, name: str, path: str, value: Any, session: Session) -> Optional[Change]:
        """Note a request that is about to be sent; None if its path is not kept.

        Args:
            name: ``delete``, ``set`` or ``set_acl``.
            path: Of the znode.
            value: The data or the ACL.
            session: Where it will be sent.
        """
        return None if path not in self else self.transaction([(name, path, value)], session)

    def transaction(self, operations: Sequence[Sequence[Any]], session: Session) -> Optional[Change]:
        """Note a transaction that is about to be sent; None if it changes none that is kept."""
        if not any(operation[0] in _CHANGING and operation[1] in self for operation in operations):
            return None
        change = Change(self)
        with self.lock:
            for index, (name, path, value, *_) in enumerate(operations):
                if name in _CHANGING and path in self:
                    change.add(self._all(path), name, value, session, index)
            self.changes.add(change)
        return change

    def send(self, name: str, path: str, value: Any, session: Session, call: Callable[..., Any], *rest: Any) -> Any:
        """Send a request of a window of them, noted if its path is kept.

        Args:
            name: ``delete``, ``set`` or ``set_acl``.
            path: Of the znode.
            value: The data or the ACL.
            session: Where it is sent.
            call: What sends it, with the path and ``rest``.
            rest: The arguments after the path.

        Returns:
            What to wait for.
        """
        change = self.changing(name, path, value, session)
        return call(path, *rest) if change is None else Noted(change.send(call, path, *rest), change)

    def _all(self, path: str) -> list[Znode]:
        znode = self._znodes.get(path)
        return [*self._coming.get(path, ()), *(() if znode is None else (znode,))]

    def put(self, znode: Znode) -> None:
        """Keep a znode; the lock is held."""
        self._znodes[znode.path] = znode

    def drop(self, znode: Znode) -> None:
        """Keep a znode no longer; the lock is held."""
        znode.dropped = True
        if self._znodes.get(znode.path) is znode:
            del self._znodes[znode.path]

    def uncome(self, znode: Znode) -> None:
        """Forget a create."""
        with self.lock:
            coming = self._coming.get(znode.path, [])
            if znode in coming:
                coming.remove(znode)
                if not coming:
                    del self._coming[znode.path]

    # ---- sessions ---------------------------------------------------------------------------------------------------

    def wants(self, znode: Znode) -> bool:
        """Tell whether a znode is to be there: no request that deletes it was sent."""
        return not znode.deletes and self._znodes.get(znode.path) is znode

    def expired(self, session: Optional[Session]) -> None:
        """Note that a session is over, by what its server says."""
        with self.lock:
            if session is not None:
                with contextlib.suppress(ClosingError):
                    self.former.add(session.client_id[0])
            for znode in self._znodes.values():
                znode.watched = None
                znode.losses = 0
                if znode.state is KeptState.HELD:
                    znode.state = KeptState.MISSING

    def recover(self, session: Session) -> Flow[None]:
        """Create all of them in a new session.

        Raises:
            ConnectionLossError: The connection was lost meanwhile: to be done again.
            SessionLostError: So was the session.
        """
        for change in list(self.changes):  # The callbacks of the old session may be late.
            request = change.request
            if request is not None and request.done():
                change.look(request)
        for path in list(self.unwanted):
            yield from unmake(self, session, path)
        znodes = [znode for znode in list(self._znodes.values()) if self.wants(znode)]
        try:
            for start in range(0, len(znodes), _WINDOW):
                yield from together([claim(self, session, znode) for znode in znodes[start : start + _WINDOW]])
        finally:
            self.listeners.notify()

    def connected(self) -> None:
        """Create what could not be created, as there is a connection again."""
        for znode in list(self._znodes.values()):
            if znode.state is not KeptState.HELD and znode.watched is None:
                self.pursue(znode)

    def pursue(self, znode: Znode) -> None:
        """Create a znode, in the background."""
        client = self._client()
        if client is None or not self.wants(znode):
            return
        with self.lock:
            znode.again = True
            if znode.busy:
                return
            znode.busy = True
        client._background(self._pursue(znode))

    def _pursue(self, znode: Znode) -> Flow[None]:
        try:
            while True:
                with self.lock:
                    client = self._client()
                    session = None if client is None else client._session
                    del client
                    if not znode.again or session is None:
                        znode.busy = False
                        return
                    znode.again = False
                # After these the next connection, or the next session, does it.
                with contextlib.suppress(ConnectionLossError, SessionLostError):
                    yield from claim(self, session, znode)
                del session
        finally:
            znode.busy = False
            self.listeners.notify()

    def note(self, znode: Znode, state: KeptState, session: int, error: Optional[Exception] = None) -> None:
        """Note what has become of a znode in a session; :attr:`listeners` are to be told of it."""
        with self.lock:
            if session in self.former:
                return
            # A copy: one that was raised has a traceback and a context, which refer to the session.
            error = None if error is None else copy.copy(error).with_traceback(None)
            known, znode.state, znode.session, znode.error = znode.told, state, session, error
            if state is known or not self.wants(znode):
                return
            znode.told = state
            self.listeners.enqueue(_describe(znode))
        if state is KeptState.HELD:
            _log.info("the kept ephemeral znode %s is there again", znode.path)
        else:
            _log.error("the kept ephemeral znode %s is not there: %s", znode.path, str(error))


def _describe(znode: Znode) -> KeptZnode:
    return KeptZnode(znode.path, znode.state, znode.error)
