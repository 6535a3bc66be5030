"""Registries whose connection is lost at each request, and at each reply."""

import json

import pytest

from zkc.recipes import ServiceType

from ..client.both import eventually, gone
from .cut_support import at_each_request, client_through_cutter, cutter  # noqa: F401 - pytest finds the fixtures here
from .registry_support import BASE, changed, instance, registry_of, seeing

FATES = ["drop", "lose"]


@pytest.mark.parametrize("type_", list(ServiceType))
@pytest.mark.parametrize("fate", FATES)
async def test_a_registration_with_each_request_lost(proxy, cut_zk, zk, fate, type_):
    registry, other = registry_of(cut_zk), registry_of(zk)

    async def scenario(number):
        registration = await registry.register(instance(type=type_))
        stat = await zk.exists(registration.path)
        assert stat.ephemeral_owner == (cut_zk.session_id if type_.is_dynamic else 0)
        assert await zk.children(f"{BASE}/web") == [registration.path.rpartition("/")[2]]
        await registration.update(changed(registration.instance, port=number))
        assert json.loads((await zk.get(registration.path))[0])["port"] == number
        await registration.unregister()
        assert await gone(zk, registration.path)
        assert cut_zk.kept == []
        await eventually(seeing(other))

    await at_each_request(proxy, cut_zk, fate, scenario)


@pytest.mark.parametrize("fate", FATES)
async def test_a_memory_with_each_request_lost(proxy, cut_zk, zk, fate):
    other = registry_of(zk)
    await other.register(instance("first"))

    async def scenario(number):
        registry = registry_of(cut_zk)
        async with registry:
            await eventually(seeing(registry, "first"))
            registration = await other.register(instance())
            await eventually(seeing(registry, "a", "first"))
            await registration.update(changed(registration.instance, port=number))

            async def updated():
                return (await registry.get("web", "a")).port == number

            await eventually(updated)
            await registration.unregister()
            await eventually(seeing(registry, "first"))

    await at_each_request(proxy, cut_zk, fate, scenario)
