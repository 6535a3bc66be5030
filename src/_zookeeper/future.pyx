# The core of zkc.Future, the result of client.submit: it finds out by itself whether its request is done.
#
# The future reads its request when a caller asks, and the calling thread converts the reply; result() and exception()
# sleep on the request itself. So a thousand futures whose results are taken one after the other need no thread but the
# caller's, regardless of the session's callbacks. The queue's consumer runs done callbacks, and is then asked to push
# the outcome. In concurrent.futures.wait() and as_completed() a thread sleeps on the condition. Then a thread of the
# session waits for the requests and notifies the condition. A future whose outcome was never read keeps its
# session.
#
# Every field is read and written inside a critical section of the future, in which no Python runs. With the GIL that
# costs nothing; without the GIL it is a lock. Python runs outside of the sections, so each section reads the phase
# again. Once there is a condition, the phase changes only while the condition is held, too: its holder sees no change,
# and misses none.

cdef enum Phase:
    PHASE_PENDING
    PHASE_RUNNING
    PHASE_CANCELLED
    PHASE_NOTIFIED  # cancelled, and the waiters were notified
    PHASE_FINISHED

cdef tuple _PHASES = ("PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED")
cdef object _wait_for_result = concurrent.futures.Future.result
cdef object _wait_for_exception = concurrent.futures.Future.exception
cdef object _future_log = logging.getLogger("concurrent.futures")


cdef class FutureCore:
    """The state of a :class:`zkc.Future`: that of :class:`concurrent.futures.Future`, in less memory.

    A subclass lists it before that class among its bases. Methods that are not here work there, through the same names.

    .. versionadded:: 0.1
    """

    cdef Request request         # the request with the outcome; None: there is none, or the outcome is known
    cdef bint pushed            # the queue's consumer gets the finished request, and runs the callbacks
    cdef bint due                # its request has ended it, and the queue's consumer has still to run the callbacks
    cdef int phase
    cdef object value
    cdef object error
    cdef object condition        # None until a thread sleeps on it
    cdef list callbacks
    cdef list waiters            # of concurrent.futures.wait and as_completed

    def __init__(self):  # instead of the base's, which makes a condition
        pass

    def __reduce__(self):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def _follow_request(self, Request request not None):
        """Take the outcome from a request; once, before any other code has the future."""
        self.request = request

    # ---- asking -------------------------------------------------------------------------------------------------

    def done(self):
        """Return whether there is a result, or it was cancelled."""
        return self.current_phase() >= PHASE_CANCELLED

    def cancelled(self):
        """Return whether it was cancelled."""
        cdef int phase = self.current_phase()
        return phase == PHASE_CANCELLED or phase == PHASE_NOTIFIED

    def running(self):
        """Return whether set_running_or_notify_cancel() marked it as running."""
        return self.current_phase() == PHASE_RUNNING

    def result(self, timeout=None):
        """Wait for the result and return it."""
        if self.current_phase() == PHASE_FINISHED:
            if self.error is not None:
                raise self.error
            return self.value
        if self.phase < PHASE_CANCELLED:
            if self.await_request(timeout):
                return self.result(0)
            self._check_thread()
        return _wait_for_result(self, timeout)

    def exception(self, timeout=None):
        """Wait for the result and return the error, or None if there is none."""
        if self.current_phase() == PHASE_FINISHED:
            return self.error
        if self.phase < PHASE_CANCELLED:
            if self.await_request(timeout):
                return self.exception(0)
            self._check_thread()
        return _wait_for_exception(self, timeout)

    def _check_thread(self):
        """Raise if this thread must not wait."""

    cdef bint await_request(self, object timeout) except -1:
        """Wait until it has ended, by its request or otherwise; False if there is no request to wait for."""
        cdef Request request
        cdef int64_t deadline = 0, left = -1
        with cython.critical_section(self):
            request = self.request
        if request is None:
            return False
        request.check()
        if timeout is not None:
            deadline = zkc_now_ns() + <int64_t>(min(max(timeout, 0.0), 9e9) * 1e9)
        while self.current_phase() < PHASE_CANCELLED:
            if timeout is not None:
                left = deadline - zkc_now_ns()
                if left <= 0:
                    raise concurrent.futures.TimeoutError()
            _sleep_for_request(request, left)
        return True

    cdef int current_phase(self) except -1:
        """Take the outcome of the request if it is there; return the phase."""
        cdef Request request = None
        cdef int phase
        with cython.critical_section(self):
            phase = self.phase
            condition = self.condition
            if phase < PHASE_CANCELLED:
                request = self.request
        if request is None or not zkc_request_done(request.c):
            return phase
        if condition is not None and (<Condition>condition).lock.mine():
            # concurrent.futures.wait() counts the futures without an outcome, and relies on no change while it counts
            return phase
        self.take_outcome(request)
        with cython.critical_section(self):
            return self.phase

    cdef bint take_outcome(self, Request request) except -1:
        """Take the outcome of a finished request, unless the future has ended; return whether this call ended it."""
        if request.failed():
            return self.change(PHASE_FINISHED, None, request.error(request.c.rc), request)
        return self.change(PHASE_FINISHED, request.take(), None, request)

    # ---- ending ------------------------------------------------------------------------------------------------

    def add_done_callback(self, fn):
        """Call ``fn(future)`` when there is a result, or when it is cancelled; at once if it has ended.

        Args:
            fn: Callable that takes this future. Its exceptions are logged.
        """
        cdef Request request = None
        cdef list callbacks = []  # made out here: before Python 3.12 an allocation can run the garbage collector
        cdef bint ended
        self.current_phase()
        with cython.critical_section(self):
            ended = self.phase >= PHASE_CANCELLED and not self.due
            if not ended:
                if self.callbacks is None:
                    self.callbacks = callbacks
                self.callbacks.append(fn)
                request = self.request_push()
        if not ended:
            if request is not None:
                request.resolve(self)
            return
        try:
            fn(self)
        except Exception:
            _future_log.exception("exception calling callback for %r", self)

    def set_result(self, result):
        """Set the result.

        Raises:
            InvalidStateError: There is a result, or it was cancelled.
        """
        if not self.finish(result, None):
            self.refuse()

    def set_exception(self, exception):
        """Set the error.

        Raises:
            InvalidStateError: There is a result, or it was cancelled.
        """
        if not self.finish(None, exception):
            self.refuse()

    def cancel(self):
        """Cancel it, unless there is a result; return whether it is cancelled."""
        cdef int phase = self.current_phase()
        if phase == PHASE_RUNNING or phase == PHASE_FINISHED:
            return False
        if phase == PHASE_PENDING:
            if self.change(PHASE_CANCELLED, None, None, None):
                return True
            return self.cancelled()
        return True

    cdef bint finish(self, object value, object error) except -1:
        """End with a value or an error; return whether this call ended it."""
        return self.change(PHASE_FINISHED, value, error, None)

    cdef int finish_by(self, Request request) except -1:
        """Take the outcome of a finished request, unless the future has ended; run the callbacks."""
        cdef Py_ssize_t index = 0
        if self.phase < PHASE_CANCELLED:
            self.take_outcome(request)
        while True:  # Callbacks added in the meantime run here as well, to keep the order.
            with cython.critical_section(self):
                if not self.due or self.callbacks is None or index >= len(self.callbacks):
                    self.due = False
                    return 0
                callback = self.callbacks[index]
            index += 1
            try:
                callback(self)
            except Exception:
                _future_log.exception("exception calling callback for %r", self)

    cdef bint change(self, int phase, object value, object error, Request by) except -1:
        """End it in a phase, notify all waiters, and return whether this call ended it.

        Args:
            by: The request with this outcome; the queue's consumer runs the callbacks then. None: the outcome has
            another source, and the request, if there is one, is abandoned.
        """
        cdef bint changed = False, run = False
        cdef object condition
        cdef Request dropped = None  # until after the sections: its end can run anything
        with cython.critical_section(self):
            condition = self.condition
            if condition is None and self.may_become(phase):
                dropped = self.end(phase, value, error)
                run = self.runs_callbacks(by is not None)
                changed = True
        if condition is not None:
            with condition:
                with cython.critical_section(self):
                    if self.may_become(phase):
                        dropped = self.end(phase, value, error)
                        run = self.runs_callbacks(by is not None)
                        changed = True
                if changed:
                    if phase == PHASE_FINISHED and self.waiters is not None:
                        for waiter in self.waiters:
                            if error is None:
                                waiter.add_result(self)
                            else:
                                waiter.add_exception(self)
                    condition.notify_all()
        if dropped is not None and by is None:
            _revoke(dropped)  # which also wakes the threads that wait for it here
        if run and self.callbacks is not None:
            self._invoke_callbacks()
        return changed

    cdef inline bint runs_callbacks(self, bint by_request) noexcept:
        """Inside the critical section of its end: return whether to run the callbacks here and now."""
        self.due = by_request and self.pushed
        return not self.due

    cdef inline bint may_become(self, int phase) noexcept:
        return self.phase == PHASE_PENDING or (self.phase == PHASE_RUNNING and phase == PHASE_FINISHED)

    cdef inline Request end(self, int phase, object value, object error):
        """Inside the critical section: set the outcome, and return the request, which has no further use."""
        cdef Request request = self.request
        self.request = None
        self.value = value
        self.error = error
        self.phase = phase
        return request

    cdef inline Request request_push(self):
        """Inside the critical section: have the queue's consumer push the outcome from now on.

        Returns:
            The request to be resolved outside of the section; None when there is nothing to do.
        """
        if self.request is None or self.pushed:
            return None
        self.pushed = True
        return self.request

    cdef int refuse(self) except -1:
        raise concurrent.futures.InvalidStateError(f"{self._state}: {self!r}")

    # ---- the names of concurrent.futures ------------------------------------------------------------------------

    @property
    def _condition(self):
        """Return the condition that waiting threads sleep on; its holder sees no change of the state."""
        cdef Request request = None
        with cython.critical_section(self):
            condition = self.condition
        if condition is None:
            self.current_phase()
            condition = Condition()
            with cython.critical_section(self):
                if self.condition is None:
                    self.condition = condition
                    request = self.request
                condition = self.condition
            if request is not None:
                _notify_when_done(request, self)
        return condition

    @property
    def _state(self):
        return _PHASES[self.current_phase()]

    @_state.setter
    def _state(self, state):
        cdef int phase = _PHASES.index(state)
        with cython.critical_section(self):
            self.phase = phase

    @property
    def _result(self):
        self.current_phase()
        return self.value

    @_result.setter
    def _result(self, value):
        self.value = value

    @property
    def _exception(self):
        self.current_phase()
        return self.error

    @_exception.setter
    def _exception(self, error):
        self.error = error

    @property
    def _waiters(self):
        cdef list waiters = []
        with cython.critical_section(self):
            if self.waiters is None:
                self.waiters = waiters
            return self.waiters

    @property
    def _done_callbacks(self):
        cdef list callbacks = []
        with cython.critical_section(self):
            if self.callbacks is None:
                self.callbacks = callbacks
            return self.callbacks


cdef int _sleep_for_request(Request request, int64_t left) except -1:
    """Sleep until a request is done or abandoned, for at most so many nanoseconds; it may return early."""
    cdef uint32_t bits = zkc_request_mark_waiting(request.c)
    if not (bits & (ZKC_DONE | ZKC_ABANDONED)):
        _sleep_on(&request.c.bits, bits, left)
    return 0


# ---- notifying threads that sleep on a condition ------------------------------------------------------------------

cdef int _notify_when_done(Request request, FutureCore future) except -1:
    """Have a thread of the session wait for a request and notify the condition of its future."""
    cdef Session session = request.session
    cdef tuple entry = (request, weakref.ref(future))
    cdef list entries = []  # made out here, as above
    cdef bint begins
    with cython.critical_section(session):
        begins = session.to_notify is None
        if begins:
            session.to_notify = entries
        session.to_notify.append(entry)
    if begins:
        new_worker(_notify_sleepers, (session,), "zkc-futures").start()
    return 0


def _notify_sleepers(Session session not None):
    """Wait for the requests of futures whose condition a thread may sleep on, on a thread of its own."""
    cdef Request request
    cdef list entries, fresh
    while True:
        fresh = []
        with cython.critical_section(session):
            entries = session.to_notify
            session.to_notify = fresh if entries else None
        if not entries:
            return
        entries.reverse()
        while entries:
            request, reference = entries.pop()
            while not zkc_request_done(request.c) and not zkc_request_abandoned(request.c):
                _sleep_for_request(request, -1)
            future = reference()
            if future is not None:
                (<FutureCore>future).current_phase()
            future = request = None
