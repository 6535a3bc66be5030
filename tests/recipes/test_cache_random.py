"""Caches, whatever happens in whatever order: they end equal to the tree, and their events add up to the same."""

import asyncio
import contextlib
import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zkc
from zkc.testing import FaultProxy, ZooKeeperServer

from ..client.both import eventually, make, mended
from .cache_support import Fold, cache_of, changes_of, picture_of, tree_of

NAMES = ["", "/a", "/b", "/a/c", "/a/d", "/a/c/e", "/b/c"]
KINDS = ["create", "create", "set", "set", "delete", "prune", "replace"]
CHANGES = st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES))
FAULTS = st.tuples(st.sampled_from(["cut", "pause", "resume", "refuse", "accept", "expire", "wait"]), st.just(""))
STEPS = st.lists(CHANGES | CHANGES | CHANGES | FAULTS, min_size=5, max_size=40)
NORMAL = settings(
    deadline=None, max_examples=25, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


class World:
    """A server, a proxy, a client behind the proxy with a cache, and one before it that writes."""

    def __init__(self, server, proxy, kind, watches):
        self.server = server
        self.proxy = proxy
        self.root = f"/{secrets.token_hex(4)}"
        self.writer = make(kind, server.hosts, session_timeout=30.0)  # It outlives the restarts.
        self.reader = make(kind, proxy.hosts, session_timeout=4.0, max_queued_events=5)
        self.cache = cache_of(self.reader, self.root, jitter=0.01, watches=watches)
        self.fold = Fold(self.cache)
        self.changes_fold = Fold()

    async def step(self, name, below, number):
        if name in ("pause", "resume", "refuse", "accept"):
            getattr(self.proxy, name)()
        elif name == "cut":
            self.proxy.drop_connections()
        elif name == "expire":
            session_id, password = self.reader.session_id, self.reader.session_password
            if session_id != 0:  # Between two sessions there is none.
                with contextlib.suppress(OSError):  # It has expired already.
                    self.server.expire(session_id, password)
        elif name == "restart":
            self.server.restart()
        elif name == "wait":
            with contextlib.suppress(zkc.OperationTimeoutError):
                await self.reader.wait_for(zkc.ClientState.CONNECTED, timeout=0.2)
        else:
            await mended(lambda: self.write(name, self.root + below, b"%d" % number))

    async def write(self, name, path, data):
        with contextlib.suppress(zkc.NoNodeError, zkc.NodeExistsError, zkc.NotEmptyError):
            if name == "create":
                await self.writer.create(path, data)
            elif name == "set":
                await self.writer.set(path, data)
            elif name == "delete":
                await self.writer.delete(path)
            else:
                await self.writer.delete_tree(path)
                if name == "replace":
                    await self.writer.create(path, data)
                    await self.writer.create(f"{path}/c", data)

    def heal(self):
        self.proxy.resume()
        self.proxy.accept()

    async def is_right(self):
        tree = await mended(lambda: tree_of(self.writer, self.root))
        return self.cache.inner.fresh_since is not None and picture_of(self.cache.inner) == tree

    async def run(self, steps):
        async with self.writer:
            await self.reader.start()
            changes = changes_of(self.cache, limit=4)
            try:
                await self.cache.start()
                for number, (name, below) in enumerate(steps):
                    await self.step(name, below, number)
                self.heal()
                await eventually(self.is_right, 60.0)
                assert self.cache.inner.error is None
                picture = picture_of(self.cache.inner)
                await eventually(lambda: self.fold.picture() == picture or self.fold.faults)
                assert self.fold.faults == []
                while self.changes_fold.picture() != picture:
                    self.changes_fold(await asyncio.wait_for(changes.__anext__(), 10))
                assert self.changes_fold.faults == []
                self.cache.inner.close()
            finally:
                self.heal()
                await self.reader.close()


@pytest.fixture(scope="module")
def server():
    with ZooKeeperServer() as server:
        yield server


@pytest.fixture(params=["sync", "async"])
def kind(request):
    return request.param


@pytest.fixture(params=["recursive", "znode"])
def check(kind, request, server):
    def check(steps):
        with FaultProxy("127.0.0.1", server.port) as proxy:
            asyncio.run(World(server, proxy, kind, request.param).run(steps))

    return check


def test_a_cache_in_any_order(check):
    @NORMAL
    @given(STEPS)
    def in_any_order(steps):
        check(steps)

    in_any_order()


def test_a_cache_with_restarts(check):
    create = [("create", name) for name in NAMES]
    sets = [("set", name) for name in NAMES]
    check([*create, ("restart", ""), *sets, ("expire", ""), ("prune", "/a"), ("restart", ""), *create, ("cut", "")])
    check(
        [("refuse", ""), *create, ("cut", ""), ("restart", ""), ("prune", ""), ("expire", ""), ("accept", ""), *create]
    )


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_cache_in_any_order_many_times(check):
    restarts = st.tuples(st.sampled_from(["restart", "cut", "expire"]), st.just(""))

    @settings(NORMAL, max_examples=250)
    @given(STEPS | st.lists(CHANGES | restarts, max_size=15))
    def in_any_order(steps):
        check(steps)

    in_any_order()
