"""The picture of ``zkc top``: lines of a fixed layout, so that nothing jumps from sample to sample.

``zkc ui`` shows the same lines in its tab.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from typing import Any, Optional

from rich.text import Text

from zkc.cli._text import duration_text, shown, size_text
from zkc.cli.servers._top_model import Row, TopModel

__all__ = ["bars", "top_lines"]

_BARS = "▁▂▃▄▅▆▇█"


def bars(values: Iterable[Optional[float]], width: int, top: Optional[float] = None) -> str:
    """Return the last values as bars, a gap for each None. The highest bar is the highest value, or ``top``."""
    kept = list(values)[-width:]
    highest = max([value for value in kept if value is not None] or [0.0]) if top is None else top
    drawn = []
    for value in kept:
        if value is None:
            drawn.append(" ")
        elif highest <= 0:
            drawn.append(_BARS[0])
        else:
            drawn.append(_BARS[min(int(value / highest * (len(_BARS) - 1) + 0.5), len(_BARS) - 1)])
    return "".join(drawn).rjust(width)


class _Column:
    """A column: its title, its width, and the cell of a row."""

    def __init__(self, title: str, width: int, cell: Callable[[Row, int], Text], *, left: bool = False) -> None:
        self.title, self.width, self.cell, self.left = title, width, cell, left


def _member(name: str, style: Callable[[Any], str] = lambda _: "") -> Callable[[Row, int], Text]:
    def cell(row: Row, width: int) -> Text:
        value = row.record.get(name)
        return Text("-", "dim") if value is None else Text(_short(value, width), style(value))

    return cell


def _short(value: object, width: int) -> str:
    """Return a value that fits: a large number with k, M or G."""
    text = shown(str(value), lines=False)
    if isinstance(value, float):
        text = f"{value:.0f}" if value >= 100 else f"{value:.1f}"
    if not isinstance(value, (int, float)) or len(text) <= width:
        return text
    for power, letter in ((1, "k"), (2, "M"), (3, "G"), (4, "T")):
        if abs(value) < 999.5 * 1000**power:
            return f"{value / 1000**power:.{1 if abs(value) < 9.95 * 1000**power else 0}f}{letter}"
    return text


def _name(row: Row, _: int) -> Text:
    return Text(shown(row.name, lines=False), "bold red" if row.down else "bold")


def _mode(row: Row, _: int) -> Text:
    mode = row.record.get("mode") or "?"
    styles = {"leader": "green", "standalone": "green", "read-only": "yellow", "observer": "cyan"}
    return Text(shown(mode, lines=False), styles.get(mode, ""))


def _last(values: Callable[[Row], Any]) -> Callable[[Row, int], Text]:
    def cell(row: Row, width: int) -> Text:
        kept = values(row)
        return Text("-", "dim") if not kept or kept[-1] is None else Text(_short(float(kept[-1]), width))

    return cell


def _uptime(row: Row, _: int) -> Text:
    uptime = row.record.get("uptime")
    if uptime is None:
        return Text("-", "dim")
    number, unit = duration_text(max(uptime, 1.0)).split(" ")[:2]
    return Text(number + unit[0])


def _columns(width: int) -> list[_Column]:
    """Return the columns that a width has room for. 80 are enough for all that matters."""
    spare = max(width - 80, 0)
    spark = 7 + min(spare // 4, 30)
    columns = [
        _Column("SERVER", 17 + min(spare // 4, 24), _name, left=True),
        _Column("MODE", 10, _mode, left=True),
        _Column("REQ/S", 5, _last(lambda row: row.requests)),
        _Column("", spark, lambda row, size: Text(bars(row.requests, size), "cyan"), left=True),
        _Column("MS", 5, _last(lambda row: row.latencies)),
        _Column("", spark, lambda row, size: Text(bars(row.latencies, size), "magenta"), left=True),
        _Column("CONN", 4, _member("connections")),
        _Column("WATCH", 5, _member("watches")),
        _Column("ZNODES", 6, _member("znodes")),
        _Column("LAG", 4, _member("lag", lambda value: "yellow" if value else "")),
    ]
    more = [
        _Column("QUEUE", 5, _member("outstanding", lambda value: "yellow" if value > 10 else "")),
        _Column("UP", 5, _uptime),
        _Column("VERSION", 8, _member("version"), left=True),
        _Column("ZXID", 13, _member("zxid"), left=True),
    ]
    for column in more:
        if sum(each.width + 1 for each in columns) + column.width <= width:
            columns.append(column)
    for title in ("", "WATCH", "ZNODES", "CONN", "LAG", "REQ/S"):  # Narrower, as in a pane of zkc ui.
        if sum(each.width + 1 for each in columns) - 1 > width:
            columns = [each for each in columns if each.title != title]
    return columns


def _fitted(text: Text, width: int, *, left: bool) -> Text:
    text.truncate(width, overflow="ellipsis")
    gap = Text(" " * (width - text.cell_len))
    return text + gap if left else gap + text


def _line(cells: list[Text]) -> Text:
    return Text(" ").join(cells)


def top_lines(model: TopModel, width: int, height: int, *, title: str, status: str) -> list[Text]:
    """Return the picture: exactly ``height`` lines, none wider than ``width``.

    Args:
        model: The samples.
        width: The width of the screen.
        height: The height of the screen.
        title: The ensemble's name.
        status: The last line: the keys, and the interval.
    """
    totals = model.totals()
    columns = _columns(width)
    count = len(model.rows)
    down = totals["down"]
    head = Text.assemble(("zkc top ", "bold"), shown(title, lines=False))
    facts = [
        f"{count} server{'' if count == 1 else 's'}",
        *([f"{down} down"] if down else []),
        *([f"leader {totals['leader']}"] if totals["leader"] and count > 1 else []),
        *([f"ZooKeeper {totals['version']}"] if totals["version"] else []),
    ]
    sizes = [
        f"{name} {totals[key]:,}" if key != "data_size" else f"data {size_text(totals[key])}"
        for name, key in (
            ("znodes", "znodes"),
            ("ephemerals", "ephemerals"),
            ("sessions", "sessions"),
            ("", "data_size"),
        )
        if isinstance(totals[key], int)
    ]
    if totals["zxid"]:
        sizes.append(f"zxid {totals['zxid']}")
    titles = _line([_fitted(Text(each.title), each.width, left=each.left) for each in columns])
    lines = [
        head,
        Text(shown("  ".join(facts), lines=False), "bold red" if down else ""),
        Text(shown("  ".join(sizes), lines=False)),
        Text(),
        Text.assemble(titles, style="reverse"),
    ]
    rows = list(model.rows.values())
    room = max(height - len(lines) - 1, 1)
    drawn = [_row(row, columns, width) for row in rows]
    if sum(map(len, drawn)) > room:  # Reasons are cut before servers are left out.
        drawn = [_row(row, columns, width, whole=False) for row in rows]
    if len(rows) > room:
        lines.extend(line for each in drawn[: room - 1] for line in each)
        lines.append(Text(f"… {len(rows) - room + 1} more servers: make the window higher", "dim"))
    else:
        lines.extend(line for each in drawn for line in each)
    if not rows:
        lines.append(Text("asking the servers…", "dim"))
    lines = lines[: height - 1]
    lines.extend(Text() for _ in range(height - 1 - len(lines)))
    lines.append(Text(status, "dim"))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _row(row: Row, columns: list[_Column], width: int, *, whole: bool = True) -> list[Text]:
    """Return the lines of a server: one, or more for the whole reason why it is down."""
    if not row.down:
        return [_line([_fitted(each.cell(row, each.width), each.width, left=each.left) for each in columns])]
    first = columns[0].width
    reason = f"{row.record['error'].replace('_', ' ')}: "
    told = reason + shown(row.record["message"], lines=False)
    lines: list[Text] = []
    for text in textwrap.wrap(told, max(width - first - 1, 20)) if whole else [told]:
        cell = Text() if lines else columns[0].cell(row, first)
        words = Text(text)
        if not lines:
            words.stylize("bold red", 0, len(reason))
        lines.append(_line([_fitted(cell, first, left=True), words]))
    return lines
