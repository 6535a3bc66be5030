"""A value of any kind that several clients change, in the data of a znode."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, Optional, Protocol, TypeVar, cast

from zkc._args import check_count, check_data, check_flag, check_path, check_version, encode_acl
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
    from zkc.types import ACL, Data

__all__ = ["BYTES", "JSON", "TEXT", "AsyncValue", "Codec", "Value"]

_T = TypeVar("_T")
_ATTEMPTS = 100  # The conflicts with other clients after which an update is given up.


class Codec(Protocol):
    """The translation of values to the data of a znode, and back. Any object with these two methods is a codec.

    .. versionadded:: 0.1
    """

    def encode(self, value: Any, /) -> Data:
        """Return the data of a value.

        .. versionadded:: 0.1
        """

    def decode(self, data: bytes, /) -> Any:
        """Return the value of data. An exception becomes the cause of a :class:`DecodeError`.

        .. versionadded:: 0.1
        """


class _Bytes:
    def encode(self, value: Any, /) -> Data:
        checked = check_data(value)
        if checked is None:
            raise TypeError("value must be bytes, bytearray or memoryview, not None")
        return checked

    def decode(self, data: bytes, /) -> Any:
        return data

    def __repr__(self) -> str:
        return "zkc.recipes.BYTES"


class _Text:
    def encode(self, value: Any, /) -> Data:
        if not isinstance(value, str):
            raise TypeError(f"value must be a str, not {type(value).__name__}")
        return value.encode()

    def decode(self, data: bytes, /) -> Any:
        return data.decode()

    def __repr__(self) -> str:
        return "zkc.recipes.TEXT"


class _JSON:
    def encode(self, value: Any, /) -> Data:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def decode(self, data: bytes, /) -> Any:
        return json.loads(data)

    def __repr__(self) -> str:
        return "zkc.recipes.JSON"


BYTES: Codec = _Bytes()
"""The codec of bytes, which are stored as they are: the form of Curator's ``SharedValue``."""
TEXT: Codec = _Text()
"""The codec of text, which is stored in UTF-8."""
JSON: Codec = _JSON()
"""The codec of what JSON can hold, which is stored in UTF-8."""


class BaseValue:
    """The base of the values."""

    def __init__(
        self,
        client: BaseClient,
        path: str,
        *,
        codec: Optional[Codec],
        initial: Any,
        acl: Optional[Sequence[ACL]],
        exact: bool,
    ) -> None:
        check_path(path)
        self._codec = BYTES if codec is None else codec
        if not all(callable(getattr(self._codec, name, None)) for name in ("encode", "decode")):
            raise TypeError(f"codec must have the methods encode and decode, as zkc.recipes.JSON has: {codec!r}")
        check_flag(exact, "exact")
        entries = client._settings.default_acl if acl is None else encode_acl(acl)
        self._client = client
        self._cell: Cell[Any] = Cell(client, path, self._encode, self._codec.decode, initial, entries, exact=exact)

    def _encode(self, value: Any) -> bytes:
        data: object = self._codec.encode(value)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"{self._codec!r} must encode a value as bytes, not {type(data).__name__}")
        return bytes(data)

    @property
    def path(self) -> str:
        """The path of the value's znode.

        .. versionadded:: 0.1
        """
        return self._cell.path

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path} codec={self._codec!r}>"

    def _set_flow(self, client: CommandClient, value: Any, version: Optional[int]) -> Flow[Versioned[Any]]:
        return self._cell.set(client, value, None if version is None else check_version(version))

    def _update_flow(self, client: CommandClient, fn: Callable[[Any], Any], attempts: int) -> Flow[Versioned[Any]]:
        if not callable(fn):
            raise TypeError(f"fn must be callable with a value, not {type(fn).__name__}")
        limit = check_count(attempts, "attempts")

        def change(value: Any) -> Any:
            changed = fn(value)
            if isawaitable(changed):
                if iscoroutine(changed):
                    changed.close()
                raise TypeError("fn must be a plain function: atomically() takes coroutine functions")
            if changed is None:
                raise TypeError("fn returned None: return the new value; set(None) stores None where the codec has it")
            return changed

        return self._cell.update(client, "update", change, limit)

    def _watch_flow(self, client: CommandClient, fn: Callable[..., object]) -> Flow[Subscription]:
        return watching.watch_data(client, self.path, listener(self._cell.form, fn))


class Value(BaseValue):
    """A value that several clients change. :meth:`zkc.Client.value` makes it.

    All threads may share one object; their updates wait for each other, and do not conflict.

    >>> limits = client.value("/app/limits", codec=zkc.recipes.JSON, initial={})
    >>> limits.update(lambda old: {**old, "ann": 3}).value
    {'ann': 3}

    .. versionadded:: 0.1
    """

    _client: Client

    def get(self, *, timeout: Optional[float] = None) -> Versioned[Any]:
        """Read the value. The server that answers may not have the latest changes of other clients.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The value, with the version and the stat of the znode. Without a znode it is ``initial``.

        Raises:
            DecodeError: The codec cannot decode the znode's data.

        .. versionadded:: 0.1
        """
        return self._client._run(self._cell.get, timeout)

    @submits
    def set(self, value: Any, *, version: Optional[int] = -1, timeout: Optional[float] = None) -> Versioned[Any]:
        """Replace the value, and create the znode if it is missing.

        Args:
            value: The value.
            version: The version that the znode must have; -1 for any; None if the znode must not exist.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The new value.

        Raises:
            BadVersionError: The znode has another version.
            NoNodeError: There is no znode, and a version was given.
            NodeExistsError: The znode exists, and ``version`` is None.
            ConnectionLossError: The reply was lost, and the znode does not show whether the value was set
                (``maybe_applied``).

        .. versionadded:: 0.1
        """
        return self._client._run(self._set_flow, timeout, value, version)

    def update(
        self, fn: Callable[[Any], Any], *, attempts: int = _ATTEMPTS, timeout: Optional[float] = None
    ) -> Versioned[Any]:
        """Replace the value by what a function makes of it, and create the znode if it is missing.

        The function is called again when another client was faster. What it raises ends the update, and nothing is
        written then.

        Args:
            fn: A function of the present value that returns the new one. It may change its argument.
            attempts: The conflicts with other clients after which the call is given up.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The new value.

        Raises:
            TypeError: The function returned None or an awaitable. Nothing is written.
            DecodeError: The codec cannot decode the znode's data.
            ContentionError: Other clients changed the value during each attempt.
            OverwrittenError: The znode was deleted and created again, and the update has replaced its value.
            ConnectionLossError: The reply was lost, and the znode does not show whether the value was written
                (``maybe_applied``).

        .. versionadded:: 0.1
        """
        return self._client._run(self._update_flow, timeout, fn, attempts)

    def watch(self, fn: Callable[[Versioned[Any]], object], *, timeout: Optional[float] = None) -> Subscription:
        """Call a function with the value now, and again after each change.

        It works as :meth:`zkc.Client.watch_data` does. Data that the codec cannot decode are logged as an exception
        of the function.

        Args:
            fn: A function of one :class:`Versioned`. It runs where callbacks run.
            timeout: Timeout of the first reply in seconds; the client's ``request_timeout`` if None.

        Returns:
            A subscription; its ``cancel()`` ends it.

        .. versionadded:: 0.1
        """
        return self._client._run(self._watch_flow, timeout, fn)


class AsyncValue(BaseValue):
    """A value that several clients change, with the methods of :class:`Value`. :meth:`zkc.AsyncClient.value` makes it.

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def get(self, *, timeout: Optional[float] = None) -> AsyncFuture[Versioned[Any]]:
        """Read the value, as :meth:`Value.get` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Versioned[Any]]", self._client._run(self._cell.get, timeout))

    def set(
        self, value: Any, *, version: Optional[int] = -1, timeout: Optional[float] = None
    ) -> AsyncFuture[Versioned[Any]]:
        """Replace the value, as :meth:`Value.set` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Versioned[Any]]", self._client._run(self._set_flow, timeout, value, version))

    def update(
        self, fn: Callable[[Any], Any], *, attempts: int = _ATTEMPTS, timeout: Optional[float] = None
    ) -> AsyncFuture[Versioned[Any]]:
        """Replace the value by what a plain function makes of it, as :meth:`Value.update` does.

        The function runs in the event loop. A cancellation does not recall a sent request.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Versioned[Any]]", self._client._run(self._update_flow, timeout, fn, attempts))

    def watch(
        self, fn: Callable[[Versioned[Any]], object], *, timeout: Optional[float] = None
    ) -> AsyncFuture[Subscription]:
        """Call a function with the value now and after each change, as :meth:`Value.watch` does.

        The function may be a coroutine function.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Subscription]", self._client._run(self._watch_flow, timeout, fn))
