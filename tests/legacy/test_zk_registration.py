"""Registration of servers, the machine's addresses, and the event."""

import importlib
import os
import socket
import sys
import types

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN


@pytest.fixture
def no_netifaces(monkeypatch):
    monkeypatch.setitem(sys.modules, "netifaces", None)


def registered(zk):
    return sorted(zk.get_children("/servers"))


@pytest.fixture
def servers(zk):
    zk.create("/servers", "", OPEN)
    return zk


@pytest.mark.parametrize(
    "address",
    [
        ("192.168.0.42", 8080),
        "192.168.0.42:8080",
        ["192.168.0.42", "8080"],
        b"192.168.0.42:8080",
        (b"192.168.0.42", b"8080"),
    ],
)
def test_register_server(servers, address):
    assert servers.register_server("/servers", address, a=1) is None
    path = "/servers/192.168.0.42:8080"
    assert servers.get_properties(path) == {"a": 1, "pid": os.getpid()}
    assert servers.is_ephemeral(path)
    assert servers.get_acl(path)[1] == zc_zk.READ_ACL_UNSAFE
    assert list(servers.ephemeral) == [path]
    with pytest.raises(zookeeper.NodeExistsException):
        servers.register_server("/servers", address)


@pytest.mark.parametrize("address", [("a",), ("a", 1, 2), (), 80, None])
def test_what_is_no_address_is_refused(servers, address):
    with pytest.raises(TypeError, match=r"addr must be 'host:port' or \(host, port\), not "):
        servers.register_server("/servers", address)
    assert registered(servers) == []


def test_an_acl_and_a_place_at_the_root(zk):
    zk.register_server("/", "a:b", OPEN)
    assert zk.get_children("/") == ["a:b"]
    assert zk.get_acl("/a:b")[1] == OPEN
    with pytest.raises(zookeeper.NoNodeException):
        zk.register_server("/nothing", "a:b")


@pytest.mark.parametrize("address", [("", 8080), ":8080"])
def test_a_port_alone_without_netifaces_stands_for_the_machines_full_name(servers, no_netifaces, monkeypatch, address):
    monkeypatch.setattr(socket, "getfqdn", lambda: "the.name")
    servers.register_server("/servers", address)
    assert registered(servers) == ["the.name:8080"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["127.0.0.1", "10.0.0.1", "192.168.0.1"], ["10.0.0.1:80", "192.168.0.1:80"]),
        (["127.0.0.1"], ["127.0.0.1:80"]),
        ([], ["the.name:80"]),
    ],
)
def test_addresses_that_count(servers, monkeypatch, found, expected):
    module = types.SimpleNamespace(
        interfaces=lambda: ["all"], ifaddresses=lambda _: {2: [{"addr": address} for address in found]}
    )
    monkeypatch.setitem(sys.modules, "netifaces", module)
    monkeypatch.setattr(socket, "getfqdn", lambda: "the.name")
    servers.register_server("/servers", ":80")
    assert registered(servers) == expected


def test_netifaces_is_asked_if_it_is_installed(servers, monkeypatch):
    interfaces = {
        "lo": {2: [{"addr": "127.0.0.1", "netmask": "255.0.0.0"}], 10: [{"addr": "::1"}]},
        "eth0": {2: [{"addr": "192.168.24.60"}, {"addr": "192.168.24.61"}, {}]},
        "down": {},
    }
    module = types.SimpleNamespace(interfaces=lambda: list(interfaces), ifaddresses=interfaces.get)
    monkeypatch.setitem(sys.modules, "netifaces", module)
    servers.register_server("/servers", ":80")
    assert registered(servers) == ["192.168.24.60:80", "192.168.24.61:80"]


def test_the_event_may_add_properties(servers, monkeypatch):
    events = []

    def notify(event):
        events.append(repr(event))
        event.properties["test"] = (event.name, event.path)

    monkeypatch.setattr(zc_zk.event, "notify", notify)
    servers.ln("/servers", "/link")
    servers.register_server("/link", "1.2.3.4:80")
    assert events == [f"RegisteringServer('1.2.3.4:80', '/servers', {{'pid': {os.getpid()}}})"]
    assert servers.get_properties("/servers/1.2.3.4:80")["test"] == ["1.2.3.4:80", "/servers"]


def test_zope_event_is_used_if_it_is_installed(monkeypatch):
    # No subscriber is called without it.
    monkeypatch.setitem(sys.modules, "zope.event", None)
    importlib.reload(zc_zk.event)
    assert zc_zk.event.notify is zc_zk.event._noop
    assert zc_zk.event.notify("event") is None
    zope_event = types.ModuleType("zope.event")
    zope_event.notify = lambda event: None
    monkeypatch.setitem(sys.modules, "zope", types.ModuleType("zope"))
    monkeypatch.setitem(sys.modules, "zope.event", zope_event)
    importlib.reload(zc_zk.event)
    assert zc_zk.event.notify is zope_event.notify
    monkeypatch.undo()
    importlib.reload(zc_zk.event)
