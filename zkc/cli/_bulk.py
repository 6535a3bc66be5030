"""Bulk reads of znodes that survive a lost connection: what failed is repeated, and only that.

``read_many(app, client.get_many, paths)``, ``Stats(app, client).read_all(paths)`` and ``list_children(app, path)`` are
for commands that know their paths. :mod:`zkc.cli._walk` is made of them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._patience import PROBE, Patience

if TYPE_CHECKING:
    from concurrent.futures import Future

    from zkc import Client, Stat
    from zkc.cli._app import App

__all__ = ["FRONT", "WIDE", "Stats", "list_children", "read_many"]

FRONT = 4096
"""Znodes that a call asks for at most, and that a step of a walk looks at."""
WIDE = 10_000
"""Children of a znode that is listed by a request of its own."""
_BYTES_OF_CALL = 4 << 20  # Data that a call is expected to bring.
_LEAST = 64  # Items of a call that a slow server gets at least.


def read_many(
    app: App, call: Callable[..., list[Any]], paths: Sequence[str], *, probe: Optional[float] = None
) -> list[Any]:
    """Read many znodes, and repeat what failed for a lost connection, a timeout or an expired session.

    Args:
        app: What the command works with.
        call: ``get_many``, ``exists_many`` or ``children_many`` of a client.
        paths: The paths.
        probe: The timeout of the first part instead of --timeout, for servers that have just not answered in time.

    Returns:
        For each path its result, None if there is no such znode, or another error, such as a NoAuthError.

    Raises:
        ZooKeeperError: Nothing has succeeded for the time of --timeout.
    """
    from zkc.errors import OperationTimeoutError

    timeout = app.settings.timeout
    results: list[Any] = []
    size = FRONT
    start = 0
    late: Optional[OperationTimeoutError] = None
    while start < len(paths):
        part = paths[start : start + size]
        try:
            results += _read_part(call, part, timeout if probe is None else probe)
            probe = late = None
        except OperationTimeoutError as error:
            # A slow server answers a small question soon. One that hangs does not, and the command ends.
            if probe is not None or len(part) <= _LEAST:
                raise late or error from None
            size, probe, late = _LEAST, timeout * PROBE, error
        start = len(results)
    return results


def _read_part(call: Callable[..., list[Any]], paths: Sequence[str], timeout: float) -> list[Any]:
    """Read one part.

    Raises:
        ZooKeeperError: Nothing has succeeded within the timeout.
    """
    from zkc.errors import NoNodeError, ZooKeeperError
    from zkc.retry import is_retriable

    client: Client = call.__self__  # type: ignore[attr-defined]
    results: list[Any] = [None] * len(paths)
    left = list(range(len(paths)))

    patience = Patience(client, timeout)

    def attempt() -> None:
        nonlocal left
        failed, failure = [], None
        for index, found in zip(left, call([paths[index] for index in left], timeout=timeout)):
            if isinstance(found, ZooKeeperError):
                if is_retriable(found):
                    failed.append(index)
                    failure = found
                    continue
                if isinstance(found, NoNodeError):
                    continue
            results[index] = found
        if len(failed) < len(left):
            patience.renew()
        left = failed
        if failure is not None:
            raise failure

    patience.repeat(attempt)
    return results


class Stats:
    """A reader of stats and data.

    Stats come with the data, because servers since 3.6 answer hundreds of ``get`` by one reply: ten times as fast as
    ``exists``. A call asks for so many znodes that their data, by the size of those before, are a few megabytes.
    """

    def __init__(self, app: App, client: Client) -> None:
        self._app, self._client = app, client
        self._size = 256.0  # The bytes of a znode to expect.

    @property
    def most(self) -> int:
        """The number of znodes for the next call."""
        return max(16, min(FRONT, int(_BYTES_OF_CALL / self._size)))

    def read(self, paths: Sequence[str]) -> list[Any]:
        """Return for each path ``(data, stat)``, None if it is gone, or ``(error, stat)`` if it may not be read."""
        from zkc.errors import NoAuthError

        found = read_many(self._app, self._client.get_many, paths)
        refused = [index for index, each in enumerate(found) if isinstance(each, NoAuthError)]
        if refused:
            stats = read_many(self._app, self._client.exists_many, [paths[index] for index in refused])
            for index, stat in zip(refused, stats):
                found[index] = stat if stat is None or isinstance(stat, Exception) else (found[index], stat)
        size = 0
        for each in found:
            if isinstance(each, Exception):
                raise each
            if each is not None:
                size += each[1].data_length
        if found:
            self._size = max(size * 4 / len(found), self._size * 0.7, 64.0)
        return found

    def read_all(self, paths: Sequence[str]) -> Iterator[Optional[Stat]]:
        """Yield the stat of each path, None if it is gone."""
        start = 0
        while start < len(paths):
            part = paths[start : start + self.most]
            start += len(part)
            for found in self.read(part):
                yield None if found is None else found[1]


def list_children(app: App, path: str, client: Optional[Client] = None) -> list[str]:
    """Return the names of a znode's children, sorted.

    Raises:
        NoNodeError: There is no such znode.
        CommandError: The reply does not come, and the number of children is the likely reason.
    """
    from concurrent.futures import CancelledError

    from zkc.errors import ConnectionLossError, OperationTimeoutError, RequestTimeoutError, ZooKeeperError

    client = client or app.client
    began = time.monotonic()
    wide: list[Stat] = []

    def learn(known: Future[Optional[Stat]]) -> None:
        with contextlib.suppress(CancelledError, ZooKeeperError):
            stat = known.result()
            if stat is not None and stat.num_children >= WIDE:
                wide.append(stat)

    def attempt() -> list[str]:
        # Sent in front of the list: it needs no time of its own when the list does not come.
        client.submit.exists(path).add_done_callback(learn)
        return client.children(path)

    try:
        return sorted(app.call(attempt, client=client))
    except (ConnectionLossError, OperationTimeoutError, RequestTimeoutError) as error:
        if not wide:
            raise
        from zkc.cli._errors import for_people

        seconds, stat = time.monotonic() - began, wide[-1]
        raise CommandError(
            f"{path} has {stat.num_children:,} children, and the list of their names, one reply, did not come in"
            f" {seconds:.0f} s. Give a longer --timeout. A proxy or a server with a limit for replies (jute.maxbuffer)"
            f" may be in the way, too: {for_people(error)}",
            ExitCode.NO_CONNECTION,
            name="too_wide",
            path=path,
            details={"num_children": stat.num_children},
        ) from None
