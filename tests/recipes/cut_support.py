"""A proxy that loses the n-th request of a scenario, or its reply, so that every point of it can be tried."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Optional

import pytest

import zkc
from zkc.testing import FaultProxy

from ..client.both import eventually

# Not counted: pings, credentials, watches that are set again, the end of a session.
_OTHERS = {11, 100, 101, 105, -11}
NAMES = {
    1: "create",
    2: "delete",
    3: "exists",
    4: "get",
    5: "set",
    8: "children",
    9: "sync",
    12: "children",
    14: "multi",
    15: "create",
    18: "remove_watches",
    19: "create",
    22: "get",  # Many reads at once, or a request for each: that depends on how many are due at the same moment.
}


class _Stream:
    """One direction of a connection: its bytes become whole messages."""

    def __init__(self) -> None:
        self._bytes = b""
        self._greeted = False

    def feed(self, data: bytes) -> list[tuple[Optional[int], int, bytes]]:
        """Return the complete messages: the xid (None for the handshake), the next 4 bytes, and all bytes."""
        self._bytes += data
        found: list[tuple[Optional[int], int, bytes]] = []
        while len(self._bytes) >= 4:
            end = 4 + struct.unpack_from(">i", self._bytes)[0]
            if len(self._bytes) < end:
                break
            message, self._bytes = self._bytes[:end], self._bytes[end:]
            if self._greeted:
                xid, following = struct.unpack_from(">ii", message, 4)
                found.append((xid, following, message))
            else:
                found.append((None, 0, message))
                self._greeted = True
        return found


class _Course:
    """The requests and replies of one connection."""

    def __init__(self) -> None:
        self.requests = _Stream()
        self.replies = _Stream()
        self.waiting: set[int] = set()  # The xids of the forwarded requests without a reply.
        self.lost: Optional[int] = None  # The xid of the request whose reply is lost.
        self.ending = False  # Whether the connection ends with the reply to the last forwarded request.


class Cutter(FaultProxy):
    """A proxy that cuts the connection at a request, also between requests that were sent in one flight.

    A lost request is the first that does not reach the server; the replies to the earlier ones reach the client. A lost
    reply is the first that does not reach the client.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        super().__init__(target_host, target_port)
        self._courses: dict[Any, _Course] = {}
        self._left = 0  # The number of requests until the cut; 0 without one to come.
        self._fate = self._name = ""
        self.seen: list[str] = []  # The requests since cut_at().
        self.cut: Optional[str] = None  # The request that was lost, or whose reply was.

    def cut_at(self, number: int, fate: str, name: str = "") -> None:
        """Lose the n-th request from now on.

        Args:
            number: The number of the request, from 1.
            fate: ``drop`` loses the request, ``lose`` its reply.
            name: The name of the requests that count; without one, all do.
        """

        def act() -> None:
            self._left, self._fate, self._name, self.seen, self.cut = number, fate, name, [], None

        self._do(act)

    @property
    def has_cut(self) -> bool:
        """Whether that request was sent."""
        return self.cut is not None

    def _forward(self, link: Any, sock: object, events: int) -> None:
        before = [(side, len(side.outgoing)) for side, _ in link.pairs()]
        side = link.server if sock is link.client.socket else link.client
        known = next(length for one, length in before if one is side)
        super()._forward(link, sock, events)
        if link not in self._links:
            self._courses.pop(link, None)
            return
        course = self._courses.setdefault(link, _Course())
        new = bytes(side.outgoing[known:])
        del side.outgoing[known:]
        if side is link.server:
            for xid, opcode, message in course.requests.feed(new):
                if self._passes_request(course, xid, opcode):
                    side.outgoing += message
        else:
            for xid, _, message in course.replies.feed(new):
                if self._passes_reply(course, xid):
                    side.outgoing += message
        if course.ending and not course.waiting and not link.client.outgoing:
            self._end(link)

    def _passes_request(self, course: _Course, xid: Optional[int], opcode: int) -> bool:
        if course.ending:
            return False
        if xid is None or xid < 0 or opcode in _OTHERS:
            return True
        name = NAMES.get(opcode, str(opcode))
        self.seen.append(name)
        if self._left and self._name in ("", name):
            self._left -= 1
            if not self._left:
                self.cut = name
                if self._fate == "drop":
                    course.ending = True
                    return False
                course.lost = xid
        course.waiting.add(xid)
        return True

    def _passes_reply(self, course: _Course, xid: Optional[int]) -> bool:
        if xid is None:
            return True
        if course.lost is not None and xid == course.lost:
            course.ending = True
            course.waiting.clear()
        course.waiting.discard(xid)
        return not (course.ending and course.lost is not None)

    def _end(self, link: Any) -> None:
        """Close both sides without a reset, which might overtake the last replies."""
        self._courses.pop(link, None)
        link.client.ended = link.client.end_sent = link.server.ended = link.server.end_sent = True
        self._drop(link)


@pytest.fixture(name="proxy")
def cutter(zookeeper_server: Any) -> Iterator[Cutter]:
    """The proxy in front of the server that the clients of a test with cuts connect to."""
    with Cutter("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture(name="cut_zk")
def client_through_cutter(start_zk: Callable[..., Any], through: str) -> Any:
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=30.0)


async def at_each_request(
    proxy: Cutter,
    zk: Any,
    fate: str,
    scenario: Callable[[int], Awaitable[Any]],
    expected: Iterable[str] = (),
    least: int = 4,
) -> list[str]:
    """Play a scenario again and again, with one more request before the cut, until it ends before the cut.

    Args:
        proxy: The proxy of the client.
        zk: The client.
        fate: ``drop`` or ``lose``.
        scenario: A coroutine function of the number of the run.
        expected: The names of requests that must be among the points.
        least: The least number of points.

    Returns:
        The names of the requests at which the connection was cut, in the order of the runs.
    """
    points: list[str] = []

    async def play(number: int, name: str = "") -> bool:
        """Play the scenario once; return whether it was cut."""
        assert len(points) < 200, "the scenario has no end"
        await eventually(lambda: zk.inner._session.in_flight == 0)
        proxy.cut_at(number, fate, name)
        await asyncio.wait_for(scenario(len(points) + 1), 60)
        await eventually(lambda: proxy.has_cut or zk.inner._session.in_flight == 0)
        if proxy.cut is None:
            return False
        points.append(proxy.cut)
        await zk.wait_for(zkc.ClientState.CONNECTED, timeout=20)
        return True

    while await play(len(points) + 1):
        pass
    # The last run was not cut, and none of its requests has a number at which no other run was.
    assert len(points) >= max(least, len(proxy.seen))
    # The order of requests may differ from run to run, and so a kind may have no number at which a run was cut.
    for name in sorted(set(expected) - set(points)):
        assert await play(1, name), (name, points)
    return points
