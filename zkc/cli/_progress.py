"""The progress of long work, on stderr: znodes, bytes, rate and time to go.

On a terminal it is drawn after half a second. With ``--progress json`` a line of JSON comes every half second. A pipe
gets none of it.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from zkc.cli._text import duration_text, size_text

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["Progress", "progress"]

_T = TypeVar("_T")

_FIRST, _PERIOD = 0.5, 0.5  # Seconds: work that is shorter shows nothing.


class Progress:
    """The progress of one piece of work. :func:`progress` makes it.

    ``progress.at`` fits the ``progress=`` parameter of the client's bulk calls.
    """

    def __init__(self, title: str, total: Optional[int], form: str) -> None:
        self.title, self.total, self.done, self.bytes = title, total, 0, 0
        self._form = form
        self._began = time.monotonic()
        self._next = self._began + _FIRST
        self._drawn: Any = None

    def advance(self, count: int = 1, size: int = 0) -> None:
        """Add finished znodes, and their bytes."""
        self.done += count
        self.bytes += size
        self._show()

    def at(self, done: int) -> None:
        """Set the number of finished znodes."""
        self.done = done
        self._show()

    def passing(self, nodes: Iterable[_T]) -> Iterator[_T]:
        """Yield the items of a walk, and count them. Each 512 of them look at the clock."""
        for count, node in enumerate(nodes, 1):
            if not count % 512:
                self.at(count)
            self.done = count
            yield node

    def facts(self) -> dict[str, Any]:
        """Return the progress as JSON has it."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        rate = self.done / seconds
        left = None if not self.total or not rate else max(self.total - self.done, 0) / rate
        return {
            "work": self.title,
            "done": self.done,
            "total": self.total,
            "bytes": self.bytes,
            "seconds": round(seconds, 3),
            "rate": round(rate, 1),
            "eta": None if left is None else round(left, 1),
        }

    def _show(self) -> None:
        now = time.monotonic()
        if self._form == "none" or now < self._next:
            return
        self._next = now + (_PERIOD if self._form == "json" else 0.1)
        facts = self.facts()
        if self._form == "json":
            print(json.dumps(facts), file=sys.stderr, flush=True)
            return
        # One line that is written over: it needs no thread, and Ctrl-C leaves nothing behind.
        parts = [
            f"{self.done:,}" + (f" of {self.total:,}" if self.total else "") + " znodes",
            f"{facts['rate']:,.0f}/s",
        ]
        if self.bytes:
            parts.insert(1, size_text(self.bytes))
        if facts["eta"] is not None:
            parts.append(f"{duration_text(facts['eta'])} to go")
        self._drawn = True
        sys.stderr.write(f"\r\x1b[2K{self.title}: {', '.join(parts)}")
        sys.stderr.flush()

    def end(self) -> None:
        """Remove the line from the terminal."""
        if self._drawn:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()


@contextlib.contextmanager
def progress(app: App, title: str, total: Optional[int] = None) -> Iterator[Progress]:
    """Show the progress of the work in the block.

    >>> with progress(app, "deleting", 1204) as done:
    ...     client.delete_many(paths, progress=done.at)

    Args:
        app: What the command works with.
        title: The work, in one or two words.
        total: The number of znodes, if known.
    """
    form = app.option("progress", "auto")
    if form == "auto":
        form = "terminal" if sys.stderr.isatty() and not app.out.quiet and not app.out.is_json else "none"
    shown = Progress(title, total, {"never": "none"}.get(form, form))
    try:
        yield shown
    finally:
        shown.end()
