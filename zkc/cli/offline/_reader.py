"""A reader of the servers' binary format, from chunks of bytes: numbers, strings, fields with a length.

Every number is big-endian. A string and a field of bytes begin with their length in four bytes, -1 for null. The reader
knows the offset of each byte, sums up the checksum of what was read, and allocates no more than the file really has.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Optional, Union

from zkc.cli._exit import CommandError, ExitCode

__all__ = ["LONGEST", "DamagedError", "Reader", "TruncatedError", "text_of"]

LONGEST = 128 << 20
"""The length in bytes of the longest field that is taken for possible. The servers' own limit is 1 MiB by default."""

_INT, _LONG = struct.Struct(">i"), struct.Struct(">q")


class DamagedError(CommandError):
    """A file whose content is not what the servers write.

    Args:
        message: What is wrong.
        offset: Where, in bytes from the begin of the content, which is uncompressed.
        name: The error's name in JSON.
    """

    def __init__(self, message: str, offset: int, name: str = "damaged") -> None:
        super().__init__(message, ExitCode.PARTLY, name=name, details={"offset": offset})
        self.offset = offset


class TruncatedError(DamagedError):
    """A file that ends too early.

    Args:
        message: What is missing.
        offset: Where the file ends.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, offset, "truncated")


def text_of(content: bytes) -> str:
    """Return the text of a string. What is no UTF-8 shows as escapes.

    The servers write each half of a surrogate pair by itself.
    """
    try:
        return content.decode()
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return content.decode("utf-8", "backslashreplace")


class Reader:
    """A reader of chunks.

    Args:
        chunks: The content, in chunks of any size. It may raise DamagedError.
        name: The name of the file, for errors; empty inside another reader.
    """

    def __init__(self, chunks: Iterator[bytes], name: str = "") -> None:
        self._name = f"{name}: " if name else ""
        self._chunks = chunks
        self._buffer = b""
        self._at = 0  # The place in the buffer.
        self._before = 0  # The bytes before the buffer.
        self._summed = 0  # The place in the buffer up to which the checksum goes.
        self._checksum = 1
        self.doing: Union[str, Callable[[], str]] = "the begin of the file"
        """The part of the file that is read, for errors; a function makes the text when an error needs it."""

    @property
    def offset(self) -> int:
        """The number of bytes that were read."""
        return self._before + self._at

    @property
    def checksum(self) -> int:
        """The Adler-32 checksum of all bytes that were read."""
        if self._summed < self._at:
            self._checksum = zlib.adler32(self._buffer[self._summed : self._at], self._checksum)
            self._summed = self._at
        return self._checksum

    @property
    def _where(self) -> str:
        return self.doing if isinstance(self.doing, str) else self.doing()

    def damaged(self, message: str, offset: Optional[int] = None) -> DamagedError:
        """Return an error that says where the file is damaged."""
        where = self.offset if offset is None else offset
        return DamagedError(f"{self._name}damaged at byte {where:,}, in {self._where}: {message}", where)

    def _fill(self, size: int) -> None:
        """Read chunks until the buffer has `size` bytes from the place on."""
        if not self._more(size):
            end = self._before + len(self._buffer)
            raise TruncatedError(f"{self._name}the file ends at byte {end:,}, in {self._where}", end)

    def _more(self, size: int) -> bool:
        """Read chunks until the buffer has `size` bytes, or the file ends; return whether it has."""
        self._drop()
        parts = [self._buffer]
        have = len(self._buffer)
        try:
            while have < size:
                chunk = next(self._chunks, None)
                if chunk is None:
                    break
                parts.append(chunk)
                have += len(chunk)
        except DamagedError as error:
            raise type(error)(f"{self._name}{error.message}, in {self._where}", error.offset) from None
        finally:
            self._buffer = b"".join(parts)
        return have >= size

    def _drop(self) -> None:
        """Drop what was read from the buffer."""
        self.checksum  # noqa: B018 - it sums up what is dropped
        self._before += self._at
        self._buffer = self._buffer[self._at :]
        self._at = self._summed = 0

    def take(self, size: int) -> bytes:
        """Read bytes.

        Raises:
            TruncatedError: The file has fewer.
        """
        end = self._at + size
        if end > len(self._buffer):
            self._fill(size)
            end = size
        start, self._at = self._at, end
        return self._buffer[start:end]

    def skip(self, size: int) -> None:
        """Read bytes, and keep none of them."""
        while size > len(self._buffer) - self._at:
            have = len(self._buffer) - self._at
            self._at += have
            size -= have
            self._fill(min(size, 1))
        self._at += size

    def rest(self, most: int) -> bytes:
        """Return the next bytes up to the end of the file, at most `most` of them. They count as not read."""
        if len(self._buffer) - self._at < most:
            self._more(most)
        return self._buffer[self._at : self._at + most]

    def int4(self) -> int:
        """Read a number of four bytes."""
        return _INT.unpack(self.take(4))[0]  # type: ignore[no-any-return]

    def int8(self) -> int:
        """Read a number of eight bytes."""
        return _LONG.unpack(self.take(8))[0]  # type: ignore[no-any-return]

    def length(self) -> int:
        """Read the length of a field, -1 for null."""
        return self.checked(self.take(4))

    def checked(self, content: bytes) -> int:
        """Return the length in the four bytes that were read last."""
        length: int = _INT.unpack(content)[0]
        if not -1 <= length <= LONGEST:
            raise self.damaged(f"no field has a length of {length:,} bytes", self.offset - 4)
        return length

    def count(self) -> int:
        """Read the number of items of a list; a null list has none."""
        count = self.int4()
        if count < -1:
            raise self.damaged(f"no list has {count:,} items", self.offset - 4)
        return max(count, 0)

    def field(self) -> Optional[bytes]:
        """Read a field of bytes, None for null."""
        length = self.length()
        return None if length < 0 else self.take(length)

    def text(self) -> str:
        """Read a string; a null string is empty."""
        return text_of(self.field() or b"")

    def text_or_none(self) -> Optional[str]:
        """Read a string, None for null."""
        content = self.field()
        return None if content is None else text_of(content)
