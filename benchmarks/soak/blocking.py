"""A synchronous client whose calls can be awaited, so that a worker is written once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

import zkc


class Completed:
    """The result of a blocking call, for ``await``."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()  # A generator that does not wait.
        return self.value


class BlockingClient:
    """A wrapper of a :class:`zkc.Client` with awaitable calls, which end before the await."""

    def __init__(self, inner: zkc.Client) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            result = value(*arguments, **options)
            return _BlockingTransaction(result) if name == "transaction" else Completed(result)

        return call


class _BlockingTransaction:
    def __init__(self, inner: zkc.Transaction) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self) -> Awaitable[Any]:
        return Completed(self._inner.commit())


def run(worker: Coroutine[Any, Any, None]) -> None:
    """Run a worker to its end in this thread."""
    try:
        worker.send(None)
    except StopIteration:
        return
    raise RuntimeError("a blocking worker awaited an object that was not complete")


def pause(seconds: float = 0.1) -> Awaitable[None]:
    """Wait before a call or a retry."""
    time.sleep(seconds)  # The requested pause: before a call, or until there is a connection.
    return Completed(None)
