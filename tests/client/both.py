"""One body for both clients: a test written with ``await`` runs against AsyncClient and, blocking, against Client."""

from __future__ import annotations

import asyncio
import functools
import inspect
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import zkc


class Done:
    """The result of a blocking call, for ``await``."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        return self.value
        yield  # type: ignore[unreachable]  # it makes this a generator function


_LISTENING = ("add_listener", "remove_listener", "add_kept_listener", "remove_kept_listener")


class Blocking:
    """A :class:`zkc.Client` whose calls can be awaited, with the names of an :class:`zkc.AsyncClient`.

    What the calls raise they raise before the await. ``with`` becomes ``async with``, iterators become asynchronous.
    """

    kind = "sync"

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if name in ("metrics", "submit", *_LISTENING) or not callable(value):
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            result = value(*arguments, **options)
            if name == "transaction":
                return BlockingTransaction(result)
            if name in ("walk", "watch"):
                return Blocking(result)
            return Done(result)

        return call

    def __repr__(self) -> str:
        return repr(self.inner)

    async def __aenter__(self) -> Any:
        entered = self.inner.__enter__()
        return self if entered is self.inner else Blocking(entered)

    async def __aexit__(self, *error: Any) -> Any:
        return self.inner.__exit__(*error)

    def __aiter__(self) -> Any:
        iterator = iter(self.inner)
        return self if iterator is self.inner else Blocking(iterator)

    async def __anext__(self) -> Any:
        try:
            return next(self.inner)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self.inner.close()


class BlockingTransaction(Blocking):
    """A :class:`zkc.Transaction` whose commit can be awaited; the rest of it is the same for both clients."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __len__(self) -> int:
        return len(self.inner)

    def commit(self, **options: Any) -> Done:
        return Done(self.inner.commit(**options))


class Direct:
    """An :class:`zkc.AsyncClient` as it is, and what kind it is."""

    kind = "async"

    def __init__(self, inner: zkc.AsyncClient) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __repr__(self) -> str:
        return repr(self.inner)

    async def __aenter__(self) -> Any:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self.inner.__aexit__(*error)


def make(kind: str, hosts: str, **settings: Any) -> Any:
    """Make a client of either kind."""
    return Direct(zkc.AsyncClient(hosts, **settings)) if kind == "async" else Blocking(zkc.Client(hosts, **settings))


def begin(zk: Any, name: str, *arguments: Any, **options: Any) -> asyncio.Future[Any]:
    """Make a call that is to be waited for later: an AsyncClient's as it is, a Client's in a thread."""
    call = getattr(zk.inner, name)
    started: asyncio.Future[Any]
    if zk.kind == "async":
        started = asyncio.ensure_future(call(*arguments, **options))
    else:
        bound = functools.partial(call, *arguments, **options)
        started = asyncio.get_running_loop().run_in_executor(None, bound)
    return started


async def eventually(predicate: Callable[[], Any], timeout: float = 20.0) -> Any:
    """Poll until something is true, and return it; the loop runs other tasks between two polls.

    A predicate may be a coroutine function. An AssertionError of it counts as not yet, and is raised at the end.
    """
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() > deadline
        try:
            found = predicate()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
        except AssertionError:
            if late:
                raise
        assert not late, f"this did not become true within {timeout} s: {predicate}"
        await asyncio.sleep(0.002)  # between two looks, until the deadline


async def gone(zk: Any, path: str) -> bool:
    """Return whether a znode does not exist."""
    return await zk.exists(path) is None


class Events(queue.Queue[Any]):
    """A callback that records its arguments, on whatever thread."""

    def __call__(self, *events: Any) -> None:
        self.put(events[0] if len(events) == 1 else events)

    async def next(self) -> Any:
        """Wait for the arguments of the next call."""
        await eventually(lambda: not self.empty(), 30.0)
        return self.get_nowait()


async def reconnect(zk: Any, proxy: Any) -> None:
    """Cut a client's connection, and wait until the client has noticed that and has another."""
    events = Events()
    zk.add_listener(events)
    proxy.drop_connections()
    # Without a listener, one that has not noticed yet would be found connected.
    assert [await events.next(), await events.next()] == [zkc.ClientState.SUSPENDED, zkc.ClientState.CONNECTED]
    zk.remove_listener(events)


async def mended(call: Callable[[], Awaitable[Any]]) -> Any:
    """Make a call until the connection holds: one that fails with its loss is made again."""
    while True:
        try:
            return await call()
        except zkc.ConnectionLossError as error:
            assert not error.session_lost


async def close_in_the_middle(zk: Any, before: int, behind: int) -> list[Any]:
    """Close a client while a call reads the root again and again, and return what that call found.

    Args:
        zk: The client.
        before: How many reads are begun before the close.
        behind: How many reads are begun behind it.
    """
    begun = threading.Event()
    taken = 0

    def paths() -> Iterator[str]:
        nonlocal taken
        left = behind
        while left:
            taken += 1
            if taken == before:
                begun.set()
            left -= zk.inner.closed
            yield "/"

    call = zk.submit.get_many(paths())
    while not begun.is_set():
        await asyncio.sleep(0.001)  # until the generator says that it is in the middle
    await zk.close()
    found: list[Any] = await call if zk.kind == "async" else call.result(30)
    assert len(found) == taken
    return found
