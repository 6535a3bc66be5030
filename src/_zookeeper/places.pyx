# Places in flight: how long a call waits for one.

def set_place_limit(seconds):
    """Set how long the calls of this thread wait for a place in flight, from now on; None: as long as it takes.

    Args:
        seconds: After that time a call that finds no place raises OperationTimeoutError.

    .. versionadded:: 0.1
    """
    zkc_set_place_deadline(-1 if seconds is None else zkc_now_ns() + _nanoseconds("seconds", seconds))


cdef int64_t _place_wait(Request request, Session session) except -1:
    """Return how long to wait for a place before the next look; raise when it was long enough for this thread."""
    cdef int64_t deadline = zkc_place_deadline()
    cdef int64_t left = _SLICE if deadline < 0 else deadline - zkc_now_ns()
    if left <= 0:
        why = errors.no_place(session.c.max_in_flight, None)
        raise errors.error_for(ZOPERATIONTIMEOUT, request.operation, request.path, why, False)
    return min(left, _SLICE)
