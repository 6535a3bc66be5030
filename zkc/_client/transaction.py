"""Transactions: several operations that the servers carry out all together, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._api.runner import name_methods
from zkc._args import (
    check_create_path,
    check_data,
    check_data_size,
    check_path,
    check_seconds,
    check_version,
    create_mode,
    data_size,
    encode_acl,
)
from zkc._commands.transaction import CoreOp, commit
from zkc.errors import ConnectionLossError, ZooKeeperError
from zkc.types import ACL, Data, Stat

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._api.runner import Runner
    from zkc._client.aio import AsyncFuture
    from zkc._client.submit import Future
    from zkc._flow import Flow
    from zkc._session.settings import Settings
    from zkc.constants import CreateMode

__all__ = ["AsyncTransaction", "Operation", "SubmitTransaction", "Transaction"]

_T = TypeVar("_T")
_PENDING = object()


class Operation(Generic[_T]):
    """An operation of a transaction, and its result after the commit.

    .. versionadded:: 0.1
    """

    __slots__ = ("_outcome", "name", "path")

    name: str
    """``check``, ``create``, ``create_with_stat``, ``set`` or ``delete``."""
    path: str
    """Path of its znode, as given."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self._outcome: object = _PENDING

    def result(self) -> _T:
        """Return the result of the operation.

        Returns:
            The path for a create, the path and the :class:`~zkc.Stat` for a create with stat, the new
            :class:`~zkc.Stat` for a set, None for a check or a delete.

        Raises:
            RuntimeError: The transaction has no result yet.
            ZooKeeperError: The transaction failed. The operation that failed raises its error, the others
                :class:`~zkc.RuntimeInconsistencyError`.

        .. versionadded:: 0.1
        """
        if self._outcome is _PENDING:
            raise RuntimeError(f"{self!r} has no result: commit the transaction first")
        if isinstance(self._outcome, ZooKeeperError):
            raise self._outcome
        return cast("_T", self._outcome)

    def __repr__(self) -> str:
        return f"<zkc.Operation {self.name} {self.path!r}>"


class BaseTransaction:
    """The base of all transactions: the operations."""

    def __init__(self, runner: Runner, settings: Settings) -> None:
        self._runner = runner
        self._default_acl = settings.default_acl
        self._max_data = settings.max_data
        self._size = 0  # Of the data so far, in bytes.
        self._core: list[CoreOp] = []
        self._committed = False
        self.operations: list[Operation[Any]] = []
        """The operations so far, in their order."""

    def __len__(self) -> int:
        return len(self.operations)

    def _add(self, core: CoreOp) -> Operation[Any]:
        if self._committed:
            raise ValueError("this transaction was committed: make a new one")
        operation: Operation[Any] = Operation(core[0], core[1])
        self._core.append(core)
        self.operations.append(operation)
        return operation

    def _copy(self, operation: str, path: str, data: Optional[Data]) -> Optional[bytes]:
        """Return a copy of data for the request. Data that make it too large are refused before they are copied."""
        size = self._size + data_size(check_data(data))
        check_data_size(operation, path, size, self._max_data)
        copied = data if data is None else bytes(data)
        self._size = size
        return copied

    def check(self, path: str, version: int = -1) -> Operation[None]:
        """Require that a znode exists, with a version.

        Args:
            path: Path of the znode.
            version: The version (``stat.version``) that the znode must have; -1 for any version.

        .. versionadded:: 0.1
        """
        return self._add(("check", check_path(path), check_version(version)))

    def create(
        self,
        path: str,
        data: Optional[Data] = b"",
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
    ) -> Operation[str]:
        """Create a znode; the arguments are those of :meth:`zkc.Client.create`.

        .. versionadded:: 0.1
        """
        mode = create_mode(ephemeral, sequential, container, ttl)
        return self._create("create", path, data, acl, mode, ttl, sequential)

    def create_with_stat(
        self,
        path: str,
        data: Optional[Data] = b"",
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
    ) -> Operation[tuple[str, Optional[Stat]]]:
        """Create a znode and return its stat; the arguments are those of :meth:`zkc.Client.create`.

        Returns:
            An operation whose result is ``(path, stat)``. The stat is None if the server does not send it: servers
            before 3.7.2, 3.8.2 and 3.9.0 send none for a plain, ephemeral or sequential znode (ZOOKEEPER-4026).

        .. versionadded:: 0.1
        """
        mode = create_mode(ephemeral, sequential, container, ttl)
        return self._create("create_with_stat", path, data, acl, mode, ttl, sequential)

    def _create(
        self,
        name: str,
        path: str,
        data: Optional[Data],
        acl: Optional[Sequence[ACL]],
        mode: CreateMode,
        ttl: Optional[float],
        sequential: bool,
    ) -> Operation[Any]:
        check_create_path(path, sequential)
        entries = self._default_acl if acl is None else encode_acl(acl)
        core: CoreOp = (name, path, self._copy(name, path, data), entries, mode)
        return self._add(core if ttl is None else (*core, ttl))

    def set(self, path: str, data: Optional[Data], *, version: int = -1) -> Operation[Stat]:
        """Replace the data of a znode; the arguments are those of :meth:`zkc.Client.set`.

        .. versionadded:: 0.1
        """
        check_path(path)
        check_version(version)
        return self._add(("set", path, self._copy("set", path, data), version))

    def delete(self, path: str, *, version: int = -1) -> Operation[None]:
        """Delete a znode; the arguments are those of :meth:`zkc.Client.delete`.

        .. versionadded:: 0.1
        """
        return self._add(("delete", check_path(path), check_version(version)))

    def _commit(self, timeout: Optional[float]) -> Any:
        if self._committed:
            raise ValueError("this transaction was committed already: make a new one")
        if timeout is not None:
            check_seconds(timeout)
        self._committed = True
        return self._runner._run(_commit_and_note, timeout, self._core, self.operations)

    def _noting(self, flow: Flow[list[Any]]) -> Flow[list[Any]]:
        """Note the results of a flow that carries out the operations."""
        noted: Flow[list[Any]] = _note(flow, self.operations)
        return noted

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} of {len(self)} operations>"


def _commit_and_note(client: Any, core: list[CoreOp], operations: list[Operation[Any]]) -> Any:
    flow = commit(client, core)
    return _note(flow, operations)


def _note(flow: Any, operations: list[Operation[Any]]) -> Any:
    try:
        results = yield from flow
    except ZooKeeperError as error:
        for i, operation in enumerate(operations):
            operation._outcome = error if error.results is None else error.results[i]
        raise
    for operation, result in zip(operations, results):
        operation._outcome = result
    for operation in operations[len(results) :]:  # A recipe found out without the reply.
        text = "the transaction was carried out, but its reply was lost"
        operation._outcome = ConnectionLossError(
            ConnectionLossError.describe("multi", operation.path, text), operation="multi", path=operation.path
        )
    return results


class Transaction(BaseTransaction):
    """Operations that the servers carry out all together, in their order, or not at all.

    A ``with`` statement commits at its end, unless its block raises: then nothing is sent.

    >>> with client.transaction() as t:
    ...     t.check("/config", version=3)
    ...     made = t.create("/config/item-", b"x", sequential=True)
    >>> made.result()
    '/config/item-0000000000'

    .. versionadded:: 0.1
    """

    def commit(self, *, timeout: Optional[float] = None) -> list[Any]:
        """Carry out the operations.

        Args:
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The result of each operation, as :meth:`Operation.result` returns it.

        Raises:
            ZooKeeperError: No operation was carried out. The error has the class that fits the failed operation; its
                ``index`` and ``results`` say which operation failed, and why.
            ValueError: It was committed already, or the whole transaction exceeds the client's ``max_data``.

        .. versionadded:: 0.1
        """
        results: list[Any] = self._commit(timeout)
        return results

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is None and not self._committed:
            self.commit()


class AsyncTransaction(BaseTransaction):
    """A :class:`~zkc.Transaction` for asyncio: ``async with``, and a commit to await.

    .. versionadded:: 0.1
    """

    def commit(self, *, timeout: Optional[float] = None) -> AsyncFuture[list[Any]]:
        """Carry out the operations, as :meth:`Transaction.commit` does.

        .. versionadded:: 0.1
        """
        future: AsyncFuture[list[Any]] = self._commit(timeout)
        return future

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is None and not self._committed:
            await self.commit()


class SubmitTransaction(BaseTransaction):
    """A :class:`~zkc.Transaction` whose commit returns a :class:`~zkc.Future`.

    .. versionadded:: 0.1
    """

    def commit(self, *, timeout: Optional[float] = None) -> Future[list[Any]]:
        """Carry out the operations, as :meth:`Transaction.commit` does.

        .. versionadded:: 0.1
        """
        future: Future[list[Any]] = self._commit(timeout)
        return future


if not TYPE_CHECKING:
    name_methods(Transaction, AsyncTransaction, SubmitTransaction)
