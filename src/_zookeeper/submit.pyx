# How a request is sent: how long it waits for a slot in flight, whether sending and waiting are one step, and for how
# long its thread keeps the GIL.

def set_slot_timeout(seconds):
    """Set how long the calls of this thread wait for a place in flight, from now on; None: as long as it takes.

    Args:
        seconds: After that time a call that finds no place raises OperationTimeoutError.

    .. versionadded:: 0.1
    """
    zkc_set_slot_deadline(-1 if seconds is None else zkc_now_ns() + _nanoseconds("seconds", seconds))


cdef int64_t _slot_wait(Request request, Session session) except -1:
    """Return how long to wait for a place before the next look; raise when it was long enough for this thread."""
    cdef int64_t deadline = zkc_slot_deadline()
    cdef int64_t left = _SLICE if deadline < 0 else deadline - zkc_now_ns()
    if left <= 0:
        why = errors.no_slot(session.c.max_in_flight, None)
        raise errors.error_for(ZOPERATIONTIMEOUT, request.operation, request.path, why, False)
    return min(left, _SLICE)


def cork():
    """Hold the next request of this thread until it waits for the reply, or until :func:`let_go`.

    Sending and waiting are then one step, which spares a change of threads. Who holds must wait for that request or let
    go, whatever happens between.

    >>> cork()
    >>> try:
    ...     reply = session.get("/").result()
    ... finally:
    ...     uncork()

    .. versionadded:: 0.1
    """
    zkc_cork()


def uncork():
    """Send what :func:`hold` holds still, if anything.

    .. versionadded:: 0.1
    """
    zkc_uncork()


def set_gil_hold(seconds, times=4):
    """Set how long a synchronous call may keep the GIL while it looks for its reply, in the whole process.

    A call that gives the GIL up to wait gets it back after :func:`sys.getswitchinterval` (5 ms) if another thread runs
    nothing but bytecode. So where getting it back takes long, a call looks for its reply with the GIL, as long as
    replies come in the time that looking takes. After ``seconds`` it gives the GIL up, asks for it again at once, and
    looks again, up to ``times`` times.

    Args:
        seconds: How long a call keeps the GIL at a stretch: from 0, which never keeps it, to 0.005; 0.00005 unless this
            is called.
        times: How many stretches a call has, from 1 to 100; raise it when your server takes longer than all of them.

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
    """Look for a reply with the GIL kept, if that is worth it, and tell whether the request is done.

    If it is not, the caller waits in C next, and nothing of Python comes between: that ends what looking has begun.
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
    """Take note of how long the GIL took to come back, as every thread does that gave it up to wait for a reply."""
    cdef int64_t waited = zkc_gil_wait_ns(asked)
    cdef int64_t interval = 0
    if waited >= _LONG_WAIT:
        interval = <int64_t>(<double>sys.getswitchinterval() * 1e9)
    zkc_gil_wait_end(asked, waited, interval, tried)
