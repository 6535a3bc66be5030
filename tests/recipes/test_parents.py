"""Recipes whose parents are missing: created through lost connections, refused by ACLs, and without a chroot."""

import asyncio

import pytest

import zkc

from ..client.both import mended
from .cut_support import at_each_request, client_through_cutter, cutter  # noqa: F401 - pytest finds the fixtures here
from .lock_support import do
from .registry_support import instance

FATES = ["drop", "lose"]


async def _barrier(zk, path):
    await do(zk, zk.inner.barrier(path).set)


async def _double_barrier(zk, path):
    await do(zk, zk.inner.double_barrier(path, 1, identifier="a").enter)


async def _group(zk, path):
    group = zk.inner.group(path, identifier="a")
    await do(zk, group.join)
    await do(zk, group.leave)


async def _lease(zk, path):
    hold = await do(zk, zk.inner.lease(path, owner="a", ttl=60.0, renew=False).acquire)
    await do(zk, hold.release)


async def _lock(zk, path):
    hold = await do(zk, zk.inner.lock(path).acquire)
    await do(zk, hold.release)


async def _repeated(zk, call, data):
    """Repeat a write whose lost reply cannot be resolved, because nothing that it wrote is there."""
    while True:
        try:
            return await do(zk, call, data)
        except zkc.ConnectionLossError as error:
            assert error.maybe_applied


async def _queue(zk, path):
    queue = zk.inner.queue(path)
    await _repeated(zk, queue.put, b"x")
    item = await do(zk, queue.get)
    await do(zk, item.ack)


async def _registry(zk, path):
    registration = await do(zk, zk.inner.registry(path).register, instance())
    await do(zk, registration.unregister)


async def _semaphore(zk, path):
    hold = await do(zk, zk.inner.semaphore(path, 1).acquire)
    await do(zk, hold.release)


async def _value(zk, path):
    await _repeated(zk, zk.inner.value(path).set, b"x")


RECIPES = {
    "barrier": _barrier,
    "double_barrier": _double_barrier,
    "group": _group,
    "lease": _lease,
    "lock": _lock,
    "queue": _queue,
    "registry": _registry,
    "semaphore": _semaphore,
    "value": _value,
}


@pytest.fixture
def lost_zk(start_zk, hosts):
    """A client whose chroot a test deletes."""
    return start_zk(f"{hosts}/gone")


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("name", RECIPES)
async def test_parents_are_created_with_each_request_lost(proxy, cut_zk, zk, name, fate):
    """Each run has parents of its own, which are missing."""

    async def scenario(number):
        await RECIPES[name](cut_zk, f"/{number}/of/it")
        assert await mended(lambda: zk.exists(f"/{number}/of"))

    await at_each_request(proxy, cut_zk, fate, scenario, ["create"])


@pytest.mark.parametrize("name", RECIPES)
async def test_parents_that_may_not_be_created(zk, name):
    """The server refuses it: the call raises, and is not repeated without a limit."""
    await zk.create("/closed", b"", acl=zkc.READ_ACL_UNSAFE)
    with pytest.raises(zkc.NoAuthError, match="/closed"):
        await asyncio.wait_for(RECIPES[name](zk, "/closed/of/it"), 20)


@pytest.mark.parametrize("name", RECIPES)
async def test_parents_in_a_chroot_that_is_gone(zk, lost_zk, name):
    await zk.delete("/gone", missing_ok=True)
    with pytest.raises(zkc.NoNodeError):
        await asyncio.wait_for(RECIPES[name](lost_zk, "/it"), 20)
