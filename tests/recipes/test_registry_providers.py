"""Providers: which instance they choose."""

import asyncio
import itertools
from collections import Counter

import pytest

import zkc

from ..client.both import eventually
from .registry_support import changed, instance, registry_of, seeing


@pytest.fixture
def registry(zk):
    return registry_of(zk)


async def register(registry, *ids, **options):
    registrations = [await registry.register(instance(each, **options)) for each in ids]
    await eventually(seeing(registry, *ids))
    return registrations


async def chosen(provider, number):
    return [(await provider.get()).id for _ in range(number)]


async def test_instances_take_turns(registry):
    await register(registry, "a", "b", "c")
    provider = registry.provider("web")
    assert await chosen(provider, 6) == ["a", "b", "c", "a", "b", "c"]
    assert [each.id for each in await provider.instances()] == ["a", "b", "c"]


async def test_a_random_instance_is_chosen(registry):
    await register(registry, "a", "b")
    provider = registry.provider("web", strategy="random")
    seen = set()
    while len(seen) < 2:
        seen.update(await chosen(provider, 1))


async def test_a_sticky_provider_changes_only_when_it_must(registry):
    registrations = await register(registry, "a", "b")
    provider = registry.provider("web", strategy="sticky")
    [first] = set(await chosen(provider, 20))
    await registrations["ab".index(first)].unregister()

    async def moved():
        return (await provider.get()).id != first

    await eventually(moved)
    assert len(set(await chosen(provider, 20))) == 1


async def test_weights_are_respected(registry):
    for name, weight in (("a", 0), ("b", 1), ("c", 9)):
        await registry.register(instance(name, payload=weight))
    await eventually(seeing(registry, "a", "b", "c"))
    provider = registry.provider("web", strategy="weighted", weight=lambda each: each.payload)
    counts = Counter(await chosen(provider, 500))
    assert counts["a"] == 0
    assert 0 < counts["b"] < counts["c"]
    assert await registry.provider("web", strategy="weighted", weight=lambda each: 0).get() is None


async def test_a_function_chooses_among_the_selected(registry):
    await register(registry, "a", "b", "c")
    provider = registry.provider("web", strategy=lambda usable: usable[-1], select=lambda each: each.id != "c")
    assert await chosen(provider, 2) == ["b", "b"]


async def test_disabled_instances_are_left_out(registry):
    [registration] = await register(registry, "a")
    provider = registry.provider("web")
    await registration.update(changed(registration.instance, enabled=False))

    async def none():
        return await provider.get() is None

    await eventually(none)
    waiting = asyncio.ensure_future(provider.wait(timeout=30))
    await registration.update(changed(registration.instance, enabled=True))
    assert (await waiting).id == "a"


async def test_an_instance_with_errors_is_left_out_for_a_while(registry, monkeypatch):
    await register(registry, "a", "b")
    clock = itertools.count(1000.0, 0.0)
    monkeypatch.setattr("zkc.recipes.provider.monotonic", lambda: next(clock))
    provider = registry.provider("web", max_errors=2, error_window=30.0)
    first = await provider.get()
    provider.note_error(first)
    assert set(await chosen(provider, 4)) == {"a", "b"}
    provider.note_error(first)
    assert set(await chosen(provider, 4)) == {"b"}
    clock = itertools.count(1029.0, 0.0)
    assert set(await chosen(provider, 4)) == {"b"}
    clock = itertools.count(1030.0, 0.0)
    assert set(await chosen(provider, 4)) == {"a", "b"}


async def test_an_instance_with_errors_is_waited_for(registry):
    await register(registry, "a")
    provider = registry.provider("web", max_errors=1, error_window=2.0)
    provider.note_error(await provider.get())
    assert await provider.get() is None
    assert (await provider.wait(timeout=30)).id == "a"


async def test_an_update_forgives_errors(registry):
    [registration] = await register(registry, "a")
    provider = registry.provider("web", max_errors=1)
    provider.note_error(await provider.get())
    await registration.update(changed(registration.instance, port=1))
    assert (await provider.wait(timeout=30)).port == 1


async def test_a_provider_without_instances_has_none(registry):
    provider = registry.provider("web")
    assert await provider.get() is None
    with pytest.raises(zkc.OperationTimeoutError):
        await provider.wait(timeout=0.1)


async def test_the_settings_of_a_provider_are_checked(registry):
    for options in (
        {"strategy": "best"},
        {"strategy": "weighted"},
        {"weight": lambda each: 1},
        {"max_errors": 0},
        {"error_window": -1},
    ):
        with pytest.raises(ValueError, match=r"strategy|weight|max_errors|error_window"):
            registry.provider("web", **options)
    with pytest.raises(ValueError, match="slash"):
        registry.provider("a/b")
