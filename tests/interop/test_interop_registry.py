"""Registries of zkc beside Curator's service discovery: each sees what the other has registered."""

from __future__ import annotations

import dataclasses

import pytest

from zkc.recipes import Instance, ServiceType

from .interop_support import CYCLES

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]
SPEC = "{scheme}://{address}:{port}/{[}{id}{]}"
PAYLOADS = [
    (None, None, "- null"),
    ("text", None, "java.lang.String text"),
    (7, None, "java.lang.Integer 7"),
    (1.5, None, "java.lang.Double 1.5"),
    (True, None, "java.lang.Boolean true"),
    (5000000000, None, "java.lang.Long 5000000000"),
    ([1, "x"], None, "java.util.ArrayList [1, x]"),
    ({"weight": 3}, None, "java.util.LinkedHashMap {weight=3}"),
    ({"weight": 3}, "java.util.TreeMap", "java.util.TreeMap {weight=3}"),
    ([3], "java.util.LinkedList", "java.util.LinkedList [3]"),
]


@pytest.fixture
def registry(client):
    return client.registry("/discovery")


def web(id_, **options):
    settings = {"address": "10.0.0.7", "port": 8080, "id": id_, "uri_spec": SPEC, **options}
    return Instance("web", **settings)


@pytest.mark.parametrize(("payload", "java_class", "shown"), PAYLOADS)
def test_curator_reads_what_zkc_writes(worker, registry, payload, java_class, shown):
    peer = worker("discovery")
    mine = web("a", payload=payload, payload_class=java_class, tags={"word"}, registered_at=1700000000.123)
    registration = registry.register(mine)
    start = "web a 10.0.0.7 8080 null 1700000000123 DYNAMIC"
    assert peer.run("show", "/discovery", "web", "a") == [f"{start} true http://10.0.0.7:8080/{{a}} {shown}"]
    registration.update(dataclasses.replace(mine, enabled=False, port=None, ssl_port=443))
    start = "web a 10.0.0.7 null 443 1700000000123 DYNAMIC"
    assert peer.run("show", "/discovery", "web", "a") == [f"{start} false https://10.0.0.7:/{{a}} {shown}"]
    assert peer.run("choose", "/discovery", "web") == []
    assert peer.run("names", "/discovery", "-") == ["web"]


@pytest.mark.parametrize(
    ("kind", "payload", "java_class"),
    [
        ("none", None, None),
        ("text", "text", None),
        ("long", 5000000000, None),
        ("map", {"weight": 3}, "java.util.HashMap"),
    ],
)
def test_zkc_reads_what_curator_writes(worker, client, kind, payload, java_class):
    peer = worker("discovery")
    for base in ("/discovery", "/discovery-old"):
        registry = client.registry(base)
        peer.run("register", base, "web", "a", 8080, kind)
        found = registry.wait_for("web", "a", timeout=30)
        registered_at = found.registered_at
        assert found == web("a", payload=payload, payload_class=java_class, registered_at=registered_at)
        assert found.uri() == "http://10.0.0.7:8080/{a}"
        assert found.type is ServiceType.DYNAMIC
        assert registry.services() == ["web"]
        # What zkc makes of it is what Curator has written.
        data, _ = client.get(f"{base}/web/a")
        again = client.registry("/copy").register(found)
        assert client.get(again.path)[0] == data.replace(b',"enabled":true', b"")
        again.unregister()


def test_instances_of_zkc_come_and_go_for_curator(worker, registry):
    peer = worker("discovery")
    for number in range(1, CYCLES + 1):
        registration = registry.register(web("a", port=number))
        peer.run("await", "/discovery", "web", "a", number)
        registration.update(web("a", port=number + 10000, enabled=False))
        peer.run("await", "/discovery", "web", "a", number + 10000)
        assert registration.unregister() is True
        peer.run("await", "/discovery", "web", "a", 0)


def test_instances_of_curator_come_and_go_for_zkc(worker, registry, eventually):
    peer = worker("discovery")
    for number in range(1, CYCLES + 1):
        peer.run("register", "/discovery", "web", "a", number, "map")
        assert registry.wait_for("web", "a", timeout=30).enabled
        peer.run("update", "/discovery", "web", "a", number + 10000, "map")
        eventually(lambda number=number: shown(registry) == (number + 10000, False))
        peer.run("unregister", "/discovery", "web", "a")
        eventually(lambda: registry.get("web", "a") is None)


def shown(registry):
    found = registry.get("web", "a")
    return found and (found.port, found.enabled)


def test_an_instance_moves_between_zkc_and_curator(worker, registry, eventually):
    peer = worker("discovery")
    peer.run("register", "/discovery", "web", "a", 1, "none")
    mine = registry.register(web("a", port=2), replace=True)
    peer.run("await", "/discovery", "web", "a", 2)
    peer.run("register", "/discovery", "web", "a", 3, "none")  # Curator deletes the znode, too.
    eventually(lambda: shown(registry) == (3, True))
    assert mine.unregister() is False
    assert shown(registry) == (3, True)
