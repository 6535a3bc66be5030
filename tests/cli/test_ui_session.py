"""``zkc ui``: a lost connection, an expired session, and an error while a dialog is open."""

from __future__ import annotations

import dataclasses

import pytest

import zkc
from zkc.cli.programs._ui.reasons import UNCONNECTED
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


def test_without_a_connection_keys_say_so_at_once(browse, client, hosts, proxy):
    """Once, however often a key is typed."""
    client.create_many([("/app", b"first"), ("/other", b"second")])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app", "other"])
        await typed(pilot, "↓")
        proxy.refuse()
        proxy.drop_connections()
        await until(pilot, lambda: not browser.client.connected)
        for key in "ddrecg":
            await typed(pilot, key)
            assert told(browser).count(UNCONNECTED) == 1
            assert len(browser.screen_stack) == 1
        await typed(pilot, "↓")
        await until(pilot, lambda: UNCONNECTED in content(browser))
        proxy.accept()
        await until(pilot, lambda: "second" in content(browser))

    browse(body, servers=through(proxy, hosts), timeout=2.0)


def test_a_request_that_loses_its_connection_says_so_in_one_sentence(browse, client, hosts, proxy):
    client.create("/app", b"first")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓cnew")
        proxy.refuse()
        proxy.drop_connections()
        await until(pilot, lambda: not browser.client.connected)
        await typed(pilot, "\r")
        assert "Not created: there is no connection" in " ".join(picture(browser).split())
        assert "ZCONNECTIONLOSS" not in picture(browser)
        await typed(pilot, "\x1b")

    browse(body, servers=through(proxy, hosts), timeout=2.0)


def test_the_state_is_drawn_below_a_dialog_over_a_dialog(
    open_terminal, client, hosts, zookeeper_server, proxy, cli_environment
):
    client.create("/app", b"old")
    cli_environment["ZKC_SERVERS"] = through(proxy, hosts)
    terminal = open_terminal("ui")
    terminal.see("app")
    terminal.type("\x1b[B")
    terminal.see("old")
    terminal.type("e")
    terminal.see("Ctrl-S")
    terminal.type("x")
    terminal.see("xold")
    terminal.type("\x1b")
    terminal.see("Discard")
    proxy.refuse()
    proxy.drop_connections()
    terminal.see("· suspended")
    proxy.accept()
    terminal.see("· connected")
