"""Parts of the tests of ``zkc ui``: what the screen shows, keys typed at once, and waiting with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from zkc.cli.programs._ui.app import Browser
from zkc.cli.programs._ui.dialogs import Confirm, Edit

PATIENCE = 20.0
SHORT = 5.0  # Seconds of a timeout that has to pass: longer than a busy machine holds a server up.
_NAMES = {"\r": "enter", "\x1b": "escape", "\x13": "ctrl+s", "\x11": "ctrl+q", "↓": "down", "↑": "up", "→": "right",
          "←": "left", "/": "slash", "?": "question_mark"}  # fmt: skip


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Wait until a condition holds; fail if it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it did not become so:\n{picture(pilot.app)}"
        await pilot.pause(0.01)


def burst(browser: Browser, keys: str) -> None:
    """Type keys at once, as fast as a program can: the screen has handled none of them before the last is typed."""
    for key in keys:
        name = _NAMES.get(key, key)
        browser.post_message(events.Key(name, key if key == name or key in "/?" else None))


async def typed(pilot: Pilot[Any], keys: str) -> None:
    """Type keys at once, and wait until they are handled."""
    burst(cast(Browser, pilot.app), keys)
    await handled(pilot)


async def handled(pilot: Pilot[Any]) -> None:
    """Wait until all keys are handled that were typed before."""
    taken = asyncio.Event()
    pilot.app.call_later(taken.set)  # Behind the keys.
    await asyncio.wait_for(taken.wait(), PATIENCE)
    await until(pilot, lambda: cast(Browser, pilot.app).keys.idle)


def is_open(browser: Browser, path: str = "") -> bool:
    """Return whether a znode, or the root of the tree, is open."""
    line = browser.tree_view.line_of(path) if path else browser.tree_view.root
    return line is not None and line.data is not None and line.data.is_open


def names(browser: Browser, path: str = "/") -> list[str]:
    """Return the names below a znode that have a line."""
    line = browser.tree_view.line_of(path)
    assert line is not None
    return [each.data.name for each in line.children if each.data and not each.data.more]


def content(browser: Browser, pane: str = "data") -> str:
    """Return the text of a pane."""
    return str(browser.screen_stack[0].query_one(f"#{pane}-text", Static).visual)


def question(browser: Browser) -> str:
    """Return the question of the dialog that is shown."""
    assert isinstance(browser.screen, Confirm)
    return browser.screen._question


def editor(browser: Browser) -> TextArea:
    """Return the editor that is shown."""
    assert isinstance(browser.screen, Edit), picture(browser)
    return browser.screen.query_one(TextArea)


def field(browser: Browser) -> Input:
    """Return the line of text that is asked for."""
    return browser.screen.query_one(Input)


def told(browser: Browser) -> str:
    """Return the messages that are shown."""
    return "\n".join(str(each.message) for each in browser._notifications)


def picture(browser: Any) -> str:
    """Return the screen as text."""
    strips = browser.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)
