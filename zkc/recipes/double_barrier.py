"""The double barrier: a number of programs enter together, and leave together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Optional, cast

from zkc._args import check_count, check_path, check_seconds, encode_acl
from zkc._flow import Flow
from zkc.recipes._late import Late
from zkc.recipes._owned import PARENTS
from zkc.recipes._rounds import Rounds, Stand
from zkc.recipes.errors import BarrierBrokenError

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc.types import ACL

__all__ = ["AsyncDoubleBarrier", "DoubleBarrier", "Round"]

_NO_LIMIT = 1e9  # Thirty years, in seconds.


def _limit(timeout: Optional[float]) -> float:
    return _NO_LIMIT if timeout is None else check_seconds(timeout)


@dataclass(frozen=True)
class Round:
    """A round of a double barrier, as its members see it.

    .. versionadded:: 0.1
    """

    generation: int
    """The number of the round: 0 for the first at a path, and larger for each later one."""
    members: tuple[str, ...]
    """The identifiers of the members, in the order in which they joined."""
    index: int
    """The index of this member among them. Exactly one member has the index 0."""


class BaseDoubleBarrier:
    """The base of the double barriers: their state, and their flows."""

    def __init__(self, client: BaseClient, path: str, n: int, *, identifier: str, acl: Optional[Sequence[ACL]]) -> None:
        check_path(path)
        if path == "/":
            raise ValueError("path must not be the root: a double barrier needs a znode of its own")
        check_count(n, "n", 1)
        self._client = client
        self._path = path
        self._n = n
        entries = client._settings.default_acl if acl is None else encode_acl(acl)
        self._rounds = Rounds(client, path, n, identifier, entries)
        self._stand: Optional[Stand] = None

    @property
    def path(self) -> str:
        """The path of the double barrier.

        .. versionadded:: 0.1
        """
        return self._path

    @property
    def entered(self) -> bool:
        """Whether this object has entered a round and not left it yet.

        .. versionadded:: 0.1
        """
        self._client._check_process("entered")
        return self._stand is not None

    def __repr__(self) -> str:
        state = f" {PARENTS}" if self._client._is_forked() else " entered" if self._stand is not None else ""
        return f"<zkc.{type(self).__name__} {self._path} n={self._n}{state}>"

    def _enter_flow(self, client: CommandClient) -> Flow[Round]:
        self._client._check_process("enter")
        missed, advice = self._missed(0), "this member leaves no znode"
        return cast("Flow[Round]", Late("enter", self._path, missed, advice, self._enter))

    def _missed(self, came: int) -> str:
        return f"{came} of {self._n} members came"

    def _enter(self, entering: Late) -> Flow[Round]:
        if self._stand is not None:
            raise RuntimeError("this double barrier was entered: leave it, or make one object for each member")
        rounds = self._rounds
        stand = yield from rounds.join()

        def note(came: int) -> None:
            entering.missed = self._missed(came)

        try:
            roll = yield from rounds.wait(stand, "enter", note)
        except BarrierBrokenError:
            rounds.in_background(rounds.clean(stand))
            raise
        except BaseException:  # Timed out or cancelled: this member gives up.
            rounds.in_background(rounds.give_up(stand))
            raise
        self._stand = stand
        entering.undo = self._abort_later
        return Round(stand.generation, tuple(roll.members.values()), list(roll.members).index(stand.name))

    def _leave_flow(self, client: CommandClient) -> Flow[None]:
        self._client._check_process("leave")
        stand, self._stand = self._stand, None
        if stand is None:
            raise RuntimeError("this double barrier was not entered: call enter() first")
        return self._leave(stand)

    def _leave(self, stand: Stand) -> Flow[None]:
        rounds = self._rounds
        try:
            yield from rounds.mark_left(stand)
            yield from rounds.wait(stand, "leave")
        finally:  # If it has not left yet, the others see the end of its znode: it has given up.
            rounds.in_background(rounds.clean(stand))

    def _abort_flow(self, client: CommandClient) -> Flow[bool]:
        self._client._check_process("abort")
        stand, self._stand = self._stand, None
        return self._abort(stand)

    def _abort(self, stand: Optional[Stand]) -> Flow[bool]:
        if stand is None:
            return False
        try:
            yield from self._rounds.give_up(stand)
        except GeneratorExit:
            self._rounds.in_background(self._rounds.give_up(stand))
            raise
        return True

    def _abort_later(self) -> None:
        if self._client._is_forked():
            return
        stand, self._stand = self._stand, None
        if stand is not None:
            self._rounds.in_background(self._rounds.give_up(stand))


class DoubleBarrier(BaseDoubleBarrier):
    """A double barrier of a synchronous client. :meth:`zkc.Client.double_barrier` makes it.

    As a context manager it enters and leaves. A block that raises breaks the round.

    >>> with client.double_barrier("/phase", 1, identifier="host-1") as round_:
    ...     print(round_.generation, round_.members)

    .. versionadded:: 0.1
    """

    _client: Client

    def enter(self, *, timeout: Optional[float] = None) -> Round:
        """Wait until ``n`` members have entered.

        Args:
            timeout: Timeout in seconds; None for no limit. A member whose time ends gives up, which breaks the round.

        Returns:
            The round.

        Raises:
            BarrierBrokenError: A member has died or given up, or this client's session has expired.
            BarrierSizeError: The members that wait have given another ``n``.
            OperationTimeoutError: Too few members have entered in time.

        .. versionadded:: 0.1
        """
        return self._client._run(self._enter_flow, _limit(timeout))

    def leave(self, *, timeout: Optional[float] = None) -> None:
        """Wait until all members of the round leave.

        Args:
            timeout: Timeout in seconds; None for no limit. This member has left then, and the others may go on.

        Raises:
            BarrierBrokenError: A member has died or given up before it left, or this client's session has expired.
            OperationTimeoutError: Not all members have left in time.

        .. versionadded:: 0.1
        """
        self._client._run(self._leave_flow, _limit(timeout))

    def abort(self, *, timeout: Optional[float] = None) -> bool:
        """Give up the round that was entered, which breaks it for all members.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The call continues in the background.

        Returns:
            Whether this object had entered a round.

        .. versionadded:: 0.1
        """
        return self._client._run(self._abort_flow, timeout)

    def __enter__(self) -> Round:
        return self.enter()

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is None:
            self.leave()
        else:
            self._abort_later()


class AsyncDoubleBarrier(BaseDoubleBarrier):
    """A double barrier of a client for asyncio, as :class:`DoubleBarrier`.

    :meth:`zkc.AsyncClient.double_barrier` makes it.

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def enter(self, *, timeout: Optional[float] = None) -> AsyncFuture[Round]:
        """Wait until ``n`` members have entered, as :meth:`DoubleBarrier.enter` does. A cancellation breaks the round.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Round]", self._client._run(self._enter_flow, _limit(timeout)))

    def leave(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Wait until all members of the round leave, as :meth:`DoubleBarrier.leave` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._leave_flow, _limit(timeout)))

    def abort(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Give up the round that was entered, as :meth:`DoubleBarrier.abort` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._abort_flow, timeout))

    async def __aenter__(self) -> Round:
        return await self.enter()

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is None:
            await self.leave()
        else:
            self._abort_later()
