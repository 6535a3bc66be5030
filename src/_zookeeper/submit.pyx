# How a request is sent: the wait for a slot in flight, sending and waiting in one step, and how long its thread keeps
# the GIL.

def set_slot_timeout(seconds):
    """Set how long the calls of this thread wait for a slot in flight, from now on; None: without a limit.

    Args:
        seconds: After that time a call without a slot raises OperationTimeoutError.

    .. versionadded:: 0.1
    """
    zkc_set_slot_deadline(-1 if seconds is None else zkc_now_ns() + _nanoseconds("seconds", seconds))


cdef int64_t _slot_wait(Request request, Session session) except -1:
    """Return how long to wait for a slot before the next try; raise after this thread's deadline."""
    cdef int64_t deadline = zkc_slot_deadline()
    cdef int64_t left = _SLICE if deadline < 0 else deadline - zkc_now_ns()
    if left <= 0:
        why = errors.no_slot(session.c.max_in_flight, None)
        raise errors.error_for(ZOPERATIONTIMEOUT, request.operation, request.path, why, False)
    return min(left, _SLICE)


def cork():
    """Cork the next call of this thread: send its request when the thread waits for the reply, or at :func:`uncork`.

    Sending and waiting are then one step, without the GIL, which saves a switch of threads. The caller must wait for
    that request or uncork, in every case.

    >>> cork()
    >>> try:
    ...     reply = session.get("/").result()
    ... finally:
    ...     uncork()

    .. versionadded:: 0.1
    """
    zkc_cork()


def uncork():
    """Send the request that :func:`cork` still holds back, if there is one.

    .. versionadded:: 0.1
    """
    zkc_uncork()


def set_gil_hold(seconds, times=4):
    """Set how long a synchronous call may keep the GIL while it polls for its reply, in the whole process.

    A call that gives the GIL up to wait gets it back after :func:`sys.getswitchinterval` (5 ms) if another thread runs
    nothing but bytecode. So where getting it back takes long, a call polls for its reply with the GIL, as long as
    replies come within the polls. After ``seconds`` it gives the GIL up, asks for it again at once, and polls again, up
    to ``times`` times.

    Args:
        seconds: How long a call keeps the GIL in one poll: from 0, which never keeps it, to 0.005; 0.00005 by default.
        times: How many polls a call has, from 1 to 100; raise it when your server takes longer than all of them.

    Raises:
        TypeError: An argument has a wrong type.
        ValueError: An argument is out of its range.

    .. versionadded:: 0.1
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"seconds must be a number, not {type(seconds).__name__}")
    cdef int64_t nanoseconds = _nanoseconds("seconds", seconds)
    if nanoseconds > _LONGEST_HOLD:
        raise ValueError(f"seconds must be from 0 to {_LONGEST_HOLD / 1e9}, not {seconds!r}")
    cdef int count = _int32("times", times)
    if not 1 <= count <= 100:
        raise ValueError(f"times must be from 1 to 100, not {times!r}")
    zkc_set_gil_hold(nanoseconds, count)


cdef int64_t _LONGEST_HOLD = 5_000_000
cdef int64_t _LONG_WAIT = 100_000


cdef bint _poll(zkc_request *request, int64_t limit) noexcept:
    """Poll for a reply with the GIL kept, if that pays, and return whether the request is done.

    If it is not, the caller waits in C next, with no Python between: that ends the poll.
    """
    cdef int times = 0
    cdef int found
    cdef zkc_gil_wait asked
    while True:
        found = zkc_poll_with_gil(request, &times, limit)
        if found != ZKC_GIL_POLL_AGAIN:
            return found == ZKC_GIL_POLL_DONE
        with nogil:
            zkc_gil_wait_begin(&asked)
        _note_gil_wait(&asked, False)


cdef void _note_gil_wait(const zkc_gil_wait *asked, bint tried) noexcept:
    """Record how long the GIL took to come back, after a wait for a reply without it."""
    cdef int64_t waited = zkc_gil_wait_ns(asked)
    cdef int64_t interval = 0
    if waited >= _LONG_WAIT:
        interval = <int64_t>(<double>sys.getswitchinterval() * 1e9)
    zkc_gil_wait_end(asked, waited, interval, tried)
