"""Checks of the functions that recipes call, before anything is sent."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from zkc._commands.watching import makes_coroutine

__all__ = ["NotAwaitableError", "check_function"]


class NotAwaitableError(TypeError):
    """Raised when a function of a user should have returned an awaitable. Calling it again would not help."""


def check_function(fn: object, name: str, taken: str, count: int, *, coroutines: bool) -> Callable[..., Any]:
    """Return a function of the user's, else raise.

    Args:
        fn: The function.
        name: The name of the argument.
        taken: What it is called with, for the message.
        count: With how many arguments it is called.
        coroutines: Whether it may be a coroutine function.

    Raises:
        TypeError: It cannot be called so.
    """
    if not callable(fn):
        raise TypeError(f"{name} must be callable with {taken}, not {type(fn).__name__}")
    if not coroutines and makes_coroutine(fn):
        raise TypeError(f"{name} must be a plain function: coroutine functions are for zkc.AsyncClient")
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return fn  # A function in C may have none.
    try:
        signature.bind(*[None] * count)
    except TypeError as error:
        raise TypeError(f"{name} is called with {taken}, but it takes other arguments: {error}") from None
    return fn
