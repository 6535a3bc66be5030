"""One body for the locks of both clients: what blocks runs in a thread, so that the body goes on beside it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
from collections.abc import Awaitable
from typing import Any

_THREADS = 48


def do(zk: Any, call: Any, *arguments: Any, **options: Any) -> asyncio.Future[Any]:
    """Begin a call of a recipe: in the loop for an AsyncClient, in a thread for a Client."""
    if zk.kind == "async":
        return asyncio.ensure_future(_awaited(call, *arguments, **options))
    loop = asyncio.get_running_loop()
    if not hasattr(loop, "zkc_threads"):  # As many threads as a test may need; the loop's fixture ends them.
        loop.zkc_threads = concurrent.futures.ThreadPoolExecutor(_THREADS)  # type: ignore[attr-defined]
        loop.set_default_executor(loop.zkc_threads)  # type: ignore[attr-defined]
    return loop.run_in_executor(None, functools.partial(call, *arguments, **options))


async def _awaited(call: Any, *arguments: Any, **options: Any) -> Any:
    answer = call(*arguments, **options)
    return await answer if inspect.isawaitable(answer) else answer


async def waits(call: Awaitable[Any], seconds: float = 0.15) -> bool:
    """Return whether a call still waits after some time."""
    done, _ = await asyncio.wait([asyncio.ensure_future(call)], timeout=seconds)
    return not done
