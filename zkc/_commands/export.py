"""Export of a tree to lines of JSON, and import of such lines.

The first line is a header; each line after it is a znode, parents before their children::

    {"format": "zkc-tree", "version": 1, "path": "/app"}
    {"path": "/", "data": "text", "acl": [{"perms": 31, "scheme": "world", "id": "anyone"}], "stat": {...}}
    {"path": "/below", "data_base64": "gA==", "acl": [...], "stat": {...}}

Paths are relative to the root of the export. The data is in ``data`` if it is UTF-8 text, or null if there is none,
and in ``data_base64`` otherwise. An ephemeral znode has ``"ephemeral": true``. All lines are ASCII, so the file may
have any encoding. Dumps of the command line end with a line ``{"znodes": 2}``.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from json.encoder import encode_basestring_ascii as _quoted
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Optional, Union

from zkc import _args as ops
from zkc._commands import bulk, trees
from zkc._commands.trees import Entry, TreeNode, TreeWalker
from zkc._commands.window import STEP, Progress
from zkc._flow import Flow
from zkc.constants import CreateMode, Perms
from zkc.types import ACL, Stat

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient

File = Union[str, "os.PathLike[str]", IO[str]]

FORMAT = "zkc-tree"
VERSION = 1
END = "znodes"  # The only field of the last line of a dump: how many znodes the file has.
_POLICIES = ("fail", "skip", "replace")
_KEYS = frozenset({"path", "data", "data_base64", "acl", "stat", "ephemeral"})
_STAT_FIELDS = Stat.__match_args__
_stat_values = attrgetter(*_STAT_FIELDS)
_STAT_FORM = ", ".join(f'"{name}": %d' for name in _STAT_FIELDS)


def _check_file(file: object, method: str) -> Any:
    if isinstance(file, (io.RawIOBase, io.BufferedIOBase)):
        raise TypeError("file must be opened as text, not as bytes")
    if isinstance(file, (str, os.PathLike)) or hasattr(file, method):
        return file
    raise TypeError(f"file must be a path or a text file, not {type(file).__name__}")


# ---- export ---------------------------------------------------------------------------------------------------------


def export(client: CommandClient, path: str, file: File, system: bool, window: int, progress: Progress) -> Flow[int]:
    """Write a tree to a file; return the number of znodes."""
    _check_file(file, "write")
    bulk.check_progress(progress)
    return _export(trees.visitor(client, path, True, True, system, window), path, file, progress)


def _export(look: TreeWalker, root: str, file: File, progress: Progress) -> Flow[int]:
    nodes = yield from look.batch()  # Before the file is opened: there may be no such tree.
    written = 0
    with _output(file) as output:
        output.write(json.dumps(header(root)) + "\n")
        while nodes:
            output.write("".join(_line(node, root) for node in nodes))
            written += len(nodes)
            if progress is not None:
                progress(written)
            nodes = yield from look.batch()
    return written


@contextlib.contextmanager
def _output(file: Any) -> Iterator[IO[str]]:
    """Open a file that gets its name only when it is complete."""
    if not isinstance(file, (str, os.PathLike)):
        yield file
        return
    import uuid  # Here, as few programs need it: it takes some milliseconds.

    target = os.path.realpath(file)
    whole = os.path.isfile(target) or not os.path.exists(target)  # not for a pipe or a terminal
    name = f"{target}.{uuid.uuid4().hex[:8]}.part" if whole else target
    try:
        with open(name, "w", encoding="ascii", newline="\n") as output:
            yield output
        if whole:
            os.replace(name, target)
    except BaseException:
        if whole:
            with contextlib.suppress(OSError):
                os.unlink(name)
        raise


def _line(node: TreeNode, root: str) -> str:
    assert node.acl is not None
    path = node.path if root == "/" else node.path[len(root) :] or "/"
    return line(path, node.data, node.acl, node.stat, trees.is_ephemeral(node))


def header(root: str) -> dict[str, Any]:
    """Return the first line of a file."""
    return {"format": FORMAT, "version": VERSION, "path": root}


def line(path: str, data: Optional[bytes], acl: Optional[Sequence[ACL]], stat: Optional[Stat], ephemeral: bool) -> str:
    """Return the line of a znode.

    A file has a million of them. So this is made by hand what ``json.dumps`` would make, in a third of the time.

    Args:
        path: The path below the root.
        data: The data.
        acl: The ACL, if it is known.
        stat: The stat, if it is known.
        ephemeral: Whether the znode is ephemeral.
    """
    parts = [f'{{"path": {_quoted(path)}']
    if data is None:
        parts.append('"data": null')
    else:
        try:
            parts.append(f'"data": {_quoted(data.decode())}')
        except UnicodeDecodeError:
            parts.append(f'"data_base64": "{base64.b64encode(data).decode()}"')
    if acl is not None:
        entries = ", ".join(
            f'{{"perms": {int(entry.perms)}, "scheme": {_quoted(entry.scheme)}, "id": {_quoted(entry.id)}}}'
            for entry in acl
        )
        parts.append(f'"acl": [{entries}]')
    if ephemeral:
        parts.append('"ephemeral": true')
    if stat is not None:
        parts.append(f'"stat": {{{_STAT_FORM % _stat_values(stat)}}}')
    return f"{', '.join(parts)}}}\n"


# ---- import ---------------------------------------------------------------------------------------------------------


def import_(
    client: CommandClient,
    path: str,
    file: File,
    on_existing: str,
    with_acl: bool,
    with_ephemerals: bool,
    system: bool,
    window: int,
    progress: Progress,
) -> Flow[int]:
    """Create the tree that a file describes; return the number of created or replaced znodes."""
    ops.check_path(path)
    _check_file(file, "read")
    if on_existing not in _POLICIES:
        raise ValueError(f"on_existing must be 'fail', 'skip' or 'replace', not {on_existing!r}")
    ops.check_flag(with_acl, "with_acl")
    ops.check_flag(with_ephemerals, "with_ephemerals")
    ops.check_flag(system, "system")
    window = bulk.check_window(client, window)
    bulk.check_progress(progress)

    def wanted(entry: Entry) -> bool:
        if entry.mode is CreateMode.EPHEMERAL and not with_ephemerals:
            return False
        return system or not trees.is_system(client, entry.path)

    return _import(client, path, file, wanted, on_existing, with_acl, window, progress)


def _import(
    client: CommandClient,
    root: str,
    file: Any,
    wanted: Any,
    on_existing: str,
    with_acl: bool,
    window: int,
    progress: Progress,
) -> Flow[int]:
    session = client.session
    made = 0
    with contextlib.ExitStack() as stack:
        if isinstance(file, (str, os.PathLike)):
            file = stack.enter_context(open(file, encoding="utf-8"))
        entries = filter(wanted, _entries(file, root, with_acl))
        while True:
            batch = list(islice(entries, min(window, STEP)))
            if not batch:
                return made
            made += yield from trees.make(client, session, batch, on_existing, window)
            if progress is not None:
                progress(made)


def _entries(file: IO[str], root: str, with_acl: bool) -> Iterator[Entry]:
    """Read the znodes that a file describes.

    Raises:
        ValueError: It is malformed; the message tells the line.
    """
    lines = _objects(file)
    number, first = next(lines, (1, {}))
    try:
        _check_header(first)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None
    count = 0
    for number, fields in lines:
        if fields.keys() == {END}:
            if fields[END] != count:
                raise ValueError(f"line {number}: the file has {count} znodes and should have {fields[END]!r}")
            continue
        count += 1
        try:
            yield _entry(fields, root, with_acl)
        except (TypeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}") from None


def _check_header(fields: dict[str, Any]) -> None:
    if fields.get("format") != FORMAT:
        raise ValueError("the file is no export of zkc: its first line must be a header with the format")
    if fields.get("version") != VERSION:
        raise ValueError(f"the format has version {fields.get('version')!r}, and this zkc reads version {VERSION}")


def _objects(file: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    lines = iter(file)
    while True:
        number += 1
        try:
            line = next(lines, None)
            if line is None:
                return
            if line.strip():
                yield number, read_object(line)
        except UnicodeDecodeError as error:
            raise ValueError(f"line {number}: the line is no JSON: {error}") from None
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None


def read_object(line: str) -> dict[str, Any]:
    """Read a line as a JSON object.

    Raises:
        ValueError: It is none.
    """
    try:
        fields = json.loads(line)
    except RecursionError:
        raise ValueError("the line is no JSON: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the line is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError(f"the line must be a JSON object, not {type(fields).__name__}")  # noqa: TRY004
    return fields


class DumpedNode(NamedTuple):
    """A znode as a line has it."""

    path: str
    data: Optional[bytes]
    acl: Optional[tuple[ACL, ...]]
    stat: Optional[Stat]
    ephemeral: bool


def read_header(line: str) -> dict[str, Any]:
    """Read the first line of a file.

    Raises:
        ValueError: It is no header of this format.
    """
    fields = read_object(line) if line.strip() else {}
    _check_header(fields)
    return fields


def read_line(line: str) -> DumpedNode:
    """Read the line of a znode.

    Raises:
        TypeError: A field has a wrong type.
        ValueError: The line is malformed.
    """
    fields = read_object(line)
    _check_fields(fields)
    path = ops.check_path(fields.get("path"))
    ephemeral = ops.check_flag(fields.get("ephemeral", False), "ephemeral")
    acl = tuple(_acl(fields["acl"])) if "acl" in fields else None
    if acl == ():
        raise ValueError("acl must have one entry or more")
    return DumpedNode(path, _data(fields), acl, _stat(fields["stat"]) if "stat" in fields else None, ephemeral)


def _check_fields(fields: dict[str, Any]) -> None:
    if not fields.keys() <= _KEYS:
        raise ValueError(f"unknown fields: {', '.join(sorted(fields.keys() - _KEYS))}")


def _stat(fields: Any) -> Optional[Stat]:
    """Return a stat; None for one that is not complete, as lines that were written by hand have."""
    try:
        return Stat(*map(fields.__getitem__, _STAT_FIELDS))
    except (AttributeError, TypeError, KeyError, ValueError, OverflowError):
        return None


def _entry(fields: dict[str, Any], root: str, with_acl: bool) -> Entry:
    _check_fields(fields)
    relative = ops.check_path(fields.get("path"))
    path = relative if root == "/" else root if relative == "/" else root + relative
    ephemeral = ops.check_flag(fields.get("ephemeral", False), "ephemeral")
    acl = _known_acl(fields["acl"]) if with_acl and "acl" in fields else None
    return Entry(path, _data(fields), acl, CreateMode.EPHEMERAL if ephemeral else CreateMode.PERSISTENT)


def _data(fields: dict[str, Any]) -> Optional[bytes]:
    if ("data" in fields) == ("data_base64" in fields):
        raise ValueError("a znode must have either data or data_base64")
    if "data_base64" in fields:
        if not isinstance(fields["data_base64"], str):
            raise TypeError("data_base64 must be a string")
        return base64.b64decode(fields["data_base64"], validate=True)
    text = fields["data"]
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError("data must be a string or null")
    return text.encode()


def _acl(entries: Any) -> list[ACL]:
    if not isinstance(entries, list):
        raise TypeError("acl must be a list")
    acl = []
    for entry in entries:
        if not isinstance(entry, dict) or entry.keys() != {"perms", "scheme", "id"}:
            raise ValueError("acl must hold objects with perms, scheme and id")
        if not isinstance(entry["perms"], int):
            raise TypeError("acl: perms must be a number")
        acl.append(ACL(Perms(entry["perms"]), entry["scheme"], entry["id"]))
    return acl


def _known_acl(entries: Any) -> ops.CoreACL:
    acl = _acl(entries)
    if trees.hides_hashes(acl):
        raise ValueError(
            "acl: the servers have hidden its password hashes: export with ADMIN permission, or give with_acl=False"
        )
    return ops.encode_acl(acl)
