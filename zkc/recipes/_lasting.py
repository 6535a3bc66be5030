"""Tasks of recipes in the background that last as long as their client, and do not keep the client alive.

The client refers to such a task. The timers, and the watches of its session, lead to it by weak references only: when
the program forgets the client, the task goes with it, and the session ends.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from zkc._client.base import LogFailures
from zkc._flow import Await, Driver, Flow, Signal
from zkc.errors import ZooKeeperError
from zkc.recipes._client_holds import lasting_of

if TYPE_CHECKING:
    from zkc._client.base import BaseClient

__all__ = ["begin", "end", "weakly"]

_T = TypeVar("_T")


def begin(client: BaseClient, owner: object, flow: Flow[None]) -> None:
    """Drive a flow in the background, and have the client keep its owner.

    Args:
        client: The client.
        owner: The owner. It has to call :func:`end`.
        flow: A flow that refers to its owner weakly while it waits for a signal or a time.
    """
    lasting_of(client).add(owner)
    sink = LogFailures()
    try:
        Driver(flow, sink, _later(weakref.ref(client))).start()
    except ZooKeeperError as error:
        sink.set_exception(error)


def end(client: BaseClient, owner: object) -> None:
    """Note that the flow of an owner has ended."""
    lasting_of(client).discard(owner)


def weakly(flow: Flow[_T]) -> Flow[_T]:
    """Drive a flow whose waits for signals do not keep it alive, although a session refers to its signals.

    Its driver must be kept by another reference. If it is not, the flow is closed when it is freed.
    """
    try:
        while True:
            try:
                step = next(flow)
            except StopIteration as stop:
                return cast("_T", stop.value)
            if not isinstance(step, Await):
                yield step
                continue
            woken = Signal()  # Only this flow and its driver refer to it.
            wake = _wake(weakref.ref(woken))
            step.signal.add_done_callback(wake)
            try:
                yield Await(woken, step.seconds, step.operation, step.path)
            finally:
                step.signal.remove_done_callback(wake)
    finally:
        flow.close()


def _later(reference: weakref.ref[BaseClient]) -> Callable[[float, Callable[[], None]], None]:
    def later(seconds: float, function: Callable[[], None]) -> None:
        client = reference()
        if client is not None:
            client._call_later(seconds, function)

    return later


def _wake(reference: weakref.ref[Signal]) -> Callable[[object], None]:
    def wake(_: object) -> None:
        woken = reference()
        if woken is not None:
            woken.set()

    return wake
