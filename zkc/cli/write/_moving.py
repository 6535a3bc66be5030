"""The move of a tree: one transaction for a small tree, else a copy, a comparison and a deletion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc import ACL, TreeNode
    from zkc.cli._app import App
    from zkc.cli._progress import Progress

__all__ = ["Move", "Size"]

_FEW, _SMALL = 200, 256 << 10  # Znodes and bytes of a tree that one transaction moves.
_CHUNK = 1000  # Znodes that are read before they are created.
_ATTEMPTS = 5
_QUICK = 5000  # Znodes of a copy that is removed after Ctrl-C: the command ends within a second.
_NO_LIMIT = 86400.0 * 7  # Seconds for a bulk call. Each lost connection ends it in any case.


class Size(NamedTuple):
    """The size of a tree."""

    znodes: int
    bytes: int


class Move:
    """The move of a tree from one path to another.

    Args:
        app: What the command works with.
        source: The path of the tree.
        target: The path that it gets. Its parent exists, and it does not.
        size: The size of the tree.
    """

    def __init__(self, app: App, source: str, target: str, size: Size) -> None:
        self._app, self._source, self._target, self._size = app, source, target, size
        self._client = app.client
        self._maybe_done = False  # Whether the transaction was sent, and no reply has come.

    def run(self) -> tuple[int, bool]:
        """Move the tree.

        Returns:
            The number of moved znodes, and whether it was one transaction.

        Raises:
            CommandError: The move failed. The message says what is where.
            ZooKeeperError: The move failed, and nothing was changed.
        """
        if self._size.znodes <= _FEW and self._size.bytes <= _SMALL:
            try:
                moved = self._at_once()
            except KeyboardInterrupt:
                raise self._interrupted() from None
            if moved is not None:
                return moved, True
        return self._slowly(), False

    def _to(self, path: str) -> str:
        return self._target + path[len(self._source) :]

    # ---- one transaction --------------------------------------------------------------------------------------------

    def _at_once(self) -> Optional[int]:
        """Move by one transaction. None if an ACL of the tree forbids to create below it: that takes several steps."""
        from zkc.errors import BadVersionError, NoAuthError, NoNodeError, NotEmptyError

        for attempt in range(_ATTEMPTS):
            nodes: list[TreeNode] = self._app.call(lambda: list(self._nodes()))
            if len(nodes) > _FEW * 2:
                return None
            _check_movable(nodes)
            try:
                return self._commit(nodes)
            except (BadVersionError, NotEmptyError, NoNodeError) as error:
                # Another client has changed the tree since it was read. Without its parent the target fails for good.
                if attempt == _ATTEMPTS - 1 or (error.index or 0) == 0:
                    raise
            except NoAuthError as error:
                if not 0 < (error.index or 0) < len(nodes):
                    raise
                return None
        raise AssertionError("the last attempt returns or raises")

    def _commit(self, nodes: Sequence[TreeNode]) -> int:
        from zkc import ZooKeeperError

        def attempt() -> None:
            transaction = self._client.transaction()
            for node in nodes:
                transaction.create(self._to(node.path), node.data, acl=node.acl)
            for node in reversed(nodes):
                transaction.delete(node.path, version=node.stat.version)
            self._maybe_done = True
            try:
                transaction.commit()
            except ZooKeeperError as error:
                self._maybe_done = error.maybe_applied
                raise

        try:
            self._app.call(attempt)
        except ZooKeeperError as error:
            if not error.maybe_applied:
                raise
            there = self._app.read(self._client.exists_many, [self._source, self._target], raise_errors=True)
            if there[0] is not None or there[1] is None:
                raise
        return len(nodes)

    def _interrupted(self) -> CommandError:
        """Return the error of a transaction that a signal has ended: ZooKeeper does all of it, or nothing."""
        if self._maybe_done:
            text = (
                f"The move may have been done: all is at {self._target} then, and nothing at {self._source}. Look there"
            )
        else:
            text = f"Nothing was moved: {self._source} is as it was"
        return CommandError(f"interrupted. {text}", ExitCode.INTERRUPTED, path=self._source,
                            details={"maybe_applied": self._maybe_done})  # fmt: skip

    def _nodes(self) -> Iterator[TreeNode]:
        return self._client.walk(self._source, with_data=True, with_acl=True, timeout=self._app.settings.timeout)

    # ---- copy, check, delete ----------------------------------------------------------------------------------------

    def _slowly(self) -> int:
        from zkc import ZooKeeperError
        from zkc.cli.write._deleting import Plan

        with Plan() as plan:
            try:
                self._copy()
                self._check(plan)
            except (CommandError, ZooKeeperError, KeyboardInterrupt) as error:
                self._take_back(error)
            return self._delete_source(plan)

    def _copy(self) -> None:
        from zkc import Retry
        from zkc.cli._progress import progress

        policy = Retry(_ATTEMPTS, deadline=None, max_backoff=1.0, idempotent=True)
        with progress(self._app, "copying", self._size.znodes) as bar:
            self._client.retry(lambda: self._copy_once(bar), policy=policy)

    def _copy_once(self, bar: Progress) -> None:
        """Copy all. What an earlier attempt has created stays: the comparison at the end looks at it."""
        bar.at(0)
        guarded: list[tuple[str, tuple[ACL, ...]]] = []
        chunk: list[TreeNode] = []
        for node in self._nodes():
            chunk.append(node)
            if len(chunk) == _CHUNK:
                self._create(chunk, guarded, bar)
                chunk = []
        self._create(chunk, guarded, bar)
        for start in range(0, len(guarded), _CHUNK):
            futures = [self._client.submit.set_acl(path, acl) for path, acl in guarded[start : start + _CHUNK]]
            for future in futures:
                future.result()

    def _create(self, nodes: Sequence[TreeNode], guarded: list[tuple[str, tuple[ACL, ...]]], bar: Progress) -> None:
        from zkc.errors import NodeExistsError, ZooKeeperError

        _check_movable(nodes)
        acls = []
        for node in nodes:
            acl = node.acl or ()
            if node.children and not _lets_create(acl):
                guarded.append((self._to(node.path), acl))
                acl = (*acl, self._temporary_entry())
            acls.append(acl)
        for acl, pairs in groupby(zip(acls, nodes), key=lambda pair: pair[0]):
            items = [(self._to(node.path), node.data) for _, node in pairs]
            outcomes: list[Any] = self._client.create_many(items, acl=acl, timeout=_NO_LIMIT)
            for outcome in outcomes:
                if isinstance(outcome, ZooKeeperError) and not isinstance(outcome, NodeExistsError):
                    raise outcome
            bar.advance(len(items), sum(len(data or b"") for _, data in items))

    def _temporary_entry(self) -> ACL:
        """Return an entry that lets this session create children, until the real ACL is set. It lets no other read."""
        from zkc import ACL, Perms
        from zkc.errors import UnimplementedError

        settings = self._app.settings
        if settings.auth or settings.sasl is not None:
            return ACL.auth()
        try:
            for identity in self._app.read(self._client.whoami):
                if identity.scheme == "ip":
                    return ACL(Perms.ALL, "ip", identity.user)
        except UnimplementedError:
            pass
        return ACL.world(Perms.CREATE | Perms.ADMIN)

    def _check(self, plan: Any) -> None:
        """Compare the copy with the source, and plan the deletion of what is equal.

        Raises:
            CommandError: They differ: another client has changed one of them.
        """
        from zkc.cli._progress import progress
        from zkc.cli._walk import walk
        from zkc.cli.write._deleting import bottom_up

        def compared() -> Iterator[Any]:
            copies = walk(self._app, self._target, with_data=True)
            with progress(self._app, "checking", self._size.znodes) as bar:
                for node in walk(self._app, self._source, with_data=True):
                    copy = next(copies, None)
                    if copy is None or copy.path != self._to(node.path) or copy.data != node.data:
                        raise _changed(node.path)
                    bar.advance()
                    yield node
                if (more := next(copies, None)) is not None:
                    raise _changed(more.path)

        for node in bottom_up(compared()):
            plan.add(node)

    def _take_back(self, error: BaseException) -> None:
        """Delete the copy after a failure, and raise the error with what is where."""
        from zkc.cli._errors import exit_code_of, for_people, name_of

        left = f"{self._source} is as it was, and the copy was removed"
        remains = f"{self._source} is as it was, and an incomplete copy is left at {self._target}: zkc rm -r deletes it"
        try:
            if isinstance(error, KeyboardInterrupt) and self._size.znodes > _QUICK:
                left = remains
            else:
                self._delete_copy()
        except (Exception, KeyboardInterrupt) as second:  # noqa: BLE001 - reported
            left = f"{remains} ({type(second).__name__})"
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else for_people(error)
        raise CommandError(
            f"{why}. Nothing was moved: {left}", ExitCode(exit_code_of(error)), name=name_of(error),
            path=self._source, details={"moved": 0},
        ) from None  # fmt: skip

    def _delete_copy(self) -> None:
        from zkc.cli._walk import walk
        from zkc.cli.write._deleting import Deletion, bottom_up
        from zkc.errors import NoNodeError

        deletion = Deletion(self._app)
        try:
            deletion.run((node.path, -1) for node in bottom_up(walk(self._app, self._target)))
        except NoNodeError:
            return
        if deletion.first is not None:
            raise deletion.first

    def _delete_source(self, plan: Any) -> int:
        from zkc.cli._errors import exit_code_of, for_people
        from zkc.cli._progress import progress
        from zkc.cli.write._deleting import Deletion

        reason: Optional[BaseException] = None
        with progress(self._app, "deleting", plan.count) as bar:
            deletion = Deletion(self._app, bar)
            try:
                deletion.run(plan.entries())
                reason = deletion.first
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - reported
                reason = error
        if reason is None:
            count: int = plan.count
            return count
        left = plan.count - deletion.deleted - deletion.missing
        most = "" if deletion.exact else "at most "
        interrupted = isinstance(reason, KeyboardInterrupt)
        why = "interrupted" if interrupted else for_people(reason)
        raise CommandError(
            f"{why}. The copy at {self._target} is complete, and {most}{left:,} of"
            f" {plan.count:,} znodes are still at {self._source}: compare them, and delete them with zkc rm -r",
            ExitCode.INTERRUPTED if interrupted else ExitCode.PARTLY,
            path=self._source,
            details={"copied": plan.count, "deleted": deletion.deleted, "left": left, "cause": exit_code_of(reason)},
        )


def _changed(path: str) -> CommandError:
    return CommandError(f"{path} was changed by another client during the copy", ExitCode.CONFLICT, name="changed",
                        path=path)  # fmt: skip


def _lets_create(acl: Sequence[ACL]) -> bool:
    from zkc import Perms

    return any(entry.scheme == "world" and Perms.CREATE & entry.perms for entry in acl)


def _check_movable(nodes: Sequence[TreeNode]) -> None:
    """Raise for what a copy could not have: an owner, or a password hash that the servers hide."""
    for node in nodes:
        if node.stat.ephemeral_owner:
            raise CommandError(
                f"{node.path} is ephemeral: it belongs to a session, and cannot be moved", ExitCode.REFUSED,
                name="ephemeral", path=node.path,
            )  # fmt: skip
        if any(entry.scheme == "digest" and entry.id.endswith(":x") for entry in node.acl or ()):
            raise CommandError(
                f"the servers hide the password hashes in the ACL of {node.path}: authenticate with --auth as a user"
                " with the permission a", ExitCode.NOT_ALLOWED, name="no_auth", path=node.path,
            )  # fmt: skip
