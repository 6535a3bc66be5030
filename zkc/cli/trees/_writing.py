"""The changes of a copy, carried out: in flights of requests, repeated when lost, and ACLs from the leaves up.

An ACL may forbid to create children. So a znode that gets children has at first its ACL and, for the time of the copy,
one entry more, with the permissions to create children and to set the ACL. That entry is for the identities of the
session, or for all without any. When the last znode below is there, the ACL is set. A leaf has its ACL at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli.trees._plan import CONFLICT, CREATE, DELETE, REPLACE, SKIP, Change

if TYPE_CHECKING:
    from concurrent.futures import Future

    from zkc import ACL, ZooKeeperError
    from zkc.cli._app import App
    from zkc.cli._progress import Progress
    from zkc.cli.trees._source import TreeSource
    from zkc.cli.write._deleting import Deletion

__all__ = ["Writer", "no_parent", "refused_as"]

_BATCH = 1000  # Changes of one flight: some tenths of a second.
_BYTES = 2 << 20  # Data of one.
_OPENED = ("opened",)  # Of a creation: the ACL ends with an entry for the time of the copy.
_AT_THE_END = 0.5  # Seconds to set the ACLs that are open when the copy ends early.


class _Open:
    """A znode of the branch that is written: what comes next may be below it."""

    __slots__ = ("acl", "path")

    def __init__(self, path: str, acl: Optional[tuple[ACL, ...]]) -> None:
        self.path = path
        self.acl = acl  # To set when its subtree is complete; None if it has its ACL.


class Writer:
    """The writer of a copy.

    Args:
        app: What the command works with.
        target: The target.
        bar: The progress to show.
        deletion: Deletes what is to be deleted.
        policy: What to do about a znode that another client creates now: ``fail``, ``skip`` or ``replace``.
        check: Raises when a batch that was read must not be written.
    """

    def __init__(
        self,
        app: App,
        target: TreeSource,
        bar: Progress,
        deletion: Deletion,
        *,
        policy: str,
        check: Callable[[], None],
    ) -> None:
        self._app, self._bar, self._deletion, self._policy, self._check = app, bar, deletion, policy, check
        self._client = target.client
        self._root = target.target.path
        settings = app.settings_of(target.target.profile) if target.target.profile else app.settings
        self._known = bool(settings.auth or settings.sasl or (settings.tls is not None and settings.tls.certificate))
        self._branch: list[_Open] = []
        self._ended: list[_Open] = []  # Of the batch: complete subtrees, the leaves first.
        self._uncertain: set[str] = set()
        self.created = 0
        self.replaced = 0
        self.skipped = 0

    @property
    def done(self) -> int:
        """The number of znodes that were changed."""
        return self.created + self.replaced + self._deletion.deleted

    def run(self, changes: Iterable[Change]) -> None:
        """Carry out changes, which come in the order of a walk.

        Raises:
            ZooKeeperError: A change has failed, or the connection was lost for the time of --timeout.
            KeyboardInterrupt: Ctrl-C. The counts are those of what the servers have done.
        """
        try:
            for batch in _batches(changes):
                self._check()
                self._write(batch)
            self._close(0)
            self._set_ended()
        except BaseException:
            self._end_early()
            raise

    # ---- batches ---------------------------------------------------------------------------------------------------

    def _write(self, batch: list[tuple[Change, bool]]) -> None:
        """Write a batch: creations, data, deletions, and then the ACLs of complete subtrees."""
        creates: list[Change] = []
        replaces: list[Change] = []
        deletes: list[tuple[str, int]] = []
        for change, has_children in batch:
            path = change.path
            if change.action == DELETE:
                deletes.append((path, change.version))
                continue
            if change.action == CONFLICT:
                raise CommandError(f"{path} exists", ExitCode.CONFLICT, name="node_exists", path=path)
            self._close(self._level_of(path))
            if change.action == CREATE:
                opens = has_children and change.acl is not None and not _all_may_create(change.acl)
                self._branch.append(_Open(path, change.acl if opens else None))
                if opens:
                    assert change.acl is not None
                    change = change._replace(acl=(*change.acl, self._entry()), what=_OPENED)
                creates.append(change)
            else:
                self._branch.append(_Open(path, change.acl))
                self.skipped += change.action == SKIP
                if "data" in change.what:
                    replaces.append(change)
                elif change.action == REPLACE:
                    self.replaced += 1
        self._create(creates, replaces)
        self._each(replaces, self._send_set, self._set_done)
        self._deletion.run(iter(deletes))
        self._set_ended()
        self._bar.advance(len(batch), sum(len(change.data or b"") for change, _ in batch))

    def _level_of(self, path: str) -> int:
        """Return how many znodes of the branch are above a path."""
        level = len(self._branch)
        while level and not path.startswith(f"{self._branch[level - 1].path.rstrip('/')}/"):
            level -= 1
        return level

    def _close(self, level: int) -> None:
        while len(self._branch) > level:
            self._ended.append(self._branch.pop())

    def _set_ended(self) -> None:
        ended = [each for each in self._ended if each.acl is not None]
        self._each(ended, self._send_acl, lambda item: setattr(item, "acl", None))
        self._ended.clear()

    def _create(self, creates: list[Change], replaces: list[Change]) -> None:
        """Create znodes. Those that are there by now go to `replaces`, are skipped, or are an error."""
        from zkc.errors import InvalidACLError, NoAuthError, NodeExistsError, NoNodeError

        failed = self._each(creates, self._send_create, self._create_done, raising=False)
        if self._known and any(isinstance(error, InvalidACLError) for _, error in failed):
            # The session has no identity after all, as with a certificate that the servers do not ask for.
            self._known = False
            again = [self._reopened(item) for item, _ in failed]
            failed = self._each(again, self._send_create, self._create_done, raising=False)
        if any(isinstance(error, NoAuthError) for _, error in failed):
            parents = {_parent(item.path) for item, error in failed if isinstance(error, NoAuthError)}
            if self._open_parents(parents):
                failed = self._each([item for item, _ in failed], self._send_create, self._create_done, raising=False)
        for item, error in failed:
            if isinstance(error, NodeExistsError) and self._settle(item, replaces):
                continue
            if isinstance(error, NoNodeError) and item.path == self._root:
                raise no_parent(item.path)
            raise error

    def _reopened(self, item: Change) -> Change:
        return item._replace(acl=(*item.acl[:-1], self._entry())) if item.acl and item.what == _OPENED else item

    def _settle(self, item: Change, replaces: list[Change]) -> bool:
        """Find out what a znode is that was not there before, and is there now."""
        if item.path in self._uncertain:
            found = self._app.read(self._client.get, item.path)
            if found[0] == item.data:
                self._create_done(item)  # The reply to its creation was lost.
                return True
        if self._policy == "replace":
            replaces.append(item)
            for each in (*self._branch, *self._ended):
                if each.path == item.path and each.acl is None:
                    each.acl = item.acl
            return True
        self.skipped += self._policy == "skip"
        return self._policy == "skip"

    def _open_parents(self, paths: set[str]) -> bool:
        """Let znodes that were there before have children, for the time of the copy. Return whether any was changed."""
        from zkc.errors import ZooKeeperError

        opened = False
        for each in (*self._branch, *self._ended):
            if each.path in paths:
                with contextlib.suppress(ZooKeeperError):
                    before = tuple(self._app.read(self._client.get_acl, each.path)[0])
                    self._app.change(self._client.set_acl, each.path, [*before, self._entry()], idempotent=True)
                    each.acl = each.acl or before
                    opened = True
        return opened

    def _entry(self) -> ACL:
        from zkc import ACL, Perms

        return ACL(Perms.CREATE | Perms.ADMIN, *(("auth", "") if self._known else ("world", "anyone")))

    # ---- flights of requests ---------------------------------------------------------------------------------------

    def _send_create(self, item: Change) -> Future[Any]:
        acl = None if item.acl is None else list(item.acl)
        return self._client.submit.create(item.path, item.data, acl=acl)

    def _create_done(self, item: Change) -> None:
        self.created += 1

    def _send_set(self, item: Change) -> Future[Any]:
        return self._client.submit.set(item.path, item.data)

    def _set_done(self, item: Change) -> None:
        self.replaced += 1

    def _send_acl(self, item: _Open) -> Future[Any]:
        assert item.acl is not None
        return self._client.submit.set_acl(item.path, item.acl)

    def _each(
        self,
        items: Sequence[Any],
        send: Callable[[Any], Future[Any]],
        done: Callable[[Any], object],
        *,
        raising: bool = True,
    ) -> list[tuple[Any, ZooKeeperError]]:
        """Make one change for each item, and repeat what a lost connection has hit: each may be made twice.

        Returns:
            The items that have failed, each with its error; without any if `raising`, as the first error is raised.
        """
        from zkc import is_retriable
        from zkc.cli._patience import Patience
        from zkc.errors import ZooKeeperError

        left, failed = list(items), []
        patience = Patience(self._client, self._app.settings.timeout)

        def attempt() -> None:
            nonlocal left
            sent: list[tuple[Any, Future[Any]]] = []
            again, failure = [], None
            taken = 0
            refused: Optional[CommandError] = None
            try:
                for item in left:
                    try:
                        sent.append((item, send(item)))
                    except (TypeError, ValueError) as error:  # Before it was sent, as data that are too large.
                        refused = refused_as(error, item.path)
                        break
                for item, future in sent:
                    try:
                        future.result()
                    except ZooKeeperError as error:
                        if is_retriable(error, idempotent=True):
                            again.append(item)
                            failure = error
                            if error.maybe_applied:
                                self._uncertain.add(item.path)
                        else:
                            failed.append((item, error))
                    else:
                        done(item)
                    taken += 1
            except KeyboardInterrupt:
                _count(sent[taken:], done)
                raise
            if refused is not None:  # What was sent before is counted.
                raise refused
            if len(again) < len(left):
                patience.renew()
            left = again
            if failure is not None:
                raise failure

        while left:
            before = len(left)
            try:
                patience.repeat(attempt, idempotent=True)
            except ZooKeeperError as error:
                if len(left) == before or patience.is_over or not is_retriable(error, idempotent=True):
                    raise
        if failed and raising:
            raise failed[0][1]
        return failed

    # ---- the end ---------------------------------------------------------------------------------------------------

    def _end_early(self) -> None:
        """Set the ACLs that wait for the end of their subtrees: what was added to them must not stay."""
        self._close(0)
        ended = [each for each in self._ended if each.acl is not None]
        deadline = time.monotonic() + _AT_THE_END
        left = [each.path for each in ended]
        with contextlib.suppress(Exception, KeyboardInterrupt):
            for each, future in [(each, self._send_acl(each)) for each in ended]:
                with contextlib.suppress(Exception):
                    future.result(max(0.0, deadline - time.monotonic()))
                    left.remove(each.path)
        if left:
            self._app.out.warn(
                f"{len(left):,} znodes may keep an entry of their ACL that the copy has added. The first is {left[0]}"
            )


def _batches(changes: Iterable[Change]) -> Iterator[list[tuple[Change, bool]]]:
    """Yield changes in batches, each with whether a znode below it is written, too."""
    batch: list[tuple[Change, bool]] = []
    last: Optional[Change] = None
    size = 0
    for change in changes:
        if last is not None:
            batch.append((last, change.path.startswith(f"{last.path}/") and change.action != DELETE))
            size += len(last.data or b"")
            if len(batch) >= _BATCH or size > _BYTES:
                yield batch
                batch, size = [], 0
        last = change
    if last is not None:
        yield [*batch, (last, False)]


def _count(sent: Sequence[tuple[Any, Future[Any]]], done: Callable[[Any], object]) -> None:
    """Count what the servers have done of a flight that Ctrl-C ends."""
    deadline = time.monotonic() + _AT_THE_END / 2
    with contextlib.suppress(KeyboardInterrupt):
        for item, future in sent:
            with contextlib.suppress(Exception):
                future.result(max(0.0, deadline - time.monotonic()))
                done(item)


def refused_as(error: Exception, path: str) -> CommandError:
    """Return the error of a znode that the client refuses to send."""
    from zkc.cli._errors import for_people

    text = for_people(error)
    return CommandError(text if text.startswith(f"{path}: ") else f"{path}: {text}", name="refused", path=path)


def _all_may_create(acl: Sequence[ACL]) -> bool:
    from zkc import Perms

    return any(entry.scheme == "world" and entry.perms & Perms.CREATE for entry in acl)


def no_parent(root: str) -> CommandError:
    """Return the error for a target whose parent is missing."""
    parent = _parent(root)
    return CommandError(f"{root} cannot be created: there is no {parent}. --parents creates it", ExitCode.NO_NODE,
                        name="no_node", path=parent)  # fmt: skip


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"
