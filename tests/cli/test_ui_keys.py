"""``zkc ui``: keys that are typed fast reach the dialog they belong to, and act on the znode under the cursor."""

from __future__ import annotations

import time

import pytest
from textual import events

from zkc.cli.programs._ui.dialogs import Ask, Confirm, Edit, Help
from zkc.cli.programs._ui.keys import PATIENCE
from zkc.testing import FaultProxy

from .ui_support import burst, editor, field, handled, names, question, told, typed, until


def test_a_deletion_and_its_answer_are_typed_at_once(browse, client):
    client.create_many(["/app", "/app/inner", "/other"])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app", "other"])
        await typed(pilot, "↓dy")
        await until(pilot, lambda: names(browser) == ["other"])
        assert len(browser.screen_stack) == 1

    browse(body)
    assert client.children("/") == ["other"]


def test_a_path_is_typed_at_once(browse, client):
    client.create_many(["/app", "/app/inner", "/app/inner/most"])

    async def body(browser, pilot):
        await typed(pilot, "g/app/inner/most\r")
        await until(pilot, lambda: browser.chosen == "/app/inner/most")
        await typed(pilot, "g/app\rcnew\r")
        await until(pilot, lambda: "new" in names(browser, "/app"))

    browse(body)
    assert client.exists("/app/new")


def test_an_edit_is_typed_at_once_and_acts_on_the_znode_under_the_cursor(browse, client):
    client.create_many([(f"/{name}", b"") for name in "abc"])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 3)
        await typed(pilot, "↓eone\x13↓etwo\x13↓cdeep\r")
        await until(pilot, lambda: client.exists("/c/deep"))
        await typed(pilot, "↑dn")

    browse(body)
    assert [client.get(path)[0] for path in ("/a", "/b", "/c")] == [b"one", b"two", b""]


def test_a_search_is_typed_at_once(browse, client):
    client.create_many(["/alpha", "/beta", "/bet"])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 3)
        await typed(pilot, "/be\rnn")
        await until(pilot, lambda: browser.chosen == "/bet")

    browse(body)


def test_a_znode_is_opened_and_its_first_child_edited_by_keys_typed_at_once(browse, client):
    client.create_many(["/app", "/app/child", "/other"])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 2)
        await typed(pilot, "↓\r↓enew\x13")

    browse(body)
    assert client.get("/app/child")[0] == b"new"


def test_a_key_pressed_twice_opens_one_dialog(browse, client):
    client.create("/app", b"")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        for keys, kind in (("↓ee", Edit), ("dd", Confirm), ("cc", Ask), ("gg", Ask), ("//", Ask)):
            await typed(pilot, keys)
            assert isinstance(browser.screen, kind), keys
            assert len(browser.screen_stack) == 2, keys
            await typed(pilot, "\x1b" + "y" * (kind is Edit))
            assert len(browser.screen_stack) == 1, keys
        await typed(pilot, "?")
        assert isinstance(browser.screen, Help)
        await typed(pilot, "?")
        assert len(browser.screen_stack) == 1

    browse(body)


def test_keys_do_not_answer_a_question_that_the_user_could_not_expect(browse, client):
    """A conflict: the keys after Ctrl-S were not typed for its question."""
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓e")
        client.set("/app", b"theirs")
        await typed(pilot, "x\x13y")
        assert "theirs" in question(browser)

    browse(body)
    assert client.get("/app")[0] == b"theirs"


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


def test_escape_stops_a_command_whose_dialog_does_not_come(browse, client, hosts, proxy):
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓")
        proxy.pause()
        burst(browser, "e")
        await until(pilot, lambda: browser._talk is not None and browser._talk.hold.taken)
        since = browser._talk.hold.since
        await until(pilot, lambda: time.monotonic() - since > PATIENCE)
        burst(browser, "x\x1b")
        await until(pilot, lambda: browser.keys.idle)
        await until(pilot, lambda: "stopped" in told(browser))
        proxy.resume()
        await typed(pilot, "?")
        assert isinstance(browser.screen, Help)

    browse(body, servers=proxy.hosts + hosts[hosts.index("/") :])


def test_text_that_is_pasted_reaches_the_dialog_without_control_characters(browse, client):
    client.create("/app", b"")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        burst(browser, "↓e")
        browser.post_message(events.Paste("one\r\ntwo\x1b[31m\u2028"))
        await handled(pilot)
        await until(pilot, lambda: editor(browser).text == "one\ntwo\\x1b[31m\\u2028")
        await typed(pilot, "\x13g")
        await until(pilot, lambda: field(browser).value == "/app")

    browse(body)
    assert client.get("/app")[0] == b"one\ntwo\\x1b[31m\\u2028"


def test_keys_typed_at_once_in_a_terminal(open_terminal, client):
    client.create_many([(f"/{name}", b"") for name in ("app", "other")])
    terminal = open_terminal("ui")
    terminal.see("other")
    terminal.type("\x1b[Betext\x13g/other\rdy")
    terminal.until(lambda: not client.exists("/other"))
    terminal.type("g/app\re")
    terminal.see("Ctrl-S")
    terminal.type("\x1bg")  # A terminal sends the same for Alt-G and for Escape and g.
    terminal.see("Go to the path")
    terminal.type("\rq")
    assert terminal.wait() == 0
    assert client.get("/app")[0] == b"text"


def test_a_key_with_alt_does_not_discard_a_text(browse, client):
    client.create("/app", b"")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓etext")
        browser.post_message(events.Key("alt+y", "y"))
        await handled(pilot)
        assert "not saved" in question(browser)
        await typed(pilot, "n")
        assert editor(browser).text == "text"

    browse(body)


def test_interrupt_says_how_to_leave(browse, client):
    async def body(browser, pilot):
        await pilot.press("ctrl+c")
        await handled(pilot)
        assert told(browser) == "q leaves"

    browse(body)
