"""The screen of ``zkc ui``, driven by textual's pilot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from zkc.cli._settings import resolve


@pytest.fixture
def browse(hosts: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that runs a coroutine function with a screen: ``browse(body, read_only=True)``."""
    from zkc.cli.programs._ui import app
    from zkc.cli.programs._ui.app import Browser

    from .ui_support import PATIENCE, is_open, until

    # Keys wait for the children of a znode that is being opened, however long a busy machine holds the server up.
    monkeypatch.setattr(app, "_MOMENT", PATIENCE)

    def run(body: Callable[..., Any], *, path: str = "/", size: tuple[int, int] = (80, 24), **given: Any) -> None:
        async def whole() -> None:
            browser = Browser(resolve({"servers": hosts, **given}, environment={}), path)
            async with browser.run_test(size=size) as pilot:
                await until(pilot, lambda: browser.chosen == path and is_open(browser))
                await body(browser, pilot)

        asyncio.run(whole())

    return run
