"""Acquires that wait for a hold of their own client: the error and the log name it, and say what to do."""

from __future__ import annotations

import contextlib
import logging
import re
import threading

import pytest

from zkc.errors import OperationTimeoutError
from zkc.recipes import LockTimeoutError, UpgradeError

from .lock_support import do
from .recipe_support import make_recipe


@contextlib.asynccontextmanager
async def _times_out(zk, recipe, *arguments, hold, which="same", remedy):
    """Check the error of an acquire that waits for a hold."""
    with pytest.raises(OperationTimeoutError) as caught:
        await recipe.acquire(*arguments, timeout=0.05)
    yield caught.value
    text, unit = str(caught.value), "thread" if zk.kind == "sync" else "task"
    assert isinstance(caught.value, LockTimeoutError)
    assert hold.path in text
    assert "of this client" in text
    assert f"which {'the same' if which == 'same' else 'another'} {unit} has acquired" in text
    assert remedy in text


async def _check(zk, recipe, *arguments, **expected):
    async with _times_out(zk, recipe, *arguments, **expected) as error:
        assert error.maybe_applied is False


async def _release(hold):
    answer = hold.release()
    return answer if isinstance(answer, bool) else await answer


@pytest.fixture
def released_by_the_log(zk):
    """Release the holds in this list when the log names a wait; return the list and the messages."""
    holds, messages = [], []

    class Releasing(logging.Handler):
        def emit(self, record):
            messages.append(record.getMessage())
            for hold in holds:
                hold.release(wait=False) if zk.kind == "sync" else hold.release()

    log, handler = logging.getLogger("zkc.recipes"), Releasing(logging.WARNING)
    log.addHandler(handler)
    yield holds, messages
    log.removeHandler(handler)


@pytest.mark.parametrize("shared", [True, False])
async def test_own_lock_is_named_after_a_timeout(zk, shared):
    lock = make_recipe(zk, "lock", "/l")
    again = lock if shared else make_recipe(zk, "lock", "/l")
    hold = await lock.acquire()
    await _check(zk, again, hold=hold, remedy="Release it first, or acquire both times through one lock.reentrant()")
    assert await _release(hold)
    assert await _release(await again.acquire(timeout=20))


async def test_own_lock_of_another_thread_or_task_is_named(zk):
    lock = make_recipe(zk, "lock", "/l")
    hold = await do(zk, zk.inner.lock("/l").acquire)
    await _check(zk, lock, hold=hold, which="other", remedy="Release it there first")
    await do(zk, hold.release)


async def test_lock_of_another_client_is_not_the_own(zk, other_zk):
    hold = await make_recipe(other_zk, "lock", "/l").acquire()
    with pytest.raises(LockTimeoutError, match=r"not granted in time \(0\.05 s\); contenders\(\)") as caught:
        await make_recipe(zk, "lock", "/l").acquire(timeout=0.05)
    assert "of this client" not in str(caught.value)
    await _release(hold)


async def test_own_locks_behind_a_ticket_a_multilock_and_a_reentrant_lock(zk):
    lock = zk.inner.lock("/l")
    hold = await make_recipe(zk, "lock", "/l").acquire()
    multilock = make_recipe(zk, "multilock", ["/k", "/l"])
    await _check(zk, multilock, hold=hold, remedy="acquire all the paths with one multilock()")
    ticket = lock.enqueue() if zk.kind == "sync" else await lock.enqueue()
    with pytest.raises(LockTimeoutError, match="a hold of this client"):
        _ = ticket.wait(0.05) if zk.kind == "sync" else await ticket.wait(0.05)
    _ = ticket.cancel() if zk.kind == "sync" else await ticket.cancel()
    reentrant = lock.reentrant()
    with pytest.raises(LockTimeoutError, match="a hold of this client"):
        _ = reentrant.acquire(timeout=0.05) if zk.kind == "sync" else await reentrant.acquire(timeout=0.05)
    await _release(hold)
    both = await multilock.acquire()
    await _check(zk, make_recipe(zk, "lock", "/k"), hold=both, remedy="lock.reentrant()")
    await _release(both)


async def test_own_hold_of_the_other_side_of_a_read_write_lock(zk):
    lock = zk.inner.rwlock("/rw")
    read, write = (make_recipe(zk, "rwlock", "/rw").inner for _ in range(2)) if zk.kind == "async" else (lock, lock)
    hold = (await read.read.acquire()) if zk.kind == "async" else read.read.acquire()
    upgrade = f"{UpgradeError.what[1:]}: {UpgradeError.advice}"
    with pytest.raises(LockTimeoutError, match=re.escape(upgrade)):
        _ = (await write.write.acquire(timeout=0.05)) if zk.kind == "async" else write.write.acquire(timeout=0.05)
    await _release(hold)
    hold = (await write.write.acquire()) if zk.kind == "async" else write.write.acquire()
    with pytest.raises(LockTimeoutError, match=r"use the read hold that its downgrade\(\) returns"):
        _ = (await read.read.acquire(timeout=0.05)) if zk.kind == "async" else read.read.acquire(timeout=0.05)
    reader = (await hold.downgrade()) if zk.kind == "async" else hold.downgrade()
    with pytest.raises(LockTimeoutError, match=r"which the same \w+ has acquired. A read hold cannot become"):
        _ = (await write.write.acquire(timeout=0.05)) if zk.kind == "async" else write.write.acquire(timeout=0.05)
    await _release(reader)


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_own_leases_of_a_semaphore_are_named_if_they_are_too_many(zk, other_zk, layout):
    semaphore = make_recipe(zk, "semaphore", "/s", 3, layout=layout)
    hold = await semaphore.acquire(2)
    remedy = "Release them first, or acquire all of them at once"
    async with _times_out(zk, semaphore, 2, hold=hold, remedy=remedy) as error:
        assert "holds 2 of them" in str(error)
    other = await make_recipe(other_zk, "semaphore", "/s", 3, layout=layout).acquire()
    with pytest.raises(LockTimeoutError, match=r"holders\(\) shows who holds the leases"):
        await semaphore.acquire(timeout=0.05)  # The other client may make room.
    await _release(other)
    await _release(hold)


async def test_own_leadership_is_named_after_a_timeout(zk):
    first, second = (zk.inner.election("/e", identifier=name) for name in "xy")
    if zk.kind == "sync":
        with first.lead(), pytest.raises(LockTimeoutError, match=r"a hold of this client.*call resign\(\)"):
            second.lead(timeout=0.05).__enter__()
    else:
        async with first.lead():
            with pytest.raises(LockTimeoutError, match=r"a hold of this client.*call resign\(\)"):
                await second.lead(timeout=0.05).__aenter__()


@pytest.mark.parametrize("shared", [True, False])
async def test_wait_without_a_limit_for_an_own_lock_is_logged_once(zk, released_by_the_log, shared):
    holds, messages = released_by_the_log
    lock = make_recipe(zk, "lock", "/l")
    holds.append(await lock.acquire())
    hold = await (lock if shared else make_recipe(zk, "lock", "/l")).acquire()
    [message] = messages
    unit = "thread" if zk.kind == "sync" else "task"
    assert message.startswith("the acquire of '/l' waits without a timeout for a hold of this client")
    assert holds[0].path in message
    assert f"which the same {unit} has acquired. Release it first" in message
    holds.clear()
    await _release(hold)


async def test_wait_without_a_limit_for_own_leases_is_logged_once(zk, released_by_the_log):
    holds, messages = released_by_the_log
    semaphore = make_recipe(zk, "semaphore", "/s", 2)
    one = await semaphore.acquire()
    two = await semaphore.acquire()  # There is room.
    assert messages == []
    holds.append(two)
    hold = await semaphore.acquire()
    [message] = messages
    assert "waits without a timeout for leases of this client, which holds 2 of them" in message
    holds.clear()
    await _release(one)
    await _release(hold)


def test_own_lock_of_another_thread_is_not_logged(client, caplog):
    lock, entered = client.lock("/l"), threading.Event()
    hold = lock.acquire()

    def work():
        entered.set()
        lock.acquire().release()

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(20)
    hold.release()
    thread.join(20)
    assert not thread.is_alive()
    assert caplog.text == ""
