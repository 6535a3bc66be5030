# Calls that are made to be waited for: their request goes when the thread waits, and by then without the GIL.

def hold():
    """Hold the next request of this thread until it waits for the reply, or until :func:`let_go`.

    Sending and waiting are then one step, which spares a change of threads. Who holds must wait for that request or let
    go, whatever happens between.

    >>> hold()
    >>> try:
    ...     reply = session.get("/").result()
    ... finally:
    ...     let_go()

    .. versionadded:: 0.1
    """
    zkc_hold()


def let_go():
    """Send what :func:`hold` holds still, if anything.

    .. versionadded:: 0.1
    """
    zkc_let_go()
