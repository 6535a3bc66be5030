"""Search for leaks of the old module: completions and watchers of every kind, also ones that raise."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from benchmarks.measure import take_snapshot
from benchmarks.windows import VARIANTS, WINDOW, Advance, Countdown, windows
from zkc.legacy import zookeeper

_OPEN = [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}]


@contextlib.contextmanager
def _handle(hosts: str) -> Iterator[int]:
    """Open a session of the old module; errors of its callbacks are not printed."""
    hook = sys.excepthook
    sys.excepthook = lambda *_: None
    h = zookeeper.init(hosts)
    try:
        yield h
    finally:
        zookeeper.close(h)
        sys.excepthook = hook


def run_legacy_callbacks(hosts: str, count: int, advance: Advance) -> int:
    """Make asynchronous calls, with every kind of completion."""
    peak = 0
    with _handle(hosts) as h:
        if zookeeper.exists(h, "/znode") is None:
            zookeeper.create(h, "/znode", "x" * 100, _OPEN)
        called = Countdown()

        def fail(*arguments: object) -> None:
            called()
            raise RuntimeError(arguments)

        others = (zookeeper.aexists, zookeeper.aget_children, zookeeper.aget_acl, zookeeper.async_)
        for number, size in windows(count):
            called.expect(size)
            variant = number % VARIANTS
            for i in range(size):
                if variant < 2:
                    zookeeper.aget(h, "/znode", None, called)
                elif variant == 2:
                    zookeeper.aget(h, "/no-such-znode", None, called)
                elif variant == 3:
                    others[i % len(others)](h, "/znode", cb=called)
                else:
                    zookeeper.aset(h, "/znode", "y" * 100, -1, fail)
            called.wait("completions")
            peak = max(peak, take_snapshot().private)
            advance(size)
    return peak


def run_legacy_watches(hosts: str, count: int, advance: Advance) -> int:
    """Arm watches and make the changes that fire them; in the last variant the watches end with the session."""
    peak = 0
    with _handle(hosts) as h:
        paths = [f"/watched-{i:04}" for i in range(WINDOW)]
        if zookeeper.exists(h, paths[0]) is None:
            for path in paths:
                zookeeper.acreate(h, path, "", _OPEN)
        fired = Countdown()

        def fail(*arguments: object) -> None:
            fired()
            raise RuntimeError(arguments)

        for number, size in windows(count):
            used = paths[:size]
            variant = number % VARIANTS
            if variant < 4:
                fired.expect(size)
            if variant == 0:
                for path in used:
                    zookeeper.aget(h, path, fired)
                    zookeeper.aset(h, path, "x")
            elif variant == 1:
                for path in used:
                    zookeeper.get_children(h, path, fired)
                    zookeeper.acreate(h, f"{path}/child", "", _OPEN)
            elif variant == 2:
                for path in used:
                    zookeeper.exists(h, f"{path}/child", fired)
                    zookeeper.adelete(h, f"{path}/child")
            elif variant == 3:
                for path in used:
                    zookeeper.aexists(h, path, fail)
                    zookeeper.aset(h, path, "x")
            else:
                for path in used:
                    zookeeper.aexists(h, f"{path}/never-{number}", fired)
            if variant < 4:
                fired.wait("watchers")
            peak = max(peak, take_snapshot().private)
            advance(size)
        for path in paths:  # the run may have ended between a create and its delete
            zookeeper.adelete(h, f"{path}/child")
        zookeeper.get_children(h, "/")
    return peak
