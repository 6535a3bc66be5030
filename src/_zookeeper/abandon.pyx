# Requests that are given up, and with them their watches.

def result_or_abandon(Request request not None, timeout=None, given=None):
    """Wait for the reply to a request and return it; the request is abandoned when the wait ends without one.

    Which of the two it is gets decided in one step: after an OperationTimeoutError of this function the watch of the
    call is never called, and after a success it is.

    Args:
        request: What to wait for.
        timeout: How long to wait, in seconds; None waits for as long as the session lives.
        given: What the error names as the time waited, in seconds, if that is more: ``timeout`` is what is left of it.

    Returns:
        What the call returns.

    Raises:
        ZooKeeperError: As :meth:`Request.result`.

    .. versionadded:: 0.1
    """
    cdef bint done
    try:
        done = request.wait_until(_nanoseconds("timeout", timeout))
        if not done and not zkc_request_give_up(request.c):
            done = request.wait_until(-1)  # it is there, or its completion is about to say so
    except BaseException:
        _revoke(request)
        raise
    if not done:
        request.abandon()
        _raise_timeout(request, timeout if given is None else given)
    return request.take()


cdef bint _revoke(Request request) except -1:
    """Abandon a request on the C side; tell whether its watch is not called from here on."""
    cdef bint revoked = zkc_request_abandon(request.c) != 0
    if revoked:
        _dropped, request.watch = request.watch, None
    return revoked


cdef int _raise_timeout(Request request, object timeout) except -1:
    raise errors.error_for(
        ZOPERATIONTIMEOUT, request.operation, request.path, errors.late_text(timeout, request.operation)
    )
