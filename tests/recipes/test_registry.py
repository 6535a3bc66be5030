"""Registries: what is registered is seen, as long as it is registered."""

import asyncio
import json
import logging

import pytest

import zkc
from zkc.recipes import Instance, ServiceType

from ..client.both import Events, eventually, gone
from .registry_support import BASE, changed, ids, instance, registry_of, seeing


@pytest.fixture
def registry(zk):
    return registry_of(zk)


@pytest.fixture
def other(other_zk):
    return registry_of(other_zk)


async def test_an_instance_is_seen_until_it_is_unregistered(zk, registry, other):
    assert await other.services() == []
    assert await other.instances("web") == []
    assert await other.get("web", "a") is None
    registration = await registry.register(instance(payload={"weight": 3}))
    assert registration.listed
    assert registration.path == f"{BASE}/web/a"
    await eventually(seeing(other, "a"))
    assert await other.get("web", "a") == registration.instance
    await eventually(lambda: _services(other, ["web"]))
    [found] = await other.instances("web")
    assert found.payload == {"weight": 3}
    assert (await zk.exists(f"{BASE}/web/a")).ephemeral_owner == zk.session_id
    assert registry.registrations != []
    assert await registration.unregister() is True
    assert await registration.unregister() is True
    assert not registration.listed
    assert registry.registrations == []
    await eventually(seeing(other))
    assert zk.kept == []


async def _services(registry, expected):
    return await registry.services() == expected


async def test_an_update_reaches_the_memories_of_others(zk, registry, other):
    registration = await registry.register(instance())
    await eventually(seeing(other, "a"))
    await registration.update(changed(registration.instance, enabled=False, port=9090, tags={"old"}))

    async def seen():
        [found] = await other.instances("web")
        return (found.enabled, found.port, found.tags) == (False, 9090, {"old"})

    await eventually(seen)
    assert await ids(other) == ["a"]
    assert await other.instances("web", tags="new") == []
    assert len(await other.instances("web", tags=["old"])) == 1
    with pytest.raises(ValueError, match="register another one"):
        await registration.update(instance("b"))
    await registration.unregister()
    with pytest.raises(RuntimeError, match="is unregistered"):
        await registration.update(instance())


async def test_a_second_registration_of_an_instance_updates_it(zk, registry):
    first = await registry.register(instance())
    second = await registry_of(zk).register(instance(port=None))
    assert second.instance.port is None
    assert first.instance == second.instance
    assert json.loads((await zk.get(first.path))[0])["port"] is None
    await second.unregister()
    assert await gone(zk, first.path)
    third = await registry.register(instance())
    assert third.listed


@pytest.mark.parametrize("type_", [ServiceType.STATIC, ServiceType.PERMANENT])
async def test_a_static_instance_is_persistent(zk, registry, other, type_):
    registration = await registry.register(instance(type=type_))
    assert (await zk.exists(registration.path)).ephemeral_owner == 0
    await registration.update(changed(registration.instance, address="10.0.0.8"))
    assert json.loads((await zk.get(registration.path))[0])["address"] == "10.0.0.8"
    again = await other.register(instance(type=type_, port=1))
    assert json.loads((await zk.get(registration.path))[0])["port"] == 1
    assert again.listed
    assert await again.unregister() is True
    assert await registration.unregister() is False


async def test_sequential_instances_share_an_id(zk, registry, other, expire_zk):
    sequential = instance(type=ServiceType.DYNAMIC_SEQUENTIAL)
    registration = await registry.register(sequential)
    await other.register(sequential)
    await eventually(seeing(registry, "a", "a"))
    assert registration.path.startswith(f"{BASE}/web/a000000000")
    assert (await registry.get("web", "a")).type is ServiceType.DYNAMIC_SEQUENTIAL
    path = registration.path
    await expire_zk(zk)
    assert registration.path == path
    assert (await zk.exists(path)).ephemeral_owner == zk.session_id
    await registration.update(changed(sequential, port=1))
    assert json.loads((await zk.get(path))[0])["port"] == 1
    assert await registration.unregister() is True
    await eventually(seeing(other, "a"))


async def test_registry_blocks_unregister(zk, other):
    async with registry_of(zk) as registry:
        await registry.register(instance())
        async with await registry.register(instance("b")):
            await eventually(seeing(other, "a", "b"))
        await eventually(seeing(other, "a"))
    await eventually(seeing(other))
    with pytest.raises(RuntimeError, match="is closed"):
        await registry.instances("web")


async def test_closing_a_registry_unregisters_what_it_has_registered(zk, registry, other):
    await registry.register(instance())
    await other.register(instance("b"))
    watching = registry.watch("web")
    assert [each.id for each in await watching.__anext__()] in (["a"], ["a", "b"])
    await registry.close()
    assert await gone(zk, f"{BASE}/web/a")
    async for _ in watching:  # It ends.
        pass
    await eventually(seeing(other, "b"))


async def test_the_id_of_another_session_is_waited_for_or_replaced(zk, registry, other, other_zk):
    first = await registry.register(instance())
    with pytest.raises(zkc.OperationTimeoutError, match="another session may have its id"):
        await other.register(instance(port=1), timeout=2.0)
    await eventually(lambda: other_zk.kept == [])
    registering = asyncio.ensure_future(other.register(instance(port=2)))
    await asyncio.sleep(0.1)  # Time to be done too early.
    assert not registering.done()
    assert await first.unregister() is True
    second = await registering
    assert (await zk.exists(second.path)).ephemeral_owner == other_zk.session_id
    third = await registry.register(instance(port=3), replace=True)
    assert (await zk.exists(third.path)).ephemeral_owner == zk.session_id
    with pytest.raises(zkc.OperationTimeoutError, match="continues in the background"):
        await second.update(instance(port=4), timeout=0.2)
    assert json.loads((await zk.get(third.path))[0])["port"] == 3
    await third.unregister()
    await second.update(instance(port=5))
    assert json.loads((await zk.get(third.path))[0])["port"] == 5
    fourth = await registry.register(instance(port=6), replace=True)
    assert await second.unregister() is False
    assert json.loads((await zk.get(fourth.path))[0])["port"] == 6


async def test_an_update_creates_what_another_program_has_deleted(zk, registry, other_zk):
    registration = await registry.register(instance())
    await other_zk.delete(registration.path)
    await other_zk.delete(f"{BASE}/web", missing_ok=True)  # The server may have deleted the empty container.
    await registration.update(changed(registration.instance, port=1))
    assert json.loads((await zk.get(registration.path))[0])["port"] == 1


async def test_an_unparsable_instance_is_reported_once(zk, registry, other_zk, caplog):
    caplog.set_level(logging.WARNING, "zkc.recipes")
    await registry.register(instance())
    for name, data in [("bad", b"\xac\xed\x00\x05"), ("list", b"[]"), ("type", b'{"serviceType":"OTHER"}')]:
        await other_zk.create(f"{BASE}/web/{name}", data)
    await eventually(seeing(registry, "a"))
    await eventually(lambda: registry.is_current("web") and len(caplog.records) == 3)
    await other_zk.set(f"{BASE}/web/bad", b"still bad")
    await other_zk.create(f"{BASE}/web/c", b'{"name":"web","id":"c"}')
    await eventually(seeing(registry, "a", "c"))
    assert sorted(record.getMessage().split()[0] for record in caplog.records) == [
        f"{BASE}/web/{name}" for name in ("bad", "list", "type")
    ]
    await other_zk.set(f"{BASE}/web/bad", b'{"name":"web","id":"bad","port":"7"}')
    await eventually(seeing(registry, "a", "bad", "c"))


async def test_the_instances_are_iterated_over_with_each_change(registry, other):
    watching = other.watch("web")
    assert await watching.__anext__() == []
    registration = await registry.register(instance())
    assert [each.port for each in await watching.__anext__()] == [8080]
    await registration.update(changed(registration.instance, port=1))
    assert [each.port for each in await watching.__anext__()] == [1]
    await registration.unregister()
    assert await watching.__anext__() == []
    await watching.aclose()
    with pytest.raises(StopAsyncIteration):
        await watching.__anext__()


async def test_listeners_get_the_present_instances_and_each_change(registry, other):
    registration = await registry.register(instance())
    told, late = Events(), Events()
    other.add_listener("web", told)
    assert [each.id for each in await told.next()] == ["a"]
    other.add_listener("web", late)
    assert [each.id for each in await late.next()] == ["a"]
    await registration.unregister()
    assert await told.next() == await late.next() == []
    other.remove_listener("web", told)
    await registry.register(instance("b"))
    assert [each.id for each in await late.next()] == ["b"]
    await asyncio.sleep(0)
    assert told.empty()


async def test_an_instance_is_waited_for(registry, other):
    with pytest.raises(
        zkc.OperationTimeoutError, match=r"wait_for .*/web': no instance of 'web' was there within 0\.1 s"
    ) as caught:
        await other.wait_for("web", timeout=0.1)
    assert caught.value.maybe_applied is False
    waiting = [asyncio.ensure_future(other.wait_for("web", *id_, timeout=30)) for id_ in ((), ("b",))]
    await registry.register(instance("a", enabled=False))
    await eventually(seeing(other, "a"))
    assert not any(each.done() for each in waiting)
    await registry.register(instance("b"))
    assert [each.id for each in await asyncio.gather(*waiting)] == ["b", "b"]


async def test_a_wait_for_an_instance_ends_with_its_client(make_zk):
    zk = make_zk()
    await zk.start()
    waiting = asyncio.ensure_future(registry_of(zk).wait_for("web", timeout=30))
    await asyncio.sleep(0.1)  # As a rule it waits then; a wait that begins later ends in the same way.
    await zk.close()
    with pytest.raises(zkc.ClosingError):
        await waiting


async def test_a_path_that_may_not_be_read_raises(zk, registry):
    await zk.create(BASE, make_parents=True)
    await zk.create(f"{BASE}/web", acl=[zkc.ACL(zkc.Perms.CREATE, "world", "anyone")])
    for look in (registry.instances("web"), registry.wait_for("web")):
        with pytest.raises(zkc.NoAuthError):
            await look


async def test_a_codec_translates_payloads(zk, other_zk):
    class Words:
        def encode(self, payload):
            return " ".join(payload)

        def decode(self, value):
            return tuple(value.split())

    codec = Words()
    registration = await registry_of(zk, codec=codec).register(instance(payload=("a", "b")))
    assert json.loads((await zk.get(registration.path))[0])["payload"] == "a b"
    assert (await registry_of(other_zk, codec=codec).get("web", "a")).payload == ("a", "b")
    assert (await registry_of(other_zk).get("web", "a")).payload == "a b"


@pytest.mark.parametrize("number", [300, pytest.param(5000, marks=[pytest.mark.full, pytest.mark.timeout(600)])])
async def test_hundreds_of_instances_are_seen(registry, other, number):
    watching = other.watch("web")
    assert await watching.__anext__() == []
    names = [f"{each:05}" for each in range(number)]
    registrations = []
    for start in range(0, number, 100):
        batch = [registry.register(instance(name)) for name in names[start : start + 100]]
        registrations += await asyncio.gather(*batch)
    await eventually(seeing(other, *names), 60)
    await asyncio.gather(*(each.unregister() for each in registrations[1:]))
    await eventually(seeing(other, names[0]), 60)
    while [each.id for each in await watching.__anext__()] != names[:1]:
        pass


async def test_registered_names_are_checked(zk, registry):
    with pytest.raises(ValueError, match="without a slash"):
        Instance("a/b")
    with pytest.raises(ValueError, match="without a slash"):
        await registry.instances("a/b")
    with pytest.raises(TypeError, match="must be an Instance"):
        await registry.register("web")
    with pytest.raises(ValueError, match="path"):
        zk.inner.registry("services")
