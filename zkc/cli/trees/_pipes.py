"""The inputs of a dump: a pipe that a file keeps, the rest of a pipe, and the content that zstandard compresses."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, Any

__all__ = ["Inflated", "Kept", "Rest"]


def _there(pipe: IO[bytes], most: int) -> bytes:
    """Return the bytes that are there, at most so many: the writer may wait for an answer to its first line."""
    found: bytes = pipe.read1(most)  # type: ignore[attr-defined]  # A BufferedReader, of which IO[bytes] says less.
    return found


class Kept(io.RawIOBase):
    """A pipe, and the file that keeps what is read from it."""

    def __init__(self, raw: IO[bytes], file: IO[bytes]) -> None:
        self._raw, self._file = raw, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = _there(self._raw, len(buffer))
        self._file.write(content)
        buffer[: len(content)] = content
        return len(content)


class Rest(io.RawIOBase):
    """A pipe whose first bytes were read already."""

    def __init__(self, head: bytes, raw: IO[bytes]) -> None:
        self._head, self._raw = head, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._head or _there(self._raw, len(buffer))
        self._head = b""
        buffer[: len(content)] = content
        return len(content)


class Inflated(io.RawIOBase):
    """The content of a file that zstandard compresses.

    The modules' own files differ: one reads the first frame only, and takes a file that was cut for a whole one.
    """

    def __init__(self, raw: IO[bytes], module: Any) -> None:
        decompressor = module.ZstdDecompressor
        self._raw = raw
        self._new: Callable[[], Any] = (
            (lambda: decompressor().decompressobj()) if hasattr(decompressor, "decompressobj") else decompressor
        )
        self._frame = self._new()
        self._rest = b""  # Content that found no room.

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._raw.read(1 << 14)
            if not packed:
                if not self._frame.eof:
                    raise EOFError("the file ends in the middle")
                return 0
            if self._frame.eof:
                self._frame = self._new()
            self._rest = self._frame.decompress(packed)
        content = self._rest[: len(buffer)]
        self._rest = self._rest[len(content) :]
        buffer[: len(content)] = content
        return len(content)
