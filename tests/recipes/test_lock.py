"""The plain lock: one holder at a time, the ends of a hold, and what a holder can prove."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

import zkc
import zkc.recipes
from zkc.recipes import HoldState, LockLostError, LockTimeoutError, TooManyWaitersError

from ..client.both import eventually
from .lock_support import do, waits

LAYOUTS = pytest.mark.parametrize("layout", ["curator", "kazoo"])


async def contenders(zk, path):
    try:
        return await zk.children(path)
    except zkc.NoNodeError:
        return []  # An empty container is deleted.


@LAYOUTS
async def test_lock_one_after_the_other(zk, other_zk, layout):
    """Scenario 1, and the requests of a cycle."""
    await zk.create("/a")  # A container would be deleted, and made again, between two cycles.
    one, other = zk.inner.lock("/a", layout=layout), other_zk.inner.lock("/a", layout=layout)
    hold = await do(zk, one.acquire)
    waiting = do(other_zk, other.acquire)
    assert await waits(asyncio.shield(waiting))
    assert await do(zk, hold.release) is True
    following = await waiting
    assert following.token > hold.token
    assert (hold.state, following.state) == (HoldState.RELEASED, HoldState.HELD)
    await do(other_zk, following.release)
    await zk.create("/a/stays", make_parents=True)  # The servers delete an empty container, and a cycle makes it again.
    before = zk.metrics().requests.copy()
    again = await do(zk, one.acquire)
    await do(zk, again.release)
    sent = zk.metrics().requests - before
    await zk.delete("/a/stays")
    assert sum(sent.values()) - sent["get"] == 3  # create, children, delete; the get watches the own znode
    assert sent["get"] <= 1
    await eventually(lambda: contenders_are_gone(zk, "/a"))


async def contenders_are_gone(zk, path):
    return await contenders(zk, path) == []


async def test_lock_many_local_callers_need_one_znode(zk):
    """Scenario 3."""
    lock, most, served = zk.inner.lock("/a"), 0, 0

    async def use():
        nonlocal most, served
        hold = await do(zk, lock.acquire)
        most = max(most, len(await zk.children("/a")))
        served += 1
        await do(zk, hold.release)

    await asyncio.gather(*(use() for _ in range(40)))
    assert (served, most) == (40, 1)


async def test_lock_whose_session_expires(zk, expire_zk):
    """Scenario 5."""
    hold = await do(zk, zk.inner.lock("/a").acquire)
    states, session_id = [], hold.session_id
    hold.add_listener(states.append)
    await expire_zk(zk)
    await eventually(hold.lost.done)
    assert (hold.state, hold.reason, hold.valid_for()) == (HoldState.LOST, "expired", 0.0)
    with pytest.raises(LockLostError, match="expired") as caught:
        hold.check()
    assert (caught.value.token, caught.value.session_lost) == (hold.token, True)
    assert hold.session_id == session_id != zk.session_id
    assert await do(zk, hold.release) is False
    await eventually(lambda: states and states[-1] is HoldState.LOST)


async def test_lock_whose_znode_is_deleted(zk, other_zk):
    """Scenario 29."""
    lock = zk.inner.lock("/a")
    hold = await do(zk, lock.acquire)
    waiting = do(other_zk, other_zk.inner.lock("/a").acquire)
    assert await waits(asyncio.shield(waiting))
    await other_zk.delete(hold.path)
    await eventually(hold.lost.done)
    following = await waiting
    assert (hold.reason, following.state) == ("deleted", HoldState.HELD)
    with pytest.raises(LockLostError):
        await do(zk, hold.confirm)
    await do(other_zk, following.release)


async def test_lock_timeout_is_one_deadline(zk, other_zk):
    """Scenario 21: predecessors that leave do not restart the timeout."""

    async def use():
        hold = await do(zk, zk.inner.lock("/a").acquire)
        await leave.wait()
        await asyncio.sleep(0.5)  # So the four leave one after the other, and the last only behind the deadline.
        await do(zk, hold.release)

    leave = asyncio.Event()
    users = [asyncio.ensure_future(use()) for _ in range(4)]
    await eventually(lambda: has_contenders(zk, "/a", 4))
    waiting = do(other_zk, other_zk.inner.lock("/a").acquire, timeout=1.0)
    leave.set()
    with pytest.raises(LockTimeoutError, match="1 s"):  # With a timeout for each wait it would get the lock.
        await waiting
    await asyncio.gather(*users)
    await eventually(lambda: contenders_are_gone(zk, "/a"))


async def has_contenders(zk, path, count):
    return len(await contenders(zk, path)) == count


async def test_lock_try_acquire_writes_nothing_when_busy(zk, other_zk):
    lock, other = zk.inner.lock("/a"), other_zk.inner.lock("/a")
    hold = await do(zk, lock.try_acquire)
    before = other_zk.metrics().requests.copy()
    assert await do(other_zk, other.try_acquire) is None
    assert set(other_zk.metrics().requests - before) == {"children"}
    await do(zk, hold.release)


@pytest.mark.parametrize(
    ("make", "parent", "number"),
    [
        (lambda client: client.lock("/a", max_waiters=1), "/a", 2),
        (lambda client: client.rwlock("/a", max_waiters=1).write, "/a", 2),
        (lambda client: client.semaphore("/a", 1, max_waiters=0), "/a/locks", 1),
    ],
    ids=["lock", "rwlock", "semaphore"],
)
async def test_lock_with_too_many_waiters(zk, other_zk, make_zk, make, parent, number):
    """A contender that finds more than ``max_waiters`` in front leaves the queue; another one waits."""
    third = make_zk()
    await third.start()
    hold = await do(zk, make(zk.inner).acquire)
    waiting = do(other_zk, make(other_zk.inner).acquire)
    await eventually(lambda: has_contenders(zk, parent, number))
    with pytest.raises(TooManyWaitersError, match="/a"):
        await do(third, make(third.inner).acquire)
    await eventually(lambda: has_contenders(zk, parent, number))
    assert not waiting.done()
    await do(zk, hold.release)
    await do(other_zk, (await waiting).release)


async def test_lock_releases_once(zk):
    """Scenario 24."""
    hold = await do(zk, zk.inner.lock("/a").acquire)
    assert [await do(zk, hold.release) for _ in range(2)] == [True, False]


@LAYOUTS
async def test_lock_ignores_other_children(zk, layout):
    """Scenario 31."""
    for name in ("0", "zz", "other-lock"):
        await zk.create(f"/a/{name}", make_parents=True)
    hold = await do(zk, zk.inner.lock("/a", layout=layout).acquire, timeout=10.0)
    assert len([found for found in await do(zk, zk.inner.lock("/a", layout=layout).contenders) if found.is_mine]) == 1
    await do(zk, hold.release)


async def test_lock_of_another_layout_is_refused(zk):
    """Scenario 35."""
    hold = await do(zk, zk.inner.lock("/a", layout="kazoo").acquire)
    with pytest.raises(zkc.recipes.LayoutError, match="layout='kazoo'"):
        await do(zk, zk.inner.lock("/a", layout="curator").acquire)
    await do(zk, hold.release)


async def test_lock_of_a_client_with_a_chroot(zk, make_zk, hosts):
    """Scenario 59."""
    await zk.create("/top")
    async with make_zk(hosts + "/top") as below:
        hold = await do(below, below.inner.lock("/a").acquire)
        assert await do(zk, zk.inner.lock("/top/a").try_acquire) is None
        await do(below, hold.release)


async def test_lock_with_parents_that_are_deleted(zk, other_zk):
    """Scenario 28."""
    hold = await do(zk, zk.inner.lock("/a/b").acquire)
    waiting = do(zk, zk.inner.lock("/a/b").acquire)
    await eventually(lambda: has_contenders(zk, "/a/b", 2))
    await other_zk.delete_tree("/a")
    following = await waiting
    await eventually(hold.lost.done)
    assert following.token > hold.token
    await do(zk, following.release)


async def test_lock_fenced_transactions(zk, other_zk):
    """The exact proof: a transaction of a lost hold writes nothing."""
    await zk.create("/data", b"0")
    hold = await do(zk, zk.inner.lock("/a").acquire)
    transaction = hold.transaction()
    transaction.set("/data", b"1")
    made = transaction.create("/made", b"x")
    (stat, path) = await do(zk, transaction.commit)
    assert (stat.version, path, made.result()) == (1, "/made", "/made")
    refused = hold.transaction()
    refused.set("/data", b"2")
    refused.create("/made")
    with pytest.raises(zkc.NodeExistsError) as caught:
        await do(zk, refused.commit)
    assert (caught.value.index, len(caught.value.results)) == (1, 2)
    assert "operation 1 of 2 failed" in str(caught.value)
    assert "because operation 1 (create '/made') failed" in str(caught.value.results[0])
    single = hold.transaction()
    single.create("/made")
    with pytest.raises(zkc.NodeExistsError, match="operation 0 of 1 failed") as caught:
        await do(zk, single.commit)
    assert caught.value.index == 0
    assert hold.state is HoldState.HELD
    late = hold.transaction()
    late.set("/data", b"3")
    await other_zk.delete(hold.path)
    with pytest.raises(LockLostError) as lost:
        await do(zk, late.commit)
    assert lost.value.token == hold.token
    assert (await zk.get("/data"))[0] == b"1"
    with pytest.raises(LockLostError):  # Refused before anything is sent.
        hold.transaction().commit()


PAUSED = """
import os, signal, sys, zkc
client = zkc.Client(sys.argv[1], session_timeout=4.0)
client.start()
hold = client.lock("/a").acquire()
print(hold.token, flush=True)
sys.stdin.readline()  # The parent stops this process here, until its session has expired.
try:
    hold.check()
    print("held", flush=True)
except (zkc.recipes.LockLostError, zkc.recipes.LockInDoubtError) as error:
    print(type(error).__name__, flush=True)
try:
    with hold.transaction() as t:
        t.set("/data", b"late")
    print("written", flush=True)
except zkc.ZooKeeperError:
    print("refused", flush=True)
os._exit(0)
"""


def test_lock_of_a_process_that_was_stopped(client, hosts):
    """Scenarios 6 and 8: the first check raises, a fenced write is refused, and a store refuses the older token."""
    client.create("/data", b"")
    store = sqlite3.connect(":memory:")
    store.execute("CREATE TABLE report (token INTEGER, text TEXT)")

    def write(token, text):
        (largest,) = store.execute("SELECT coalesce(max(token), 0) FROM report").fetchone()
        if token < largest:
            return False
        store.execute("INSERT INTO report VALUES (?, ?)", (token, text))
        return True

    program = "import zkc.recipes\n" + PAUSED
    child = subprocess.Popen(
        [sys.executable, "-c", program, hosts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        token = int(child.stdout.readline())
        assert write(token, "first")
        os.kill(child.pid, signal.SIGSTOP)
        with client.lock("/a").held(timeout=30.0) as hold:
            assert hold.token > token
            assert write(hold.token, "second")
            os.kill(child.pid, signal.SIGCONT)
            child.stdin.write("\n")
            child.stdin.flush()
            assert child.stdout.readline().strip() in ("LockLostError", "LockInDoubtError")
            assert child.stdout.readline() == "refused\n"
            assert write(token, "late") is False
        assert client.get("/data")[0] == b""
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_lock_in_a_forked_child(client, hosts):
    """Scenario 54."""
    with client.lock("/a").held() as hold:
        child = os.fork()
        if child == 0:
            try:
                hold.check()
            except zkc.ForkedError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        hold.confirm()


def test_lock_whose_wait_in_a_forked_child_names_its_call(client):
    """Scenario 54."""
    lock = client.lock("/a")
    with lock.held() as hold:
        child = os.fork()
        if child == 0:
            try:
                lock.acquire(timeout=5)
            except zkc.ForkedError as error:
                os._exit(7 if error.operation == "acquire" and "delivers_here" not in str(error) else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        hold.confirm()


async def test_lock_says_that_a_hold_was_released(zk):
    hold = await do(zk, zk.inner.lock("/a").acquire)
    await do(zk, hold.release)
    with pytest.raises(LockLostError, match="this hold was released") as caught:
        hold.check()
    assert caught.value.reason == "released"
    assert "the hold is lost" not in str(caught.value)


@pytest.mark.parametrize("kind", ["async"])
async def test_lock_cancels_the_block_of_a_lost_hold(zk, other_zk):
    """Scenario 58."""
    ended = []

    async def work():
        async with zk.inner.lock("/a").held(cancel_on_loss=True) as hold:
            try:
                await other_zk.delete(hold.path)
                await asyncio.sleep(60)  # Until the loss cancels it.
            finally:
                ended.append(True)

    with pytest.raises(LockLostError):
        await work()
    assert ended == [True]
    await asyncio.sleep(0)  # The task itself goes on.


@pytest.mark.parametrize("kind", ["async"])
async def test_lock_cancelled_while_it_waits(zk, other_zk):
    """Scenario 18, of the wait."""
    hold = await do(zk, zk.inner.lock("/a").acquire)
    waiting = asyncio.ensure_future(other_zk.inner.lock("/a").acquire())
    await eventually(lambda: has_contenders(zk, "/a", 2))
    waiting.cancel()
    await eventually(lambda: has_contenders(zk, "/a", 1))
    hold.confirm()
    await do(zk, hold.release)
