"""``zkc ui``: what is important fits small terminals, and nothing that is stored gets to the terminal as a control."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from textual.widgets import Static

import zkc
from zkc.cli._text import time_text
from zkc.cli.programs._ui.header import header, shortened

from .ui_support import burst, content, handled, names, picture, typed, until

DEEP = "/a-service-with-a-rather-long-name/of-many-parts/member_0000000012"


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
def test_what_is_important_fits(browse, client, size):
    client.create(
        DEEP,
        b"\xff" * 64,
        make_parents=True,
        acl=[zkc.ACL.world(), zkc.ACL(zkc.Perms.READ, "digest", "bob:" + "x" * 28)],
    )

    async def body(browser, pilot):
        await typed(pilot, f"g{DEEP}\r")
        await until(pilot, lambda: "ff ff" in picture(browser))
        first = picture(browser).splitlines()[0]
        assert "member_0000000012" in first
        assert "connected" in first
        assert "Delete" in picture(browser).splitlines()[-1]
        assert re.search(r"│ 00000  (ff )+ \|\.+\|$", picture(browser), re.MULTILINE)
        await typed(pilot, "2")
        made = time_text(client.get(DEEP)[1].ctime)
        await until(pilot, lambda: f"ctime{made}" in pane_text(browser))
        await typed(pilot, "3")
        await until(pilot, lambda: "cdrwa" in picture(browser))
        await typed(pilot, "4")
        await until(pilot, lambda: "standalone" in picture(browser))
        assert re.search(r"MODE .*MS", picture(browser))
        await typed(pilot, "?")
        await until(pilot, lambda: "PgDn" in picture(browser))
        await typed(pilot, "?d")
        await until(pilot, lambda: "y: yes" in picture(browser))
        await typed(pilot, "ne")
        assert len(browser.screen_stack) == 1

    browse(body, size=size)


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
def test_all_keys_can_be_read(browse, size):
    async def body(browser, pilot):
        await typed(pilot, "?")
        await until(pilot, lambda: "scroll" in picture(browser))
        seen = ""
        for _ in range(20):
            seen += picture(browser)
            await typed(pilot, "↓")
        for key in "q", "Ctrl-Q", "Ctrl-Z", "Tab", "PgDn", "suspend; the shell's fg resumes":
            assert key in seen
        await typed(pilot, "\x1b")
        assert len(browser.screen_stack) == 1

    browse(body, size=size)


def pane_text(browser):
    """The text right of the tree, with its lines joined and without blanks."""
    lines = [line.partition("│")[2] for line in picture(browser).splitlines()]
    return re.sub(r"[\s▁-█]", "", "".join(lines))


def test_a_text_that_does_not_fit_loses_its_begin():
    assert shortened("/app/config", 11) == "/app/config"
    assert shortened("/app/config", 7) == "…config"
    assert shortened("/漢字漢字", 6) == "…漢字"
    assert shortened("/漢字", 2) == "…"
    parts = [("zkc", 2), ("127.0.0.1:2181", 1), ("connected", 0), ("session 0x10000a2f3c40000", 4), ("READ-ONLY", 0)]
    for width in range(20, 130):
        line = header(width, parts, "/app" * 30 + "/config")
        assert cell_len(line.plain) <= max(width, 30)
        if width >= 40:
            assert line.plain.endswith("/config")
            assert "READ-ONLY" in line.plain


def test_stored_controls_and_markup_are_shown_as_they_are(browse, client):
    name = "[red]x \u202eb[@click=app.quit] \\[bold]"
    client.create(f"/{name}", '{"x": "\x9b31m\u202e"}'.encode())
    client.create("/y", b"\x1b[31m\x07" + b"text" * 4000)
    client.create("/z", "\x9b31m [red]text".encode())

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 3)
        for keys, seen in (("↓", r"\x9b31m\u202e"), ("↓", "1b 5b 33"), ("↓", r"\x9b31m [red]text")):
            await typed(pilot, keys)
            await until(pilot, lambda seen=seen: seen in picture(browser))
            for dialog, end in (("g", "\x1b"), ("c", "\x1b"), ("d", "n"), ("e", "\x1b"), ("2", "1")):
                burst(browser, dialog)
                await handled(pilot)
                await pilot.pause()
                assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", picture(browser))
                if len(browser.screen_stack) > 1 or dialog == "2":
                    await typed(pilot, end)
            assert len(browser.screen_stack) == 1
        assert r"[red]x \u202eb[@cl" in picture(browser)
        assert names(browser)[0] == name

    browse(body)


def test_large_data_are_shown_in_part(browse, client):
    client.create("/big", bytes(range(256)) * 4000)

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["big"])
        await typed(pilot, "↓")
        await until(pilot, lambda: "958.5 kB more" in content(browser))
        assert isinstance(browser.query_one("#data-text"), Static)

    browse(body)


def test_without_colours_the_cursor_is_seen(open_terminal, cli_environment, client):
    client.create_many(["/app", "/other"])
    cli_environment["NO_COLOR"] = "1"
    terminal = open_terminal("ui", rows=15, columns=60)
    terminal.see("other")
    terminal.see("d Delete")

    def marked(name):
        """Whether a name is drawn in another way than an empty place of the tree."""
        row = next((number for number, line in enumerate(terminal.lines) if number and name in line), None)
        if row is None:
            return False
        cell, empty = terminal.screen.buffer[row][terminal.lines[row].index(name)], terminal.screen.buffer[10][1]
        return (cell.bg, cell.reverse) != (empty.bg, empty.reverse)

    terminal.type("\x1b[B")
    terminal.until(lambda: marked("app") and not marked("other"))
    terminal.type("\x1b[B")
    terminal.until(lambda: marked("other") and not marked("app"))
    for line in terminal.screen.buffer.values():
        for cell in line.values():
            assert cell.fg in ("default",) or len(set(re.findall("..", cell.fg))) == 1, cell
    terminal.type("q")
    assert terminal.wait() == 0
