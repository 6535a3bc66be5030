"""The one place for output: the result on stdout, everything else on stderr.

A command gives its result as records, dicts of what JSON knows, and says how a person sees them. The form decides:

* ``human``, on a terminal: what the command's own renderer draws, with colours;
* ``plain``, the default in a pipe: a line for each record, its columns separated by tabs, no header, no colours;
* ``json``: one JSON value; ``jsonl``: a line of JSON for each record.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._ending import undivided
from zkc.cli._exit import CommandError
from zkc.cli._text import encodable, shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["Out", "Record", "Rows"]

Record = dict[str, Any]


class Out:
    """The output of a command.

    Args:
        form: ``human``, ``plain``, ``json`` or ``jsonl``; None: human on a terminal, else plain.
        color: ``auto``, ``always`` or ``never``.
        quiet: Whether notes are left out.
    """

    def __init__(self, form: Optional[str] = None, *, color: str = "auto", quiet: bool = False) -> None:
        self.is_terminal = sys.stdout.isatty()
        self.form = form or ("human" if self.is_terminal else "plain")
        self.quiet = quiet
        self._color = color
        self._last_note = ""

    @property
    def is_json(self) -> bool:
        """Whether errors are JSON, too."""
        return self.form in ("json", "jsonl")

    @property
    def is_human(self) -> bool:
        """Whether a person sees the result: drawings, tables, words instead of numbers."""
        return self.form == "human"

    @property
    def colors(self) -> bool:
        """Whether stdout gets colours."""
        if self._color != "auto":
            return self._color == "always"
        return self.is_terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    # ---- results ---------------------------------------------------------------------------------------------------

    def data(self, content: bytes) -> None:
        """Write bytes as they are."""
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    def line(self, text: str = "") -> None:
        """Write a line of text. On a terminal, control characters are shown as escapes."""
        self.styled(shown(text) if self.is_terminal else encodable(text))

    @undivided
    def styled(self, text: str) -> None:
        """Write a line of text with colours in it. Its control characters are the caller's care: see ``shown``."""
        sys.stdout.write(f"{text}\n")

    def json(self, value: object) -> None:
        """Write one JSON value: indented for the form ``json`` on a terminal, else on one line."""
        self.styled(json.dumps(value, indent=2 if self.form == "json" and self.is_terminal else None))

    def record(self, record: Record, human: Optional[Callable[[Record], RenderableType]] = None) -> None:
        """Write the only record of a result.

        Args:
            record: The record.
            human: Draws it for a person; None: a line ``name  value`` for each member.
        """
        if self.is_json:
            self.json(record)
        elif self.is_human:
            self.draw(human(record) if human else _pairs(record))
        else:
            for name, value in record.items():
                self.styled(f"{name}\t{_cell(value)}")

    @contextlib.contextmanager
    @undivided
    def rows(
        self, columns: Sequence[str], human: Optional[Callable[[list[Record]], RenderableType]] = None
    ) -> Iterator[Rows]:
        """Write records one after the other, as they come: a context manager.

        >>> with out.rows(["path", "size"]) as rows:
        ...     rows.add({"path": "/a", "size": 3, "zxid": "0x1"})

        Args:
            columns: The members of a record that plain and human show. JSON has all members.
            human: Draws all records for a person, when the last is there; None: a line for each, as plain has it.
        """
        rows = Rows(self, columns, human)
        try:
            yield rows
        except BaseException:
            if rows.count:  # Without a record there is no result: an error, and nothing on stdout.
                rows.end()
            raise
        rows.end()

    def table(self, columns: Sequence[str], records: Iterable[Record], titles: Optional[Sequence[str]] = None) -> None:
        """Write records as a table with a header for a person, else as :meth:`rows`."""

        def draw(all_records: list[Record]) -> RenderableType:
            from zkc.cli._draw import table

            return table(columns, all_records, titles or columns)

        with self.rows(columns, draw) as rows:
            for record in records:
                rows.add(record)

    def would(self, changes: Iterable[Record]) -> None:
        """Write what a dry run found: the sentence ``message`` of each change, or in JSON an array of all.

        >>> out.would([{"action": "set", "path": "/a", "message": "would set /a to 1"}])
        """
        if self.is_json:
            with self.rows([]) as rows:
                for change in changes:
                    rows.add(change)
        else:
            for change in changes:
                self.line(str(change["message"]))

    @property
    def console(self) -> Console:
        """rich's console for stdout."""
        from zkc.cli._draw import console

        return console(self.colors, error=False)

    def draw(self, what: RenderableType) -> None:
        """Draw for a person."""
        self.console.print(what, soft_wrap=isinstance(what, str), markup=False, highlight=False)

    # ---- everything else -------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Write a note to stderr, unless --quiet was given."""
        if not self.quiet:
            self._to_stderr(text)

    def warn(self, text: str) -> None:
        """Write a warning to stderr."""
        self._to_stderr(f"warning: {text}")

    def warn_once(self, text: str) -> None:
        """Write a warning to stderr, unless it is the same as the last one."""
        if text != self._last_note:
            self._last_note = text
            self.warn(text)

    def _to_stderr(self, text: str) -> None:
        sys.stdout.flush()
        print(f"zkc: {shown(text)}", file=sys.stderr, flush=True)

    def interrupted(self) -> None:
        """Say on a terminal that Ctrl-C or another signal ended the command."""
        if sys.stderr.isatty():
            print("\nzkc: interrupted", file=sys.stderr)

    def flush(self) -> None:
        """Send what was written to its reader now."""
        sys.stdout.flush()

    def flush_quietly(self) -> None:
        """Flush stdout before an error is written to stderr."""
        with contextlib.suppress(OSError, ValueError, CommandError):
            sys.stdout.flush()


class Rows:
    """The writer of the records of one result. :meth:`Out.rows` makes it."""

    def __init__(
        self, out: Out, columns: Sequence[str], human: Optional[Callable[[list[Record]], RenderableType]]
    ) -> None:
        self._out = out
        self._columns = columns
        self._human = human if out.is_human else None
        self._kept: list[Record] = []
        self.count = 0
        """The number of records so far."""

    @undivided
    def add(self, record: Record) -> None:
        """Write a record."""
        form = self._out.form
        if self._human is not None:
            self._kept.append(record)
        elif form == "json":
            sys.stdout.write(("[" if self.count == 0 else ",") + "\n" + json.dumps(record))
        elif form == "jsonl":
            sys.stdout.write(json.dumps(record) + "\n")
        else:
            # A label, say, may have newlines and tabs: a record stays one line, and its cells stay apart.
            text = "\t".join(shown(_cell(record.get(column)), lines=False) for column in self._columns)
            sys.stdout.write(text + "\n")
        self.count += 1

    def flush(self) -> None:
        """Send what was written to its reader now, as a command that waits for events does after each."""
        sys.stdout.flush()

    @undivided
    def end(self) -> None:
        """Write what ends the result."""
        if self._out.form == "json":
            sys.stdout.write("[]\n" if self.count == 0 else "\n]\n")
        elif self._human is not None and self._kept:
            self._out.draw(self._human(self._kept))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(map(_cell, value))
    return encodable(str(value))


def _pairs(record: Record) -> RenderableType:
    from zkc.cli._draw import pairs

    return pairs(record)
