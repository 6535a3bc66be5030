"""Values with the version that the servers have of them, and how they are made of data."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Optional, TypeVar

from zkc._frozen import Frozen
from zkc._zookeeper import Stat
from zkc.recipes.errors import DecodeError

__all__ = ["Form", "State", "Versioned", "listener"]

_T = TypeVar("_T")
_SHOWN = 40  # The bytes of undecodable data that an error shows.


@dataclass(frozen=True)
class Versioned(Frozen, Generic[_T]):
    """A value as a znode had it, with the version that a later change can be based on.

    .. versionadded:: 0.1
    """

    __slots__ = ("stat", "value", "version")

    value: _T
    """The value."""
    version: Optional[int]
    """The version of the znode; None if there is no znode, and the value is the initial one.

    It is also None after a set for any version, if other clients have changed the znode before a lost reply was
    resolved.
    """
    stat: Optional[Stat]
    """The :class:`~zkc.Stat` of the znode; None if there is no znode.

    It is also None if the value was written, and the servers have sent no stat of exactly that state.
    """


class State(NamedTuple):
    """The data and the stat of a znode; both None if there is no znode."""

    data: Optional[bytes]
    stat: Optional[Stat]


class Form(Generic[_T]):
    """The form of a value in a znode. It refers to no client, so that a watch may keep it.

    Args:
        path: Path of the znode.
        decode: Makes the value of the data.
        initial: The value without a znode.
    """

    def __init__(self, path: str, decode: Callable[[bytes], _T], initial: _T) -> None:
        self.path = path
        self._decode = decode
        self._initial = initial

    def value(self, state: State) -> _T:
        """Return the value of a state.

        Raises:
            DecodeError: The data cannot be decoded.
        """
        if state.stat is None:
            return copy.deepcopy(self._initial)  # A function of the user's may change it.
        data = b"" if state.data is None else state.data
        try:
            return self._decode(data)
        except Exception as error:
            shown = f"{data[:_SHOWN]!r}{'...' if len(data) > _SHOWN else ''}, {len(data):,} bytes"
            text = f"{DecodeError.what} ({shown}): {error}. {DecodeError.advice[0].upper()}{DecodeError.advice[1:]}"
            message = DecodeError.describe("decode", self.path, text)
            raise DecodeError(message, operation="decode", path=self.path, maybe_applied=False) from error

    def versioned(self, state: State) -> Versioned[_T]:
        """Return the value of a state, with its version."""
        return Versioned(self.value(state), None if state.stat is None else state.stat.version, state.stat)


def listener(form: Form[Any], fn: object) -> Callable[[Optional[bytes], Optional[Stat]], object]:
    """Return the function for ``watch_data`` that calls a function with the value.

    Raises:
        TypeError: It cannot be called.
    """
    if not callable(fn):
        raise TypeError(f"fn must be callable with a Versioned, not {type(fn).__name__}")
    function: Callable[[Versioned[Any]], Any] = fn

    def call(data: Optional[bytes], stat: Optional[Stat]) -> object:
        return function(form.versioned(State(data, stat)))

    async def call_async(data: Optional[bytes], stat: Optional[Stat]) -> object:
        return await function(form.versioned(State(data, stat)))

    # The wrapper has the kind of the function, which the client checks, and its name, which the client logs.
    return functools.update_wrapper(call_async if _is_async(fn) else call, fn)


def _is_async(fn: Any) -> bool:
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004
