"""The content of a file, whatever compresses it: the magic at its begin tells gzip and snappy apart from none."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli.offline import _snappy
from zkc.cli.offline._reader import DamagedError, TruncatedError

__all__ = ["Content", "begin_of", "file_error", "open_content"]

_CHUNK = 1 << 18
_WRONG_FILE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_GZIP = b"\x1f\x8b"


class Content(NamedTuple):
    """The content of an open file."""

    compression: str
    """``none``, ``gzip`` or ``snappy``."""
    chunks: Iterator[bytes]


def file_error(file: str, error: OSError) -> CommandError:
    """Return the error for a file that cannot be read: a usage error when it cannot be opened, as of every input."""
    code = ExitCode.USAGE if isinstance(error, _WRONG_FILE) else ExitCode.OTHER
    return CommandError(f"{file or repr(file)} cannot be read: {error.strerror or error}", code, name="file")


def begin_of(file: str, size: int) -> bytes:
    """Return the first bytes of a file's content; fewer if it has fewer or is damaged.

    Raises:
        CommandError: The file cannot be read.
    """
    begin = b""
    try:
        with open(file, "rb") as opened:
            for chunk in open_content(opened).chunks:
                begin += chunk
                if len(begin) >= size:
                    break
    except OSError as error:
        raise file_error(file, error) from None
    except DamagedError:
        pass
    return begin[:size]


def open_content(file: BinaryIO) -> Content:
    """Return the content of an open file."""
    begin = file.read(_CHUNK)
    chunks = _chunks(begin, file)
    if begin.startswith(_GZIP):
        return Content("gzip", _inflated(chunks))
    if begin.startswith(_snappy.MAGIC):
        return Content("snappy", _snappy.blocks(chunks))
    return Content("none", chunks)


def _chunks(begin: bytes, file: BinaryIO) -> Iterator[bytes]:
    while begin:
        yield begin
        begin = file.read(_CHUNK)


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of a file of gzip, in chunks of a bounded size."""
    inflater = zlib.decompressobj(31)
    before = 0  # Compressed bytes of earlier chunks.
    for chunk in chunks:
        left = chunk
        while left or inflater.eof:
            if inflater.eof:  # Another member may follow.
                left = inflater.unused_data or left
                if not left:
                    break
                inflater = zlib.decompressobj(31)
            try:
                content = inflater.decompress(left, _CHUNK)
            except zlib.error as error:
                at = before + len(chunk) - len(left)
                raise DamagedError(f"damaged after byte {at:,} of its gzip: {error}", at) from None
            left = inflater.unconsumed_tail
            if content:
                yield content
        before += len(chunk)
    if not inflater.eof:
        raise TruncatedError(f"the file ends at byte {before:,}, and its gzip does not", before)
