"""Dump files: the lines of ``client.export``, plain or compressed by gzip or zstandard.

``zkc dump`` writes the znodes in the order of a walk, and says so in the header. Its last line has the number of
znodes, so a file that was cut is seen. Files of ``client.export`` have another order. They are sorted when they are
read, with a bounded memory: what does not fit waits in temporary files.
"""

from __future__ import annotations

import codecs
import contextlib
import heapq
import io
import json
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Callable, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._files import check_output, naming, open_output
from zkc.cli.trees._pipes import Inflated, Kept, Rest
from zkc.cli.trees._source import Record, Source, key_of, relative

if TYPE_CHECKING:
    from zkc.cli.trees._filter import Filter

__all__ = ["DumpSource", "check_sink", "open_sink"]

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_LEVEL = 4  # Of gzip: the lines are alike, so a higher one takes twice the time for a tenth of the size.
_IN_MEMORY = 32 << 20  # Bytes of lines that are sorted at once.
_LONGEST = 64 << 20  # Bytes of a line, far more than a server can hold in a znode.
_LONGEST_HEADER = 8 << 20  # Bytes of the first line, and of what may be empty before it.
_SHOWN = 60  # Characters of a line that a message has.
_SORTED = "sorted"  # The member of the header that promises the order.

_Line = tuple[str, int, str]  # The key, the number and the text.


# ---- writing --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_sink(file: str, root: str) -> Iterator[Callable[[Iterable[Record]], None]]:
    """Open a dump, and yield the function that writes records to it.

    A regular file is replaced when the dump is complete and on the disk; until then it is as it was. Only its owner can
    read it: a dump has hashes of passwords. ``-`` is stdout.

    Args:
        file: The file. The end of its name, ``.gz`` or ``.zst``, tells the compression.
        root: The path of the tree.

    Raises:
        CommandError: The file cannot be written, or the module for zstandard is missing.
    """
    from zkc._commands.export import END, header, line

    compress = _compressor(file)
    with ExitStack() as stack:
        raw = stack.enter_context(open_output(file, private=True))
        output: Any = raw if compress is None else stack.enter_context(_closing(compress(raw)))
        count = 0

        def write(records: Iterable[Record]) -> None:
            nonlocal count
            lines = [line(each.path, each.data, each.acl, each.stat, each.ephemeral) for each in records]
            count += len(lines)
            with naming(file, "written"):
                output.write("".join(lines).encode("ascii"))

        with naming(file, "written"):
            output.write((json.dumps({**header(root), _SORTED: True}) + "\n").encode())
        yield write
        with naming(file, "written"):
            output.write((json.dumps({END: count}) + "\n").encode())
            stack.close()


def check_sink(file: str) -> None:
    """Raise the error that :func:`open_sink` would, as far as it is known before a file is written."""
    _compressor(file)
    check_output(file)


@contextlib.contextmanager
def _closing(output: Any) -> Iterator[Any]:
    """Close a file, so that an error at its end hides no error from before."""
    try:
        yield output
    except BaseException:
        with contextlib.suppress(Exception):
            output.close()
        raise
    output.close()


def _compressor(file: str) -> Optional[Callable[[BinaryIO], Any]]:
    """Return what opens a compressed file on another one; None for no compression."""
    if file.endswith(".gz"):
        import gzip

        # Without a name and a time, equal trees give equal files.
        return lambda raw: gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0)
    if file.endswith(".zst"):
        module = _zstd(file)
        return lambda raw: module.open(raw, "wb")
    return None


def _zstd(file: str) -> Any:
    """Return the module for zstandard: Python's own since 3.14, or one of the packages."""
    import importlib

    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise CommandError(
        f"{file}: this Python has no module for zstandard: `pip install zstandard`, or use .gz", ExitCode.USAGE,
        name="no_zstandard",
    )  # fmt: skip


# ---- reading --------------------------------------------------------------------------------------------------------


class DumpSource(Source):
    """The tree of a dump, or a part of it.

    Args:
        name: How the command line names it.
        file: The file, or ``-`` for stdin.
        root: The root within the dump.
        filter: What is left out.
    """

    def __init__(self, name: str, file: str, root: str, filter: Filter) -> None:  # noqa: A002 - the word for it
        super().__init__(name, filter)
        self._file, self._root = file, root
        self._stdin: Optional[IO[bytes]] = None  # The content of stdin, which can be read once.

    def records(self, *, with_data: bool = True, with_acl: bool = False) -> Iterator[Record]:
        from zkc._commands.export import read_line

        with self._lines() as (opened, header):
            # /zookeeper of the servers is at the root of a dump of all.
            chroot = header if header != "/" else ""
            self.passing = passing = self.filter.begin(chroot or "/", self._root)
            below = "/" if self._root == "/" else f"{self._root}/"
            found = False
            for number, line in opened:
                try:
                    node = read_line(line)
                except (TypeError, ValueError) as error:
                    raise self._bad(f"line {number}: {error}") from None
                if not (node.path == self._root or node.path.startswith(below)) or passing.skips(node.path):
                    continue
                found = True
                if passing.takes(node.ephemeral):
                    yield Record(relative(self._root, node.path), node.data if with_data else None,
                                 node.acl if with_acl else None, node.stat, node.ephemeral)  # fmt: skip
            if not found:
                raise CommandError(f"there is no {self._root} in {self._file}", ExitCode.NO_NODE, name="no_node",
                                   path=self._root)  # fmt: skip

    def _bad(self, what: str) -> CommandError:
        return CommandError(f"{self._file} is no dump that can be read: {what}", name="not_a_dump")

    @contextlib.contextmanager
    def _lines(self) -> Iterator[tuple[Iterator[tuple[int, str]], str]]:
        """Open the file: its lines in the order of a walk, each with its number, and the path of the tree."""
        with ExitStack() as stack:
            raw = self._open()
            if raw is not self._stdin:
                stack.enter_context(raw)
            lines = self._read(raw)
            header = self._header(lines)
            path = header.get("path")
            is_sorted = header.get(_SORTED) is True
            lines = self._whole(lines, ends=is_sorted)
            ordered = self._checked(lines) if is_sorted else self._sorted(lines, stack)
            yield ordered, path if isinstance(path, str) else "/"

    def _header(self, lines: Iterator[tuple[int, str]]) -> dict[str, Any]:
        """Take the first line."""
        from zkc._commands.export import read_header

        number, first = next(lines, (1, ""))
        try:
            return read_header(first)
        except ValueError as error:
            raise self._bad(f"line {number}: {error}") from None

    def _open(self) -> IO[bytes]:
        if self._file != "-":
            with naming(self._file, "read"):
                return open(self._file, "rb")
        if self._stdin is None:
            with naming("stdin", "kept in a temporary file"):
                self._stdin = tempfile.TemporaryFile(prefix="zkc-")  # noqa: SIM115 - it ends with the command
                click.get_current_context().call_on_close(self._stdin.close)
                if sys.stdin is None:
                    raise CommandError("stdin cannot be read: there is no stdin", ExitCode.USAGE, name="file")
                # The header first: what is no dump may have no end, and would fill the disk.
                self._header(self._read(io.BufferedReader(Kept(sys.stdin.buffer, self._stdin), 1 << 16)))
                shutil.copyfileobj(sys.stdin.buffer, self._stdin, 1 << 18)
        self._stdin.seek(0)
        return self._stdin

    def _read(self, raw: IO[bytes]) -> Iterator[tuple[int, str]]:
        """Yield the lines that are not empty, with their numbers."""
        head = raw.read(4)
        errors: tuple[type[Exception], ...] = (EOFError, zlib.error)
        opened: Any = raw
        if raw.seekable():
            raw.seek(0)
        else:
            opened = io.BufferedReader(Rest(head, raw), 1 << 16)
        if head.startswith(_GZIP):
            import gzip

            opened = io.BufferedReader(gzip.GzipFile(fileobj=opened), 1 << 18)
        elif head.startswith(_ZSTD):
            module = _zstd(self._file)
            errors += (module.ZstdError,)
            opened = io.BufferedReader(Inflated(opened, module), 1 << 18)
        number, limit = 0, _LONGEST_HEADER
        while True:
            number += 1
            try:
                line = opened.readline(limit + 1)
                if not line:
                    return
                if len(line) > limit:
                    raise self._bad(f"line {number}: the line is longer than {limit:,} bytes, the limit")
                if number == 1:
                    line = line[len(codecs.BOM_UTF8) :] if line.startswith(codecs.BOM_UTF8) else line
                if line.strip():
                    limit = _LONGEST
                    yield number, line.decode()
                elif limit < _LONGEST:
                    limit -= len(line)
                    if limit <= 0:
                        raise self._bad(f"it begins with {_LONGEST_HEADER:,} bytes of empty lines")
            except errors as error:
                raise self._bad(f"line {number}: the compressed file is damaged or cut: {error}") from None
            except UnicodeDecodeError as error:
                raise self._bad(f"line {number}: the line is no JSON: {error}") from None
            except OSError as error:
                raise self._bad(f"line {number}: {error.strerror or error}") from None

    def _whole(self, lines: Iterator[tuple[int, str]], *, ends: bool) -> Iterator[tuple[int, str]]:
        """Yield the lines of znodes, and check their number by the last line, which a sorted dump has."""
        from zkc._commands.export import END

        count, end = 0, None
        for number, line in lines:
            if end is not None:
                raise self._bad(f"line {number}: the dump has ended before")
            if line.startswith(f'{{"{END}": '):
                end = line
                continue
            count += 1
            yield number, line
        if end is None and ends:
            raise self._bad(f"it ends after {count:,} znodes, and was cut: the last line is missing")
        if end is not None and end.strip() != json.dumps({END: count}):
            raise self._bad(f"it has {count:,} znodes, and its last line is {_short(end)}")

    def _checked(self, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Check the order that the header promises."""
        last: Optional[str] = None
        for number, line in lines:
            key = self._key(number, line)
            if last is not None and key <= last:
                raise self._bad(
                    f"line {number}: {key.replace(chr(0), '/') or '/'} comes too late or twice. The header says"
                    f' "{_SORTED}": true; without that, zkc sorts the lines'
                )
            last = key
            yield number, line

    def _key(self, number: int, line: str) -> str:
        # Nearly all lines begin with the path, without an escape in it: the line is not parsed twice.
        if line.startswith('{"path": "'):
            end = line.find('"', 10)
            path = line[10:end]
            if end > 0 and "\\" not in path:
                return key_of(path)
        from zkc._commands.export import read_object

        try:
            found = read_object(line).get("path")
        except ValueError as error:
            raise self._bad(f"line {number}: {error}") from None
        if not isinstance(found, str):
            raise self._bad(f"line {number}: the line is no znode: its path is missing, or no text: {_short(line)}")
        return key_of(found)

    def _sorted(self, lines: Iterator[tuple[int, str]], stack: ExitStack) -> Iterator[tuple[int, str]]:
        """Sort the lines."""
        from zkc.cli._progress import progress

        waiting: list[_Line] = []
        runs: list[Iterable[_Line]] = []
        size = 0
        with progress(click.get_current_context().ensure_object(App), "sorting") as bar:
            for number, line in bar.passing(lines):
                waiting.append((self._key(number, line), number, line))
                size += len(line) + 200
                if size > _IN_MEMORY:
                    runs.append(self._spill(waiting, stack))
                    waiting, size = [], 0
        waiting.sort()
        last = None
        for key, number, line in heapq.merge(*runs, waiting, key=itemgetter(0)) if runs else waiting:
            if key == last:
                raise self._bad(f"line {number}: {key.replace(chr(0), '/') or '/'} is there twice")
            last = key
            yield number, line

    def _spill(self, waiting: list[_Line], stack: ExitStack) -> Iterator[_Line]:
        """Sort lines into a temporary file, and return what reads them."""
        with naming(tempfile.gettempdir(), "used for sorting (TMPDIR names another folder)"):
            spilled = tempfile.TemporaryFile("w+", prefix="zkc-", encoding="utf-8", newline="\n")  # noqa: SIM115
            file = stack.enter_context(spilled)
            waiting.sort()
            file.writelines(f"{number} {line.strip()}\n" for _, number, line in waiting)
            file.seek(0)
        return self._spilled(file)

    def _spilled(self, file: Iterable[str]) -> Iterator[_Line]:
        for text in file:
            number, _, line = text.partition(" ")
            yield self._key(int(number), line), int(number), line


def _short(line: str) -> str:
    """Return the begin of a line, for a message."""
    text = line.strip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
