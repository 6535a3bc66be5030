"""Which files are meant, and what they hold as text."""

from __future__ import annotations

import io
import os
import sys
import tokenize
from collections.abc import Iterable, Iterator

__all__ = ["STDIN", "decode", "expand", "read"]

STDIN = "-"


def expand(paths: Iterable[str]) -> Iterator[str]:
    """Yield the files that are meant: folders are walked for ``*.py``, in order; what else there is stays as it is.

    Folders whose names begin with a dot, and ``__pycache__``, are left out, and links to folders are not followed.

    :param paths: files, folders, or ``-``.
    """
    for path in paths:
        if path == STDIN or not os.path.isdir(path):
            yield path
            continue
        for folder, inner, names in os.walk(path, onerror=_raise):
            inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__pycache__")
            yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(".py"))


def _raise(error: OSError) -> None:
    raise error


def read(path: str) -> str:
    """Return what a file holds.

    :param path: the file, or ``-`` for the standard input.
    :raises OSError: it cannot be read.
    """
    if path == STDIN:
        return decode(sys.stdin.buffer.read())
    with open(path, "rb") as file:
        return decode(file.read())


def decode(content: bytes) -> str:
    """Return source as text, by its byte order mark or encoding cookie; UTF-8 without one.

    :param content: the source. Bytes that cannot be decoded survive as lone surrogates.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError:  # An unknown encoding, or first lines that are not in theirs.
        encoding = "utf-8"
    try:
        return content.decode(encoding, "surrogateescape")
    except (UnicodeError, LookupError):  # A codec that does not know of lone surrogates.
        return content.decode("utf-8", "surrogateescape")
