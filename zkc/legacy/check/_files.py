"""Which files are meant, and what they hold as text."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import tokenize
from collections.abc import Callable, Iterator
from typing import Optional

__all__ = ["STDIN", "NotRegularError", "beside", "decode", "expand", "read"]

STDIN = "-"


class NotRegularError(OSError):
    """Raised for what is no regular file, such as a FIFO or a device."""


def expand(path: str, failed: Callable[[OSError], object]) -> Iterator[str]:
    """Yield the files to check: those named, and in folders each ``*.py``, in order.

    Folders whose names begin with a dot, and ``__pycache__``, are left out, and links to folders are not followed.

    Args:
        path: A file, a folder, or ``-``.
        failed: Called for each folder that cannot be read; the others are walked nevertheless.
    """
    if path == STDIN or not os.path.isdir(path):
        yield path
        return
    for folder, inner, names in os.walk(path, onerror=failed):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__pycache__")
        yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(".py"))


def read(path: str) -> str:
    """Return what a file holds.

    Args:
        path: The file, or ``-`` for the standard input.

    Raises:
        NotRegularError: It is no regular file.
        OSError: It cannot be read.
    """
    if path == STDIN:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "the standard input is closed")
        return decode(sys.stdin.buffer.read())
    with open(path, "rb", opener=_open) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise NotRegularError(errno.EINVAL, "no regular file, skipped")
        return decode(file.read())


def _open(path: str, flags: int) -> int:
    # Else open() would wait for a writer of a FIFO.
    return os.open(path, flags | os.O_NONBLOCK)


def decode(content: bytes) -> str:
    """Return source as text, by its byte order mark or encoding cookie; UTF-8 without one.

    Args:
        content: The source. Bytes that cannot be decoded survive as lone surrogates.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError:  # An unknown encoding, or first lines that are not in theirs.
        encoding = "utf-8"
    try:
        return content.decode(encoding, "surrogateescape")
    except (UnicodeError, LookupError):  # A codec that does not know of lone surrogates.
        return content.decode("utf-8", "surrogateescape")


def beside(path: str, module: str) -> Optional[str]:
    """Return the file of a module that lies where a file may find it: in its folder, or in the one above its packages.

    Args:
        path: The file that imports it.
        module: The module as it is written there, with the dots in front that say in which package it is.
    """
    if path == STDIN:
        return None
    name = module.lstrip(".")
    folders = [os.path.dirname(os.path.abspath(path))]
    for _ in range(len(module) - len(name) - 1):
        folders = [os.path.dirname(folders[0])]
    while name == module and os.path.isfile(os.path.join(folders[-1], "__init__.py")):
        folders.append(os.path.dirname(folders[-1]))
    for folder in folders:
        stem = os.path.join(folder, *name.split(".")) if name else folder
        for file in (f"{stem}.py", os.path.join(stem, "__init__.py")):
            if os.path.isfile(file):
                return file
    return None
