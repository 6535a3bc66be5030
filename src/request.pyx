# A call that was sent: who waits for its reply, who is called back, and what the reply is in Python.

# The longest a thread waits in C before it looks for signals. A signal ends the wait at once where the kernel says so
# (Linux); this is for the others, and for handlers installed with SA_RESTART by foreign code.
cdef int64_t _SLICE = 100_000_000


@cython.final
@cython.freelist(256)
cdef class Request:
    """Represent one call that was sent to the server; returned by every call of :class:`Session`.

    A request that nobody waits for any more is not recalled: the server may carry it out all the same.

    .. versionadded:: 0.1
    """

    cdef zkc_request *c          # one reference: released in __dealloc__
    cdef Session session         # keeps the session, and with it the queue, until the reply was taken
    cdef readonly str operation
    cdef readonly object path
    cdef int reply
    cdef object value            # decoded once
    cdef bint decoded
    cdef list callbacks
    cdef bint queued             # the queue has, or will get, a token for this object
    cdef list ops                # multi: (operation, path) of each
    cdef object __weakref__

    __class_getitem__ = classmethod(types.GenericAlias)

    def __cinit__(self):
        self.c = zkc_request_new()
        if self.c == NULL:
            raise MemoryError

    def __init__(self, *args, **kwargs):
        raise TypeError("a Request is made by the calls of Session")

    def __dealloc__(self):
        if self.c != NULL:
            zkc_request_unref(self.c)

    def result(self, timeout=None):
        """Wait for the reply and return it.

        Args:
            timeout: How long to wait, in seconds; None waits for as long as the session lives.

        Returns:
            What the call returns.

        Raises:
            ZooKeeperError: The call failed; the class tells how.
            OperationTimeoutError: No reply came in ``timeout`` seconds. The request may still be carried out.
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        self.wait(timeout)
        return self.take()

    def exception(self, timeout=None):
        """Wait for the reply and return the error of the call, or None when it succeeded.

        Args:
            timeout: How long to wait, in seconds; None waits for as long as the session lives.

        Returns:
            The exception that :meth:`result` would raise, or None.

        Raises:
            OperationTimeoutError: No reply came in ``timeout`` seconds.
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        self.wait(timeout)
        try:
            self.take()
        except errors.ZooKeeperError as error:
            return error.with_traceback(None)
        return None

    def done(self):
        """Return whether the reply is there.

        .. versionadded:: 0.1
        """
        return bool(zkc_request_done(self.c))

    def add_done_callback(self, fn):
        """Call ``fn(request)`` on the session's dispatcher thread when the reply is there.

        Callbacks run in the order they were added; one that raises is logged and harms nothing. After the session
        was closed the callback runs at once, in the calling thread.

        Args:
            fn: Callable that takes this request.

        Raises:
            TypeError: ``fn`` is not callable.

        .. versionadded:: 0.1
        """
        if not callable(fn):
            raise TypeError(f"fn must be callable, not {type(fn).__name__}")
        self.check()
        if zkc_request_done(self.c) and self.session.line.stopped:
            _call_logged(fn, (self,))
            return
        with cython.critical_section(self):
            self.callbacks.append(fn)
            if self.queued:
                return
            self.queued = True
            Py_INCREF(self)  # the token: given back by the dispatcher when it has run the callbacks
            if zkc_request_notify(self.c, <void *>self):
                zkc_queue_push(&self.session.c.queue, &self.c.item)

    def __repr__(self):
        state = "done" if zkc_request_done(self.c) else "pending"
        return f"<zkc.Request {self.operation} {self.path!r} {state}>"

    cdef int check(self) except -1:
        if self.session is None:  # made by __new__ alone
            raise TypeError("a Request is made by the calls of Session")
        return self.session.check_process(self.operation, self.path)

    # ---- waiting and taking -------------------------------------------------------------------------------------

    cdef int wait(self, object timeout) except -1:
        cdef int64_t limit = _nanoseconds("timeout", timeout)
        cdef int64_t deadline, left
        cdef int rc
        self.check()
        if zkc_request_done(self.c):
            return 0
        deadline = zkc_now_ns() + limit if limit >= 0 else 0
        left = _SLICE
        while True:
            if limit >= 0:
                left = min(deadline - zkc_now_ns(), _SLICE)
                if left <= 0:
                    raise errors.error_for(
                        ZOPERATIONTIMEOUT, self.operation, self.path,
                        f"no reply in {timeout} s; the request may still be carried out",
                    )
            with nogil:
                rc = zkc_request_wait(self.c, left)
            if rc == ZKC_WOKEN:
                return 0
            PyErr_CheckSignals()

    cdef object take(self):
        """Return the reply or raise its error. The request is done."""
        cdef int rc = self.c.rc
        if rc != ZOK:
            if rc == ZNONODE and self.reply == REPLY_EXISTS:
                return None
            raise self.error(rc)
        if not self.decoded:
            with cython.critical_section(self):
                if not self.decoded:
                    self.value = self.multi_results() if self.reply == REPLY_MULTI else _decode(self.reply, self.c)
                    self.decoded = True
        return self.value

    cdef object error(self, int rc):
        if rc == ZOPERATIONTIMEOUT:
            # The library's, not the caller's: the server was silent, and the connection was given up.
            return errors.error_for(
                ZCONNECTIONLOSS, self.operation, self.path,
                "the server was silent for two thirds of the session timeout, so the connection to it was given up",
            )
        if self.reply == REPLY_MULTI:
            return self.multi_error(rc)
        return errors.error_for(rc, self.operation, self.path)

    cdef list multi_results(self):
        cdef list values = []
        for i, (operation, _) in enumerate(self.ops):
            if operation == "create":
                values.append(_c_text(self.c.results[i].value))
            elif operation == "create_with_stat":
                values.append((_c_text(self.c.results[i].value), _make_stat(&self.c.result_stats[i])))
            elif operation == "set":
                values.append(_make_stat(&self.c.result_stats[i]))
            else:
                values.append(None)
        return values

    cdef object multi_error(self, int rc):
        # The transaction as a whole fails with the code of the operation that failed it; a lost connection or session
        # fails it too, but then no operation is to blame.
        cdef list codes = [self.c.results[i].err for i in range(self.c.op_count)]
        if rc in codes and rc not in errors.SESSION_CODES:
            return errors.multi_error(codes, self.ops)
        return errors.error_for(rc, "multi", None)

    # ---- sending: admit, the zoo_ call, sent ---------------------------------------------------------------------

    cdef int want_watch(self, int kind, bytes path, object watch) except -1:
        """Attach a watch, to be armed by the reply. Its token comes back through the queue, or in undo."""
        if watch is None:
            return 0
        _checked_callable("watch", watch)
        self.c.watch = zkc_watch_new(kind, PyBytes_AS_STRING(path), <void *>watch)
        if self.c.watch == NULL:
            raise MemoryError
        Py_INCREF(watch)
        return 0

    cdef int admit(self, object callback) except -1:
        """Take a place in flight and enter the session; after it comes the zoo_ call, then sent()."""
        cdef Session session = self.session
        cdef uint32_t slots
        cdef int refused
        try:
            _checked_callable("callback", callback)
            refused = zkc_enter(session.c)
            if refused:
                session.refuse(refused, self.operation, self.path)
            while zkc_slot_take(session.c, &slots):
                zkc_leave(session.c)
                with nogil:  # not inside the session: it can be closed meanwhile
                    zkc_slot_wait(session.c, slots, _SLICE)
                PyErr_CheckSignals()
                refused = zkc_enter(session.c)
                if refused:
                    session.refuse(refused, self.operation, self.path)
        except BaseException:
            self.undo()
            raise
        if callback is not None:
            self.callbacks.append(callback)
            self.queued = True
            Py_INCREF(self)  # the token: given back by the dispatcher, or in undo
            zkc_request_notify(self.c, <void *>self)
        if zkc_lend(session.c, self.c) < 0:
            zkc_slot_return(session.c)
            zkc_leave(session.c)
            self.undo()
            session.refuse(ZKC_REFUSED_CLOSED, self.operation, self.path)
        return 0

    cdef Request sent(self, int rc):
        """Look at what the zoo_ call said: ZOK means that its completion will come, or close will settle it."""
        cdef Session session = self.session
        if rc == ZOK:
            zkc_leave(session.c)
            return self
        if rc == ZMARSHALLINGERROR:
            # Out of memory, or closing, somewhere in the middle: the library may or may not hold the request. It stays
            # lent, so that a completion finds it, and is settled with the error now.
            zkc_leave(session.c)
            zkc_settle(self.c, rc)
            return self
        if zkc_take_back(session.c, self.c) < 0:
            zkc_leave(session.c)
            return self  # close has settled it meanwhile, and its tokens are under way
        error = session.immediate_error(rc, self.operation, self.path)
        zkc_leave(session.c)
        self.undo()
        raise error

    cdef void undo(self) noexcept:
        """Take back the tokens of a request that C does not have."""
        cdef zkc_watch *watch = self.c.watch
        if watch != NULL:
            self.c.watch = NULL
            Py_DECREF(<object>watch.item.token)
            zkc_item_free(&watch.item)
        if self.queued:
            self.queued = False
            self.callbacks.clear()
            Py_DECREF(self)

    cdef list take_callbacks(self):
        """Take the callbacks that are due; the dispatcher runs them."""
        with cython.critical_section(self):
            callbacks = self.callbacks
            self.callbacks = []
            self.queued = False
        return callbacks


cdef Request _new_request(Session session, str operation, object path, int reply):
    session.check_process(operation, path)
    cdef Request request = Request.__new__(Request)
    request.session = session
    request.operation = operation
    request.path = path
    request.reply = reply
    request.callbacks = []
    return request
