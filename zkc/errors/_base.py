"""The base of the error tree, and the table of codes that its classes fill in."""

from __future__ import annotations

from typing import Any, ClassVar, Optional

__all__ = ["ZooKeeperError"]

# Operations that change no data: whatever became of the request, nothing was applied.
READS = frozenset(
    {
        "start",
        "open",
        "connect",
        "close",
        "exists",
        "get",
        "get_children",
        "get_children_with_stat",
        "get_acl",
        "get_config",
        "sync",
        "add_auth",
        "remove_watches",
        "remove_all_watches",
        "add_watch",
        "multi_read",
        "get_ephemerals",
        "count_descendants",
        "whoami",
    }
)

BY_CODE: dict[int, type[ZooKeeperError]] = {}


class ZooKeeperError(Exception):
    """Base of every error of zkc.

    Args:
        message: What happened, to which path, in which operation, and what to do. Made from the class if None.
        operation: Name of the operation that failed.
        path: Path of the znode concerned.
        maybe_applied: Whether the data perhaps changed. Decided by the class and the operation if None.

    .. versionadded:: 0.1
    """

    __module__ = "zkc.errors"  # The public module: pickles and tracebacks name it, not this file.

    code: Optional[int] = None
    """ZooKeeper's number for the error; None for one that only zkc knows."""
    c_name: ClassVar[Optional[str]] = None
    """The name of ``code`` in zookeeper.h, or in the server for one that the header lacks."""
    what: ClassVar[str] = "the operation failed"
    """The event in words, as messages begin."""
    advice: ClassVar[str] = ""
    """The remedy in words, as messages end."""

    operation: Optional[str]
    """Name of the operation that failed, if known."""
    path: Optional[str]
    """Path of the znode concerned, if any."""
    maybe_applied: bool = False
    """Whether the data perhaps changed. False is certain; True means that the client does not know."""
    session_lost: bool = False
    """Whether the session is gone."""
    index: Optional[int] = None
    """For a transaction that failed: the position of the operation that failed, from 0. Else None."""
    results: Optional[tuple[ZooKeeperError, ...]] = None
    """For a transaction that failed: one error per operation. Else None."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__ in (f"{ZooKeeperError.__module__}._codes", f"{ZooKeeperError.__module__}._tls"):
            cls.__module__ = ZooKeeperError.__module__
        if "code" in vars(cls) and cls.code is not None:
            other = BY_CODE.setdefault(cls.code, cls)
            if other is not cls:
                raise TypeError(f"{cls.__name__} and {other.__name__} have the same code {cls.code}")

    def __init__(
        self,
        message: Optional[str] = None,
        *,
        operation: Optional[str] = None,
        path: Optional[str] = None,
        maybe_applied: Optional[bool] = None,
    ) -> None:
        self.operation = operation
        self.path = path
        self.maybe_applied = type(self).maybe_applied and operation not in READS
        if maybe_applied is not None:
            self.maybe_applied = maybe_applied
        # One argument and no more: OSError gives a meaning of its own to a second one.
        super().__init__(self.describe(operation, path) if message is None else message)

    @classmethod
    def describe(
        cls,
        operation: Optional[str] = None,
        path: Optional[str] = None,
        text: Optional[str] = None,
        code: Optional[int] = None,
    ) -> str:
        """Return a message: what happened, to which path, in which operation, and what to do.

        Args:
            operation: Name of the operation that failed.
            path: Path of the znode concerned.
            text: What happened and what to do, instead of the class's own words.
            code: The code, where the class has none.

        .. versionadded:: 0.1
        """
        if text is None:
            advice = f". {cls.advice[0].upper()}{cls.advice[1:]}" if cls.advice else ""
            text = f"{cls.what}{advice}"
        place = where(operation, path)
        before = f"{place}: " if place else ""
        code = code if cls.code is None else cls.code
        after = "" if code is None else f" [{cls.c_name or 'code'} {code}]"
        return f"{before}{text}{after}"

    # Attributes travel as state: a copy and an unpickled error have them all, without the constructor's checks.
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args, dict(vars(self))


# Codes of a whole request: when a transaction fails with one of them, no single operation is the cause.
SESSION_CODES = frozenset({-2, -4, -5, -7, -9, -12, -112, -115, -116, -118, -122, -124})


def where(operation: Optional[str], path: Optional[str]) -> str:
    """Name an operation and its path in a message."""
    if operation is None:
        return "" if path is None else repr(path)
    return operation if path is None else f"{operation} {path!r}"
