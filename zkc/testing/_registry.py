"""The servers of this process, for the report of a failed test."""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import ZooKeeperServer

_open: weakref.WeakSet[ZooKeeperServer] = weakref.WeakSet()
# Bounded, because without the plugin begin_test() never clears it.
_closed: deque[tuple[str, str]] = deque(maxlen=8)


def opened(server: ZooKeeperServer) -> None:
    """Register a server that may run from now on."""
    _open.add(server)


def closed(server: ZooKeeperServer, title: str, log: str) -> None:
    """Unregister a closed server, and keep the last lines of its log."""
    _open.discard(server)
    if log:
        _closed.append((title, log))


def begin_test() -> None:
    """Forget the lines logged so far."""
    _closed.clear()
    for server in list(_open):
        server._instance.mark_log()


def logs(lines: int) -> list[tuple[str, str]]:
    """Return what each server logged since :func:`begin_test`: a title and the last lines.

    :param lines: the number of lines for each server.
    """
    found = [(title, "\n".join(log.splitlines()[-lines:])) for title, log in _closed]
    for server in sorted(_open, key=repr):
        log = server._instance.log_tail(lines, since_mark=True)
        if log:
            found.append((repr(server), log))
    return found
