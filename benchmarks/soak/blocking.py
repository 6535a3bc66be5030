"""A synchronous client whose calls can be awaited, so that a worker is written once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

import zkc


class Done:
    """What a blocking call gave, for ``await``."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[None, None, Any]:
        return self.value
        yield


class Blocking:
    """Makes the calls of a :class:`zkc.Client` awaitable; they are over before the await."""

    def __init__(self, inner: zkc.Client) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            result = value(*arguments, **options)
            return _BlockingTransaction(result) if name == "transaction" else Done(result)

        return call


class _BlockingTransaction:
    def __init__(self, inner: zkc.Transaction) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self) -> Awaitable[Any]:
        return Done(self._inner.commit())


def run(worker: Coroutine[Any, Any, None]) -> None:
    """Run a worker to its end, in this thread."""
    try:
        worker.send(None)
    except StopIteration:
        return
    raise RuntimeError("a blocking worker has awaited something that was not there")


def pause(seconds: float = 0.1) -> Awaitable[None]:
    """Wait a little before trying again."""
    time.sleep(seconds)  # The pause that was asked for: a worker's rest, or its wait for a connection.
    return Done(None)
