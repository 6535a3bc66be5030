"""Deletions in bulk that survive a lost connection, know what they have done, and end within a second of Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Optional

from zkc.cli._ending import interruption
from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc import Client, ZooKeeperError
    from zkc.cli._app import App
    from zkc.cli._progress import Progress
    from zkc.cli._walk import Node

__all__ = ["Deletion", "Plan", "bottom_up", "failure_records", "none_deleted"]

_BATCH = 2000  # Znodes of one call: some tenths of a second.
_LEAST = 50
_NAMED = 100  # Failures that are kept for the JSON of an error.
_IN_MEMORY = 16 << 20  # Bytes of paths above which a plan goes to a temporary file.
_AFTER_INTERRUPT = 0.4  # Seconds to find out what was deleted when Ctrl-C came.


def bottom_up(nodes: Iterable[Node]) -> Iterator[Node]:
    """Return the znodes of a walk so that children come before their parents."""
    above: list[Node] = []
    for node in nodes:
        while above and above[-1].depth >= node.depth:
            yield above.pop()
        above.append(node)
    while above:
        yield above.pop()


class Plan:
    """The znodes to delete, children before their parents. A large plan is kept in a temporary file, not in memory."""

    def __init__(self) -> None:
        self.count = 0
        self.ephemerals = 0
        self.bytes = 0
        self.unreadable = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - close() ends it
        self._waiting: list[bytes] = []

    def add(self, node: Node) -> None:
        """Add a znode of a walk."""
        self.count += 1
        self.ephemerals += bool(node.stat.ephemeral_owner)
        self.bytes += node.stat.data_length
        self.unreadable += node.error is not None
        self.add_path(node.path, node.stat.version)

    def add_path(self, path: str, version: int) -> None:
        """Add a path to those to delete, without a count."""
        self._waiting.append(b"%s\0%d\0" % (path.encode(), version))
        if len(self._waiting) == _BATCH:
            self._file.write(b"".join(self._waiting))
            self._waiting.clear()

    def entries(self) -> Iterator[tuple[str, int]]:
        """Iterate over the paths and the versions that were seen."""
        self._file.write(b"".join(self._waiting))
        self._waiting.clear()
        self._file.seek(0)
        rest = b""
        while block := self._file.read(1 << 20):
            parts = (rest + block).split(b"\0")
            whole = (len(parts) - 1) // 2 * 2
            rest = b"\0".join(parts[whole:])
            for index in range(0, whole, 2):
                yield parts[index].decode(), int(parts[index + 1])

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def __enter__(self) -> Plan:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def failure_records(failures: Iterable[ZooKeeperError]) -> list[dict[str, Optional[str]]]:
    """Return failures as the JSON of an error has them: the path and the name of each, at most 100."""
    from zkc.cli._errors import name_of

    return [{"path": each.path, "error": name_of(each)} for each in islice(failures, _NAMED)]


def none_deleted(failures: Sequence[ZooKeeperError], failed: int, total: int) -> Exception:
    """Return the error for a deletion that has deleted nothing: that of the first failure, and a list of all.

    Args:
        failures: The first failures.
        failed: The number of all.
        total: The number of znodes to delete.
    """
    from zkc.cli._errors import exit_code_of, for_people, name_of
    from zkc.errors import NotEmptyError

    first = failures[0]
    if total > 1:
        details: dict[str, object] = {
            "code": first.code, "operation": first.operation, "maybe_applied": first.maybe_applied, "deleted": 0,
            "total": total, "failed": failed, "failures": failure_records(failures),
        }  # fmt: skip
        text = f"none of {total:,} znodes can be deleted, {failed:,} failed. The first: {for_people(first)}"
        return CommandError(text, ExitCode(exit_code_of(first)), name=name_of(first), path=first.path, details=details)
    if isinstance(first, NotEmptyError):
        return CommandError(f"{first.path} has children: -r deletes them, too", ExitCode.CONFLICT, name="not_empty",
                            path=first.path)  # fmt: skip
    return first


class Deletion:
    """Deletions, with a count of what is done.

    Args:
        app: What the command works with.
        bar: The progress to show.
        client: The client of another ensemble; None for the command's own.
        missing_fails: Whether it is a failure that a znode is not there.
    """

    def __init__(
        self, app: App, bar: Optional[Progress] = None, client: Optional[Client] = None, *, missing_fails: bool = False
    ) -> None:
        self._app = app
        self._client = client or app.client
        self._bar = bar
        self._missing_fails = missing_fails
        self._size = _BATCH
        self._noting = False  # Whether results are being counted.
        self._stop: Optional[KeyboardInterrupt] = None  # Of a signal that came then.
        self.deleted = 0
        """The number of znodes that are certainly deleted."""
        self.exact = True
        """Whether no more than ``deleted`` are: False when Ctrl-C came, and the servers did not answer in time."""
        self.not_empty = 0
        """The number of znodes that have children that the plan does not know, or that could not be deleted."""
        self.failures = 0
        """The number of znodes that failed for another reason."""
        self.missing = 0
        """The number of znodes that were not there, unless those are failures."""
        self.failed: list[ZooKeeperError] = []
        """The first 100 failures."""

    @property
    def first(self) -> Optional[ZooKeeperError]:
        """The first failure."""
        return self.failed[0] if self.failed else None

    @property
    def first_text(self) -> str:
        """The first failure in words."""
        from zkc.cli._errors import for_people

        return "" if self.first is None else for_people(self.first)

    def run(self, items: Iterator[tuple[str, int]]) -> None:
        """Delete znodes, children before their parents. A failure of one does not stop the others.

        Args:
            items: The paths, each with the version that the znode must have, or -1.

        Raises:
            ZooKeeperError: The connection was lost for the time of --timeout.
            KeyboardInterrupt: Ctrl-C. ``deleted`` counts what the servers have done.
        """
        with self._counting():
            while part := list(islice(items, self._size)):
                self._delete(part)
                if self._bar is not None:
                    self._bar.at(self.deleted)

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        """Let Ctrl-C wait while results are counted, which takes milliseconds: the count is exact."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(signum: int, _: object) -> None:
            error = interruption(signum)
            if error is not None and not self._noting:
                raise error
            self._stop = self._stop or error

        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        taken = [number for number, handler in before.items() if callable(handler)]  # Not one that is ignored.
        for number in taken:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number in taken:
                signal.signal(number, before[number])

    def _delete(self, left: Sequence[tuple[str, int]]) -> None:
        from zkc.cli._patience import PROBE, Patience
        from zkc.errors import NotEmptyError, OperationTimeoutError, ZooKeeperError
        from zkc.retry import is_retriable

        uncertain: set[str] = set()
        timeout = self._app.settings.timeout
        patience = Patience(self._client, timeout)

        def attempt() -> None:
            nonlocal left
            outcomes = self._send(left)
            retriable = [outcome is not None and is_retriable(outcome, idempotent=True) for outcome in outcomes]
            again, failure = [], None
            for item, outcome, lost in zip(left, outcomes, retriable):
                if lost and outcome is not None:
                    failure = outcome
                    again.append(item)
                    if outcome.maybe_applied:
                        uncertain.add(item[0])
                elif isinstance(outcome, NotEmptyError) and failure is not None:
                    again.append(item)  # Perhaps because of a child whose delete was lost before.
                else:
                    self._note(outcome, item[0] in uncertain)
            if len(again) < len(left):
                patience.renew()
            left = again
            self._noting = False
            if self._stop is not None:
                raise self._stop
            if failure is not None:
                raise failure

        while left:
            before = len(left)
            try:
                patience.repeat(attempt, idempotent=True)
            except OperationTimeoutError:
                # A slow server: what is in flight may be done. Smaller calls end in time.
                left = self._remaining(left, timeout * PROBE if len(left) == before else None)
                if len(left) == before:
                    if self._size <= _LEAST:
                        raise
                    self._size = max(_LEAST, self._size // 4)
                for start in range(0, len(left), self._size):
                    self._delete(left[start : start + self._size])
                return
            except ZooKeeperError as error:
                if len(left) == before or patience.is_over or not is_retriable(error, idempotent=True):
                    raise

    def _send(self, items: Sequence[tuple[str, int]]) -> list[Optional[ZooKeeperError]]:
        """Make one bulk call. Ctrl-C in the middle counts what the servers have done."""
        from zkc.errors import NoAuthError, ZooKeeperError

        try:
            outcomes = self._client.delete_many(items)
            self._noting = True
            return outcomes
        except KeyboardInterrupt:
            # The servers carry out the requests of a session in their order: this read sees all that were sent.
            self.exact = False
            with contextlib.suppress(Exception):
                stats = self._client.exists_many((path for path, _ in items), timeout=_AFTER_INTERRUPT)
                self.exact = not any(
                    isinstance(stat, ZooKeeperError) and not isinstance(stat, NoAuthError) for stat in stats
                )
                self.deleted += stats.count(None)
            raise

    def _note(self, outcome: Optional[ZooKeeperError], uncertain: bool) -> None:
        from zkc.errors import NoNodeError, NotEmptyError

        if outcome is None or (uncertain and isinstance(outcome, NoNodeError)):
            self.deleted += 1
        elif isinstance(outcome, NoNodeError) and not self._missing_fails:
            self.missing += 1
        else:
            if len(self.failed) < _NAMED:
                self.failed.append(outcome)
            if isinstance(outcome, NotEmptyError):
                self.not_empty += 1
            else:
                self.failures += 1

    def _remaining(self, items: Sequence[tuple[str, int]], probe: Optional[float]) -> list[tuple[str, int]]:
        """Return the items that are still there, and count the others as deleted.

        Args:
            items: The items.
            probe: The timeout of the question, unless it is --timeout.
        """
        from zkc.cli._bulk import read_many

        stats = read_many(self._app, self._client.exists_many, [path for path, _ in items], probe=probe)
        left = [item for item, stat in zip(items, stats) if stat is not None]
        self.deleted += len(items) - len(left)
        return left

    def start_again(self) -> None:
        """Forget the failures: what is left is tried again."""
        self.not_empty = self.failures = self.missing = 0
        self.failed.clear()
