"""``zkc grep``: the znodes whose data have a pattern."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import data_record
from zkc.cli._text import encodable, shown

if TYPE_CHECKING:
    from zkc.cli._walk import Node

__all__ = ["command"]

_CUT = 200  # Characters of a line that a person sees, around the match.


@click.command(cls=Command)
@click.argument("pattern")
@click.argument("path", type=PATH, required=False)
@click.option("-i", "--ignore-case", "ignore_case", is_flag=True, help="Ignore the case of ASCII letters.")
@click.option("-l", "--list", "only_paths", is_flag=True, help="Print only the paths of znodes with a match.")
@click.option("-c", "--count", "count", is_flag=True, help="Print the number of matching lines of each such znode.")
@click.option(
    "-E",
    "--regex",
    "regex",
    is_flag=True,
    help=r"PATTERN is a regular expression on bytes, such as '\xff+' or 'host=[ab]'.",
)
@click.option("--name", "names", multiple=True, metavar="GLOB", help="Only znodes whose name fits one of these.")
@click.option(
    "-L", "--depth", "--level", "depth", type=click.IntRange(min=0), metavar="N", help="Look N levels below PATH only."
)
@pass_app
def command(app: App, pattern: str, path: Optional[str], ignore_case: bool, only_paths: bool, count: bool, regex: bool,
            names: tuple[str, ...], depth: Optional[int]) -> int:  # fmt: skip
    """Search the data of a tree for a pattern.

    The search is on bytes, so it finds what is no UTF-8, too. A pipe gets the path, a tab, and the matching line as it
    is. The exit code is 1 when nothing matches. Znodes that may not be read are left out, with one warning.

    \b
    Examples:
      zkc grep -i error /app
      zkc grep -l -E 'port=(80|443)' /services
      zkc grep -E '\\xff\\xfe' /
    """
    path = path or app.folder
    expression = _compile(pattern, ignore_case=ignore_case, regex=regex)
    columns = ["path", "count"] if count else ["path"]
    found = 0
    with app.out.rows(columns) as rows:
        for node in _nodes(app, path, names, depth):
            if not node.data or not expression.search(node.data):
                continue
            found += 1
            if only_paths:
                rows.add({"path": node.path})
            elif count:
                rows.add({"path": node.path, "count": sum(1 for _ in _lines(expression, node.data))})
            else:
                _show(app, rows, expression, node.path, node.data)
    return int(ExitCode.DONE if found else ExitCode.NO)


def _compile(pattern: str, *, ignore_case: bool, regex: bool) -> re.Pattern[bytes]:
    raw = os.fsencode(pattern)  # The bytes of the command line, also those that are no UTF-8.
    try:
        return re.compile(raw if regex else re.escape(raw), (re.IGNORECASE if ignore_case else 0) | re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise click.BadParameter(f"{pattern!r} is no regular expression: {error}", param_hint="PATTERN") from None


def _nodes(app: App, path: str, names: tuple[str, ...], depth: Optional[int]) -> Iterator[Node]:
    from zkc.cli._paths import glob_matcher
    from zkc.cli._progress import progress
    from zkc.cli._walk import Unreadable, walk

    globs = [glob_matcher(name) for name in names]
    with progress(app, "searching") as done, Unreadable(app) as unreadable:
        for node in unreadable.noted(done.passing(walk(app, path, depth=depth, with_data=True))):
            done.bytes += len(node.data or b"")
            if not globs or any(fits(node.name) for fits in globs):
                yield node


def _lines(expression: re.Pattern[bytes], data: bytes) -> Iterator[tuple[int, int, bytes, re.Match[bytes]]]:
    """Yield the lines with a match: number from 1, offset, the line without its end, and the first match."""
    number, counted, position = 1, 0, 0
    while position <= len(data):
        match = expression.search(data, position)
        if match is None:
            return
        start = data.rfind(b"\n", 0, match.start()) + 1
        end = data.find(b"\n", match.start())
        end = len(data) if end < 0 else end
        if start == len(data) and start > 0:  # After the last newline there is no line.
            return
        number += data.count(b"\n", counted, start)
        counted = start
        yield number, start, data[start:end], match
        position = end + 1


def _show(app: App, rows: Any, expression: re.Pattern[bytes], path: str, data: bytes) -> None:
    out = app.out
    plain = []
    for number, offset, line, match in _lines(expression, data):
        if out.is_json:
            rows.add({"path": path, "line": number, "offset": offset, **data_record(line)})
        elif out.is_human:
            out.styled(_human(app, path, number, line, match, offset))
        else:
            plain.append(b"%s\t%s\n" % (encodable(path).encode(), line))
    if plain:
        out.data(b"".join(plain))


def _human(app: App, path: str, number: int, line: bytes, match: re.Match[bytes], offset: int) -> str:
    """Return a line for a person: cut around the match, which is coloured."""
    first, last = match.start() - offset, min(match.end() - offset, len(line))
    begin = max(0, first - _CUT // 2)
    end = max(begin + _CUT, min(last, first + _CUT))
    parts = [line[begin:first], line[first : min(last, end)], line[min(last, end) : end]]
    texts = [shown(part.decode("utf-8", "backslashreplace"), lines=False).replace("\r", "\\r") for part in parts]
    where = f"{shown(path, lines=False)}:{number}: "
    if app.out.colors:
        where = click.style(where, fg="magenta")
        texts[1] = click.style(texts[1], fg="red", bold=True)
    return where + ("…" if begin else "") + "".join(texts) + ("…" if end < len(line) else "")
