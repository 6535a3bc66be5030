"""``find --delete``: what was found is counted, confirmed and deleted, children before their parents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._safety import confirm, guard_root
from zkc.cli._text import size_text

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli._progress import Progress
    from zkc.cli._walk import Node

__all__ = ["delete_found"]

_STEP = 4096  # Deletes of one call.


class _Doomed(NamedTuple):
    """A znode to delete, if it still has the version that it was found with."""

    path: str
    version: int
    ephemeral: bool
    bytes: int


def delete_found(app: App, root: str, found: Iterable[Node], tested: bool, *, force: bool) -> int:
    """Delete the znodes that were found, and return the exit code.

    A znode that keeps a child, one that was not found, stays: it is counted before the question.

    Args:
        app: What the command works with.
        root: Where the search began.
        found: The znodes, parents before their children.
        tested: Whether there are tests: without any, the whole tree goes.
        force: Whether the root of the ensemble or of the chroot may be emptied.

    Raises:
        CommandError: Refused, or done in part.
    """
    app.check_writable()
    # With tests a search may begin at the root: the root itself is never deleted.
    guard_root(root, app.settings.chroot, force=force or tested)
    doomed, kept = _choose(found)
    if app.dry_run:
        with app.out.rows(["path"]) as rows:
            for each in doomed:
                rows.add({"path": each.path})
        app.out.note(f"would {_what(doomed, root)}" + (f"; {_kept(kept)}" if kept else ""))
        return int(ExitCode.DONE)
    if kept:
        app.out.warn(_kept(kept))
    if doomed:
        confirm(app, _what(doomed, root), root)
    return _Deletion(app, doomed, kept).run()


def _choose(found: Iterable[Node]) -> tuple[list[_Doomed], int]:
    """Return what can be deleted, children first, and the number of znodes that keep a child."""
    nodes = [
        (_Doomed(node.path, node.stat.version, node.stat.ephemeral_owner != 0, node.stat.data_length),
         node.stat.num_children if node.error is None else -1)
        for node in found
        if node.path != "/"
    ]  # fmt: skip
    deleted: dict[str, int] = {}  # By parent, the number of its children that go.
    doomed, kept = [], 0
    while nodes:
        each, children = nodes.pop()
        if deleted.pop(each.path, 0) == children:
            parent = each.path.rpartition("/")[0]
            deleted[parent] = deleted.get(parent, 0) + 1
            doomed.append(each)
        else:
            kept += 1
    return doomed, kept


def _what(doomed: list[_Doomed], root: str) -> str:
    ephemeral = sum(each.ephemeral for each in doomed)
    size = size_text(sum(each.bytes for each in doomed))
    count = "1 znode" if len(doomed) == 1 else f"{len(doomed):,} znodes"
    return f"delete {count}, {ephemeral:,} ephemeral, {size} found below {root}"


def _kept(kept: int) -> str:
    return f"{kept:,} of what was found stay: they have children that were not found"


class _Deletion:
    """The run: windows of deletes, and the count of what is done."""

    def __init__(self, app: App, doomed: list[_Doomed], kept: int) -> None:
        self._app, self._doomed, self._kept = app, doomed, kept
        self._done = 0  # Answered, or in an earlier call.
        self._failed = 0
        self._gone = 0  # Deleted by another client, or by a request whose reply was lost.
        self._first: Optional[Exception] = None

    def run(self) -> int:
        """Delete all, and return the exit code."""
        from zkc.cli._progress import progress
        from zkc.errors import ZooKeeperError

        try:
            with progress(self._app, "deleting", len(self._doomed)) as shown:
                for start in range(0, len(self._doomed), _STEP):
                    self._step(start, shown)
        except KeyboardInterrupt:
            self._app.out.warn(f"interrupted: {self._done - self._failed:,} of {len(self._doomed):,} znodes are gone")
            raise
        except ZooKeeperError as error:
            message = f"{self._done - self._failed:,} of {len(self._doomed):,} znodes are deleted, then: {error}"
            raise CommandError(message, ExitCode.PARTLY, details=self._facts(error)) from None
        return self._end()

    def _step(self, start: int, shown: Progress) -> None:
        """Delete some. A delete with a version is safe to repeat: the second finds no znode, or another version."""
        from zkc import Retry
        from zkc.errors import NoNodeError, ZooKeeperError
        from zkc.retry import is_retriable

        client = self._app.client
        left = items = self._doomed[start : start + _STEP]
        first = True

        def at(done: int) -> None:
            self._done = start + len(items) - len(left) + done
            shown.at(self._done)

        def attempt() -> None:
            nonlocal left, first
            again: list[_Doomed] = []
            failure: Optional[ZooKeeperError] = None
            for each, error in zip(left, client.delete_many([(x.path, x.version) for x in left], progress=at)):
                if isinstance(error, NoNodeError):
                    self._gone += first  # Later it is the work of the request whose reply was lost.
                elif error is not None and is_retriable(error, idempotent=True):
                    again.append(each)
                    failure = error
                elif error is not None:
                    self._failed += 1
                    self._first = self._first or error
            left, first = again, False
            if failure is not None:
                raise failure

        client.retry(attempt, policy=Retry(None, deadline=self._app.settings.timeout, max_backoff=0.5, idempotent=True))

    def _facts(self, error: Optional[Exception] = None) -> dict[str, object]:
        facts: dict[str, object] = {
            "deleted": self._done - self._failed - self._gone,
            "gone": self._gone,
            "failed": self._failed,
            "kept": self._kept,
        }
        if error is not None:
            facts["maybe_applied"] = bool(getattr(error, "maybe_applied", False))
        return facts

    def _end(self) -> int:
        facts = self._facts()
        if self._app.out.is_json:
            self._app.out.record(facts)
        else:
            gone = f"; {self._gone:,} were gone already" if self._gone else ""
            number = "1 znode" if facts["deleted"] == 1 else f"{facts['deleted']:,} znodes"
            self._app.out.note(f"deleted {number}{gone}")
        if self._failed:
            raise CommandError(
                f"{self._failed:,} of {len(self._doomed):,} znodes are not deleted: they have changed, or must not be"
                f" deleted. The first: {self._first}",
                ExitCode.PARTLY,
                details=facts,
            )
        return int(ExitCode.PARTLY if self._kept else ExitCode.DONE)
