"""Recurring watches, whatever happens in whatever order: the last value they deliver is the last there is."""

import asyncio
import contextlib
import secrets
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zkc
from zkc.testing import FaultProxy, ZooKeeperServer

from .both import eventually, make, mended

# Events of the znode, more often than those of the connection.
STEPS = st.lists(
    st.sampled_from(["set"] * 6 + ["delete"] * 2 + ["create"] * 3 + ["child"] * 3)
    | st.sampled_from(["cut", "pause", "resume", "refuse", "accept", "expire", "cancel", "wait", "read"]),
    min_size=5,
    max_size=40,
)
NORMAL = settings(
    deadline=None, max_examples=40, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


class World:
    """A server, a proxy, a client behind the proxy that watches, and one before it that writes."""

    def __init__(self, server, proxy, kind):
        self.server = server
        self.proxy = proxy
        path = f"/{secrets.token_hex(4)}"
        self.writer = make(kind, server.hosts, session_timeout=30.0)  # It outlives the restarts.
        self.watcher = make(kind, proxy.hosts, session_timeout=4.0)
        self.path = path
        self.seen = []  # Of the latest watch: (data, stat).
        self.names = []
        self.errors = []
        self.handles = []
        self.thread = None

    async def watch(self):
        events, names = self.seen, self.names = [], []

        def data(data, stat):
            self.check_thread()
            if events:
                self.check_order(events[-1][1], stat)
            events.append((data, stat))

        def children(found):
            if names and names[-1] is None and found is None:
                self.errors.append("the same was reported twice")
            names.append(found)

        self.handles = [
            await mended(lambda: self.watcher.watch_data(self.path, data)),
            await mended(lambda: self.watcher.watch_children(self.path, children)),
        ]

    def check_thread(self):
        here = threading.current_thread()
        if (here is threading.main_thread()) is not (self.watcher.kind == "async"):
            self.errors.append(f"reported on {here}")

    def check_order(self, before, now):
        if before is None and now is None:
            self.errors.append("twice that there is none")
        elif before is not None and now is not None and (now.mzxid, now.czxid) <= (before.mzxid, before.czxid):
            self.errors.append(f"{now} after {before}")

    async def step(self, name, number):
        if name in ("pause", "resume", "refuse", "accept"):
            getattr(self.proxy, name)()
        elif name == "cut":
            self.proxy.drop_connections()
        elif name == "expire":
            session_id, password = self.watcher.session_id, self.watcher.session_password
            if session_id != 0:  # Between two sessions there is none.
                with contextlib.suppress(OSError):  # It has expired already.
                    self.server.expire(session_id, password)
        elif name == "restart":
            self.server.restart()
        elif name == "cancel":
            await self.again()
        elif name == "wait":
            with contextlib.suppress(zkc.OperationTimeoutError):
                await self.watcher.wait_for(zkc.ClientState.CONNECTED, timeout=0.2)
        elif name == "read":
            with contextlib.suppress(zkc.ZooKeeperError):
                await self.watcher.get(self.path, timeout=0.1)
        else:
            await mended(lambda: self.write(name, b"%d" % number))

    async def again(self):
        """Cancel the watches, and set others if that can be done now."""
        for handle in self.handles:
            handle.cancel()
        counts = len(self.seen), len(self.names)
        events, names = self.seen, self.names
        self.heal()
        await self.watcher.wait_for(zkc.ClientState.CONNECTED, timeout=60)
        if self.watcher.kind == "async" and counts != (len(events), len(names)):
            self.errors.append("reported after it was cancelled")
        await self.set_watches()

    async def set_watches(self):
        while True:
            try:
                return await self.watch()
            except zkc.SessionLostError:
                for handle in self.handles:
                    handle.cancel()
                await self.watcher.wait_for(zkc.ClientState.CONNECTED, timeout=60)

    async def write(self, name, data):
        with contextlib.suppress(zkc.NoNodeError, zkc.NodeExistsError):
            if name == "set":
                await self.writer.set(self.path, data)
            elif name == "create":
                await self.writer.create(self.path, data)
            elif name == "child":
                await self.writer.create(f"{self.path}/{data.decode()}")
            else:
                for child in await self.writer.children(self.path):
                    await self.writer.delete(f"{self.path}/{child}")
                await self.writer.delete(self.path)

    def heal(self):
        self.proxy.resume()
        self.proxy.accept()

    async def final(self):
        stat = await mended(lambda: self.writer.exists(self.path))
        if stat is None:
            return None, None, None
        data, stat = await mended(lambda: self.writer.get(self.path))
        return data, stat, sorted(await mended(lambda: self.writer.children(self.path)))

    def up_to_date(self, final):
        data, stat, names = final
        if not self.seen or not self.names or self.names[-1] != names or self.seen[-1][0] != data:
            return False
        latest = self.seen[-1][1]
        return latest is stat is None or (latest.czxid, latest.mzxid) == (stat.czxid, stat.mzxid)

    async def run(self, steps):
        async with self.writer:
            await self.watcher.start()
            try:
                await self.set_watches()
                for number, name in enumerate(steps):
                    await self.step(name, number)
                self.heal()
                final = await self.final()
                await eventually(lambda: self.up_to_date(final), 60.0)
                assert self.errors == []
                for handle in self.handles:
                    assert handle.error is None
            finally:
                self.heal()
                await self.watcher.close()


@pytest.fixture(scope="module")
def server():
    with ZooKeeperServer() as server:
        yield server


@pytest.fixture(params=["sync", "async"])
def check(request, server):
    def check(steps):
        with FaultProxy("127.0.0.1", server.port) as proxy:
            asyncio.run(World(server, proxy, request.param).run(steps))

    return check


def test_in_any_order(check):
    @NORMAL
    @given(STEPS)
    def in_any_order(steps):
        check(steps)

    in_any_order()


def test_with_restarts(check):
    check(["create", *["set"] * 20, "restart", *["set"] * 20, "expire", "set", "delete", "create", "set"])
    check(["refuse", "create", "cut", "restart", "set", "expire", "child", "accept", "set", "delete"])


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_in_any_order_many_times(check):
    @settings(NORMAL, max_examples=100)
    @given(STEPS | st.lists(st.sampled_from(["set", "create", "delete", "restart", "cut", "expire"]), max_size=15))
    def in_any_order(steps):
        check(steps)

    in_any_order()
