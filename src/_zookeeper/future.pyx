# What client.submit gives, as far as it is C: a future that looks for itself whether its request is done.
#
# A reply that was not asked for is not reported: the future looks at its request when it is asked, and the thread that
# asks converts the reply; result() and exception() sleep on the request itself. So a thousand futures whose results
# are taken one after the other need no thread but the one that takes them, whatever the callbacks of the session do.
# Done callbacks are run by the queue's consumer, which is asked to bring the outcome then. When a thread sleeps on the
# condition, as concurrent.futures.wait() and as_completed() do, a thread of the session waits for the requests and
# tells it. A future whose outcome was never looked at keeps its session.
#
# Every field is read and written inside a critical section of the future, in which no Python runs: with the GIL it is
# free of cost, and without it a lock. Python runs outside of them, so each looks at the phase again. Once there is a
# condition the phase changes only while it is held, too: who holds it sees no change, and misses none.

cdef enum Phase:
    PHASE_PENDING
    PHASE_RUNNING
    PHASE_CANCELLED
    PHASE_NOTIFIED  # cancelled, and those who wait were told
    PHASE_FINISHED

cdef tuple _PHASES = ("PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED")
cdef object _wait_for_result = concurrent.futures.Future.result
cdef object _wait_for_exception = concurrent.futures.Future.exception
cdef object _future_log = logging.getLogger("concurrent.futures")


cdef class FutureCore:
    """Keep the state of a :class:`zkc.Future`: what :class:`concurrent.futures.Future` keeps, in less.

    It comes before that class among the bases of another. What is not here works there, through the same names.

    .. versionadded:: 0.1
    """

    cdef Request request         # whose outcome this is; None: there is none, or it is known
    cdef bint pushed            # the queue's consumer gets the request when it is done, and runs the callbacks
    cdef bint due                # it ended by its request, and the queue's consumer has still to run the callbacks
    cdef int phase
    cdef object value
    cdef object error
    cdef object condition        # None until somebody wants to sleep
    cdef list callbacks
    cdef list waiters            # of concurrent.futures.wait and as_completed

    def __init__(self):  # in the place of the one that makes a condition
        pass

    def __reduce__(self):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def _follow_request(self, Request request not None):
        """Have the outcome of a request; once, and before anybody else knows the future."""
        self.request = request

    # ---- asking -------------------------------------------------------------------------------------------------

    def done(self):
        """Return whether there is an answer, or it was cancelled."""
        return self.current_phase() >= PHASE_CANCELLED

    def cancelled(self):
        """Return whether it was cancelled."""
        cdef int phase = self.current_phase()
        return phase == PHASE_CANCELLED or phase == PHASE_NOTIFIED

    def running(self):
        """Return whether somebody has said that it runs."""
        return self.current_phase() == PHASE_RUNNING

    def result(self, timeout=None):
        """Wait for the answer and return it."""
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
        """Wait for the answer and return the error, or None if there is none."""
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
            return phase  # concurrent.futures.wait() counts those without an outcome, and counts on no change meanwhile
        self.take_outcome(request)
        with cython.critical_section(self):
            return self.phase

    cdef bint take_outcome(self, Request request) except -1:
        """End as a request has that is done, unless it has ended before; tell whether it had not."""
        if request.failed():
            return self.change(PHASE_FINISHED, None, request.error(request.c.rc), request)
        return self.change(PHASE_FINISHED, request.take(), None, request)

    # ---- telling ------------------------------------------------------------------------------------------------

    def add_done_callback(self, fn):
        """Call ``fn(future)`` when there is an answer, or when it is cancelled; at once if that has been.

        Args:
            fn: Callable that takes this future. What it raises is logged.
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
        """Give the answer.

        Raises:
            InvalidStateError: It has one, or was cancelled.
        """
        if not self.finish(result, None):
            self.refuse()

    def set_exception(self, exception):
        """Give the error.

        Raises:
            InvalidStateError: There is an answer, or it was cancelled.
        """
        if not self.finish(None, exception):
            self.refuse()

    def cancel(self):
        """Cancel it, unless there is an answer; return whether it is cancelled."""
        cdef int phase = self.current_phase()
        if phase == PHASE_RUNNING or phase == PHASE_FINISHED:
            return False
        if phase == PHASE_PENDING:
            if self.change(PHASE_CANCELLED, None, None, None):
                return True
            return self.cancelled()
        return True

    cdef bint finish(self, object value, object error) except -1:
        """End with a value or an error; tell whether it had not ended before."""
        return self.change(PHASE_FINISHED, value, error, None)

    cdef int finish_by(self, Request request) except -1:
        """End as a request has that is done, unless it has ended before; run the callbacks."""
        cdef Py_ssize_t place = 0
        if self.phase < PHASE_CANCELLED:
            self.take_outcome(request)
        while True:  # What is added meanwhile is run here as well, so that the order is kept.
            with cython.critical_section(self):
                if not self.due or self.callbacks is None or place >= len(self.callbacks):
                    self.due = False
                    return 0
                callback = self.callbacks[place]
            place += 1
            try:
                callback(self)
            except Exception:
                _future_log.exception("exception calling callback for %r", self)

    cdef bint change(self, int phase, object value, object error, Request by) except -1:
        """End it in a phase, tell everybody, and tell whether it was this call that did.

        Args:
            by: The request whose outcome this is; the queue's consumer runs the callbacks then. None: of something
                else, and the request, if there is one, is abandoned.
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
            _revoke(dropped)  # and wakes the threads that wait for it here
        if run and self.callbacks is not None:
            self._invoke_callbacks()
        return changed

    cdef inline bint runs_callbacks(self, bint by_request) noexcept:
        """Inside the critical section of its end: tell whether the callbacks are to be run here and now."""
        self.due = by_request and self.pushed
        return not self.due

    cdef inline bint may_become(self, int phase) noexcept:
        return self.phase == PHASE_PENDING or (self.phase == PHASE_RUNNING and phase == PHASE_FINISHED)

    cdef inline Request end(self, int phase, object value, object error):
        """Inside the critical section: set the outcome, and return the request, which is needed no more."""
        cdef Request request = self.request
        self.request = None
        self.value = value
        self.error = error
        self.phase = phase
        return request

    cdef inline Request request_push(self):
        """Inside the critical section: have the queue's consumer bring the outcome from now on.

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
        """What those sleep on who wait; its holder sees no change of the state."""
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


# ---- who tells those that sleep on a condition ------------------------------------------------------------------

cdef int _notify_when_done(Request request, FutureCore future) except -1:
    """Have a thread of the session wait for a request and tell those who sleep on the condition of its future."""
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
    """Run on a thread of its own while there are futures of a session whose condition somebody may sleep on."""
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
