"""Programs whose threads are greenlets: gevent and eventlet, after their monkey patching.

The core asks :func:`find_world` when something is made, and from then on, before a caller sleeps, which hub runs on the
thread. A greenlet sleeps by :meth:`_Hub.park`: the hub polls the descriptor of its waker, and wakes the
sleepers that the core has marked. Nothing is patched back: a thread without a hub sleeps as a thread does.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any, Optional

from zkc._zookeeper import Flag, Sleeper, Waker, is_main_thread

__all__ = ["Worker", "World", "find_world"]

_OURS = "_zkc_hubs"  # The attribute of a hub that has what sleeps in it.


def _module(name: str) -> Any:
    """Import a module that has no types, and that nothing here needs to be installed."""
    return importlib.import_module(name)


def _raise(error: BaseException) -> None:
    raise error


class _Hub:
    """The place where greenlets of one thread sleep.

    Args:
        hub: That of gevent or eventlet.
        idle: Whether those who sleep here are of no consequence: a program may end that waits for nothing else.
    """

    def __init__(self, hub: Any, idle: bool) -> None:
        self.hub = hub
        self.idle = idle
        self.waker = Waker()
        self.waker.failed = self._raise_soon

    def park(self, sleeper: Sleeper, seconds: Optional[float]) -> None:
        """Let the hub run until the sleeper is woken, or for some seconds; it may return early."""
        raise NotImplementedError

    def await_readable(self, descriptor: int) -> None:
        """Let the hub run until a descriptor can be read. A program may end that waits for nothing else."""
        raise NotImplementedError

    def _raise_soon(self, error: BaseException) -> None:
        """Have the hub raise an error in a callback of its own: it ends the one that raises."""
        raise NotImplementedError

    def forget(self) -> None:
        """In a forked child: read the parent's descriptor no more, for it would not learn of what was read."""


class World:
    """gevent or eventlet, as far as it matters here."""

    def __init__(self, getcurrent: Callable[[], Any]) -> None:
        self.getcurrent = getcurrent
        self._hubs: weakref.WeakSet[_Hub] = weakref.WeakSet()
        os.register_at_fork(after_in_child=self._after_fork)

    # ---- what each has in its own way -------------------------------------------------------------------------------

    def _hub(self, make: bool) -> Any:
        """Return this thread's hub; None if it has none and none is to be made."""
        raise NotImplementedError

    def _greenlet_of(self, hub: Any) -> Any:
        """Return the greenlet that a hub runs in."""
        raise NotImplementedError

    def _make(self, hub: Any, idle: bool) -> _Hub:
        raise NotImplementedError

    def _spawn(self, function: Callable[[], None]) -> None:
        """Have the hub of this thread run a function in a greenlet, later."""
        raise NotImplementedError

    def start_thread(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Run a function on a real thread."""
        raise NotImplementedError

    # ---- what is asked ----------------------------------------------------------------------------------------------

    def here(self, idle: bool = False) -> Optional[_Hub]:
        """Return what the running greenlet can sleep in; None where it has to sleep as a thread."""
        hub = self._hub(is_main_thread())
        if (
            hub is None or self._greenlet_of(hub) is self.getcurrent()
        ):  # The hub itself has no other greenlet to switch to.
            return None
        pair: Optional[tuple[_Hub, _Hub]] = getattr(hub, _OURS, None)
        if pair is None or pair[0].waker.forked:
            pair = (self._make(hub, False), self._make(hub, True))
            setattr(hub, _OURS, pair)
            self._hubs.update(pair)
        return pair[idle]

    def lives_here(self) -> bool:
        """Return whether a hub runs on this thread for longer than the call that asks.

        A worker of a pool of threads may have a hub, for a lock or a pause, that does not run between its tasks.
        """
        if is_main_thread():
            return True
        hub = self._hub(False)
        if hub is None:
            return False
        own, current = self._greenlet_of(hub), self.getcurrent()
        return current is own or current.parent is own

    def worker(self, target: Callable[..., object], arguments: tuple[Any, ...], name: str) -> Worker:
        """Make what runs a function beside the program."""
        return Worker(self, target, arguments, name)

    def run(self, function: Callable[[], None], on_hub: bool) -> None:
        """Run a function in a greenlet of this thread's hub, or on a real thread."""
        if on_hub:
            self._spawn(function)
        else:
            self.start_thread(function, ())

    def _after_fork(self) -> None:
        for hub in list(self._hubs):
            with contextlib.suppress(Exception):  # Its loop may be gone.
                hub.forget()


class Worker:
    """A counterpart of a daemon :class:`threading.Thread`: a greenlet of the hub, or a real thread where none runs.

    Args:
        world: Where it runs.
        target: What to run.
        arguments: What that is called with.
        name: What the thread would be called.
    """

    def __init__(self, world: World, target: Callable[..., object], arguments: tuple[Any, ...], name: str) -> None:
        self.name = name
        self.on_hub = world.lives_here()
        self._world = world
        self._work: Optional[tuple[Callable[..., object], tuple[Any, ...]]] = (target, arguments)
        self._greenlet: Any = None
        self._over = Flag()

    def start(self) -> None:
        """Begin; the function runs soon."""
        self._world.run(self._run, self.on_hub)

    def _run(self) -> None:
        work, self._work = self._work, None
        self._greenlet = self._world.getcurrent()
        try:
            if work is not None:
                target, arguments = work
                del work
                target(*arguments)
        finally:
            self._greenlet = None
            self._over.set()

    def is_current(self) -> bool:
        """Return whether the caller runs in this worker."""
        return self._greenlet is self._world.getcurrent()

    def is_alive(self) -> bool:
        """Return whether it has not ended."""
        return not self._over.is_set()

    def join(self, timeout: Optional[float] = None) -> None:
        """Wait until it has ended, for some seconds at most."""
        self._over.wait(timeout)


# ---- gevent ---------------------------------------------------------------------------------------------------------


class _GeventHub(_Hub):
    def __init__(self, hub: Any, idle: bool) -> None:
        super().__init__(hub, idle)
        self._waiter = _module("gevent.hub").Waiter
        self._parked = 0
        # Watched only while a greenlet sleeps, so that gevent.wait() ends when none does, and not before.
        self._watcher = hub.loop.io(self.waker.fileno(), 1, ref=not idle)

    def park(self, sleeper: Sleeper, seconds: Optional[float]) -> None:
        waiter = self._waiter(self.hub)
        sleeper.wake = waiter.switch
        timer = None
        if self._parked == 0:
            self._watcher.start(self.waker.wake)
        self._parked += 1
        try:
            if seconds is not None:
                timer = self.hub.loop.timer(seconds, ref=not self.idle)
                timer.start(waiter.switch, None)
            waiter.get()
        finally:
            sleeper.wake = None
            if timer is not None:
                timer.close()
            self._parked -= 1
            if self._parked == 0:
                self._watcher.stop()

    def await_readable(self, descriptor: int) -> None:
        watcher = self.hub.loop.io(descriptor, 1, ref=False)
        try:
            self.hub.wait(watcher)
        finally:
            watcher.close()

    def _raise_soon(self, error: BaseException) -> None:
        self.hub.loop.run_callback(_raise, error)

    def forget(self) -> None:
        self._watcher.stop()


class _Gevent(World):
    def __init__(self) -> None:
        self._gevent = _module("gevent")
        super().__init__(self._gevent.getcurrent)
        self._existing = _module("gevent._hub_local").get_hub_if_exists
        self._start = _module("gevent.monkey").get_original("_thread", "start_new_thread")

    def _hub(self, make: bool) -> Any:
        hub = self._existing()
        if hub is None:
            return self._gevent.get_hub() if make else None
        return None if hub.loop is None else hub  # It has none any more when it was destroyed.

    def _greenlet_of(self, hub: Any) -> Any:
        return hub

    def _make(self, hub: Any, idle: bool) -> _Hub:
        return _GeventHub(hub, idle)

    def _spawn(self, function: Callable[[], None]) -> None:
        self._gevent.spawn_raw(function)

    def start_thread(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._start(function, arguments)


# ---- eventlet -------------------------------------------------------------------------------------------------------


class _EventletHub(_Hub):
    def __init__(self, hub: Any, idle: bool, getcurrent: Callable[[], Any]) -> None:
        hubs = _module("eventlet.hubs")
        super().__init__(hub, idle)
        self._getcurrent = getcurrent
        self._trampoline = hubs.trampoline
        descriptor = self.waker.fileno()
        hubs.notify_opened(descriptor)  # It may have known another file by that number.
        hub.add(hub.READ, descriptor, self.waker.wake, self.waker.wake, None)

    def park(self, sleeper: Sleeper, seconds: Optional[float]) -> None:
        timer = None
        sleeper.wake = switch = self._getcurrent().switch
        try:
            if seconds is not None:
                timer = self.hub.schedule_call_global(seconds, switch)
            self.hub.switch()
        finally:
            sleeper.wake = None
            if timer is not None:
                timer.cancel()

    def await_readable(self, descriptor: int) -> None:
        self._trampoline(descriptor, read=True)

    def _raise_soon(self, error: BaseException) -> None:
        self.hub.schedule_call_global(0, _raise, error)


class _Eventlet(World):
    def __init__(self) -> None:
        self._eventlet = _module("eventlet")
        super().__init__(self._eventlet.getcurrent)
        self._hubs_module = _module("eventlet.hubs")
        self._start = _module("eventlet.patcher").original("_thread").start_new_thread

    def _hub(self, make: bool) -> Any:
        hub = getattr(self._hubs_module._threadlocal, "hub", None)
        return self._hubs_module.get_hub() if hub is None and make else hub

    def _greenlet_of(self, hub: Any) -> Any:
        return hub.greenlet

    def _make(self, hub: Any, idle: bool) -> _Hub:
        return _EventletHub(hub, idle, self.getcurrent)

    def _spawn(self, function: Callable[[], None]) -> None:
        self._eventlet.spawn_n(function)

    def start_thread(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._start(function, arguments)


def find_world() -> Optional[World]:
    """Return whose greenlets are this program's threads; None if its threads are threads."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        return _Gevent()
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        return _Eventlet()
    return None
