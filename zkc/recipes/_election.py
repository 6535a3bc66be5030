"""The base of the elections of both clients: their arguments, their state and their flows."""

from __future__ import annotations

import dataclasses
import functools
import logging
import random
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._args import check_data
from zkc._flow import Await, Flow, Signal, result_of
from zkc._zookeeper import RLock
from zkc.errors import NoNodeError, SessionLostError
from zkc.recipes._following import ElectionState, Follower
from zkc.recipes._granting import Acquiring
from zkc.recipes._holds import BaseHold, HoldState, Place
from zkc.recipes._layout import LAYOUTS
from zkc.recipes._leaders import look
from zkc.recipes._owned import PARENTS
from zkc.recipes.errors import ElectionTimeoutError
from zkc.recipes.lock import BaseLock, Contender, contest_of

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc.recipes._contend import Contest
    from zkc.types import ACL, Data

__all__ = ["BaseElection", "ElectionLock", "Pauses", "election_contest"]

_log = logging.getLogger("zkc.recipes")
_SHORTEST, _LONGEST = 0.1, 10.0  # The pauses between two campaigns of run(), in seconds.
_HoldT = TypeVar("_HoldT", bound=BaseHold)
_T = TypeVar("_T")
# By the name that users give: the layout of the names, and the kind of the contenders.
_KINDS = {"curator": ("curator", "latch"), "curator-selector": ("curator", "lock"), "kazoo": ("kazoo", "lock")}


def election_contest(
    client: BaseClient,
    path: str,
    *,
    identifier: str,
    data: Data,
    layout: str,
    acl: Optional[Sequence[ACL]],
    on_suspend: str,
) -> Contest:
    """Check the arguments of an election."""
    if layout not in _KINDS:
        raise ValueError(f"layout must be one of {', '.join(map(repr, _KINDS))}, not {layout!r}")
    names, kind = _KINDS[layout]
    contest = contest_of(
        client,
        path,
        identifier=identifier,
        data=data or None,
        layout=names,
        acl=acl,
        container=True,
        max_waiters=None,
        on_suspend=on_suspend,
    )
    return dataclasses.replace(
        contest, kind=kind, kinds=(kind,), strangers=LAYOUTS[names].strangers(kind), recipe="election"
    )


def _until(stop: Signal, flow: Flow[_T]) -> Flow[Optional[_T]]:
    """Drive a flow, and end it when a signal is set; the outcome is None then."""
    try:
        while not stop.done():
            try:
                step = next(flow)
            except StopIteration as end:
                return cast("_T", end.value)
            if not isinstance(step, Await):
                yield step
                continue
            either = Signal()
            wake = functools.partial(_set, either)
            step.signal.add_done_callback(wake)
            stop.add_done_callback(wake)
            try:
                yield Await(either, step.seconds, step.operation, step.path)
            finally:
                step.signal.remove_done_callback(wake)
                stop.remove_done_callback(wake)
        return None
    finally:
        flow.close()


def _set(signal: Signal, _: Signal) -> None:
    signal.set()


class _Campaign(Acquiring):
    """The flow of a campaign, whose timeout has an error of its own."""

    __slots__ = ()
    _operation = "lead"
    _error = ElectionTimeoutError


class ElectionLock:
    """The lock under an election: it says which contender is its own before the grant, and its grants lead."""

    election: BaseElection[Any]

    def _joined(self, place: Place) -> None:
        self.election._follower.place = place.name

    def _acquire_flow(self, client: CommandClient, endless: bool = False) -> Flow[Any]:
        return self.election._campaign_flow(client, Signal(), endless)

    def _remedy(self, hold: BaseHold) -> str:
        return "Release it, or call resign(), before another campaign"


class BaseElection(Generic[_HoldT]):
    """The base of the elections: their state, and their flows."""

    _client: BaseClient

    def __init__(self, client: BaseClient, contest: Contest, lock: BaseLock[_HoldT]) -> None:
        self._client = client
        self._contest = contest
        self._lock = lock
        cast("ElectionLock", lock).election = self
        self._follower = Follower(client, contest)
        self._guard = RLock()
        self._hold: Optional[_HoldT] = None
        self._stop = Signal()  # Ends the calls of run(); stop() sets it, and puts a new one here.
        self._changed = False  # Whether set_data() was called since the contender joined.

    @property
    def path(self) -> str:
        """The path of the election.

        .. versionadded:: 0.1
        """
        return self._contest.path

    @property
    def leading(self) -> bool:
        """Whether this object leads, as far as the client knows: also while the hold is IN_DOUBT.

        Raises:
            ForkedError: The process is a child of the one that leads.

        .. versionadded:: 0.1
        """
        return self.hold is not None

    @property
    def hold(self) -> Optional[_HoldT]:
        """The hold of this object's leadership; None while it does not lead.

        Raises:
            ForkedError: The process is a child of the one that leads.

        .. versionadded:: 0.1
        """
        hold = self._hold
        if hold is not None:
            hold._check_process("hold")
        return hold

    @property
    def state(self) -> Optional[ElectionState]:
        """The state that the listeners got last; None before the first, as without any listener.

        .. versionadded:: 0.1
        """
        self._client._check_process("state")
        return self._follower.state

    def add_listener(self, listener: Callable[[ElectionState], object]) -> None:
        """Add a listener for the states of the election. It runs where callbacks run.

        From the first listener on, the client follows the leader with one watch. The listener gets the present state,
        and then each change, until the client is closed.

        Args:
            listener: A function of one :class:`ElectionState`. The election adds the same function only once.

        .. versionadded:: 0.1
        """
        self._client._check_process("add_listener")
        self._follower.add(listener)

    def remove_listener(self, listener: Callable[[ElectionState], object]) -> None:
        """Remove a listener. One that was never added is ignored.

        Args:
            listener: The function that was given to :meth:`add_listener`.

        .. versionadded:: 0.1
        """
        self._follower.remove(listener)

    def stop(self) -> None:
        """End the calls of :meth:`run`: they leave the queue, and a leader's function sees its hold as lost.

        It does not wait. Any thread may call it, for asyncio any code of the event loop. A later :meth:`run` starts
        again.

        .. versionadded:: 0.1
        """
        with self._guard:
            stop, self._stop = self._stop, Signal()
        stop.set()

    def __repr__(self) -> str:
        role = PARENTS if self._client._is_forked() else "not leading" if self._hold is None else "leading"
        return f"<zkc.{type(self).__name__} {self.path} {role}>"

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _campaign_flow(self, client: CommandClient, stop: Signal, endless: bool = False) -> Flow[Optional[_HoldT]]:
        lock = self._lock
        self._client._check_process("lead")
        campaign = _Campaign(
            self.path, lambda flow: self._campaign(flow, stop), lock._measures, own=lock._own_holds(endless)
        )
        return cast("Flow[Optional[_HoldT]]", campaign)

    def _campaign(self, campaign: Acquiring, stop: Signal) -> Flow[Optional[_HoldT]]:
        self._changed = False
        hold = yield from _until(stop, self._lock._acquire(campaign))
        if hold is None:
            return None
        try:
            while self._changed:
                self._changed = False
                yield from self._write(hold, self._lock._contest.data)
        except BaseException:
            hold._release_later()
            raise
        self._hold = hold
        # The session refers to the hold, by the watch of its znode, and must not keep the client alive.
        hold._on_end(functools.partial(_end, weakref.ref(self), hold))
        self._follower.lead(hold, self._contest.kind, self._lock._contest.data)
        return hold

    def _write(self, hold: _HoldT, data: Optional[bytes]) -> Flow[None]:
        try:
            yield from result_of(hold._place.session.set(hold.path, data))
        except (NoNodeError, SessionLostError):
            raise hold._lost_error("set_data") from None

    def _resign_flow(self, client: CommandClient) -> Flow[bool]:
        hold = self._hold
        if hold is None:
            return False
        return (yield from hold._resign_flow())

    def _leader_flow(self, client: CommandClient) -> Flow[Optional[Contender]]:
        return look(self._client, self._contest, "leader")

    def _set_data_flow(self, client: CommandClient, data: Data) -> Flow[bool]:
        checked = check_data(data)
        self._lock._contest = dataclasses.replace(self._lock._contest, data=None if checked is None else bytes(checked))
        self._changed = True
        hold = self._hold
        if hold is None:
            return False
        yield from self._write(hold, self._lock._contest.data)
        return True

    def _pause_flow(self, client: CommandClient, stop: Signal, seconds: float) -> Flow[None]:
        yield Await(stop, seconds, "run", self.path)

    def _failed(self, error: Exception, hold: _HoldT) -> None:
        """Log what the leader's function raised, unless the loss of its hold explains it."""
        if hold.state is not HoldState.LOST:
            _log.error("the function of the leader of %s raised; it resigns", self.path, exc_info=error)


def _end(reference: weakref.ref[BaseElection[Any]], hold: BaseHold) -> None:
    election = reference()
    if election is not None and election._hold is hold:
        election._hold = None


class Pauses:
    """The pauses between the campaigns of a run: random, and longer after failures in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def next(self, failed: bool) -> float:
        self._failures = self._failures + 1 if failed else 0
        return min(_SHORTEST * 2.0**self._failures, _LONGEST) * random.uniform(0.5, 1.0)
