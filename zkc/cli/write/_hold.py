"""A session that is kept for an ephemeral znode, until Ctrl-C, SIGTERM, or the end of the znode."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zkc.cli._ending import Ended
from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["Hold", "holding"]


class Hold:
    """A session that is kept. :func:`holding` makes it, before the znode is created."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.began = False
        """Whether the znode was created. From then on a signal ends the command in good order."""

    def end(self, *_: object) -> None:
        """Handle SIGTERM."""
        if self.began:
            self._news.put(None)
        else:
            raise Ended(signal.SIGTERM)

    def wait(self, path: str, owner: int) -> None:
        """Wait until Ctrl-C or SIGTERM. After an expired session the client re-creates the znode in a new one.

        Args:
            path: The path of the znode.
            owner: The id of the session that created it.

        Raises:
            CommandError: Another client deleted the znode, or it could not be re-created.
        """
        self._app.client.add_kept_listener(self._news.put)
        self._app.client.add_listener(self._news.put)
        if self._app.out.is_human:
            self._app.out.note(f"holding {path}: Ctrl-C ends it")
        _wait(self._app, path, owner, self._news)


@contextlib.contextmanager
def holding(app: App) -> Iterator[Hold]:
    """Take Ctrl-C and SIGTERM as the end of a hold, from the moment when its znode is created.

    In a shell SIGTERM ends more than the hold: the shell, and the rest of its script.
    """
    hold = Hold(app)
    takes = threading.current_thread() is threading.main_thread() and not app.in_shell
    before = signal.signal(signal.SIGTERM, hold.end) if takes else None
    try:
        yield hold
    except KeyboardInterrupt as error:
        if not hold.began or (app.in_shell and isinstance(error, Ended)):
            raise
    finally:
        if takes:
            signal.signal(signal.SIGTERM, before)


def _wait(app: App, path: str, owner: int, news: queue.SimpleQueue[Any]) -> None:
    from zkc import ClientState, EventType, KeptState, KeptZnode, WatchedEvent, ZooKeeperError
    from zkc.cli._records import hex_text

    client = app.client
    warned = False

    def look() -> None:
        """Set a watch, which another client's deletion ends."""
        missing = any(kept.path == path and kept.state is KeptState.MISSING for kept in client.kept_znodes)
        # A znode that is missing is about to be re-created: the watch tells when.
        if app.read(client.exists, path, watch=news.put) is None and not missing:
            raise CommandError(f"{path} was deleted by another client", ExitCode.NO_NODE, name="no_node", path=path)

    def tell() -> None:
        """Say where the znode is after a lost connection."""
        nonlocal owner, warned
        now = client.session_id
        if now != owner or warned:
            app.out.note(f"connected again: {path} " + ("stays" if now == owner else f"is in session {hex_text(now)}"))
        owner, warned = now, False

    look()
    tell()  # The session may have expired before the client had a listener.
    while True:
        item = news.get()
        if item is None:
            return
        if isinstance(item, KeptZnode):
            if item.state in (KeptState.TAKEN, KeptState.FAILED):
                code = ExitCode.CONFLICT if item.state is KeptState.TAKEN else ExitCode.SESSION_EXPIRED
                text = f"the session expired, and {path} could not be re-created: {item.error}"
                raise CommandError(text, code, path=path)
        elif isinstance(item, WatchedEvent):
            if item.type is not EventType.SESSION:
                look()
        elif item is ClientState.SUSPENDED:
            warned = True
            app.out.warn(f"the connection is lost: the servers delete {path} unless it is back in time")
        elif item is ClientState.LOST:
            warned = True
            app.out.warn(f"the session has expired, and {path} ended with it")
        elif item is ClientState.CONNECTED:
            try:
                look()
            except ZooKeeperError:
                continue  # The next state says more.
            tell()
