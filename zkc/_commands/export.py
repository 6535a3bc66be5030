"""Export of a tree to lines of JSON, and import of such lines.

The first line is a header; each line after it is a znode, parents before their children::

    {"format": "zkc-tree", "version": 1, "path": "/app"}
    {"path": "/", "data": "text", "acl": [{"perms": 31, "scheme": "world", "id": "anyone"}], "stat": {...}}
    {"path": "/below", "data_base64": "gA==", "acl": [...], "stat": {...}}

Paths are relative to the root of the export. The data is in ``data`` if it is UTF-8 text, or null if there is none,
and in ``data_base64`` otherwise. An ephemeral znode has ``"ephemeral": true``. All lines are ASCII, so the file may
have any encoding.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
from collections.abc import Iterator
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Optional, Union

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
_POLICIES = ("fail", "skip", "replace")
_KEYS = frozenset({"path", "data", "data_base64", "acl", "stat", "ephemeral"})
_STAT_FIELDS = Stat.__match_args__


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
        output.write(json.dumps({"format": FORMAT, "version": VERSION, "path": root}) + "\n")
        while nodes:
            output.write("".join(f"{_line(node, root)}\n" for node in nodes))
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
    fields: dict[str, Any] = {"path": node.path if root == "/" else node.path[len(root) :] or "/"}
    if node.data is None:
        fields["data"] = None
    else:
        try:
            fields["data"] = node.data.decode()
        except UnicodeDecodeError:
            fields["data_base64"] = base64.b64encode(node.data).decode()
    assert node.acl is not None
    fields["acl"] = [{"perms": int(entry.perms), "scheme": entry.scheme, "id": entry.id} for entry in node.acl]
    if trees.is_ephemeral(node):
        fields["ephemeral"] = True
    fields["stat"] = {name: getattr(node.stat, name) for name in _STAT_FIELDS}
    return json.dumps(fields)


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
    number, header = next(lines, (1, {}))
    if header.get("format") != FORMAT:
        raise ValueError(
            f"line {number}: the file is no export of zkc: its first line must be a header with the format"
        )
    if header.get("version") != VERSION:
        raise ValueError(
            f"line {number}: the format has version {header.get('version')!r}, and this zkc reads version {VERSION}"
        )
    for number, fields in lines:
        try:
            yield _entry(fields, root, with_acl)
        except (TypeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}") from None


def _objects(file: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    lines = iter(file)
    while True:
        number += 1
        try:
            line = next(lines, None)
            if line is None:
                return
            if not line.strip():
                continue
            fields = json.loads(line)
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"line {number}: the line is no JSON: {error}") from None
        if not isinstance(fields, dict):
            raise ValueError(f"line {number}: the line must be a JSON object, not {type(fields).__name__}")  # noqa: TRY004
        yield number, fields


def _entry(fields: dict[str, Any], root: str, with_acl: bool) -> Entry:
    unknown = sorted(fields.keys() - _KEYS)
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(unknown)}")
    relative = ops.check_path(fields.get("path"))
    path = relative if root == "/" else root if relative == "/" else root + relative
    ephemeral = ops.check_flag(fields.get("ephemeral", False), "ephemeral")
    acl = _acl(fields["acl"]) if with_acl and "acl" in fields else None
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


def _acl(entries: Any) -> ops.CoreACL:
    if not isinstance(entries, list):
        raise TypeError("acl must be a list")
    acl = []
    for entry in entries:
        if not isinstance(entry, dict) or entry.keys() != {"perms", "scheme", "id"}:
            raise ValueError("acl must hold objects with perms, scheme and id")
        if not isinstance(entry["perms"], int):
            raise TypeError("acl: perms must be a number")
        acl.append(ACL(Perms(entry["perms"]), entry["scheme"], entry["id"]))
    if trees.hides_hashes(acl):
        raise ValueError(
            "acl: the servers have hidden its password hashes: export with ADMIN permission, or give with_acl=False"
        )
    return ops.encode_acl(acl)
