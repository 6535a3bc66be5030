"""``zkc ui``: the screen, driven by textual's pilot, against a real server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from zkc.cli.programs._ui.dialogs import Confirm, Edit

from .ui_support import content, names, picture, until


def test_a_change_by_another_client_is_seen(browse, client):
    """Scenario 38."""
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        client.create("/later", b"")
        await until(pilot, lambda: names(browser) == ["app", "later"])
        client.delete("/later")
        await until(pilot, lambda: names(browser) == ["app"])
        await pilot.press("down")
        await until(pilot, lambda: "old" in content(browser))
        client.set("/app", b"new")
        await until(pilot, lambda: "new" in content(browser))
        client.create("/app/inner")
        await until(pilot, lambda: browser.tree_view.root.children[0].allow_expand)
        await pilot.press("enter")
        await until(
            pilot, lambda: [line.data.name for line in browser.tree_view.root.children[0].children] == ["inner"]
        )

    browse(body)


def test_a_wide_znode_is_shown_by_pages_and_any_child_can_be_reached(browse, client):
    client.create_many([f"/n{number:05}" for number in range(1200)])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 500)
        assert "700 more" in str(browser.tree_view.root.children[-1].label)
        await pilot.press("end", "enter")
        await until(pilot, lambda: len(names(browser)) == 1000)
        assert await browser.tree_view.go_to("/n01100")
        await until(pilot, lambda: browser.chosen == "/n01100")
        assert not await browser.tree_view.go_to("/none")

    browse(body)


def test_read_only_refuses_every_change(browse, client):
    """Scenario 38."""
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await pilot.press("down")
        await until(pilot, lambda: browser.chosen == "/app")
        for key in ("e", "d", "c"):
            await pilot.press(key)
            await pilot.pause()
            assert len(browser.screen_stack) == 1

    browse(body, read_only=True)
    assert client.get("/app")[0] == b"old"


def test_a_deletion_asks_with_the_count(browse, client):
    """Scenario 38."""
    client.create_many(["/app", "/app/a", "/app/b"])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await pilot.press("down")
        await until(pilot, lambda: browser.chosen == "/app")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(browser.screen, Confirm))
        assert "Delete 3 znodes" in browser.screen._question
        await pilot.press("n")
        await until(pilot, lambda: len(browser.screen_stack) == 1)
        assert client.exists("/app/a")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(browser.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: names(browser) == [])

    browse(body)
    assert client.children("/") == []


def takes_keys(browser, kind):
    """Return whether a dialog is shown, and no key is dropped any more as one that was typed before it."""
    return isinstance(browser.screen, kind) and browser.keys.idle


def test_an_edit_does_not_overwrite_what_another_client_has_set(browse, client):
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await pilot.press("down")
        await until(pilot, lambda: browser.chosen == "/app")
        await pilot.press("e")
        await until(pilot, lambda: takes_keys(browser, Edit))
        client.set("/app", b"theirs")
        await pilot.press("x", "ctrl+s")
        await until(pilot, lambda: takes_keys(browser, Confirm))
        assert "theirs" in browser.screen._question
        await pilot.press("n")
        await until(pilot, lambda: takes_keys(browser, Edit))
        await pilot.press("escape", "y")
        await until(pilot, lambda: len(browser.screen_stack) == 1)
        assert client.get("/app")[0] == b"theirs"
        await pilot.press("e")
        await until(pilot, lambda: takes_keys(browser, Edit))
        await pilot.press("x", "ctrl+s")
        await until(pilot, lambda: client.get("/app")[0] == b"xtheirs")

    browse(body)


def test_a_name_is_searched_and_keys_are_shown(browse, client):
    client.create_many(["/alpha", "/beta", "/gamma"])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 3)
        await pilot.press("slash")
        await until(pilot, lambda: len(browser.screen_stack) == 2)
        await pilot.press("g", "a", "m", "enter")
        await until(pilot, lambda: browser.chosen == "/gamma")
        await pilot.press("question_mark")
        await until(pilot, lambda: len(browser.screen_stack) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: len(browser.screen_stack) == 1)

    browse(body)


def test_a_znode_is_created(browse, client):
    async def body(browser, pilot):
        await pilot.press("c")
        await until(pilot, lambda: len(browser.screen_stack) == 2)
        await pilot.press("n", "e", "w", "enter")
        await until(pilot, lambda: names(browser) == ["new"])

    browse(body)
    assert client.get("/new")[0] == b""


def test_the_servers_are_shown(browse):
    async def body(browser, pilot):
        await pilot.press("4")
        await until(pilot, lambda: "standalone" in picture(browser))

    browse(body)


def test_the_screen_needs_a_terminal(cli):
    assert cli("ui", "--json", code=2).error["error"] == "no_terminal"


def test_a_root_that_does_not_exist_is_one_sentence(open_terminal, client):
    client.create("/app/inner", make_parents=True)
    for arguments in (["ui", "/none"], ["--color", "never", "ui", "/none/deeper/"]):
        terminal = open_terminal(*arguments)
        assert terminal.wait() == 3
        assert "there is no such znode" in terminal.text
        assert "\x1b[?1049h" not in terminal.raw
    terminal = open_terminal("ui", "/app/")
    terminal.see("inner")
    terminal.type("q")
    assert terminal.wait() == 0


def test_a_terminal_that_cannot_move_its_cursor_is_refused(open_terminal, cli_environment):
    cli_environment["TERM"] = "dumb"
    terminal = open_terminal("ui")
    assert terminal.wait() == 2
    assert "needs a terminal that moves its cursor" in terminal.text


def test_without_a_connection_there_is_one_sentence(open_terminal):
    terminal = open_terminal("-s", "127.0.0.1:1", "--timeout", "1", "ui")
    assert terminal.wait() == 6
    assert "Traceback" not in terminal.raw
    assert "\x1b[?1049h" not in terminal.raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_screen_and_leaves_the_terminal_as_it_was(open_terminal, client, number):
    client.create("/app")
    terminal = open_terminal("ui")
    terminal.see("app")
    terminal.type("\x1b[Betext")
    terminal.see("Ctrl-S")
    terminal.process.kill(number)
    assert terminal.wait() == 128 + number
    assert_restored(terminal)


def left_set(terminal):
    """Return the modes of the terminal that the screen has left as it had set them."""
    ends = (("1049", "l"), ("25", "h"), ("1000", "l"), ("2004", "l"))
    return [mode for mode, end in ends if re.findall(rf"\x1b\[\?{mode}([hl])", terminal.raw)[-1] != end]


def assert_restored(terminal):
    assert left_set(terminal) == []
    assert "Traceback" not in terminal.raw


def test_the_screen_of_a_web_page_ends_with_the_server_of_the_page(start_cli, cli_environment, client):
    client.create("/application")
    cli_environment.update(TEXTUAL_DRIVER="textual.drivers.web_driver:WebDriver", ROWS="24")
    process = start_cli("ui", stderr=subprocess.DEVNULL)
    seen = b""
    while b"application" not in seen:
        seen += os.read(process.stdout.fileno(), 65536) or pytest.fail("the screen has ended")
    process.stdin.close()  # As the end of a server does, also one by SIGKILL.
    while os.read(process.stdout.fileno(), 65536):
        pass
    process.wait(30)


def test_the_screen_is_suspended_and_goes_on(open_terminal, client):
    client.create_many(["/app", "/other"])
    terminal = open_terminal("ui")
    terminal.see("app")
    terminal.type("\x1a")
    status = Path(f"/proc/{terminal.process.pid}/stat")
    terminal.until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T")
    terminal.until(lambda: not left_set(terminal))  # What it wrote before may come later.
    assert_restored(terminal)
    takes_keys = "\x1b[?2004h"  # Written when the terminal gives the screen each key.
    before = terminal.raw.count(takes_keys)
    terminal.process.kill(signal.SIGCONT)
    terminal.until(lambda: terminal.raw.count(takes_keys) > before)
    assert terminal.raw.count("\x1b[?1049h") == 2
    terminal.type("\x1b[B")
    terminal.see("connected.*  /app")
    terminal.type("q")
    assert terminal.wait() == 0
    assert_restored(terminal)


def test_the_screen_survives_sizes_that_change_fast(open_terminal, client):
    client.create_many(["/app", "/other"])
    terminal = open_terminal("ui")
    terminal.see("app")
    for number in range(40):
        terminal.resize(2 + number % 30, 5 + number * 7 % 150)
        terminal.read()
        if number == 20:
            terminal.type("?")
    terminal.resize(24, 80)
    terminal.see("PgDn")
    terminal.type("?")
    terminal.see("other")
    terminal.type("q")
    assert terminal.wait() == 0
    assert_restored(terminal)


def test_the_screen_runs_in_a_terminal_of_80_by_24(open_terminal, client):
    client.create("/application", b"a=1")
    terminal = open_terminal("ui", "--color", "never")
    terminal.see("application")
    terminal.see("connected")
    terminal.type("q")
    assert terminal.wait() == 0


@pytest.mark.full
def test_a_tree_of_100000_znodes_opens(browse, client):
    """Scenario 38. The report of the run shows the time (--durations)."""
    client.create_many([f"/p{number}" for number in range(100)])
    client.create_many([f"/p{number // 1000}/c{number}" for number in range(100_000)])

    async def body(browser, pilot):
        began = time.monotonic()
        await until(pilot, lambda: len(names(browser)) == 100)
        print(f"opened after {time.monotonic() - began:.2f} s")
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(browser.tree_view.root.children[0].children) == 501)
        print(f"1,000 children after {time.monotonic() - began:.2f} s")

    browse(body)
