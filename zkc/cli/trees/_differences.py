"""The differences of two trees, found while both are read, and shown in all forms."""

from __future__ import annotations

import base64
import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from zkc.cli._text import encodable, shown
from zkc.cli.trees._pairs import Pair, merged
from zkc.cli.trees._plan import same_acl
from zkc.cli.trees._source import Record, join

if TYPE_CHECKING:
    from zkc import ACL
    from zkc.cli._app import App
    from zkc.cli._progress import Progress
    from zkc.cli.trees._source import Source

__all__ = ["Comparison", "Difference", "show"]

_COLORS = {"removed": "31", "added": "32", "changed": "33"}
_SHOWN = 200  # Characters of data in a line of --data.


class Difference(NamedTuple):
    """A difference: how the second tree differs from the first."""

    change: str
    """``removed``, ``added`` or ``changed``."""
    pair: Pair
    what: tuple[str, ...] = ()
    """The parts that have changed: ``data``, ``acl``, ``type``."""


class Comparison:
    """A comparison of two trees, and its counts.

    Args:
        with_acl: Whether to compare ACLs.
    """

    def __init__(self, with_acl: bool) -> None:
        self._with_acl = with_acl
        self.count = 0
        """The number of differences."""
        self.unreadable = self.hidden = self.without_acl = 0
        self.first_unreadable = self.first_hidden = ""

    def differences(self, first: Source, second: Source, bar: Optional[Progress] = None) -> Iterator[Difference]:
        """Read two sources, and yield their differences in the order of a walk."""
        options = {"with_acl": self._with_acl}
        waiting = 0
        for pair in merged(first.records(**options), second.records(**options)):
            waiting += 1
            if bar is not None and waiting == 512:
                bar.advance(waiting)
                waiting = 0
            found = self._compare(pair)
            if found is not None:
                self.count += 1
                yield found
        if bar is not None:
            bar.advance(waiting)

    def _compare(self, pair: Pair) -> Optional[Difference]:
        _, a, b = pair
        for each in (a, b):
            if each is not None and each.error is not None:
                self.unreadable += 1
                self.first_unreadable = self.first_unreadable or pair.path
        if b is None:
            return Difference("removed", pair)
        if a is None:
            return Difference("added", pair)
        what = []
        if a.data != b.data and a.error is None and b.error is None:
            what.append("data")
        if self._with_acl and a.acl != b.acl and not self._same_acl(pair.path, a.acl, b.acl):
            what.append("acl")
        if a.ephemeral != b.ephemeral:
            what.append("type")
        return Difference("changed", pair, tuple(what)) if what else None

    def _same_acl(self, path: str, a: Optional[tuple[ACL, ...]], b: Optional[tuple[ACL, ...]]) -> bool:
        from zkc.cli.trees._acls import hidden_users

        if a is None or b is None:
            self.without_acl += 1
            return True
        if same_acl(a, b):
            return True
        hidden = {*hidden_users(a), *hidden_users(b)}
        if not hidden:
            return False
        self.hidden += 1
        self.first_hidden = self.first_hidden or path
        return same_acl(_without_hashes(a, hidden), _without_hashes(b, hidden))


def _without_hashes(acl: tuple[ACL, ...], users: set[str]) -> tuple[ACL, ...]:
    from zkc import ACL

    return tuple(
        ACL(each.perms, each.scheme, each.id.partition(":")[0])
        if each.scheme == "digest" and each.id.partition(":")[0] in users
        else each
        for each in acl
    )


# ---- the output -----------------------------------------------------------------------------------------------------


def show(
    app: App, first: Source, second: Source, differences: Iterable[Difference], *, with_data: bool, unified: bool
) -> None:
    """Write differences.

    Args:
        app: What the command works with.
        first: The first source.
        second: The second source.
        differences: The differences.
        with_data: Whether to write data.
        unified: Whether to write them as a diff of lines.
    """
    out = app.out
    if unified and not out.is_json:
        for each in differences:
            _unified(app, first, second, each)
        return
    if out.is_human:
        for each in differences:
            color = _COLORS[each.change]
            text = f"{each.change:8} {shown(each.pair.path, lines=False)}" + (
                f"  {', '.join(each.what)}" if each.what else ""
            )
            out.styled(f"\x1b[{color}m{text}\x1b[0m" if out.colors else text)
            for sign, record in (("-", each.pair.a), ("+", each.pair.b)) if with_data else ():
                if record is not None and (not each.what or "data" in each.what):
                    out.styled(f"         {sign} {_short(record.data)}")
        return
    columns = ["change", "path", "what", *(["a_data", "b_data"] if with_data else [])]
    with out.rows(columns) as rows:
        for each in differences:
            rows.add(_record(each, with_data, out.is_json))


def _record(difference: Difference, with_data: bool, as_json: bool) -> dict[str, Any]:
    change, pair, what = difference
    record: dict[str, Any] = {"change": change, "path": pair.path, "what": list(what)}
    if not as_json:
        if with_data:
            record.update(a_data=_plain(pair.a), b_data=_plain(pair.b))
        return record
    record["a"] = _side(pair.a, what, with_data)
    record["b"] = _side(pair.b, what, with_data)
    return record


def _side(record: Optional[Record], what: tuple[str, ...], with_data: bool) -> Optional[dict[str, Any]]:
    from zkc.cli._records import data_record
    from zkc.cli.security._access import acl_record

    if record is None:
        return None
    made: dict[str, Any] = {
        "type": "ephemeral" if record.ephemeral else "persistent",
        "data_length": None if record.data is None else len(record.data),
    }
    if record.stat is not None:
        from zkc.cli._records import hex_text

        made.update(version=record.stat.version, mzxid=hex_text(record.stat.mzxid))
    if with_data and (not what or "data" in what):
        made.update(data_record(record.data))
    if record.acl is not None and (not what or "acl" in what):
        made["acl"] = acl_record(record.acl)
    return made


def _plain(record: Optional[Record]) -> str:
    """Return data for a column: JSON's null or string, or base64 after a colon. Nothing without a znode."""
    import json

    if record is None:
        return ""
    if record.data is None:
        return "null"
    try:
        return json.dumps(record.data.decode(), ensure_ascii=False)
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(record.data).decode()}"


def _short(data: Optional[bytes]) -> str:
    if data is None:
        return "null"
    text = _text(data)
    if text is None:
        return f"{len(data):,} bytes that are no text"
    text = shown(text, lines=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(data):,} bytes)"


def _text(data: bytes) -> Optional[str]:
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


def _unified(app: App, first: Source, second: Source, difference: Difference) -> None:
    change, pair, what = difference
    out = app.out
    names = [
        "/dev/null" if record is None else _place(source, pair.path)
        for source, record in ((first, pair.a), (second, pair.b))
    ]
    data = [b"" if record is None or record.data is None else record.data for record in (pair.a, pair.b)]
    texts = [_text(each) for each in data]
    if what and "data" not in what:
        out.line(f"{' and '.join(what)} of {names[0]} and {names[1]} differ")
        return
    if None in texts:
        out.line(f"Binary data of {names[0]} and {names[1]} differ: {len(data[0]):,} and {len(data[1]):,} bytes")
        return
    if data[0] == data[1]:  # An empty znode on one side only, or null and empty.
        out.line(f"--- {names[0]}")
        out.line(f"+++ {names[1]}")
        if change == "changed":
            out.line(f"{_empty(pair.a)} and {_empty(pair.b)}")
        return
    lines = [text.splitlines(keepends=True) for text in texts if text is not None]
    for line in difflib.unified_diff(lines[0], lines[1], names[0], names[1]):
        text = line.rstrip("\n")
        color = {"-": "31", "+": "32", "@": "36"}.get(line[:1])
        text = shown(text) if out.is_terminal else encodable(text)
        out.styled(f"\x1b[{color}m{text}\x1b[0m" if color and out.colors else text)
        if not line.endswith("\n"):
            out.line("\\ No newline at end of data")
    for each in what:
        if each != "data":
            out.line(f"{each} of {names[0]} and {names[1]} differ")


def _place(source: Source, path: str) -> str:
    from zkc.cli.trees._source import TreeSource

    if isinstance(source, TreeSource):
        profile = f"{source.target.profile}:" if source.target.profile else ""
        return profile + join(source.target.path, path)
    return f"{source.name}:{path}"


def _empty(record: Optional[Record]) -> str:
    return "null" if record is None or record.data is None else "empty data"
