"""Optimistic transactions: what they have read is checked in the transaction that writes.

Servers can check the version of a znode in a transaction, but neither its absence nor its list of children. The
transaction proves these with znodes that it creates and deletes again. A create fails if the znode exists. The number
in the name of a sequential znode shows how many children the parent has had.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from zkc._args import check_path
from zkc._commands.transaction import CoreOp, commit
from zkc._flow import Flow, Pause, sub_result_of
from zkc.constants import CreateMode
from zkc.errors import (
    BadVersionError,
    ConnectionLossError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    OperationTimeoutError,
    SessionExpiredError,
    ZooKeeperError,
    late_text,
)
from zkc.recipes.errors import ContentionError

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._client.transaction import BaseTransaction, Operation
    from zkc._commands.protocol import CommandClient
    from zkc.types import ACL, Data, Stat

__all__ = ["BaseAtomic", "Deadline", "contention", "pause_of"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_SHORT, _LONG = 0.001, 0.1  # The pauses in seconds after conflicts with other clients.
_NAME = "_zkc_"  # The name of a znode that a transaction creates and deletes again.
_CONFLICTS = (BadVersionError, NoNodeError, NodeExistsError)


class Deadline:
    """The time that a call has.

    Args:
        limit: The timeout in seconds; None for no limit.
    """

    def __init__(self, limit: Optional[float]) -> None:
        self.limit = limit
        self._end = None if limit is None else time.monotonic() + limit

    def left(self) -> Optional[float]:
        """Return the seconds that are left; None for no limit.

        Raises:
            OperationTimeoutError: The time is over.
        """
        if self._end is None or self.limit is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0.0:
            text = OperationTimeoutError.describe("atomically", None, late_text(self.limit, "get"))
            raise OperationTimeoutError(text, operation="atomically", maybe_applied=False)
        return left


def pause_of(conflicts: int) -> float:
    """Return the pause in seconds after so many conflicts."""
    return random.random() * min(_SHORT * 2.0**conflicts, _LONG)


def contention(attempts: int, path: Optional[str]) -> ContentionError:
    """Make the error of a transaction that was in conflict with other clients at each attempt."""
    text = f"{ContentionError.what} ({attempts} attempts); {ContentionError.advice}"
    message = ContentionError.describe("atomically", path, text)
    return ContentionError(message, operation="atomically", path=path, maybe_applied=False)


class BaseAtomic:
    """The base of the transactions of :meth:`zkc.Client.atomically`: what was read, and what is to be written."""

    _client: BaseClient

    def __init__(self, writes: BaseTransaction, deadline: Deadline) -> None:
        self._writes = writes
        self._deadline = deadline
        self._contents: dict[str, tuple[Optional[bytes], Stat]] = {}
        self._stats: dict[str, Optional[Stat]] = {}  # Of all znodes read; None for a missing one.
        self._missing: dict[str, str] = {}  # The uppermost missing znode of the path of a missing one.
        self._names: dict[str, tuple[list[str], Stat]] = {}
        self._written: dict[str, int] = {}  # The first operation on each path.
        self._conflict: Optional[str] = None  # The path of which two reads did not agree, or that a commit refused.

    # ---- reading ----------------------------------------------------------------------------------------------------

    def _check_read(self, path: str) -> None:
        check_path(path)
        if path in self._written:
            raise ValueError(f"{path!r} was written in this transaction: read a znode before it is written")

    def _note(self, path: str, stat: Optional[Stat]) -> None:
        if path in self._stats:
            known = self._stats[path]
            if (known and (known.czxid, known.version)) != (stat and (stat.czxid, stat.version)):
                self._conflict = path
        self._stats[path] = stat

    def _get_flow(self, client: CommandClient, path: str) -> Flow[tuple[Optional[bytes], Stat]]:
        self._check_read(path)
        return self._get(path)

    def _get(self, path: str) -> Flow[tuple[Optional[bytes], Stat]]:
        if path not in self._contents:
            try:
                found = yield from self._read("get", path)
            except NoNodeError:
                yield from self._note_missing(path)
                raise
            self._note(path, found[1])
            self._contents[path] = found
        return self._contents[path]

    def _exists_flow(self, client: CommandClient, path: str) -> Flow[Optional[Stat]]:
        self._check_read(path)
        return self._exists(path)

    def _exists(self, path: str) -> Flow[Optional[Stat]]:
        if path not in self._stats:
            stat = yield from self._read("exists", path)
            if stat is None:
                yield from self._note_missing(path)
            else:
                self._note(path, stat)
        return self._stats[path]

    def _children_flow(self, client: CommandClient, path: str) -> Flow[list[str]]:
        check_path(path)
        return self._children(path)

    def _children(self, path: str) -> Flow[list[str]]:
        if path not in self._names:
            try:
                self._names[path] = yield from self._read("get_children_with_stat", path)
            except NoNodeError:
                yield from self._note_missing(path)
                raise
        return list(self._names[path][0])

    def _note_missing(self, path: str) -> Flow[None]:
        """Note that a znode is missing, and search for the uppermost missing one of its path."""
        self._note(path, None)
        missing = path
        while missing.count("/") > 1:
            parent = missing.rpartition("/")[0]
            try:
                if (yield from self._read("exists", parent)) is not None:
                    break
            except NoAuthError:  # It exists, and newer servers tell its stat to readers only.
                break
            missing = parent
        self._missing[path] = missing

    def _read(self, operation: str, path: str) -> Flow[Any]:
        while True:
            try:
                return (yield from sub_result_of(getattr(self._client.session, operation)(path), operation, path))
            except (ConnectionLossError, SessionExpiredError):
                if self._client._failure is not None or self._client.closed:
                    raise
                yield Pause(_PAUSE, operation, path)

    # ---- writing ----------------------------------------------------------------------------------------------------

    def create(
        self,
        path: str,
        data: Optional[Data] = b"",
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
    ) -> Operation[str]:
        """Create a znode; the arguments are those of :meth:`zkc.Client.create`.

        Returns:
            The operation. After the commit, its ``result()`` is the path.

        .. versionadded:: 0.1
        """
        made = self._writes.create(path, data, acl=acl, ephemeral=ephemeral, sequential=sequential)
        if not sequential:
            self._written.setdefault(path, len(self._writes) - 1)
        return made

    def set(self, path: str, data: Optional[Data]) -> Operation[Stat]:
        """Replace the data of a znode. If the transaction has read the znode, it must be unchanged.

        Returns:
            The operation. After the commit, its ``result()`` is the new :class:`~zkc.Stat`.

        .. versionadded:: 0.1
        """
        done = self._writes.set(path, data, version=self._version(path))
        self._written.setdefault(path, len(self._writes) - 1)
        return done

    def delete(self, path: str) -> Operation[None]:
        """Delete a znode. If the transaction has read the znode, it must be unchanged.

        .. versionadded:: 0.1
        """
        done = self._writes.delete(path, version=self._version(path))
        self._written.setdefault(path, len(self._writes) - 1)
        return done

    def _version(self, path: str) -> int:
        stat = None if path in self._written else self._stats.get(path)
        return -1 if stat is None else stat.version

    # ---- the commit -------------------------------------------------------------------------------------------------

    def _guards(self) -> list[CoreOp]:
        """Return the operations that fail if what was read has changed."""
        acl = self._client._settings.default_acl
        guards: list[CoreOp] = []
        for path, (names, stat) in self._names.items():  # First: the others change the number of children.
            prefix = "/" if path == "/" else f"{path}/"
            if stat.ephemeral_owner:
                guards.append(("check", path, -1))  # It cannot have children.
                continue
            # A stat shows 2 * creates - children as cversion. The next sequential child has the number of creates.
            creates = (stat.cversion + len(names)) // 2
            guards.append(("create", f"{prefix}{_NAME}", b"", acl, CreateMode.PERSISTENT_SEQUENTIAL))
            guards.append(("delete", f"{prefix}{_NAME}{creates:010d}", -1))
            guards.extend(("check", f"{prefix}{name}", -1) for name in names)
        for path, known in self._stats.items():
            if known is not None and path not in self._written:
                guards.append(("check", path, known.version))
        for path in sorted(set(self._missing.values())):
            if path not in self._written:
                guards.append(("create", path, b"", acl, CreateMode.PERSISTENT))
                guards.append(("delete", path, -1))
        return guards

    def _commit_flow(self, client: CommandClient) -> Flow[bool]:
        return self._commit(client)

    def _commit(self, client: CommandClient) -> Flow[bool]:
        """Check what was read, and write; return False after a conflict with another client."""
        self._writes._committed = True
        if self._conflict is not None:
            return False
        writes = self._writes._core
        if not writes and len(self._stats) + len(self._names) <= 1:
            return True  # One read needs no proof.
        guards = self._guards()
        try:
            results = yield from commit(client, [*guards, *writes])
        except (ConnectionLossError, SessionExpiredError) as error:
            if self._client._failure is not None or self._client.closed:
                raise
            if writes and error.maybe_applied and not (yield from self._not_applied()):
                raise
            yield Pause(_PAUSE, "get")
            return False
        except ZooKeeperError as error:
            if self._is_conflict(error, len(guards)):
                self._conflict = error.path
                return False
            if error.index is not None and error.index >= len(guards):
                error.index -= len(guards)  # As the user has counted them.
                error.results = None if error.results is None else error.results[len(guards) :]
            raise
        for operation, result in zip(self._writes.operations, results[len(guards) :]):
            operation._outcome = result
        return True

    def _is_conflict(self, error: ZooKeeperError, guards: int) -> bool:
        if error.index is None:
            return False
        if error.index < guards:
            return isinstance(error, _CONFLICTS)
        path = self._writes.operations[error.index - guards].path
        if self._written.get(path) != error.index - guards:
            return False  # An earlier operation of the transaction is the cause.
        if isinstance(error, NotEmptyError):
            return path in self._names
        known = self._stats.get(path)
        if isinstance(error, NodeExistsError):
            return path in self._stats and known is None
        return isinstance(error, _CONFLICTS) and known is not None

    def _not_applied(self) -> Flow[bool]:
        """Return whether a znode shows that a commit was not carried out whose reply was lost."""
        for path in self._written:
            known = self._stats.get(path)
            if known is None:
                continue
            session = self._client.session
            synced, looking = session.sync(path), session.exists(path)
            try:
                yield from sub_result_of(synced, "multi", path)
                now = yield from sub_result_of(looking, "multi", path)
            except (ConnectionLossError, SessionExpiredError):
                return False
            return now is not None and (now.czxid, now.mzxid) == (known.czxid, known.mzxid)
        return False
