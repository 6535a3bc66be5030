"""Fenced transactions: writes that the servers carry out only while a hold exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from zkc._args import check_seconds
from zkc._client.transaction import AsyncTransaction, BaseTransaction, Transaction
from zkc._commands.transaction import commit
from zkc._flow import Flow
from zkc.errors import NoNodeError, SessionLostError, ZooKeeperError, without_front
from zkc.recipes._places import HoldState

if TYPE_CHECKING:
    from zkc._commands.transaction import CoreOp
    from zkc.recipes._holds import BaseHold

__all__ = ["AsyncFencedTransaction", "FencedTransaction"]


class _Fenced(BaseTransaction):
    """The base of fenced transactions: the checks of the hold's znodes stand in front of the operations."""

    _hold: BaseHold

    def _fence(self, hold: BaseHold) -> None:
        self._hold = hold

    def _commit(self, timeout: Optional[float]) -> Any:
        if self._committed:
            raise ValueError("this transaction was committed already: make a new one")
        if timeout is not None:
            check_seconds(timeout)
        self._hold._check_process("commit")
        if self._hold._state in (HoldState.LOST, HoldState.RELEASED):
            raise self._hold._lost_error("commit")
        self._committed = True
        return self._runner._run(_commit_fenced, timeout, self)

    def _fenced(self, client: Any) -> Flow[list[Any]]:
        checks: list[CoreOp] = [("check", path, -1) for path in self._hold._place.paths]
        front = len(checks)
        try:
            results = yield from commit(client, [*checks, *self._core])
        except SessionLostError as error:
            if error.maybe_applied is not False:
                raise
            self._hold._change(HoldState.LOST, self._hold._holds.end_reason(self._hold._place))
            raise self._hold._lost_error("commit") from None
        except ZooKeeperError as error:
            if error.index is None:
                raise
            if error.index < front and isinstance(error, NoNodeError):
                self._hold._change(HoldState.LOST, "deleted")
                raise self._hold._lost_error("commit") from None
            if error.index < front:
                error.index = 0
                error.results = None if error.results is None else error.results[front:]
            else:
                without_front(error, front)
            raise
        return results[front:]


def _commit_fenced(client: Any, transaction: _Fenced) -> Flow[list[Any]]:
    return transaction._noting(transaction._fenced(client))


class FencedTransaction(_Fenced, Transaction):
    """A :class:`~zkc.Transaction` that fails if its hold has ended.

    The servers check the znode of the hold in the same step. So a client that was paused or cut off, and whose hold is
    lost without its knowledge, writes nothing: the commit raises :class:`~zkc.recipes.LockLostError`. A hold that is
    known to be lost refuses the commit before anything is sent.

    .. versionadded:: 0.1
    """


class AsyncFencedTransaction(_Fenced, AsyncTransaction):
    """A :class:`~zkc.AsyncTransaction` that fails if its hold has ended: see :class:`FencedTransaction`.

    .. versionadded:: 0.1
    """
