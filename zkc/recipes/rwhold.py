"""The holds of a read-write lock, one of which becomes the other by a downgrade."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Optional, TypeVar, cast

from zkc._flow import Flow, Pause, Undoable, result_of
from zkc.constants import CreateMode
from zkc.errors import ConnectionLossError, NoNodeError, SessionLostError
from zkc.recipes._contend import Contest
from zkc.recipes._holds import BaseHold, HoldState, Place, boot_time, delete_surely, stat_of
from zkc.recipes._layout import UNWORN, counter_text, is_worn, sequence_of
from zkc.recipes._measures import measures_of
from zkc.recipes.errors import UpgradeError
from zkc.recipes.hold import AsyncHold, Hold

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc.types import Stat

__all__ = ["AsyncReadHold", "AsyncWriteHold", "ReadHold", "WriteHold", "upgrade_error"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_HoldT = TypeVar("_HoldT", bound=BaseHold)


class ReadHold(Hold):
    """A hold of a read lock. :meth:`ReadLock.acquire` and :meth:`WriteHold.downgrade` return it.

    .. versionadded:: 0.1
    """

    def upgrade(self) -> NoReturn:
        """Raise an error: a read hold cannot become a write hold, because two that tried would wait for each other.

        Raises:
            UpgradeError: Always. Release the hold and acquire the write lock.

        .. versionadded:: 0.1
        """
        raise upgrade_error(self.path)


class AsyncReadHold(AsyncHold):
    """A hold of a read lock of a client for asyncio.

    .. versionadded:: 0.1
    """

    async def upgrade(self) -> NoReturn:
        """Raise an error, as :meth:`ReadHold.upgrade` does.

        .. versionadded:: 0.1
        """
        raise upgrade_error(self.path)


def upgrade_error(path: str) -> UpgradeError:
    text = f"{UpgradeError.what}; {UpgradeError.advice}"
    return UpgradeError(UpgradeError.describe("upgrade", path, text), operation="upgrade", path=path)


class _Downgrades(BaseHold, Generic[_HoldT]):
    """The part of a write hold that becomes a read hold."""

    _contest: Contest
    _reader: type[_HoldT]
    _moving = False  # Whether a downgrade deletes the own znode.

    def _change(self, state: HoldState, reason: Optional[str] = None) -> bool:
        if self._moving and reason == "deleted":
            return False  # By the downgrade itself, which ends the hold.
        return super()._change(state, reason)

    def _downgrade_flow(self) -> Flow[_HoldT]:
        return cast("Flow[_HoldT]", Undoable(self._downgrade))

    def _downgrade(self, undoable: Undoable) -> Flow[_HoldT]:
        self._check_process("downgrade")
        with self._lock:
            if self._moving or self._state in (HoldState.LOST, HoldState.RELEASED):
                raise self._lost_error("downgrade")
            self._moving = True
        target = self._target()
        try:
            place = yield from self._move(target)
        except SessionLostError:
            self._moving = False
            self._change(HoldState.LOST, "expired")
            raise self._lost_error("downgrade") from None
        except NoNodeError:
            self._moving = False
            self._change(HoldState.LOST, "deleted")
            raise self._lost_error("downgrade") from None
        except BaseException:  # Timed out, cancelled or refused: the caller holds nothing.
            # In this order: once the old znode is deleted, a transaction under way is refused.
            self._holds.in_background(delete_surely(self._place.session, self.path, target))
            self._change(HoldState.RELEASED)
            raise
        hold = self._reader(self._holds, place, self._on_suspend)
        undoable.undo = hold._release_later
        hold._taker = self._taker
        measures_of(self._holds.client("downgrade", self.path), "read_lock").grant(hold, None)
        self._holds.add(hold)
        self._change(HoldState.RELEASED)
        return hold

    def _target(self) -> str:
        """Return the path of the reader's znode. Its counter is the writer's: so it keeps the place.

        Worn counters do not keep a place. The last other one does: the writer, which holds, has no contender in front.
        """
        layout = self._contest.layout
        counter = f"{UNWORN:010d}" if is_worn(self._place.sequence) else counter_text(self.path)
        return f"{self._contest.path}/{layout.prefix(layout.new_marker(), 'read')}{counter}"

    def _move(self, target: str) -> Flow[Place]:
        """Replace the writer's znode by the reader's, in one transaction."""
        session, contest = self._place.session, self._contest
        change: list[Any] = [
            ("delete", self.path, -1),
            ("create", target, contest.data, contest.acl, CreateMode.EPHEMERAL),
        ]
        while True:
            sent = boot_time()
            try:
                # In one flight; a transaction of an older libzookeeper cannot return the stat.
                moving, looking = session.multi(change), session.exists(target)
                yield from result_of(moving)
                stat = yield from result_of(looking)
                if stat is None:
                    raise NoNodeError(operation="downgrade", path=target)
            except ConnectionLossError:
                stat = yield from self._look(target)
            if stat is not None:
                own = self._place
                return Place(target, sequence_of(target), stat.czxid, session, own.session_id, proved=sent)

    def _look(self, target: str) -> Flow[Optional[Stat]]:
        """Return the stat of the reader's znode after a lost reply; None if the transaction was not carried out."""
        while True:
            yield Pause(_PAUSE, "downgrade", self.path)
            with contextlib.suppress(ConnectionLossError):
                return (yield from stat_of(self._place.session, target))


class WriteHold(_Downgrades[ReadHold], Hold):
    """A hold of a write lock, which may become a read hold.

    .. versionadded:: 0.1
    """

    _reader = ReadHold

    def downgrade(self, *, timeout: Optional[float] = None) -> ReadHold:
        """Become a reader without a gap: no writer gets the lock in between, and the readers behind get it at once.

        One transaction replaces the contender's znode by a reader's at the same place in the queue. This hold is
        RELEASED then. It is released as well if the call times out or is interrupted.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The read hold, with a token of its own. ``with hold.downgrade():`` releases it at the end of the block.

        Raises:
            LockLostError: The hold has ended.

        .. versionadded:: 0.1
        """
        client = cast("Client", self._holds.client("downgrade", self.path))
        return client._run(_downgrade, timeout, self)


class AsyncWriteHold(_Downgrades[AsyncReadHold], AsyncHold):
    """A hold of a write lock of a client for asyncio.

    .. versionadded:: 0.1
    """

    _reader = AsyncReadHold

    def downgrade(self, *, timeout: Optional[float] = None) -> AsyncFuture[AsyncReadHold]:
        """Become a reader without a gap, as :meth:`WriteHold.downgrade` does.

        .. versionadded:: 0.1
        """
        client = cast("AsyncClient", self._holds.client("downgrade", self.path))
        return cast("AsyncFuture[AsyncReadHold]", client._run(_downgrade, timeout, self))


def _downgrade(client: CommandClient, hold: _Downgrades[_HoldT]) -> Flow[_HoldT]:
    return hold._downgrade_flow()
