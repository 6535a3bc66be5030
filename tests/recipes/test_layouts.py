"""Locks on a path with contenders of more than one layout. Scenario 35, without the programs that make them."""

from __future__ import annotations

import pytest

from zkc.recipes import LayoutError

from ..client.both import eventually
from .lock_support import do

PATH = "/lock"
CURATORS = f"{PATH}/_c_6a9b1f8c-53a1-4d2f-9d5e-0f3c8c1b7a11-lock-"
KAZOOS = f"{PATH}/0123456789abcdef0123456789abcdef__lock__"


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
@pytest.mark.parametrize("call", ["acquire", "try_acquire"])
async def test_a_busy_path_with_both_layouts_is_refused(zk, client, layout, call):
    """A try does not report such a path as busy: both holders hold, and the program must learn of that."""
    for prefix in (CURATORS, KAZOOS):
        client.create(prefix, ephemeral=True, sequential=True, make_parents=True)
    before = sorted(client.children(PATH))
    lock = zk.inner.lock(PATH, layout=layout)
    with pytest.raises(LayoutError, match="layout"):
        await do(zk, getattr(lock, call), timeout=10)
    multiple = zk.inner.multilock([PATH], layout=layout)
    with pytest.raises(LayoutError, match="layout"):
        await do(zk, getattr(multiple, call), timeout=10)
    if call == "acquire":  # Its own znode is deleted in the background.
        await eventually(lambda: len(client.children(PATH)) == 2)
    assert sorted(client.children(PATH)) == before


_CURATORS = {
    "lock": CURATORS,
    "read": f"{PATH}/_c_6a9b1f8c-53a1-4d2f-9d5e-0f3c8c1b7a11-__READ__",
    "write": f"{PATH}/_c_6a9b1f8c-53a1-4d2f-9d5e-0f3c8c1b7a11-__WRIT__",
    "latch": f"{PATH}/_c_6a9b1f8c-53a1-4d2f-9d5e-0f3c8c1b7a11-latch-",
}
_KAZOOS = {"lock": KAZOOS, "read": KAZOOS.replace("__lock__", "__rlock__")}


def _locks(zk, layout):
    both = zk.inner.rwlock(PATH, layout=layout)
    return {"lock": zk.inner.lock(PATH, layout=layout), "read": both.read, "write": both.write}


@pytest.mark.parametrize("call", ["acquire", "try_acquire"])
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [("lock", "read"), ("lock", "write"), ("lock", "latch"), ("read", "lock"), ("write", "lock"), ("write", "latch")],
)
async def test_locks_and_read_write_locks_on_one_path_of_curators_layout(zk, client, call, mine, theirs):
    """Scenario 35 for two recipes of one layout: Curator's mutex and read-write lock know only their own names."""
    client.create(_CURATORS[theirs], ephemeral=True, sequential=True, make_parents=True)
    with pytest.raises(LayoutError, match=rf"another recipe .* is a {theirs}, which does not exclude a {mine}"):
        await do(zk, getattr(_locks(zk, "curator")[mine], call), timeout=10)
    await eventually(lambda: len(client.children(PATH)) == 1)  # Its own znode is deleted in the background.


@pytest.mark.parametrize("call", ["acquire", "try_acquire"])
async def test_a_lock_beside_readers_of_kazoos_layout(zk, client, call):
    """kazoo's lock has the name of a writer, but waits for no reader."""
    client.create(_KAZOOS["read"], ephemeral=True, sequential=True, make_parents=True)
    with pytest.raises(LayoutError, match="is a read, which does not exclude a lock"):
        await do(zk, getattr(_locks(zk, "kazoo")["lock"], call), timeout=10)
    await eventually(lambda: len(client.children(PATH)) == 1)


@pytest.mark.parametrize("mine", ["read", "write"])
async def test_a_lock_is_a_writer_in_kazoos_layout(zk, client, mine):
    first = client.create(_KAZOOS["lock"], ephemeral=True, sequential=True, make_parents=True)
    waiting = do(zk, _locks(zk, "kazoo")[mine].acquire, timeout=30)
    await eventually(lambda: len(client.children(PATH)) == 2)
    assert not waiting.done()
    client.delete(first)
    await do(zk, (await waiting).release)


async def test_two_recipes_that_meet_do_not_both_hold(zk, other_zk):
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    for side in ("read", "write"):
        with pytest.raises(LayoutError):
            await do(other_zk, getattr(other_zk.inner.rwlock(PATH), side).acquire, timeout=10)
    await do(zk, hold.release)
    hold = await do(other_zk, other_zk.inner.rwlock(PATH).read.acquire, timeout=10)
    with pytest.raises(LayoutError):
        await do(zk, zk.inner.lock(PATH).acquire, timeout=10)
    await do(other_zk, hold.release)
