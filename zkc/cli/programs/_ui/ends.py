"""The ends of the screen that are no keys: a signal, and the end of the server of its web page."""

from __future__ import annotations

import asyncio
import select
import signal
import threading
from typing import Any

from textual.app import App

__all__ = ["ALONE", "leave_if_alone", "take_signals"]

ALONE = 1.0  # Seconds between two looks whether the server of the web page is there.


def take_signals(browser: App[Any]) -> None:
    """Let a signal end the screen as a key does. One that is ignored, as SIGHUP by nohup, stays ignored."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, browser.exit, None, 128 + number)


def leave_if_alone(browser: App[Any]) -> None:
    """End when the server of the web page is gone: it holds the other end of stdin. textual does not look."""
    poller = select.poll()
    poller.register(0, 0)
    if poller.poll(0):  # Only an end of the pipe is reported.
        browser.exit()
