"""A number that several clients change, in the data of a znode."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union, cast

from zkc._args import check_count, check_flag, check_path, check_version, encode_acl
from zkc._client.submit import submits
from zkc._commands import watching
from zkc._commands.protocol import CommandClient
from zkc.recipes._cell import Cell
from zkc.recipes._versioned import Versioned, listener

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._flow import Flow
    from zkc._watch.callback_subscription import Subscription
    from zkc.types import ACL

__all__ = ["AsyncCounter", "Counter", "Number"]

Number = Union[int, float]
_ATTEMPTS = 100  # The conflicts with other clients after which an add is given up.


def _check_int(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    return value


class _Text:
    """A number as text in ASCII, as kazoo stores it."""

    def __init__(self, name: str, kind: type[Number]) -> None:
        self.name = name
        self.kind = kind

    def check(self, value: object, name: str) -> Number:
        """Return a number of this type, else raise."""
        if self.kind is int:
            return _check_int(value, name)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise TypeError(f"{name} must be a number, not {type(value).__name__}")
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite: {value}")
        return float(value)

    def encode(self, value: Number) -> bytes:
        """Return the data of a number."""
        if self.kind is float and not math.isfinite(value):
            raise OverflowError(f"the counter would be {value}, beyond the range of a float")
        return repr(value).encode()

    def decode(self, data: bytes) -> Number:
        """Return the number of data."""
        return self.kind(data.decode("ascii"))


class _Binary:
    """A whole number as big-endian bytes, as Curator stores it."""

    def __init__(self, name: str, code: str) -> None:
        self.name = name
        self._struct = struct.Struct(code)
        self._most = 2 ** (8 * self._struct.size - 1) - 1

    def check(self, value: object, name: str) -> int:
        """Return a number of this type, else raise."""
        return _check_int(value, name)

    def encode(self, value: Number) -> bytes:
        """Return the data of a number."""
        if not -self._most - 1 <= value <= self._most:
            raise OverflowError(f"the counter would be {value}, beyond the {8 * self._struct.size} bits of {self.name}")
        return self._struct.pack(value)

    def decode(self, data: bytes) -> int:
        """Return the number of data."""
        if len(data) != self._struct.size:
            raise ValueError(f"{self.name} has {self._struct.size} bytes")
        number: int = self._struct.unpack(data)[0]
        return number


_Type = Union[_Text, _Binary]
_TYPES: dict[str, _Type] = {
    "int": _Text("int", int),
    "float": _Text("float", float),
    "int32": _Binary("int32", ">i"),
    "int64": _Binary("int64", ">q"),
}


class BaseCounter:
    """The base of the counters."""

    def __init__(
        self,
        client: BaseClient,
        path: str,
        *,
        type: str,  # noqa: A002 - it is the name that users give
        initial: Number,
        acl: Optional[Sequence[ACL]],
        exact: bool,
    ) -> None:
        check_path(path)
        if type not in _TYPES:
            raise ValueError(f"type must be one of {', '.join(map(repr, _TYPES))}, not {type!r}")
        kind = self._type = _TYPES[type]
        first = kind.check(initial, "initial")
        kind.encode(first)
        entries = client._settings.default_acl if acl is None else encode_acl(acl)
        check_flag(exact, "exact")

        def decode(data: bytes) -> Number:
            return kind.decode(data) if data else first  # kazoo and Curator take empty data for the first value.

        self._client = client
        self._cell: Cell[Number] = Cell(client, path, kind.encode, decode, first, entries, exact=exact)

    @property
    def path(self) -> str:
        """The path of the counter's znode.

        .. versionadded:: 0.1
        """
        return self._cell.path

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path} type={self._type.name}>"

    def _add_flow(self, client: CommandClient, n: Number, attempts: int) -> Flow[Versioned[Any]]:
        amount = self._type.check(n, "n")
        limit = check_count(attempts, "attempts")
        return self._cell.update(client, "add", lambda value: value + amount, limit)

    def _set_flow(self, client: CommandClient, value: Number, version: Optional[int]) -> Flow[Versioned[Any]]:
        checked = self._type.check(value, "value")
        return self._cell.set(client, checked, None if version is None else check_version(version))

    def _watch_flow(self, client: CommandClient, fn: Callable[..., object]) -> Flow[Subscription]:
        return watching.watch_data(client, self.path, listener(self._cell.form, fn))


class Counter(BaseCounter):
    """A number that several clients change. :meth:`zkc.Client.counter` makes it.

    All threads may share one object; their changes wait for each other, and do not conflict.

    >>> counter = client.counter("/jobs/done")
    >>> counter.add().value
    1

    .. versionadded:: 0.1
    """

    _client: Client

    def get(self, *, timeout: Optional[float] = None) -> Versioned[Any]:
        """Read the counter. The server that answers may not have the latest changes of other clients.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The number, with the version and the stat of the znode. Without a znode it is ``initial``.

        Raises:
            DecodeError: The znode's data are no number of this type.

        .. versionadded:: 0.1
        """
        return self._client._run(self._cell.get, timeout)

    @submits
    def add(self, n: Number = 1, *, attempts: int = _ATTEMPTS, timeout: Optional[float] = None) -> Versioned[Any]:
        """Add to the counter, and create its znode if it is missing.

        The client sends one request if it has seen the number within the last second and no other client has changed
        it since. Else it reads the number first. It adds again to the new number after a conflict.

        Args:
            n: The number to add; a negative one subtracts.
            attempts: The conflicts with other clients after which the call is given up.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The new number.

        Raises:
            OverflowError: The new number would be beyond the range of the type. Nothing was sent.
            DecodeError: The znode's data are no number of this type.
            ContentionError: Other clients changed the counter during each attempt.
            OverwrittenError: The znode was deleted and created again, and the add has replaced its number.
            ConnectionLossError: The reply was lost, and the znode does not show whether the number was added
                (``maybe_applied``).

        .. versionadded:: 0.1
        """
        return self._client._run(self._add_flow, timeout, n, attempts)

    @submits
    def set(self, value: Number, *, version: Optional[int] = -1, timeout: Optional[float] = None) -> Versioned[Any]:
        """Replace the number, and create the znode if it is missing.

        Args:
            value: The number.
            version: The version that the znode must have; -1 for any; None if the znode must not exist.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The new number.

        Raises:
            OverflowError: The number is beyond the range of the type. Nothing was sent.
            BadVersionError: The znode has another version.
            NoNodeError: There is no znode, and a version was given.
            NodeExistsError: The znode exists, and ``version`` is None.
            ConnectionLossError: The reply was lost, and the znode does not show whether the number was set
                (``maybe_applied``).

        .. versionadded:: 0.1
        """
        return self._client._run(self._set_flow, timeout, value, version)

    def watch(self, fn: Callable[[Versioned[Any]], object], *, timeout: Optional[float] = None) -> Subscription:
        """Call a function with the number now, and again after each change.

        It works as :meth:`zkc.Client.watch_data` does. Data that are no number of this type are logged as an
        exception of the function.

        Args:
            fn: A function of one :class:`Versioned`. It runs where callbacks run.
            timeout: Timeout of the first reply in seconds; the client's ``request_timeout`` if None.

        Returns:
            A subscription; its ``cancel()`` ends it.

        .. versionadded:: 0.1
        """
        return self._client._run(self._watch_flow, timeout, fn)


class AsyncCounter(BaseCounter):
    """A number that several clients change, with the methods of :class:`Counter`.

    :meth:`zkc.AsyncClient.counter` makes it.

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def get(self, *, timeout: Optional[float] = None) -> AsyncFuture[Versioned[Any]]:
        """Read the counter, as :meth:`Counter.get` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Versioned[Any]]", self._client._run(self._cell.get, timeout))

    def add(
        self, n: Number = 1, *, attempts: int = _ATTEMPTS, timeout: Optional[float] = None
    ) -> AsyncFuture[Versioned[Any]]:
        """Add to the counter, as :meth:`Counter.add` does. A cancellation does not recall a sent request.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Versioned[Any]]", self._client._run(self._add_flow, timeout, n, attempts))

    def set(
        self, value: Number, *, version: Optional[int] = -1, timeout: Optional[float] = None
    ) -> AsyncFuture[Versioned[Any]]:
        """Replace the number, as :meth:`Counter.set` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Versioned[Any]]", self._client._run(self._set_flow, timeout, value, version))

    def watch(
        self, fn: Callable[[Versioned[Any]], object], *, timeout: Optional[float] = None
    ) -> AsyncFuture[Subscription]:
        """Call a function with the number now and after each change, as :meth:`Counter.watch` does.

        The function may be a coroutine function.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Subscription]", self._client._run(self._watch_flow, timeout, fn))
