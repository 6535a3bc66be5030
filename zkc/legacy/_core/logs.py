"""libzookeeper's log lines, in the whole process."""

from __future__ import annotations

from typing import Any, Optional

from zkc import _zookeeper as core
from zkc.legacy._core.exceptions import bad_arguments

_file: Any = None


class _Stream:
    """Writer of lines to a file of text or bytes; a file that refuses them gets none."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.binary = False

    def __call__(self, line: str) -> None:
        text = line + "\n"
        if not self.binary:
            try:
                self.file.write(text)
            except TypeError:
                self.binary = True
        if self.binary:
            self.file.write(text.encode("utf-8", "surrogateescape"))
        flush = getattr(self.file, "flush", None)
        if flush is not None:
            flush()


def set_log_stream(file: Any) -> None:
    """Have libzookeeper's own log lines written to a file.

    Until this is called they go to :mod:`logging`, under ``zkc.libzookeeper``; the original wrote to stderr. The file
    that was set before is released. Lines that a file does not take, because it was opened for reading, say, are lost.

    What libzookeeper repeats at each attempt to connect becomes a ZOO_DEBUG line after the first time: see
    :func:`set_debug_level`.

    Args:
        file: Anything with a ``write`` that takes str or bytes; None for logging again.

    Raises:
        TypeError: It cannot be written to.

    .. versionadded:: 0.1
    """
    if file is not None and not callable(getattr(file, "write", None)):
        raise TypeError(f"file must have a method write, or be None, not {type(file).__name__}")
    global _file
    _file = file
    core.set_log_sink(None if file is None else _Stream(file))


def current() -> Any:
    """Return the file that the lines are written to now, None for logging."""
    return _file


def set_debug_level(n: int) -> None:
    """Set which lines libzookeeper logs.

    The repeats of a line within a minute are of LOG_LEVEL_DEBUG, whatever the first one was of. The first line after
    that minute says how many there were.

    Args:
        n: One of the ``LOG_LEVEL_`` numbers; 0 for none.

    Raises:
        BadArgumentsException: It is another number.

    .. versionadded:: 0.1
    """
    try:
        core.set_log_level(n)
    except ValueError as error:
        raise bad_arguments(str(error)) from None


def deterministic_conn_order(flag: Optional[object]) -> None:
    """Have sessions that are made later try the servers in the order given, and not in a random one.

    Args:
        flag: Whether to.

    .. versionadded:: 0.1
    """
    core.set_deterministic_order(bool(flag))
