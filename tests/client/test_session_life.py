"""A session lives as long as bytes come, however slowly."""

import asyncio

import pytest

import zkc
from zkc.testing import ZooKeeperServer

from ..link_support import SlowLink
from . import both

TIMEOUT = 4.0
RATE = 75_000

pytestmark = pytest.mark.skipif(
    zkc.build_info()["linkage"] == "system", reason="libzookeeper sends no pings, and gives slow answers up"
)


@pytest.fixture(scope="module")
def server():
    with ZooKeeperServer() as server:
        yield server


@pytest.fixture
def link(server):
    with SlowLink(server.port, RATE) as link:
        yield link


@pytest.fixture
def make_slow(make_zk, link, server):
    """Return a function that makes a client at the end of the slow link, and znodes with so many bytes each."""

    async def make(size, *paths):
        hosts = server.new_chroot()
        async with make_zk(hosts) as zk:
            for path in paths:
                await zk.create(path, b"x" * size)
        slow = make_zk(hosts.replace(server.hosts, link.hosts), session_timeout=TIMEOUT)
        await slow.start()
        assert slow.negotiated_timeout == TIMEOUT
        return slow

    return make


async def assert_kept(zk, session, link):
    """Check that it is still the session, on its first connection, and that the client was never quiet for long."""
    assert await zk.exists("/none") is None
    assert zk.session_id == session
    assert link.accepted == 1
    quiet = max(after - before for before, after in zip(link.sent, link.sent[1:]))
    assert quiet < TIMEOUT  # a third, and what a busy machine takes


async def test_many_answers_that_take_longer_than_the_timeout_all_arrive(make_slow, link):
    paths = [f"/{i}" for i in range(4)]  # no more than an executor has threads
    zk = await make_slow(150_000, *paths)
    session = zk.session_id
    answers = await asyncio.gather(*[both.begin(zk, "get", path) for path in paths])
    assert [len(data) for data, _ in answers] == [150_000] * 4
    await assert_kept(zk, session, link)


async def test_one_answer_may_take_longer_than_the_timeout(make_slow, link):
    zk = await make_slow(450_000, "/a")
    session = zk.session_id
    data, _ = await zk.get("/a")
    assert len(data) == 450_000
    await assert_kept(zk, session, link)


async def test_bulk_calls_over_a_slow_link(make_slow, link):
    paths = [f"/{i}" for i in range(8)]
    zk = await make_slow(75_000, *paths)
    session = zk.session_id
    assert [len(data) for data, _ in await zk.get_many(paths)] == [75_000] * 8
    await assert_kept(zk, session, link)
