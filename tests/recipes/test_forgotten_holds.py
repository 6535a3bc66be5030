"""A hold that the program forgets without a release: it is named, and goes on for all that rely on it."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
import weakref
from functools import partial

import pytest

import zkc
from zkc.recipes import HoldState
from zkc.recipes._client_holds import holds_of

from ..client.both import eventually as until
from .recipe_support import make_recipe


def _is_armed(hold):
    return bool(hold._armed)


async def _take(zk, told, *, cycle=False):
    """Acquire a lock and forget it; return the path of the hold."""
    hold = await make_recipe(zk, "lock", "/l").acquire()
    hold.add_listener(told.append)
    if cycle:  # The collector frees it, and clears all weak references to it.
        hold.myself = hold
    await until(lambda: hold._armed)
    return hold.path


@pytest.mark.parametrize("cycle", [False, True])
async def test_a_forgotten_hold_warns_and_lasts(zk, other_zk, cycle):
    told = []
    with pytest.warns(ResourceWarning, match="was forgotten and not released: use it in a with") as warned:  # noqa: PT031
        path = await _take(zk, told, cycle=cycle)
        await until(lambda: gc.collect() is not None and warned.list)  # The reply of its look may be on its way.
    assert [path in str(warning.message) for warning in warned] == [True]
    assert await other_zk.exists(path) is not None
    assert await make_recipe(other_zk, "lock", "/l").try_acquire() is None
    await other_zk.delete(path)  # Its watch, and its listener, go on.
    await until(lambda: told == [HoldState.LOST])
    hold = await make_recipe(zk, "lock", "/l").acquire(timeout=20)
    _ = hold.release() if zk.kind == "sync" else await hold.release()
    assert holds_of(zk.inner).all() == []


async def test_a_forgotten_hold_gives_its_turn_to_local_callers(zk, expire_zk):
    lock = make_recipe(zk, "lock", "/l")
    with pytest.warns(ResourceWarning, match="was forgotten") as warned:  # noqa: PT031 - freed in one or the other
        await lock.acquire()
        await until(lambda: gc.collect() is not None and warned.list)
    await expire_zk(zk)
    hold = await lock.acquire(timeout=20)
    _ = hold.release() if zk.kind == "sync" else await hold.release()


async def test_a_hold_that_has_ended_is_forgotten_in_silence(zk, other_zk, recwarn):
    hold = await make_recipe(zk, "lock", "/l").acquire()
    _ = hold.release() if zk.kind == "sync" else await hold.release()
    lost = await make_recipe(zk, "lock", "/l").acquire()
    await until(partial(_is_armed, lost))
    await other_zk.delete(lost.path)
    signal = lost.lost
    await until(signal.is_set)
    references = weakref.ref(hold), weakref.ref(lost)
    del hold, lost
    await until(lambda: gc.collect() is not None and [each() for each in references] == [None, None])
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]


def test_a_client_that_is_closed_forgets_its_holds_in_silence(hosts, recwarn):
    with zkc.Client(hosts) as client:
        hold = client.lock("/l").acquire()
    del hold
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]


def test_a_forgotten_hold_keeps_no_client_alive(hosts, eventually):
    def use():
        client = zkc.Client(hosts)
        client.start()
        client.lock("/l").acquire().add_listener(lambda state: client.state)
        return weakref.ref(client)

    texts = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: texts.append(str(message))  # A recorded warning keeps its source.
        reference = use()
        eventually(lambda: gc.collect() is not None and reference() is None)
    assert [text for text in texts if "was forgotten" in text]
    assert [text for text in texts if "a zkc session to" in text]


def test_a_script_that_never_releases_ends_in_silence(hosts):
    script = """
import sys, zkc
client = zkc.Client(sys.argv[1])
client.start()
hold = client.lock("/l").acquire()
leases = client.semaphore("/s", 2).acquire()
"""
    options = ["-W", "always::ResourceWarning", "-c", script, hosts]
    done = subprocess.run([sys.executable, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "hold" not in done.stderr
