"""Helpers of the tests of the drop-ins."""

import threading

from zkc.legacy import zookeeper

OPEN = [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}]
TIMEOUT = 30.0  # Of every wait: it is only ever waited out when something is wrong.


class Watcher:
    """A watcher, or a completion, that keeps the arguments of each call, and can be waited for."""

    def __init__(self):
        self.calls = []
        self._changed = threading.Condition()

    def __call__(self, *arguments):
        with self._changed:
            self.calls.append(arguments)
            self._changed.notify_all()

    def wait_for(self, arguments):
        """Wait until it was called with these arguments."""
        with self._changed:
            assert self._changed.wait_for(lambda: arguments in self.calls, TIMEOUT), (arguments, self.calls)

    def wait_calls(self, count):
        """Wait until it was called so often; return the arguments of each call so far."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.calls) >= count, TIMEOUT), (count, self.calls)
            return list(self.calls)


def settle(h):
    """Return when everything that happened before on a handle has been delivered: events, replies and callbacks."""
    done = Watcher()
    zookeeper.async_(h, "/", done)
    done.wait_calls(1)


def completed(call, *arguments, **options):
    """Make a call without waiting, then wait for its completion; return what that got after the handle."""
    done = Watcher()
    assert call(*arguments, cb=done, **options) == 0
    (got,) = done.wait_calls(1)
    assert got[0] == arguments[0]
    return got[1:]
