"""One body for the recipes of both clients: what blocks runs in a thread, so that a body goes on beside it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
from typing import Any

_AT_ONCE = ("add_listener", "remove_listener", "stop", "valid_for", "check", "on_revoke")
_THREADS = 32


def recipe(zk: Any, name: str, *arguments: Any, **options: Any) -> Any:
    """Make a recipe of a client of either kind; its calls are awaited."""
    made = getattr(zk.inner, name)(*arguments, **options)
    return made if zk.kind == "async" else InThread(made)


def in_thread(function: Any, *arguments: Any, **options: Any) -> asyncio.Future[Any]:
    """Call a function that blocks in a thread."""
    loop = asyncio.get_running_loop()
    if not hasattr(loop, "zkc_threads"):  # As many threads as a test may need; the loop's fixture ends them.
        loop.zkc_threads = concurrent.futures.ThreadPoolExecutor(_THREADS)  # type: ignore[attr-defined]
        loop.set_default_executor(loop.zkc_threads)  # type: ignore[attr-defined]
    return loop.run_in_executor(None, functools.partial(function, *arguments, **options))


class InThread:
    """An object of a synchronous client, with the shape of the asynchronous one."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if name in _AT_ONCE or not callable(value):
            return value
        if name in ("lead", "held"):
            return lambda *arguments, **options: _Block(value(*arguments, **options))
        if name in ("observe", "watch"):
            return lambda *arguments, **options: InThread(value(*arguments, **options))
        return lambda *arguments, **options: in_thread(value, *arguments, **options)

    def __repr__(self) -> str:
        return repr(self.inner)

    def __aiter__(self) -> InThread:
        return self

    async def __anext__(self) -> Any:
        end = object()
        found = await in_thread(next, self.inner, end)
        if found is end:
            raise StopAsyncIteration
        return found

    async def aclose(self) -> None:
        self.inner.close()

    async def __aenter__(self) -> Any:
        entered = await in_thread(self.inner.__enter__)
        return self if entered is self.inner else entered

    async def __aexit__(self, *error: Any) -> Any:
        return await in_thread(self.inner.__exit__, *error)


class _Block(contextlib.AbstractAsyncContextManager[Any]):
    """A ``with`` block of a hold."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __aenter__(self) -> InThread:
        return InThread(await in_thread(self.inner.__enter__))

    async def __aexit__(self, *error: Any) -> Any:
        return await in_thread(self.inner.__exit__, *error)


def body(kind: str, function: Any) -> Any:
    """Return a coroutine function as the body that ``run`` of a client of this kind takes.

    A synchronous client calls the function in its own thread, with a new event loop.
    """
    if kind == "async":
        return function
    return lambda hold: asyncio.run(function(InThread(hold)))
