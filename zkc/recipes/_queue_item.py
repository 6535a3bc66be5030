"""An item of a queue that a consumer has claimed, and the flows of its ack and nack."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Optional, Union, cast

from zkc._client.transaction import AsyncTransaction, SubmitTransaction, Transaction
from zkc._flow import Flow, Pause, sub_result_of
from zkc.constants import CreateMode
from zkc.errors import ConnectionLossError, SessionExpiredError, SessionLostError, ZooKeeperError
from zkc.recipes._owned import PARENTS
from zkc.recipes._queue_claim import Claim, ClaimLostError
from zkc.recipes.errors import LockLostError

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient
    from zkc.recipes._queue_flows import BaseQueue

__all__ = ["AnyTransaction", "BaseItem"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
AnyTransaction = Union[Transaction, AsyncTransaction, SubmitTransaction]


class BaseItem:
    """The base of items: what they say of themselves, and their flows."""

    def __init__(
        self,
        queue: BaseQueue[Any],
        claim: Claim,
        messages: list[bytes],
        raw: Optional[bytes],
        attempts: int,
        token: int,
    ) -> None:
        self._queue = queue
        self._claim = claim
        self._messages = messages
        self._raw = raw
        self._attempts = attempts
        self._token = token
        self._state = "claimed"  # claimed, ending, acked, returned, lost
        self._reason = "deleted"  # Why it is lost, if it is.
        self._got = time.monotonic()  # When its consumer got it.

    @property
    def data(self) -> bytes:
        """The data that the producer put.

        Raises:
            ValueError: A producer of Curator's has put several messages as one item: see :attr:`messages`.

        .. versionadded:: 0.1
        """
        if len(self._messages) != 1:
            raise ValueError(f"the item {self.path} has {len(self._messages)} messages: use messages")
        return self._messages[0]

    @property
    def messages(self) -> list[bytes]:
        """The messages of the item. It has several only if Curator's ``putMulti`` made it.

        .. versionadded:: 0.1
        """
        return list(self._messages)

    @property
    def path(self) -> str:
        """The path of the item's znode.

        .. versionadded:: 0.1
        """
        return self._claim.path

    @property
    def priority(self) -> int:
        """The priority. Items of a smaller one come first.

        .. versionadded:: 0.1
        """
        return self._claim.entry.priority

    @property
    def attempts(self) -> int:
        """How many times the item was delivered, this time included. Consumers of other libraries do not count.

        .. versionadded:: 0.1
        """
        return self._attempts

    @property
    def token(self) -> int:
        """The fencing token: a number that is larger than that of every earlier delivery of the item.

        .. versionadded:: 0.1
        """
        return self._token

    def __repr__(self) -> str:
        state = PARENTS if self._queue._client._is_forked() else self._state
        return f"<zkc.{type(self).__name__} {self.path} {state} attempts={self._attempts}>"

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _ack_flow(self, client: CommandClient, transaction: Optional[AnyTransaction]) -> Flow[list[Any]]:
        self._begin("ack")
        own = [("delete", self.path, -1)]
        if transaction is None:
            return (yield from self._end("ack", self._claim.end(own, [], self), "acked"))
        if transaction._committed and self._claim.unsure is not transaction:
            raise ValueError("this transaction was committed already: make a new one")
        transaction._committed = True
        ending = self._claim.end(own, transaction._core, transaction)
        return (yield from self._end("ack", transaction._noting(ending), "acked"))

    def _nack_flow(self, client: CommandClient, delay: float) -> Flow[None]:
        self._begin("nack")
        queue, entry = self._queue, self._claim.entry
        most = queue._max_attempts
        if most is not None and self._attempts >= most:
            yield from self._end("nack", self._burying(), "returned")
            return
        own: list[tuple[Any, ...]] = []
        behind: list[tuple[Any, ...]] = []
        if delay:
            queue._layout.check(entry.priority, delay)
            prefix = queue._layout.prefix(
                entry.priority, time.time() + delay, self._attempts, queue._layout.new_marker()
            )
            own = [("delete", self.path, -1)]
            created = f"{queue._items}/{prefix}"
            behind = [("create", created, self._raw, queue._acl, CreateMode.PERSISTENT_SEQUENTIAL)]
        try:
            yield from self._end("nack", self._claim.end(own, behind, self), "returned")
        except GeneratorExit:  # Timed out or cancelled: the item is given back without a caller.
            self._return_later()
            raise
        queue._board.ring()

    def _burying(self) -> Flow[list[Any]]:
        if not (yield from self._queue._bury(self._claim, self._raw, f"it was delivered {self._attempts} times")):
            raise ClaimLostError
        return []

    def _begin(self, operation: str) -> None:
        self._queue._client._check_process(operation)
        if self._state not in ("claimed", "ending"):
            raise self._lost_error(operation)
        self._state = "ending"

    def _end(self, operation: str, ending: Flow[list[Any]], state: str) -> Flow[list[Any]]:
        try:
            results = yield from ending
        except ClaimLostError:
            self._lose("deleted")
            raise self._lost_error(operation) from None
        except SessionLostError:
            self._lose("closed" if self._queue._client.closed else "expired")
            if self._queue._client.closed:
                raise
            gone = self._claim.unsure is not None and (yield from self._is_gone(operation))
            raise self._lost_error(operation, unsure=gone) from None
        except ZooKeeperError:
            if self._claim.unsure is None:
                self._state = "claimed"
            raise
        self._state = state
        self._measure("acks" if state == "acked" else "nacks")
        self._queue._board.done(self._claim.entry)
        return results

    def _is_gone(self, operation: str) -> Flow[bool]:
        """Return whether the item is gone, after a lost reply. If it is there, the transaction was not carried out."""
        client = self._queue._client
        while True:
            try:
                session = client.session
                synced, looking = session.sync(self.path), session.exists(self.path)
                yield from sub_result_of(synced, operation, self.path)
                return (yield from sub_result_of(looking, operation, self.path)) is None
            except (ConnectionLossError, SessionExpiredError) as lost:
                if isinstance(lost, SessionLostError):
                    self._queue._raise_if_over(lost)
                yield Pause(_PAUSE, operation, self.path)

    def _measure(self, name: str) -> None:
        measures = self._queue._measures
        measures.count(name)
        measures.end(self._got, None)

    def _lose(self, reason: str) -> None:
        self._state, self._reason = "lost", reason
        self._queue._measures.end(self._got, reason)
        self._queue._board.put_back(self._claim.entry)

    def _lost_error(self, operation: str, *, unsure: bool = False) -> LockLostError:
        """Make the error of an item that is lost; ``unsure``: this call may have ended it, and the reply was lost."""
        if self._state in ("acked", "returned"):
            reason = self._state
            text = f"the item was {reason} already. Nothing was carried out"
        elif unsure:
            reason = self._reason
            text = (
                f"the claim of the item is lost ({reason}), and so is the reply. The item is gone: either this "
                f"{operation} was carried out, or another consumer has removed it. Check what the {operation} writes"
            )
        else:
            reason = self._reason
            text = (
                f"the claim of the item is lost ({reason}). Nothing was carried out; the item is delivered again, "
                "unless an earlier ack or another consumer has removed it"
            )
        error = LockLostError(LockLostError.describe(operation, self.path, text), operation=operation, path=self.path)
        error.reason, error.token = reason, self._token
        error.session_lost = reason in ("expired", "closed")
        error.maybe_applied, error._decided = unsure, True
        return error

    def _ack_later(self, transaction: Optional[AnyTransaction]) -> None:
        """Do what an ack does, without waiting.

        Raises:
            LockLostError: The claim is known to have ended.
        """
        client = self._queue._client
        client._check_process("ack")
        if self._state not in ("claimed", "ending"):
            raise self._lost_error("ack")
        client._background(cast("Flow[None]", self._ack_flow(client, transaction)))

    def _fail_later(self) -> None:
        """Do what a nack does, without waiting."""
        if self._state == "claimed" and not self._queue._client._is_forked():
            with contextlib.suppress(ZooKeeperError):
                self._queue._client._background(self._nack_flow(self._queue._client, 0.0))

    def _return_later(self) -> None:
        """Give the item back without waiting."""
        if self._state not in ("claimed", "ending") or self._queue._client._is_forked():
            return
        self._state = "returned"
        with contextlib.suppress(ZooKeeperError):
            self._queue._client._background(self._return())

    def _return(self) -> Flow[None]:
        yield from self._claim.give_back()
        self._queue._board.put_back(self._claim.entry)
