"""The keys of the screen, one after the other.

textual gives a key to the widget that has the focus at that moment. A dialog opens some time after the key that asks
for it: its znode is read first. The keys typed in the meantime are meant for the dialog. So the screen takes all keys
into a queue. The next one leaves it when the one before is handled, and when no command is on its way to a dialog.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Optional, Union

from textual import events
from textual.message import Message

from zkc.cli._text import shown

if TYPE_CHECKING:
    from textual.widget import Widget

    from zkc.cli.programs._ui.app import Browser

__all__ = ["Handled", "Hold", "KeyQueue", "clean"]

Typed = Union[events.Key, events.Paste]

PATIENCE = 1.0  # Seconds after which Escape stops a command that has not shown its dialog.
_AT_ONCE = "ctrl+q"  # The key that leaves the screen, whatever a command waits for.
# A key can post a message, and its handler another one: Enter selects a line, which opens it.
_ROUNDS = 3
_LOST = 5.0  # Seconds for a message that a widget has dropped because it was removed.


class Handled(Message, bubble=True):
    """A message that takes the way of a key after it: when it arrives at the screen, the key is handled."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds


class Hold:
    """A reason to hold the keys back, while it is taken."""

    def __init__(self, keys: KeyQueue, limit: Optional[float] = None) -> None:
        self._keys, self._limit = keys, limit
        self.since = 0.0
        self.end: Optional[float] = None
        self.taken = False

    def take(self) -> None:
        """Hold the keys back, for ``limit`` seconds at the most."""
        self.since = time.monotonic()
        self.end = None if self._limit is None else self.since + self._limit
        self.taken = True
        self._keys.holds.add(self)

    def release(self, *, drop: bool = False) -> None:
        """Let the keys go on, without those that wait if ``drop`` is true."""
        if drop:
            self._keys.drop()
        self.taken = False
        self._keys.holds.discard(self)
        self._keys.wake()


class KeyQueue:
    """The queue.

    Args:
        browser: The screen.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._waiting: deque[Typed] = deque()
        self.holds: set[Hold] = set()
        self._task: Optional[asyncio.Task[None]] = None
        self._wake: Optional[asyncio.Event] = None
        self._handled: Optional[asyncio.Future[None]] = None
        self._delivered: Optional[Typed] = None
        self._target: Optional[Widget] = None

    @property
    def idle(self) -> bool:
        """Whether all keys are handled."""
        return self._task is None and not self.holds

    def put(self, event: events.Event) -> bool:
        """Take a key or a pasted text; return False for one that textual shall have now."""
        if event is self._delivered or not isinstance(event, (events.Key, events.Paste)):
            return False
        if isinstance(event, events.Key) and event.key == _AT_ONCE:
            return False
        for each in parts(event):
            if isinstance(each, events.Key) and each.key == "escape" and self._browser.stop_command(PATIENCE):
                self.drop()
                return True
            if each is not event and self._browser.unsaved is not None:
                self._waiting.append(events.Key("escape", None))
                break  # The key was perhaps typed with Alt: it must not answer whether a text is discarded.
            self._waiting.append(clean(each))
        if self._task is None:
            self._wake = self._wake or asyncio.Event()
            self._task = asyncio.create_task(self._deliver_all())
        return True

    def is_next(self, event: events.Event) -> bool:
        """Return whether an event is the key that has left the queue now."""
        return event is self._delivered and not event.is_forwarded

    def drop(self) -> None:
        """Forget the keys that wait: they were typed before a question that the user could not expect."""
        self._waiting.clear()

    def wake(self) -> None:
        """Look at the holds again."""
        if self._wake is not None:
            self._wake.set()

    def close(self) -> None:
        """Deliver no more keys."""
        self.drop()
        if self._task is not None:
            self._task.cancel()

    # ---- the delivery ----------------------------------------------------------------------------------------------

    async def _deliver_all(self) -> None:
        try:
            while self._waiting:
                await self._until_free()
                if self._waiting:
                    await self._deliver(self._waiting.popleft())
        finally:
            self._task = self._delivered = self._target = None

    async def _until_free(self) -> None:
        assert self._wake is not None
        while True:
            now = time.monotonic()
            ends = [hold.end for hold in self.holds if hold.end is None or hold.end > now]
            if not ends:
                return
            self._wake.clear()
            limits = [end - now for end in ends if end is not None]
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(limits) if limits else None)

    async def _deliver(self, event: Typed) -> None:
        self._handled = asyncio.get_running_loop().create_future()
        self._delivered, self._target = event, None
        end = time.monotonic() + _LOST
        self._browser.post_message(event)
        while not self._handled.done() and time.monotonic() < end and not self._is_removed():
            await asyncio.wait({self._handled}, timeout=0.05)

    def _is_removed(self) -> bool:
        return self._target is not None and not self._target.is_attached

    def follow(self, target: Widget) -> None:
        """Send the message after the key, which has gone to ``target``."""
        self._target = target
        self._send(_ROUNDS)

    def handled(self, message: Handled) -> None:
        """Take the message that has followed the key."""
        message.stop()
        self._send(message.rounds - 1)

    def _send(self, rounds: int) -> None:
        target, handled = self._target, self._handled
        if target is None or handled is None or handled.done():
            return  # A message that was given up has come late.
        message = Handled(rounds)
        message.set_sender(target)
        if rounds == 0 or not target.post_message(message):
            handled.set_result(None)


def parts(event: Typed) -> list[Typed]:
    """Return a key with Alt as Escape and the key: a terminal sends the same for both when they are typed fast."""
    character = event.character if isinstance(event, events.Key) and event.key.startswith("alt+") else None
    if character is None or not character.isalnum():
        return [event]
    return [events.Key("escape", None), events.Key(character, character)]


def clean(event: Typed) -> Typed:
    r"""Return the event; of a pasted text with control characters as escapes such as ``\x1b``, and newlines as one."""
    if isinstance(event, events.Key):
        return event
    text = event.text.replace("\r\n", "\n").replace("\r", "\n")
    text = shown(text).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return event if text == event.text else events.Paste(text)
