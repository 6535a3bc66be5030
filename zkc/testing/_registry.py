"""The servers of this process, for whoever reports a failed test."""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import ZooKeeperServer

_open: weakref.WeakSet[ZooKeeperServer] = weakref.WeakSet()
# Only so many: a run without our plugin never asks for them.
_closed: deque[tuple[str, str]] = deque(maxlen=8)


def opened(server: ZooKeeperServer) -> None:
    """Note a server that may run from now on."""
    _open.add(server)


def closed(server: ZooKeeperServer, title: str, log: str) -> None:
    """Note a server that is closed, and what it logged last."""
    _open.discard(server)
    if log:
        _closed.append((title, log))


def begin_test() -> None:
    """Forget what was logged so far."""
    _closed.clear()
    for server in list(_open):
        server._instance.mark_log()


def logs(lines: int) -> list[tuple[str, str]]:
    """Return what each server logged since :func:`begin_test`: a title and the last lines of it.

    :param lines: how many.
    """
    found = [(title, "\n".join(log.splitlines()[-lines:])) for title, log in _closed]
    for server in sorted(_open, key=repr):
        log = server._instance.log_tail(lines, since_mark=True)
        if log:
            found.append((repr(server), log))
    return found
