"""Signal handlers that raise in the middle of a call: nothing stays, and the recipe can be used again. Scenario 20."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import sys
import threading

import pytest

import zkc
from zkc.recipes import HoldState
from zkc.recipes._client_holds import holds_of

PATH = "/lock"
_HERE = os.path.abspath(__file__)


class Interrupted(BaseException):
    """The exception that a signal handler of a program raises."""


def _is_point(frame, event):
    """Return whether the interpreter looks for signals here: at the beginning of a function, and after a call."""
    if event not in ("call", "c_return") or os.path.abspath(frame.f_code.co_filename) == _HERE:
        return False
    # No code can protect the beginning of an __exit__, nor what it calls first.
    return event != "call" or frame.f_code.co_name not in ("__exit__", "leave_block")


def interrupted(number, call):
    """Make a call, and raise at its n-th point at which the interpreter looks for signals.

    Returns:
        What the call returns, or None; and whether it was interrupted.
    """
    points = 0

    def profile(frame, event, _):
        nonlocal points
        if _is_point(frame, event):
            points += 1
            if points == number:
                sys.setprofile(None)
                raise Interrupted

    before = sys.getprofile()
    gc.disable()  # A collection here closes generators of earlier calls; what is raised in that reaches no caller.
    sys.setprofile(profile)
    try:
        return call(), points >= number
    except Interrupted:
        return None, True
    finally:
        sys.setprofile(before)
        gc.enable()


def nothing_left(client, other_client, *paths):
    """Return whether neither a znode is left, nor a hold that its client follows."""
    if holds_of(client).all():
        return False
    for path in paths:
        with contextlib.suppress(zkc.NoNodeError):
            if other_client.children(path):
                return False
    return True


def each_point(scenario, least):
    """Interrupt a scenario at its first point, at its second, and so on, until it has no further one."""
    number = missed = 0
    while missed < 3:  # The number of points differs a little: some replies are there before the call looks.
        number += 1
        missed = 0 if scenario(number) else missed + 1
    assert number > least


@pytest.fixture
def each(client, other_client, eventually):
    """Return a function that interrupts a call at each point, and looks at what is left each time."""

    def each(call, again, least, *paths, before=contextlib.nullcontext):
        def scenario(number):
            with before():
                result, hit = interrupted(number, call)
            if result is not None:
                result.release()
            eventually(lambda: nothing_left(client, other_client, *paths))
            again().release()  # Another local caller is not blocked.
            return hit

        each_point(scenario, least)

    return each


@contextlib.contextmanager
def _in_front(recipe):
    """Hold a recipe for a short time, and wait for the end of that."""
    first = recipe.acquire()
    timer = threading.Timer(0.003, first.release)
    timer.start()
    yield
    timer.join()


def test_interrupt_at_each_point_of_an_acquire(client, each):
    """Scenario 20."""
    lock = client.lock(PATH)
    each(lambda: lock.acquire(timeout=20), lambda: lock.acquire(timeout=20), 100, PATH)


def test_interrupt_at_each_point_of_an_acquire_that_waits(client, other_client, each):
    """Scenario 20, with a contender in front."""
    lock, theirs = client.lock(PATH), other_client.lock(PATH)

    def acquire():
        return lock.acquire(timeout=20)

    each(acquire, acquire, 100, PATH, before=lambda: _in_front(theirs))


def test_interrupt_at_each_point_of_an_acquire_that_waits_for_a_thread(client, each):
    """Scenario 20, with another local caller in front."""
    lock = client.lock(PATH)

    def acquire():
        return lock.acquire(timeout=20)

    each(acquire, acquire, 100, PATH, before=lambda: _in_front(lock))


def test_interrupt_at_each_point_of_a_try(client, each):
    """Scenario 20."""
    lock = client.lock(PATH)
    each(lock.try_acquire, lambda: lock.acquire(timeout=20), 100, PATH)


def test_interrupt_at_each_point_of_a_try_that_fails(client, other_client, each):
    lock, theirs = client.lock(PATH), other_client.lock(PATH)
    each(lock.try_acquire, lambda: lock.acquire(timeout=20), 30, PATH, before=lambda: theirs.held())


@pytest.mark.parametrize("wait", [True, False])
def test_interrupt_at_each_point_of_a_release(client, other_client, eventually, wait):
    """Scenario 20."""
    lock = client.lock(PATH)

    def scenario(number):
        hold = lock.acquire(timeout=20)
        _, hit = interrupted(number, lambda: hold.release(wait=wait))
        if hold.state is HoldState.HELD:  # It was interrupted before it began.
            hold.release()
        eventually(lambda: nothing_left(client, other_client, PATH))
        return hit

    each_point(scenario, 20)


@pytest.mark.parametrize("form", ["with", "held", "reentrant"])
def test_interrupt_at_each_point_of_a_block(client, each, form):
    """Its beginning is interrupted, or its end."""
    lock = client.lock(PATH)
    block = {"with": lambda: lock, "held": lambda: lock.held(timeout=20), "reentrant": lock.reentrant}[form]

    def use():
        with block() as hold:
            hold.check()

    each(use, lambda: lock.acquire(timeout=20), 100, PATH)
    assert not lock._entered


def test_interrupt_at_each_point_of_an_enqueue(client, other_client, eventually):
    """Scenario 20, of the queue without the wait."""
    lock = client.lock(PATH)

    def scenario(number):
        ticket, hit = interrupted(number, lock.enqueue)
        if ticket is not None:
            assert ticket.cancel()
        eventually(lambda: nothing_left(client, other_client, PATH))
        return hit

    each_point(scenario, 50)


def test_interrupt_at_each_point_of_a_ticket(client, other_client, eventually):
    """A wait that is interrupted keeps the place, and the next wait gets the hold."""
    lock = client.lock(PATH)

    def scenario(number):
        ticket = lock.enqueue()
        _, hit = interrupted(number, lambda: ticket.wait(20))
        hold = ticket.wait(20)
        assert (hold.token, hold.path) == (ticket.token, ticket.path)
        assert hold in holds_of(client).all()
        hold.release()
        eventually(lambda: nothing_left(client, other_client, PATH))
        return hit

    each_point(scenario, 20)


def test_interrupt_at_each_point_of_a_multilock(client, each):
    lock = client.multilock(["/a", "/b"])
    each(lambda: lock.acquire(timeout=20), lambda: lock.acquire(timeout=20), 120, "/a", "/b")


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
@pytest.mark.parametrize("busy", [False, True])
def test_interrupt_at_each_point_of_a_semaphore(client, other_client, each, layout, busy):
    semaphore, theirs = (user.semaphore("/s", 1, layout=layout) for user in (client, other_client))
    paths = {"curator": ("/s/leases", "/s/locks"), "kazoo": ("/s", "/s-__lock__")}[layout]

    def acquire():
        return semaphore.acquire(timeout=20)

    each(acquire, acquire, 100, *paths, before=(lambda: _in_front(theirs)) if busy else contextlib.nullcontext)


def test_signals_at_any_time(client, other_client, eventually):
    """Scenario 20, with signals of the system: they also come while the call waits."""
    lock, theirs = client.lock(PATH), other_client.lock(PATH)
    rng = random.Random(20)
    hits = 0

    def handle(number, frame):
        # Between the return of the lock's call and that of this file's, no code can keep the hold.
        name = frame.f_code.co_name
        if name not in ("acquire", "_run") and os.path.abspath(frame.f_code.co_filename) != _HERE:
            raise Interrupted

    before = signal.signal(signal.SIGALRM, handle)
    try:
        for _ in range(150):
            hold = None
            with _in_front(theirs):
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0002, 0.006))
                try:
                    hold = lock.acquire(timeout=20)
                except Interrupted:
                    hits += 1
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            if hold is not None:
                hold.release()
            eventually(lambda: nothing_left(client, other_client, PATH))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert hits > 0
    lock.acquire(timeout=20).release()
