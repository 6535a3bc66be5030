"""``zkc ui``: a lost connection, an expired session, and an error while a dialog is open."""

from __future__ import annotations

import asyncio
import dataclasses
import re

import pytest
from textual.widgets import Static

import zkc
from zkc import ClientState
from zkc.cli.programs._ui.age import Age
from zkc.cli.programs._ui.reader import Reader
from zkc.cli.programs._ui.reasons import UNCONNECTED
from zkc.testing import FaultProxy

from .ui_support import SHORT, content, editor, field, names, picture, told, typed, until


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


def state(browser):
    """Return the line with the state of the session."""
    return browser.screen_stack[0].query_one("#state", Static)


def top_line(browser):
    """Return its text."""
    return picture(browser).splitlines()[0]


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

    browse(body, servers=through(proxy, hosts), timeout=SHORT)


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
def test_what_is_shown_without_a_connection_is_marked_as_old(browse, client, hosts, proxy, size):
    client.create_many([("/app", b"first"), ("/app/a-znode-with-a-long-name", b"")])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓")
        await until(pilot, lambda: "first" in content(browser))
        assert "shown as of" not in picture(browser)
        proxy.refuse()
        proxy.drop_connections()
        await until(pilot, lambda: re.search(r" · shown as of \d\d:\d\d:\d\d ", top_line(browser)))
        assert "suspended" in top_line(browser)
        assert top_line(browser).endswith("/app")
        assert state(browser).has_class("old")
        assert "first" in content(browser)
        client.set("/app", b"second")
        client.create("/new")
        proxy.accept()
        await until(pilot, lambda: "shown as of" not in top_line(browser))
        assert "second" in content(browser)
        assert names(browser) == ["app", "new"]
        assert "connected" in top_line(browser)
        assert not state(browser).has_class("old")

    browse(body, servers=through(proxy, hosts), timeout=SHORT, size=size)


def test_the_mark_stays_until_each_path_was_read_by_a_later_connection():
    class Client:
        connected = True

    client, ended, reading = Client(), [], []

    async def read(path):
        done = asyncio.get_running_loop().create_future()
        reading.append((path, done))
        return await done

    async def finish(path, succeeded=True):
        while path not in [each for each, _ in reading]:
            await asyncio.sleep(0.001)
        index = [each for each, _ in reading].index(path)
        reading.pop(index)[1].set_result(succeeded)
        for _ in range(3):
            await asyncio.sleep(0)

    def lose():
        client.connected = False
        age.note(ClientState.SUSPENDED)

    def connect():
        client.connected = True
        age.note(ClientState.CONNECTED)
        age.ask(reader, ["/a", "/b"])
        age.look()

    age = Age(client, lambda: ended.append(True))
    reader = Reader(read, age)

    async def body():
        lose()
        mark = age.text
        connect()
        await finish("/a")
        while not reading:
            await asyncio.sleep(0.001)
        lose()
        connect()
        await finish("/b")  # It has begun before the connection.
        assert age.text == mark
        await finish("/a", succeeded=False)
        await finish("/b")
        assert age.text == mark
        reader.ask("/a")  # As a change does.
        await finish("/a")
        assert ended == [True]
        assert not age.is_old
        assert age.text == ""
        lose()
        client.connected = True
        age.look()
        assert not age.is_old
        reader.close()

    asyncio.run(body())


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
    text = ("x" * 99 + "\n") * 11_000  # In lines: the editor needs seconds for one of that length.

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓e")
        editor(browser).text = text
        await typed(pilot, "\x13")
        assert "Not saved" in picture(browser)
        assert editor(browser).text == text
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

    browse(body, servers=through(proxy, hosts), timeout=SHORT)


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

    browse(body, servers=through(proxy, hosts), timeout=SHORT)


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
