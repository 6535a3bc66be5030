"""The changes of a copy: for each znode of the source, in the order of a walk, the action for the target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli.trees._filter import SYSTEM
from zkc.cli.trees._pairs import Pair
from zkc.cli.trees._source import Record, join

if TYPE_CHECKING:
    from zkc import ACL

__all__ = ["CONFLICT", "CREATE", "DELETE", "REPLACE", "SAME", "SKIP", "Change", "Plan", "same_acl"]

CREATE, REPLACE, SKIP, SAME, CONFLICT, DELETE = "create", "replace", "skip", "same", "conflict", "delete"
_SHOWN = 10  # Paths that an error names.


class Change(NamedTuple):
    """The action for a znode."""

    action: str
    path: str
    """The path on the target's ensemble."""
    data: Optional[bytes] = None
    acl: Optional[tuple[ACL, ...]] = None
    """The ACL to give it; None for the default of a new one, and to leave an existing one as it is."""
    what: tuple[str, ...] = ()
    """The parts to replace: ``data``, ``acl``."""
    version: int = -1
    """The version of a znode to delete."""


class Plan:
    """The plan of a copy.

    Args:
        root: The path of the target.
        chroot: The chroot of the target's client.
        policy: What to do about a znode that is there already: ``fail``, ``skip`` or ``replace``.
        acl: ``keep`` for the ACLs of the source, ``drop`` for none of them, or the ACL for all.
        delete: Whether to delete what the source has not.
    """

    def __init__(
        self, root: str, chroot: str, policy: str, acl: str | tuple[ACL, ...], *, delete: bool = False
    ) -> None:
        self._root, self._policy, self._acl, self._delete = root, policy, acl, delete
        # The servers always have these. They are no conflict, and nothing deletes them.
        self._fixed = {"/"} | ({SYSTEM, f"{SYSTEM}/quota"} if chroot == "/" else set())
        self._config = f"{SYSTEM}/config" if chroot == "/" else None
        self.counts = dict.fromkeys((CREATE, REPLACE, SKIP, SAME, CONFLICT, DELETE), 0)
        self.kept = 0
        """The znodes that only the target has, and that stay because an ephemeral one is below them."""
        self.hidden: list[str] = []
        """The first znodes of the source with an ACL of which the servers hide hashes."""
        self.hidden_count = 0

    def changes(self, pairs: Iterable[Pair]) -> Iterator[Change]:
        """Yield what happens, in the order of a walk. Deletions come children first, each when its subtree is over.

        Raises:
            CommandError: A znode of the source may not be read.
        """
        ends: list[
            list[object]
        ] = []  # The branch of znodes that only the target has: path, version, and whether to keep.
        for path, source, there in pairs:
            target = join(self._root, path)
            while ends and not target.startswith(f"{ends[-1][0]}/"):
                yield from self._ended(ends)
            if source is not None:
                if target != self._config:
                    yield self._counted(self._change(target, source, there))
            elif self._delete and there is not None:
                assert there.stat is not None
                ends.append([target, there.stat.version, there.ephemeral or target in self._fixed])
        while ends:
            yield from self._ended(ends)

    def _ended(self, ends: list[list[object]]) -> Iterator[Change]:
        path, version, keep = ends.pop()
        if keep:
            self.kept += bool(ends) and not ends[-1][2]
            if ends:
                ends[-1][2] = True
        else:
            yield self._counted(Change(DELETE, path, version=version))  # type: ignore[arg-type]

    def _counted(self, change: Change) -> Change:
        self.counts[change.action] += 1
        return change

    def _change(self, path: str, source: Record, there: Optional[Record]) -> Change:
        if source.error is not None:
            raise source.error
        acl = self._acl_for(path, source)
        if there is None:
            return Change(CREATE, path, source.data, acl)
        if self._policy != "replace":
            return Change(SKIP if self._policy == "skip" or path in self._fixed else CONFLICT, path)
        if there.ephemeral:
            return Change(CONFLICT, path)
        what = []
        if there.data != source.data or _unread(there):
            what.append("data")
        if acl is not None and (there.acl is None or not same_acl(acl, there.acl)):
            what.append("acl")
        return (
            Change(REPLACE, path, source.data, acl if "acl" in what else None, tuple(what))
            if what
            else Change(SAME, path)
        )

    def _acl_for(self, path: str, source: Record) -> Optional[tuple[ACL, ...]]:
        from zkc.cli.trees._acls import hidden_users

        if self._acl == "drop":
            return None
        if self._acl != "keep":
            return self._acl  # type: ignore[return-value]
        if source.acl is not None and hidden_users(source.acl):
            self.hidden_count += 1
            if len(self.hidden) < _SHOWN:
                self.hidden.append(path)
        return source.acl

    def check_hidden(self) -> None:
        """Refuse to go on with an ACL of which the servers hide hashes: its users could not log in any more.

        Raises:
            CommandError: There was such an ACL. The message names the znodes.
        """
        if not self.hidden_count:
            return
        more = f" and {self.hidden_count - len(self.hidden):,} more" if self.hidden_count > len(self.hidden) else ""
        raise CommandError(
            f"the source hides the password hashes in the ACLs of {', '.join(self.hidden)}{more}: read it with an"
            " identity that has the permission a there, or give --acl drop or an ACL",
            ExitCode.NOT_ALLOWED,
            name="hidden_hash",
            path=self.hidden[0],
            details={"paths": self.hidden, "count": self.hidden_count},
        )


def _unread(record: Record) -> bool:
    return record.error is not None


def same_acl(first: tuple[ACL, ...], second: tuple[ACL, ...]) -> bool:
    """Return whether two ACLs have the same entries."""
    return first == second or sorted(map(_entry, first)) == sorted(map(_entry, second))


def _entry(entry: ACL) -> tuple[str, str, int]:
    return entry.scheme, entry.id, int(entry.perms)
