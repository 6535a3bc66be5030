"""The re-created ephemeral znodes of a client (``keep=True``), and their states in the present session.

:mod:`zkc._session.ephemeral_changes` has the effects of the client's own requests on them.
:mod:`zkc._session.ephemeral_claims` creates a znode in a session.
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
from zkc._session.ephemeral_changes import Change, Creation, TrackedRequest, Znode
from zkc._session.ephemeral_claims import claim, delete_unwanted, run_concurrently
from zkc._session.listeners import Listeners
from zkc._zookeeper import RLock, Session
from zkc.constants import KeptState
from zkc.errors import ConnectionLossError, SessionLostError
from zkc.types import Data, KeptZnode

if TYPE_CHECKING:
    from zkc._session.protocol import SessionClient

__all__ = ["RecreatedEphemerals"]

_log = logging.getLogger("zkc.client")
_WINDOW = 1000
_CHANGING = frozenset({"delete", "set", "set_acl"})


class RecreatedEphemerals:
    """The ephemeral znodes that a client re-creates after an expiry.

    Args:
        client: The client that owns them; only a weak reference is held.
    """

    def __init__(self, client: SessionClient) -> None:
        self._client = weakref.ref(client)
        # Under this lock no code waits and no user code runs. Recursive: a signal handler may take it again.
        self.lock = RLock()
        self._znodes: dict[str, Znode] = {}
        self._creates: dict[str, list[Znode]] = {}  # Creates without an outcome, by path.
        self.changes: set[Change] = set()  # Requests without an outcome.
        self.former: set[int] = set()  # Ids of the client's sessions that a server has reported as expired.
        # Znodes created while another thread deleted them: path to czxid, 0 if unknown.
        self.unwanted: dict[str, int] = {}
        self.listeners: Listeners[KeptZnode] = Listeners(client._call_user)

    def __contains__(self, path: object) -> bool:
        return path in self._znodes or path in self._creates

    def paths(self) -> list[str]:
        """Return the paths of the re-created znodes."""
        return [znode.path for znode in list(self._znodes.values()) if not znode.deletes]

    def described(self) -> list[KeptZnode]:
        """Return the public description of each re-created znode."""
        with self.lock:
            return [_describe(znode) for znode in self._znodes.values() if not znode.deletes]

    def clear(self) -> None:
        """Forget all znodes and requests."""
        with self.lock:
            self._znodes.clear()
            self._creates.clear()
            self.changes.clear()
            self.unwanted.clear()

    # ---- requests ---------------------------------------------------------------------------------------------------

    def creating(self, path: str, data: Optional[Data], acl: CoreACL, known: bool) -> Creation:
        """Note that a create with ``keep=True`` is about to be sent.

        Args:
            path: Path of the create.
            data: Data of the znode.
            acl: ACL of the znode.
            known: Whether the path is known before the reply; it is not for a sequential znode.
        """
        znode = Znode(path, data, acl)
        if known:
            with self.lock:
                self._creates.setdefault(path, []).append(znode)
        return Creation(self, znode, known)

    def changing(self, name: str, path: str, value: Any, session: Session) -> Optional[Change]:
        """Note a request that is about to be sent; return None if its path is none of these znodes.

        Args:
            name: ``delete``, ``set`` or ``set_acl``.
            path: Of the znode.
            value: The data or the ACL.
            session: The session that will send it.
        """
        return None if path not in self else self.transaction([(name, path, value)], session)

    def transaction(self, operations: Sequence[Sequence[Any]], session: Session) -> Optional[Change]:
        """Note a transaction that is about to be sent; return None if it changes none of these znodes."""
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
        """Send one request of a window of requests, and note it if its path is one of these znodes.

        Args:
            name: ``delete``, ``set`` or ``set_acl``.
            path: Of the znode.
            value: The data or the ACL.
            session: The session that sends it.
            call: Function that sends it, called with the path and ``rest``.
            rest: The arguments after the path.

        Returns:
            The request to wait for.
        """
        change = self.changing(name, path, value, session)
        return call(path, *rest) if change is None else TrackedRequest(change.send(call, path, *rest), change)

    def _all(self, path: str) -> list[Znode]:
        znode = self._znodes.get(path)
        return [*self._creates.get(path, ()), *(() if znode is None else (znode,))]

    def put(self, znode: Znode) -> None:
        """Add a znode. The caller holds the lock."""
        self._znodes[znode.path] = znode

    def drop(self, znode: Znode) -> None:
        """Remove a znode that was deleted. The caller holds the lock."""
        znode.dropped = True
        if self._znodes.get(znode.path) is znode:
            del self._znodes[znode.path]

    def forget_create(self, znode: Znode) -> None:
        """Forget a create that has its outcome."""
        with self.lock:
            coming = self._creates.get(znode.path, [])
            if znode in coming:
                coming.remove(znode)
                if not coming:
                    del self._creates[znode.path]

    # ---- sessions ---------------------------------------------------------------------------------------------------

    def wants(self, znode: Znode) -> bool:
        """Return whether a znode is still to be re-created: this client has sent no delete of it."""
        return not znode.deletes and self._znodes.get(znode.path) is znode

    def expired(self, session: Optional[Session]) -> None:
        """Note that a server has reported a session as expired."""
        with self.lock:
            if session is not None:
                with contextlib.suppress(SessionLostError):
                    self.former.add(session.client_id[0])
            for znode in self._znodes.values():
                znode.watched = None
                znode.losses = 0
                if znode.state is KeptState.HELD:
                    znode.state = KeptState.MISSING

    def recover(self, session: Session) -> Flow[None]:
        """Create all znodes in a new session.

        Raises:
            ConnectionLossError: The connection was lost in between; the caller runs this again at the next one.
            SessionLostError: The session ended in between.
        """
        for change in list(self.changes):  # The old session's done callbacks may not have run yet.
            request = change.request
            if request is not None and request.done():
                change.settle_by(request)
        for path in list(self.unwanted):
            yield from delete_unwanted(self, session, path)
        znodes = [znode for znode in list(self._znodes.values()) if self.wants(znode)]
        try:
            for start in range(0, len(znodes), _WINDOW):
                yield from run_concurrently([claim(self, session, znode) for znode in znodes[start : start + _WINDOW]])
        finally:
            self.listeners.notify()

    def connected(self) -> None:
        """Claim the znodes that could not be created: there is a connection again."""
        for znode in list(self._znodes.values()):
            if znode.state is not KeptState.HELD and znode.watched is None:
                self.pursue(znode)

    def pursue(self, znode: Znode) -> None:
        """Claim a znode in the background."""
        client = self._client()
        if client is None or not self.wants(znode):
            return
        with self.lock:
            znode.claim_again = True
            if znode.claiming:
                return
            znode.claiming = True
        client._background(self._pursue(znode))

    def _pursue(self, znode: Znode) -> Flow[None]:
        try:
            while True:
                with self.lock:
                    client = self._client()
                    session = None if client is None else client._session
                    del client
                    if not znode.claim_again or session is None:
                        znode.claiming = False
                        return
                    znode.claim_again = False
                # After these errors the next connection, or the next session, claims it again.
                with contextlib.suppress(ConnectionLossError, SessionLostError):
                    yield from claim(self, session, znode)
                del session
        finally:
            znode.claiming = False
            self.listeners.notify()

    def note(self, znode: Znode, state: KeptState, session: int, error: Optional[Exception] = None) -> None:
        """Note the state of a znode in a session, and queue it for :attr:`listeners`."""
        with self.lock:
            if session in self.former:
                return
            # A copy: a raised error has a traceback and a context, which would keep the session alive.
            error = None if error is None else copy.copy(error).with_traceback(None)
            known, znode.state, znode.session, znode.error = znode.reported, state, session, error
            if state is known or not self.wants(znode):
                return
            znode.reported = state
            self.listeners.enqueue(_describe(znode))
        if state is KeptState.HELD:
            _log.info("re-created ephemeral znode %s", znode.path)
        else:
            _log.error("could not re-create ephemeral znode %s: %s", znode.path, str(error))


def _describe(znode: Znode) -> KeptZnode:
    return KeptZnode(znode.path, znode.state, znode.error)
