"""How the cache of a subtree is made and kept true, for the caches of both clients.

One recursive watch reports each change; the znode is then read. After a gap (a lost connection, a new session, too many
events) the whole subtree is read again and compared, and only differences are reported. Removal rests on a read that
found no znode, or on the event of the deletion, never on a listing alone.

Events and replies come on the thread that delivers them, around an expiry on two; timers and callers have threads of
their own. One lock is held while the tree changes. No request is sent, and no user code runs, while it is held, but for
``select``.
"""

from __future__ import annotations

import copy
import logging
import os
import random
import time
import weakref
from typing import TYPE_CHECKING, Optional

from zkc._flow import Await, Flow, Signal
from zkc._watch.persistent import ArmedEvents, EventWatch
from zkc.constants import ClientState, EventType, State
from zkc.errors import (
    ClosingError,
    ConnectionLossError,
    SessionLostError,
    UnimplementedError,
    ZooKeeperError,
)
from zkc.recipes._cache_changes import CacheChange
from zkc.recipes._cache_picture import CacheOptions, Picture
from zkc.recipes._cache_reads import Reads
from zkc.recipes._cache_watches import ZnodeWatches

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Session
    from zkc.types import WatchedEvent

__all__ = ["CacheCore", "CacheOptions"]

_CONNECTED = (State.CONNECTED, State.READ_ONLY)
_log = logging.getLogger("zkc.recipes")


class CacheCore(EventWatch, Picture):
    """The cache without its public face. The client holds it until it is closed; it does not hold the client."""

    def __init__(self, client: BaseClient, path: str, options: CacheOptions) -> None:
        EventWatch.__init__(self, client._subscriptions, path, options.depth != 0)
        Picture.__init__(self, path, options, client._call_user)
        self.began = False  # The tree was read completely once.
        self.begun = Signal()  # The watch is set, or the next connection sets it; or the cache has ended before.
        self.ready = Signal()
        self.since: Optional[float] = None
        self._has_begun = False
        self._fallback: Optional[ZnodeWatches] = None
        self._reads = Reads(self)
        self._completing = False  # READY follows when nothing is left to read.
        self._scheduled = False  # The whole tree is to be read after a pause.
        self._followed: Optional[weakref.ref[Session]] = None  # The session in which the tree was read last.
        self._client = weakref.ref(client)
        self._pid = os.getpid()

    @property
    def over(self) -> bool:
        """Whether it was closed, or has ended with an error."""
        return self._over

    @property
    def failure(self) -> Optional[ZooKeeperError]:
        """The error that ended it: a new one each time, as the frames of a raised one refer to the session."""
        error = self._error
        if error is None:
            return None
        fresh = copy.copy(error).with_traceback(None)
        fresh.__cause__ = error.__cause__
        return fresh

    # ---- beginning and end ------------------------------------------------------------------------------------------

    def start(self) -> Flow[None]:
        """Set the watch and begin to read. A caller that gives up leaves it to its course."""
        self._registry.add(self)
        if self._over:  # Another thread has closed it just now.
            self._registry.discard(self)
        if self.options.watches == "znode":
            self._use_znode_watches()
        else:
            self._resume()
            if not self._busy:
                self._begun()  # There is no connection.
        return self.wait_begun()

    def wait_begun(self) -> Flow[None]:
        """Wait until the watch is set, or there is no connection to set it."""
        yield Await(self.begun, None, "cache", self.path)
        if not self._has_begun:
            self.check()

    def _begun(self) -> None:
        self._has_begun = not self._over
        self.begun.set()

    def check(self) -> None:
        """Raise if the cache has ended."""
        error = self.failure
        if error is not None:
            raise error
        if self._over:
            raise ClosingError(ClosingError.describe("cache", self.path, "the cache was closed"), operation="cache")

    def _on_stop(self, error: Optional[ZooKeeperError]) -> None:
        if error is not None:
            self._error = error.with_traceback(None)
        with self.guard:
            self.since = None
            self._reads.stop()
            for feed in self.feeds:
                feed.wake()
            self.signals += [signal for signals in self.waiting.values() for signal in signals]
            self.signals += [self.begun, self.ready]
        if error is not None and not isinstance(error, SessionLostError):
            _log.error("the cache of %s has ended: %s", self.path, error)
        self.after()

    def _set_again(self) -> None:
        self._has_begun = True  # A listener may close the cache before the starting thread goes on.
        super()._set_again()
        self.begun.set()

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, UnimplementedError) and self.options.watches == "auto":
            with self._lock:
                self._busy = False
                self._arming = None
            self._use_znode_watches()
        else:
            super()._failed(error)
        self.begun.set()

    def _use_znode_watches(self) -> None:
        with self.guard:
            if self._over or self._fallback is not None:
                return
            self._reads.stop()
            self._reads = self._fallback = ZnodeWatches(self, self.path)
            self.lists_all = True
            self._read_tree()
        self._begun()
        self.after()

    def live_session(self) -> Optional[Session]:
        """Return the present session, or None."""
        client = self._client()
        return None if client is None or self._over else client._session

    # ---- connections and gaps ---------------------------------------------------------------------------------------

    def _resume(self) -> None:
        if self._fallback is None:
            super()._resume()
            return
        with self.guard:
            if self._fallback.continues(self.live_session()):
                self._stale()
                self._completing = True
                self._reads.want("get", self.path)  # Its reply comes after the events that were missed.
            else:
                self._gap()
        self.after()

    def _suspend(self) -> None:
        """Hear that there is no connection. A listener may call late: what the session says is what counts."""
        session = self.live_session()
        with self.guard:
            if session is None or session.state not in _CONNECTED:
                self._stale()
        self.after()

    def _event(self, arming: ArmedEvents, type_: int, state: int, path: str, zxid: Optional[int]) -> None:
        if arming is self._arming:  # Otherwise the event is from an older session, and comes late.
            super()._event(arming, type_, state, path, zxid)

    def _deliver(self, event: WatchedEvent) -> None:
        with self.guard:
            if self._over:
                return
            if event.type is EventType.GAP:
                self._gap()
            else:
                self.noticed(event.type, event.path, event.zxid)
        self.after()

    def _gap(self) -> None:
        """Read the tree again, after a pause that differs from that of other clients."""
        self._stale()
        self._reads.clear()
        self._reading = self._completing = False
        client = self._client()
        if client is None or self._scheduled:
            return
        pause = self._pause(self._follows(client._session)) if self.began else 0.0
        if pause:
            self._scheduled = True
            client._call_later(pause, self._paused)
        else:
            self._read_tree()

    def _pause(self, same_session: bool) -> float:
        """Return for how many seconds to wait before the tree is read again."""
        return random.uniform(0, self.options.jitter)

    def _follows(self, session: Optional[Session]) -> bool:
        return self._followed is not None and self._followed() is session

    def _paused(self) -> None:
        with self.guard:
            self._scheduled = False
            if not self._over:
                self._read_tree()
        self.after()

    def _read_tree(self) -> None:
        self._reads.clear()
        self._orphans.clear()
        self._reading = self._completing = True
        session = self.live_session()
        self._followed = None if session is None else weakref.ref(session)
        self._reads.want("get", self.path)

    def idle(self) -> None:
        """Hear that nothing is left to read."""
        if self._completing:
            self._reading = self._completing = False
            self.began = True
            self.since = time.monotonic()
            self.signals.append(self.ready)
            self._tell(CacheChange.READY, self.path, None, None)

    def _stale(self) -> None:
        if self.since is not None:
            self.since = None
            self._tell(CacheChange.STALE, self.path, None, None)

    def lost(self, error: ZooKeeperError) -> None:
        """Hear that a request failed: the next connection is a gap."""
        self._stale()
        if self._fallback is None or not isinstance(error, ConnectionLossError):
            self._reads.clear()
            self._reading = self._completing = False
        if isinstance(error, UnimplementedError):
            self._failed(error)
        elif not isinstance(error, (ConnectionLossError, SessionLostError, ClosingError)):
            self._stop(error)

    def after(self) -> None:
        """Send what is due, set the signals, and call the listeners; the outermost holder of the lock does it."""
        if self.guard.held():
            return
        self._reads.send()
        while self.signals:
            try:
                signal = self.signals.pop()
            except IndexError:  # Another thread took it.
                break
            signal.set()
        if self.listeners._pending:
            self.listeners.notify()

    def fresh(self) -> Optional[float]:
        """Return since when the cache has followed the tree without a gap, by time.monotonic; None if it does not."""
        client = self._client()
        if client is None or client._state not in (ClientState.CONNECTED, ClientState.READ_ONLY):
            return None
        return self.since if self._pid == os.getpid() and self._follows(client._session) else None
