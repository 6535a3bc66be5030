"""A transaction log of a server, record by record, while the server writes it.

The file begins with the magic ZKLG. A record is the Adler-32 checksum of its content, the content with its length, and
the letter B. The server makes the file larger before it needs the room: zeros are the end, for now.

The server writes through a buffer, so a record may be there in part. What is not complete, and has nothing behind it,
is the end of the file, and may be complete a moment later.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zlib
from collections.abc import Callable
from typing import BinaryIO, NamedTuple, Optional, Union

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli.offline._content import file_error
from zkc.cli.offline._reader import LONGEST, DamagedError, TruncatedError
from zkc.cli.offline._txns import HEAD_SIZE, Head, Txn, decode, head_of

__all__ = ["LogFile", "LogRecord"]

_MAGIC = b"ZKLG"
_HEADER = struct.Struct(">4siq")
_VERSION = 2
_HEAD = struct.Struct(">qi")
_CHUNK = 1 << 18


class LogRecord(NamedTuple):
    """A transaction, and where it is."""

    txn: Txn
    offset: int
    number: int


class _Fault(NamedTuple):
    """The fault of a record."""

    what: str
    end: Optional[int]
    """Where the next record begins; None for a record that is the last and not complete."""
    lost: bool = False


class LogFile:
    """An open log: a context manager.

    Args:
        file: The path of the file.

    Raises:
        CommandError: The file cannot be read.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.number = 0
        """The number of records that were read, or passed."""
        self.offset = 0
        """Where the next record begins."""
        self.lost = False
        """Whether nothing behind the damage can be read."""
        self.wants: Callable[[Head], bool] = lambda head: True
        """Return whether a transaction is wanted, by its header: the others are passed."""
        self.check_end = True
        """Whether the zeros at the end are read to the last, to find what is behind them."""
        self._buffer, self._start = b"", 0

    def __enter__(self) -> LogFile:
        try:
            if not stat.S_ISREG(os.stat(self.file).st_mode):
                # A log is read again while it grows: a pipe or a device cannot be.
                raise CommandError(
                    f"{self.file} is no transaction log: it is no regular file", ExitCode.OTHER, name="not_a_log"
                )
            self._opened: BinaryIO = open(self.file, "rb")
        except OSError as error:
            raise file_error(self.file, error) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file; fewer at its end."""
        start = offset - self._start
        if not 0 <= start <= len(self._buffer) - size:
            try:
                self._opened.seek(offset)
                self._buffer, self._start = self._opened.read(max(size, _CHUNK)), offset
            except OSError as error:
                raise file_error(self.file, error) from None
            start = 0
        return self._buffer[start : start + size]

    def again(self) -> None:
        """Forget what was read ahead, since the server may have written more."""
        self._buffer = b""

    @property
    def size(self) -> int:
        """The size of the file now."""
        return os.fstat(self._opened.fileno()).st_size

    def next(self) -> Optional[LogRecord]:
        """Return the next record; None at the end, for now.

        Raises:
            TruncatedError: The last record is not complete. The same call may succeed later.
            DamagedError: The record is damaged. The next call goes on behind it, unless :attr:`lost` is true.
            CommandError: The file is no log.
        """
        if self.offset == 0:
            self._read_header()
        while True:
            found = self._look()
            if not isinstance(found, bytes) or self._decides(found):
                break
        if isinstance(found, _Fault):
            # The server may have written the record while it was read.
            self.again()
            found = self._look()
        if found is None:
            return None
        if isinstance(found, _Fault):
            if found.end is None:
                raise TruncatedError(f"{self._where} is not complete: {found.what}", self.offset)
            error = DamagedError(f"{self._where} is damaged: {found.what}", self.offset)
            self.lost = found.lost
            self._pass(found.end)
            raise error
        record = LogRecord(self._decoded(found), self.offset, self.number + 1)
        self._pass(self.offset + _HEAD.size + len(found) + 1)
        return record

    def _decides(self, content: bytes) -> bool:
        """Return whether a record is wanted, and pass it if not."""
        if len(content) < HEAD_SIZE or self.wants(head_of(content)):
            return True
        self._pass(self.offset + _HEAD.size + len(content) + 1)
        return False

    def _look(self) -> Union[bytes, _Fault, None]:
        """Return the content of the next record, what is wrong with it, or None if only zeros follow."""
        head = self._read(self.offset, _HEAD.size)
        start = self.offset + _HEAD.size
        if not head.strip(b"\0"):
            place = self._next_byte(start) if self.check_end else None
            if place is None:
                return None
            return _Fault(f"it is zero, and byte {place:,} is not", start, lost=True)
        if len(head) < _HEAD.size:
            return _Fault("the file ends", None)
        checksum, length = _HEAD.unpack(head)
        if not 0 < length <= LONGEST:
            return self._fault(f"no record has {length:,} bytes", start, lost=True)
        # Only what the file has is allocated.
        content = self._read(start, min(length + 1, max(self.size - start, 0)))
        if len(content) <= length:
            return _Fault("the file ends", None)
        whole = content[-1:] == b"B"
        content = content[:-1]
        actual = zlib.adler32(content)
        if whole and actual == checksum:
            return content
        what = f"its checksum is {actual:#x} instead of {checksum & (1 << 64) - 1:#x}" if whole else "it has no end"
        return self._fault(what, start + length + 1, lost=not whole)

    def _fault(self, what: str, end: int, *, lost: bool) -> _Fault:
        """Return what is wrong with a record: if only zeros are behind it, it is not complete."""
        if self._next_byte(end) is None:
            return _Fault("it is the last, and a part of it is missing", None)
        return _Fault(what, end, lost=lost)

    def _decoded(self, content: bytes) -> Txn:
        try:
            return decode(content)
        except DamagedError as error:
            made = DamagedError(f"{self._where} is damaged: {error.message}", self.offset)
            self._pass(self.offset + _HEAD.size + len(content) + 1)
            raise made from None

    def _pass(self, end: int) -> None:
        self.offset = end
        self.number += 1

    @property
    def _where(self) -> str:
        return f"{self.file}: record {self.number + 1:,} at byte {self.offset:,}"

    def _read_header(self) -> None:
        header = self._read(0, _HEADER.size)
        magic = header[: len(_MAGIC)].rstrip(b"\0")
        if not _MAGIC.startswith(magic):
            what = f"it begins with {header[: len(_MAGIC)]!r} instead of {_MAGIC!r}"
            raise CommandError(f"{self.file} is no transaction log: {what}", ExitCode.OTHER, name="not_a_log")
        if len(header) < _HEADER.size:
            raise TruncatedError(f"{self.file}: the file ends at byte {len(header)}, in the header", len(header))
        if magic != _MAGIC or not header[7]:
            what = "the header has zeros only: the server has not written it, or the file is no transaction log"
            raise TruncatedError(f"{self.file}: {what}", len(header))
        _, version, _ = _HEADER.unpack(header)
        if version != _VERSION:
            self.lost = True
            raise DamagedError(f"{self.file}: it has the version {version}, and zkc reads version {_VERSION}", 4)
        self.offset = _HEADER.size

    def _next_byte(self, offset: int) -> Optional[int]:
        """Return where the next byte is that is not zero; None if there is none."""
        self.again()
        try:
            self._opened.seek(offset)
            while chunk := self._opened.read(_CHUNK):
                found = re.search(rb"[^\0]", chunk)
                if found is not None:
                    return offset + found.start()
                offset += len(chunk)
        except OSError as error:
            raise file_error(self.file, error) from None
        return None
