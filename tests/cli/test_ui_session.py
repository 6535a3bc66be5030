"""``zkc ui``: a lost connection, an expired session, and an error while a dialog is open."""

from __future__ import annotations

import dataclasses

import pytest

import zkc
from zkc.testing import FaultProxy

from .ui_support import content, editor, field, names, picture, told, typed, until


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


def through(proxy, hosts):
    return proxy.hosts + hosts[hosts.index("/") :]


def test_a_dialog_outlives_its_session_and_the_tree_follows_the_next(browse, client, hosts, proxy, zookeeper_server):
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓cnew")
        before = browser.client.session_id
        zookeeper_server.expire(before, browser.client.session_password)
        await until(pilot, lambda: browser.client.connected and browser.client.session_id != before)
        assert field(browser).value == "new"
        await typed(pilot, "\r")
        await until(pilot, lambda: names(browser, "/app") == ["new"])
        client.create("/later")
        client.set("/app", b"changed")
        await until(pilot, lambda: names(browser) == ["app", "later"])
        await until(pilot, lambda: "changed" in content(browser))

    browse(body, servers=through(proxy, hosts))


def test_what_could_not_be_read_is_read_at_the_next_connection(browse, client, hosts, proxy):
    client.create_many([("/app", b"first"), ("/other", b"second"), ("/other/inner", b"")])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app", "other"])
        proxy.refuse()
        proxy.drop_connections()
        await until(pilot, lambda: not browser.client.connected)
        await typed(pilot, "↓↓")
        client.create("/third")
        proxy.accept()
        await until(pilot, lambda: "second" in content(browser))
        await until(pilot, lambda: names(browser) == ["app", "other", "third"])
        client.set("/other", b"changed")
        await until(pilot, lambda: "changed" in content(browser))

    browse(body, servers=through(proxy, hosts), timeout=2.0)


def test_errors_advise_in_terms_of_commands(browse, client):
    client.create("/app", b"old", acl=[zkc.ACL(zkc.Perms.ALL, "digest", "bob:none")])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓")
        await until(pilot, lambda: "--auth" in content(browser))
        await typed(pilot, "e")
        await until(pilot, lambda: "--auth" in told(browser))
        await typed(pilot, "2")
        await until(pilot, lambda: "data_length" in picture(browser))

    browse(body)


def test_a_path_must_be_typed_where_the_profile_says_so(browse, client):
    client.create_many(["/app", "/other"])

    async def body(browser, pilot):
        browser.settings = dataclasses.replace(browser.settings, confirm="name")
        await until(pilot, lambda: names(browser) == ["app", "other"])
        await typed(pilot, "↓dother\r")
        assert "another path" in picture(browser)
        await typed(pilot, "\x1bd/app\r")
        await until(pilot, lambda: names(browser) == ["other"])

    browse(body)


def test_a_large_text_is_refused_by_the_server_and_kept(browse, client):
    client.create("/app", b"")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓e")
        editor(browser).text = "x" * 2_000_000
        await typed(pilot, "\x13")
        assert "Not saved" in picture(browser)
        assert len(editor(browser).text) == 2_000_000
        await typed(pilot, "\x1by")

    browse(body)
    assert client.get("/app")[0] == b""
