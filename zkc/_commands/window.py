"""The window of requests in flight, through which bulk and tree commands send."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Flow, Pause, Step
from zkc._zookeeper import RequestWindow, Session
from zkc.constants import State
from zkc.errors import ConnectionLossError, UnimplementedError, ZooKeeperError

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient

Progress = Optional[Callable[[int], object]]
# Sends the requests of some items, and appends a request, or a FailedRequest, for each item.
Sender = Callable[[Iterator[Any], RequestWindow], None]

WINDOW = 1000
MOST_WINDOW = 16384
# The most requests that a step of a flow sends and takes: some milliseconds, so that an event loop gets its turns.
STEP = 512
NO_SLOT = 0.002  # The pause in seconds before the next try while other calls have all slots.
RESENDS = 3  # Reads that are sent until a server that refuses a request has closed the connection.
_CONNECTED = (State.CONNECTED, State.READ_ONLY)


class FailedRequest:
    """A stand-in for a request that was refused at once. It is done from the start."""

    __slots__ = ("error",)

    def __init__(self, error: ZooKeeperError) -> None:
        self.error = error

    def done(self) -> bool:
        return True

    def wait(self, timeout: Optional[float] = None) -> bool:
        return True

    def result(self) -> None:
        raise self.error


class BadItem(Exception):  # noqa: N818 - internal; the window raises the error that it carries
    """An item of a wrong type or value."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def run_window(
    client: CommandClient,
    session: Session,
    items: Iterator[Any],
    send: Sender,
    window: int,
    *,
    name: str = "items",
    room: Callable[[], int] = lambda: STEP,
    raise_errors: bool = False,
    progress: Progress = None,
) -> Flow[list[Any]]:
    """Send a request for each item, at most a window of them in flight, and collect the results in order.

    Args:
        client: Whose call it is.
        session: Where to send. When it ends, the items that are left get the error of that.
        items: What to send requests for; taken as they are sent.
        send: Sends the requests of the items that it is given.
        window: Most requests under way.
        name: What the items are called in messages.
        room: Returns how many requests may be sent now.
        raise_errors: Whether to raise the first error, after all replies to what was sent, instead of collecting it.
        progress: Told after each step how many items are done.
    """
    pipe = _Window(client, session, items, send, window, name, room, raise_errors)
    while True:
        pipe.fill()
        step = pipe.step()
        if step is not None:
            yield step
        elif not pipe.waiting and not pipe.more:
            return pipe.end(progress)
        if pipe.take() and progress is not None:
            progress(len(pipe.results))
        if pipe.waiting.refused:
            pipe.waiting = yield from send_again(client, session, pipe.waiting)


def send_again(client: CommandClient, session: Session, waiting: RequestWindow) -> Flow[RequestWindow]:
    """Send reads again, a request for each, that a server before 3.6 refused, or lost by closing the connection.

    Args:
        client: Whose call it is.
        session: Where to send.
        waiting: The window with the refused reads.

    Returns:
        The window in its place: the same reads in the same order.
    """
    again = RequestWindow()
    reconnected = False
    for index in range(len(waiting)):
        item: Any = waiting.at(index)
        while not item.done():
            yield item
        if not isinstance(item, FailedRequest) and _lost(item):
            path, operation = item.path, item.operation
            item = yield from _send_one(client, session, operation, path)
            # The server may not have closed the connection yet. Then the first read is lost with it, and shows that.
            for _ in range(0 if reconnected else RESENDS):
                while not item.done():
                    yield item
                if not _lost(item):
                    break
                item = yield from _send_one(client, session, operation, path)
            reconnected = True
        again.append(item)
    return again


def _lost(item: Any) -> bool:
    try:
        item.result()
    except (UnimplementedError, ConnectionLossError):
        return True
    except ZooKeeperError:
        pass  # The window reports it.
    return False


def _send_one(client: CommandClient, session: Session, operation: str, path: str) -> Flow[Any]:
    """Send a read when there is a connection and a slot in flight. It is not waited for."""
    # Without a connection for so long the read is sent nevertheless, and its error tells the state.
    end = time.monotonic() + client._settings.session_timeout
    while session.state not in _CONNECTED and not session.unrecoverable and time.monotonic() < end:
        yield Pause(NO_SLOT, operation, path)
    while session.in_flight >= client._settings.max_in_flight:
        yield Pause(NO_SLOT, operation, path)
    try:
        return getattr(session, operation)(path)
    except ZooKeeperError as error:
        return FailedRequest(error)


class _Window:
    """The requests of a bulk call that are in flight, and the results of the finished ones.

    Replies arrive in the order of the requests. So the flow waits for the request in the middle of the window, then
    takes all replies before it. That is one release of the GIL, or one callback, for half a window. While much of the
    window is done, the flow does not wait, because getting the GIL back can take long.
    """

    def __init__(
        self,
        client: CommandClient,
        session: Session,
        items: Iterator[Any],
        send: Sender,
        window: int,
        name: str,
        room: Callable[[], int],
        raise_errors: bool,
    ) -> None:
        self.client = client
        self.session = session
        self.items = items
        self.send = send
        self.window = window
        self.half = min(max(1, window // 2), STEP)
        self.enough = max(1, self.half * 3 // 4)  # So many finished requests are worth a step without a wait.
        self.slots = client._settings.max_in_flight
        self.name = name
        self.most = room
        self.raise_errors = raise_errors
        self.more = True  # Whether there may be further items to send.
        self.waiting = RequestWindow()
        self.results: list[Any] = []
        self.failure: Optional[Exception] = None  # The error to raise at the end.
        self.ended: Optional[ZooKeeperError] = None  # The reason why nothing more can be sent.

    def fill(self) -> None:
        """Send items while there is room in the window."""
        if not self.more:
            return
        waiting, before = self.waiting, len(self.waiting)
        room = self._room()
        if room <= 0:
            return
        try:
            self.send(islice(self.items, room), waiting)
        except BadItem as bad:
            index = len(self.results) + len(waiting)
            self.failure = type(bad.error)(f"{self.name}[{index}]: {bad.error}")
        except Exception as error:  # noqa: BLE001 - of the iterable: raised after the replies to the sent requests
            self.failure = error
        self.more = self.failure is None and len(waiting) - before == room

    def _room(self) -> int:
        # The flow waits for a slot that other calls have; a send that waits would block an event loop.
        return min(self.window - len(self.waiting), STEP, self.slots - self.session.in_flight, self.most())

    def step(self) -> Optional[Step]:
        """Return the step to wait for; None if there is none."""
        waiting = self.waiting
        if not waiting:
            return Pause(NO_SLOT) if self.more else None
        step = waiting.at(min(len(waiting), self.half) - 1)
        if step.done() or waiting.at(min(len(waiting), self.enough) - 1).done():
            step = waiting.at(0)  # A refused request is done before the requests that were sent before it.
        if not step.done() and not (self.more and self._room() > 0):
            pending: Step = step
            return pending
        # There is more to do at once, after a turn of the event loop. No timers run in a closed client.
        return None if self.client.closed else Pause(0.0)

    def take(self) -> bool:
        """Take the finished requests; return whether there were any."""
        return self.waiting.take(self.results, STEP, self._failed) > 0

    def _failed(self, error: ZooKeeperError, request: Any) -> ZooKeeperError:
        if self.raise_errors and self.failure is None:
            self.failure, self.more = error, False
        if error.session_lost and isinstance(request, FailedRequest):
            self.ended, self.more = error, False
        return error

    def end(self, progress: Progress) -> list[Any]:
        """Return the results, or raise the error."""
        if self.failure is not None:
            try:
                raise self.failure
            finally:
                self.failure = None  # Its traceback refers to this frame, and so to this object.
        if self.ended is not None:
            error = type(self.ended)(operation=self.ended.operation, maybe_applied=False)
            rest = [error for _ in self.items]
            self.results += rest
            if rest and progress is not None:
                progress(len(self.results))
        return self.results
