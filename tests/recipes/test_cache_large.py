"""Large caches, many of them, and servers without recursive watches."""

import contextlib

import pytest

import zkc
from zkc._watch.subscriptions import Subscriptions
from zkc.constants import EventType, State
from zkc.errors import UnimplementedError, error_for

from ..client.both import eventually
from .cache_support import Fold, cache_of, picture_of, shows, tree_of


@pytest.mark.parametrize("size", [3000, pytest.param(100_000, marks=[pytest.mark.full, pytest.mark.timeout(600)])])
def test_a_large_cache_over_a_reconnect(client, make_client_through, proxy, eventually, size):
    """Scenario 53: many znodes, windowed reads, and the last state is right."""
    groups = size // 1000
    client.create("/r")
    client.create_many([(f"/r/{group}", b"") for group in range(groups)], raise_errors=True)
    client.create_many([(f"/r/{n % groups}/n{n}", b"x" * 50) for n in range(size)], raise_errors=True)
    reader = make_client_through()
    before = reader.metrics().total
    cache = reader.cache("/r", jitter=0)
    fold = Fold()
    cache.add_listener(fold)
    with cache:
        assert len(cache) == size + groups + 1
        assert cache.children("/r/0") == sorted(f"n{n}" for n in range(0, size, groups))
        requests = reader.metrics().total - before
        assert requests < (size + groups) / 256 + groups + 100
        proxy.refuse()
        proxy.drop_connections()
        client.delete(f"/r/0/n{groups}")
        client.set("/r/0/n0", b"new")
        client.create("/r/0/more", b"")
        client.create("/r/0/short", b"")
        client.set("/r/0/short", b"1")
        client.delete("/r/0/short")
        proxy.accept()
        eventually(lambda: cache.data("/r/0/n0") == b"new" and cache.fresh_since is not None, 120)
        assert f"/r/0/n{groups}" not in cache
        assert "/r/0/more" in cache
        assert "/r/0/short" not in cache
        eventually(lambda: len(fold.nodes) == len(cache), 120)
        changes = [event for event in fold.events if event.change in (zkc.recipes.CacheChange.STALE,)]
        assert len(changes) >= 1
    assert fold.faults == []


@pytest.mark.parametrize("number", [15, pytest.param(200, marks=[pytest.mark.full, pytest.mark.timeout(600)])])
def test_many_clients_read_again(client, through, proxy, eventually, number):
    """Scenario 53: all lose their connections at once; a znode that was set and deleted is in no cache."""
    client.create("/r")
    client.create_many([(f"/r/{n}", b"x") for n in range(300)], raise_errors=True)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(zkc.Client(through)) for _ in range(number)]
        caches = [stack.enter_context(reader.cache("/r", jitter=0.2)) for reader in readers]
        proxy.drop_connections()
        for n in range(100):
            client.create(f"/r/new{n}", b"1")
            client.set(f"/r/new{n}", b"2")
            client.delete(f"/r/new{n}")
        client.create("/r/end", b"")
        for cache in caches:
            # One of those that come and go may be there for a moment, and the last not yet.
            eventually(lambda cache=cache: "/r/end" in cache and cache.fresh_since is not None, 60)
            eventually(lambda cache=cache: len(cache) == 302)


@pytest.fixture
def old_server(monkeypatch):
    """A server that refuses persistent watches, as all versions before 3.6 do."""

    def refuse(self, session):
        raise error_for(UnimplementedError.code, "add_watch", None, "this server has none")

    monkeypatch.setattr(Subscriptions, "check_persistent", refuse)


async def test_a_server_without_recursive_watches(zk, other_zk, old_server):
    await zk.create("/r", b"1")
    cache = cache_of(zk)
    fold = Fold(cache)
    await cache.wait_ready()
    assert cache.inner._core._fallback is not None
    await other_zk.create("/r/a", b"1")
    await eventually(shows(cache, "/r/a", b"1"))
    cache.inner.close()
    only = cache_of(zk, watches="recursive")
    with pytest.raises(UnimplementedError, match="this server has none"):
        await only.wait_ready()
    assert only.inner.closed
    assert fold.faults == []


async def test_the_next_server_has_no_recursive_watches(zk, other_zk):
    """A client moves to an older server of its ensemble, which ends the watch: the cache sets one on each znode."""
    await zk.create("/r", b"1")
    await zk.create("/r/a", b"1")
    cache, only = cache_of(zk), cache_of(zk, watches="recursive")
    fold = Fold(cache)
    await cache.wait_ready()
    await only.wait_ready()
    for each in (cache, only):
        core = each.inner._core
        core._event(core._arming, EventType.NOT_WATCHING, State.CONNECTED, "/r", None)
    assert isinstance(only.inner.error, UnimplementedError)
    await other_zk.set("/r/a", b"2")
    await eventually(shows(cache, "/r/a", b"2"))
    await eventually(lambda: cache.inner.fresh_since is not None)
    assert picture_of(cache.inner) == await tree_of(zk)
    assert fold.faults == []
    cache.inner.close()
