"""Registries whose connection is lost, or whose session ends: what is registered comes back, and nothing else does."""

import asyncio
import gc
import json
import weakref

import pytest

import zkc

from ..client.both import Events, eventually, gone
from .registry_support import BASE, changed, ids, instance, registry_of, seeing


@pytest.fixture
def cut_zk(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=30.0)


async def cut(zk, proxy):
    """Cut the connection of a client, and keep it from connecting again."""
    told = Events()
    zk.add_listener(told)
    proxy.refuse()
    proxy.drop_connections()
    assert await told.next() is zkc.ClientState.SUSPENDED
    return told


async def expired(told):
    """Wait until a client has another session."""
    assert await told.next() is zkc.ClientState.LOST
    assert await told.next() is zkc.ClientState.CONNECTED


async def test_instances_come_back_after_an_expiry_as_they_were_updated_last(zk, other_zk, expire_zk):
    """Scenario 51, for instances."""
    registry, other = registry_of(zk), registry_of(other_zk)
    registrations = [await registry.register(instance(each)) for each in "abc"]
    await registrations[0].update(changed(registrations[0].instance, port=1))
    await registrations[1].unregister()
    await eventually(seeing(other, "a", "c"))
    await expire_zk(zk)
    await eventually(seeing(other, "a", "c"))
    assert (await zk.exists(registrations[0].path)).ephemeral_owner == zk.session_id
    assert json.loads((await zk.get(registrations[0].path))[0])["port"] == 1
    assert registrations[0].listed
    assert [each.path for each in registry.registrations] == [f"{BASE}/web/a", f"{BASE}/web/c"]


async def test_a_memory_is_true_again_after_an_expiry(zk, other_zk, expire_zk):
    registry, other = registry_of(zk), registry_of(other_zk)
    first = await other.register(instance())
    second = await other.register(instance("b"))
    watching = registry.watch("web")
    while len(await watching.__anext__()) < 2:
        pass
    await expire_zk(zk)
    await first.unregister()
    await second.update(changed(second.instance, port=1))
    while [(each.id, each.port) for each in await watching.__anext__()] != [("b", 1)]:
        pass
    await eventually(lambda: registry.is_current("web"))
    assert await ids(registry) == ["b"]


async def test_a_memory_answers_during_an_outage_and_follows_after_it(cut_zk, proxy, zk):
    registry, other = registry_of(cut_zk), registry_of(zk)
    registration = await other.register(instance())
    await eventually(seeing(registry, "a"))
    told = await cut(cut_zk, proxy)
    await registration.update(changed(registration.instance, port=1))
    await other.register(instance("b"))
    assert not registry.is_current("web")
    assert [each.port for each in await registry.instances("web")] == [8080]
    proxy.accept()
    assert await told.next() is zkc.ClientState.CONNECTED
    await eventually(seeing(registry, "a", "b"))

    async def current():
        return (await registry.get("web", "a")).port == 1

    await eventually(current)


async def test_what_is_unregistered_during_an_outage_does_not_come_back(cut_zk, proxy, zk, zookeeper_server):
    """Scenario 51, for instances."""
    await zk.create(f"{BASE}/web/stays", make_parents=True)  # The servers delete an empty container.
    registry = registry_of(cut_zk)
    going, staying = [await registry.register(instance(each)) for each in "ab"]
    session = cut_zk.session_id, cut_zk.session_password
    told = await cut(cut_zk, proxy)
    with pytest.raises(zkc.OperationTimeoutError, match="continues in the background"):
        await going.unregister(timeout=0.2)
    unregistering = asyncio.ensure_future(going.unregister(timeout=60))
    await asyncio.sleep(0.1)  # Time to be done too early.
    assert not unregistering.done()
    zookeeper_server.expire(*session)
    proxy.accept()
    await expired(told)
    assert await unregistering is False
    assert await gone(zk, going.path)
    assert (await zk.exists(staying.path)).ephemeral_owner == cut_zk.session_id
    assert cut_zk.kept == [staying.path]


async def test_what_is_unregistered_during_a_short_outage_is_deleted_after_it(cut_zk, proxy, zk):
    registration = await registry_of(cut_zk).register(instance())
    told = await cut(cut_zk, proxy)
    with pytest.raises(zkc.OperationTimeoutError):
        await registration.unregister(timeout=0.2)
    assert not await gone(zk, registration.path)
    proxy.accept()
    assert await told.next() is zkc.ClientState.CONNECTED
    assert await registration.unregister(timeout=60) is True
    assert await gone(zk, registration.path)


async def test_an_instance_is_registered_again_during_the_outage_that_unregistered_it(cut_zk, proxy, zk):
    registry = registry_of(cut_zk)
    registration = await registry.register(instance())
    told = await cut(cut_zk, proxy)
    with pytest.raises(zkc.OperationTimeoutError):
        await registration.unregister(timeout=0.2)
    registering = asyncio.ensure_future(registry.register(instance(port=1), timeout=60))
    await asyncio.sleep(0.1)  # As a rule it waits for the connection then; a call that begins later ends alike.
    proxy.accept()
    assert await told.next() is zkc.ClientState.CONNECTED
    again = await registering
    assert again.listed
    assert json.loads((await zk.get(again.path))[0])["port"] == 1
    assert await registration.unregister() is True
    assert not await gone(zk, again.path)


async def test_the_last_update_of_an_outage_wins(cut_zk, proxy, zk, zookeeper_server):
    registration = await registry_of(cut_zk).register(instance())
    session = cut_zk.session_id, cut_zk.session_password
    told = await cut(cut_zk, proxy)
    with pytest.raises(zkc.OperationTimeoutError, match="continues in the background"):
        await registration.update(changed(registration.instance, port=1), timeout=0.1)
    updating = asyncio.ensure_future(registration.update(changed(registration.instance, port=2), timeout=60))
    await asyncio.sleep(0.1)  # As a rule it waits for the connection then; a call that begins later ends alike.
    zookeeper_server.expire(*session)
    proxy.accept()
    await expired(told)
    await updating
    assert json.loads((await zk.get(registration.path))[0])["port"] == 2


async def test_a_registration_that_is_given_up_leaves_no_znode(cut_zk, proxy, zk):
    registry = registry_of(cut_zk)
    told = await cut(cut_zk, proxy)
    with pytest.raises(zkc.OperationTimeoutError, match="is withdrawn"):
        await registry.register(instance(), timeout=0.2)
    await eventually(lambda: registry.registrations == [])  # For asyncio, after the pause between two tries.
    proxy.accept()
    assert await told.next() is zkc.ClientState.CONNECTED
    other = await registry.register(instance("b"))
    assert await gone(zk, f"{BASE}/web/a")
    assert cut_zk.kept == [other.path]


async def test_a_deleted_base_is_followed(zk, other_zk):
    registry, other = registry_of(zk), registry_of(other_zk)
    registration = await other.register(instance())
    await eventually(seeing(registry, "a"))
    await zk.delete_tree(BASE)
    await eventually(seeing(registry))
    assert await registry.services() == []
    await registration.update(instance(port=1))
    await eventually(seeing(registry, "a"))


async def test_reads_are_spread_after_an_expiry(zk, expire_zk, monkeypatch):
    registry = registry_of(zk)
    for name in "abc":
        await registry.register(instance(name))
    await eventually(seeing(registry, "a", "b", "c"))
    await eventually(lambda: registry.is_current("web"))
    spread = []

    def uniform(least, most):
        spread.append((least, most))
        return 0.0

    monkeypatch.setattr("zkc.recipes._instance_watch.uniform", uniform)
    await expire_zk(zk)
    await eventually(lambda: registry.is_current("web"))
    assert set(spread) == {(0.0, 0.003)}  # The old session may have connected once more before it expired.


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_forgotten_client_ends_what_it_registers_and_watches(client, hosts, eventually):
    """Scenario 55."""

    def begin():
        forgotten = zkc.Client(hosts)
        forgotten.start()
        registry = forgotten.registry(BASE)
        told = []
        registry.add_listener("web", told.append)
        registration = registry.register(instance())
        assert registry.wait_for("web", "a", timeout=30) == registration.instance
        eventually(lambda: told and told[-1])
        assert registry.provider("web").get() is not None
        return weakref.ref(forgotten), registration.path

    reference, path = begin()
    eventually(lambda: gc.collect() is not None and reference() is None)  # Replies may be on their way.
    eventually(lambda: client.exists(path) is None)
