# A call that was sent: waiting for its reply, its callbacks, and the reply as a Python value.

# The longest a thread waits in C before it looks for signals. On Linux a signal ends the wait at once. The limit is for
# other systems, and for handlers installed with SA_RESTART by foreign code.
cdef int64_t _SLICE = 100_000_000


@cython.final
@cython.freelist(1024)
cdef class Request:
    """One call that was sent to the server; every call of :class:`Session` returns one.

    Dropping a request does not recall it: the server may still carry it out.

    .. versionadded:: 0.1
    """

    cdef zkc_request *c          # one reference: released in __dealloc__
    cdef Session session         # keeps the session, and with it the queue, until the reply was taken
    cdef readonly str operation
    cdef readonly object path
    cdef int reply
    cdef object value            # decoded once
    cdef bint decoded
    cdef list callbacks          # None until there is one
    cdef object future           # the argument of resolve(), until it is resolved
    cdef readonly object watch   # the watch callable; None: no watch
    cdef bint abandoned
    cdef bint queued             # the queue has, or will get, a token for this object
    cdef list ops                # multi: (operation, path) of each
    cdef Py_ssize_t packet       # bytes of the request, as the servers count them
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
            The result of the call.

        Raises:
            ZooKeeperError: The call failed; the class names the error.
            OperationTimeoutError: No reply came in ``timeout`` seconds. A change may still be carried out.
            ForkedError: The session belongs to the parent process.
            RuntimeError: The request was abandoned.

        .. versionadded:: 0.1
        """
        self.wait_or_raise(timeout)
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
        self.wait_or_raise(timeout)
        try:
            self.take()
        except errors.ZooKeeperError as error:
            return error.with_traceback(None)
        return None

    def wait(self, timeout=None):
        """Wait until the request is done, without taking the reply.

        Args:
            timeout: How long to wait, in seconds; None waits for as long as the session lives, 0 does not wait.

        Returns:
            Whether the request is done.

        Raises:
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        return self.wait_until(_nanoseconds("timeout", timeout))

    def done(self):
        """Return whether the reply is there.

        .. versionadded:: 0.1
        """
        return bool(zkc_request_done(self.c))

    def add_done_callback(self, fn):
        """Call ``fn(request)`` when the reply is there, on the session's dispatcher thread or where it delivers.

        Callbacks run in the order they were added; an exception of a callback is logged and has no other effect. After
        the session
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
        if zkc_request_done(self.c) and self.session.consumer.stopped:
            _call_logged(fn, (self,), None)
            return
        with cython.critical_section(self):
            if self.callbacks is None:
                self.callbacks = []
            self.callbacks.append(fn)
            self.want_delivery()

    def resolve(self, future not None):
        """Set the reply, or the error, in a future when the request is done, unless the future is done by then.

        That happens where callbacks run, and before them. After the session was closed it happens at once, in the
        calling thread. A request resolves one future.

        Args:
            future: Anything with ``done``, ``set_result`` and ``set_exception``, for example an ``asyncio.Future`` of
                the loop that delivers.

        Raises:
            RuntimeError: The request was abandoned, or resolves another future already.
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        self.check()
        if self.abandoned or self.future is not None:
            raise RuntimeError("the request was abandoned" if self.abandoned else "a request resolves one future")
        if zkc_request_done(self.c) and self.session.consumer.stopped:
            self.set_outcome(future, None)
            return
        with cython.critical_section(self):
            self.future = future
            self.want_delivery()

    def abandon(self):
        """Give the reply up: drop callbacks and future, and free the reply unread when it comes.

        The watch of the call is dropped, too, and with it an event that is on its way. The server may still carry the
        request out. Waiting still works; result() does not.

        Returns:
            Whether no watch is called from here on; False when its event came first.

        Raises:
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        self.check()
        with cython.critical_section(self):
            self.abandoned = True
            # kept until after the section: their deallocation can run any code
            _dropped = self.callbacks, self.future, self.value
            self.callbacks = self.future = self.value = None
        return _revoke(self)  # a token on its way still comes back through the queue

    def __repr__(self):
        state = "done" if zkc_request_done(self.c) else "pending"
        return f"<zkc.Request {self.operation} {self.path!r} {state}>"

    cdef int check(self) except -1:
        if self.session is None:  # made by __new__ alone
            raise TypeError("a Request is made by the calls of Session")
        return self.session.check_process(self.operation, self.path)

    # ---- waiting and taking -------------------------------------------------------------------------------------

    cdef int wait_or_raise(self, object timeout) except -1:
        if not self.wait_until(_nanoseconds("timeout", timeout)):
            _raise_timeout(self, timeout)
        return 0

    cdef bint wait_until(self, int64_t limit) except -1:
        """Wait for at most so many nanoseconds, without a limit when negative; return whether the request is done."""
        cdef int64_t deadline, left
        cdef int rc
        cdef zkc_gil_wait asked
        self.check()
        if zkc_request_done(self.c):
            return True
        if _green:
            hub = _hub_here()
            if hub is not None:
                return _sleep_until_done(hub, self, limit)
        deadline = zkc_now_ns() + limit if limit >= 0 else 0
        if limit != 0 and _poll(self.c, limit):
            return True
        left = _SLICE
        while True:
            if limit >= 0:
                left = min(deadline - zkc_now_ns(), _SLICE)
                if left <= 0:
                    if not zkc_is_polling(self.c):
                        return False
                    left = 0  # zkc_request_wait ends the poll that got no reply
            with nogil:
                rc = zkc_request_wait(self.c, left)
                zkc_gil_wait_begin(&asked)
            _note_gil_wait(&asked, True)
            if rc == ZKC_WOKEN:
                return True
            PyErr_CheckSignals()

    cdef object take(self):
        """Return the reply or raise its error. The request is done."""
        cdef int rc = self.c.rc
        if self.abandoned:
            raise RuntimeError(f"{self.operation}: there is no reply: the request was abandoned")
        if rc != ZOK:
            if rc == ZNONODE and self.reply == REPLY_EXISTS:
                return None
            raise self.error(rc)
        if not self.decoded:
            with cython.critical_section(self):
                if not self.decoded:
                    self.value = _results(self)
                    self.decoded = True
        return self.value

    cdef object error(self, int rc):
        return self.error_of(rc, self.operation, self.path)

    cdef object error_of(self, int rc, str operation, object path):
        """Make the error of the request, or of a read that is a part of it."""
        if rc == ZOPERATIONTIMEOUT:
            # The library's timeout, not the caller's: the server was silent, and the library closed the connection.
            return errors.lost(
                operation, path,
                "the server was silent for two thirds of the session timeout, so the connection to it was given up",
                self.packet,
            )
        if rc == errors.RuntimeInconsistencyError.code:
            # Servers use this code inside transactions only. Here it is the library's: a reply to a request other than
            # the next.
            return errors.lost(
                operation, path,
                "the server left out a reply, or sent one too many, so the connection to it was given up",
                self.packet,
            )
        if rc == errors.SSLConnectionError.code:
            return self.tls_loss(operation, path)
        if self.reply == REPLY_MULTI:
            return _multi_error(self, rc)
        if rc == ZCONNECTIONLOSS:
            return errors.lost(operation, path, None, self.packet)
        return errors.error_for(rc, operation, path)

    cdef object tls_loss(self, str operation, object path):
        # It waited for a connection, and TLS failed: report a lost connection.
        cdef zkc_tls_state tls
        zkc_tls_copy(self.session.c, &tls)
        why = "no TLS connection to a server could be made" + (f": {_c_text(tls.text)}" if tls.reason != NULL else "")
        return errors.error_for(ZCONNECTIONLOSS, operation, path, f"it was never sent: {why}", False)

    # ---- sending: admit, the zoo_ call, sent ---------------------------------------------------------------------

    cdef int want_watch(self, int kind, bytes path, object watch) except -1:
        """Attach a watch, to be armed by the reply. Its token is released through the queue, or in undo."""
        if watch is None:
            return 0
        _checked_callable("watch", watch)
        self.c.watch = zkc_watch_new(kind, PyBytes_AS_STRING(path), <void *>watch)
        if self.c.watch == NULL:
            raise MemoryError
        if getattr(watch, "takes_zxid", False):
            self.c.watch.with_zxid = 1
        if type(watch) is LegacyWatch:
            zkc_show_session_events(self.session.c, self.c.watch)
        self.c.watched = 1
        self.watch = watch
        Py_INCREF(watch)
        return 0

    cdef int admit(self, object callback) except -1:
        """Take a slot in flight and enter the session; then come the zoo_ call and sent()."""
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
                _sleep_for_slot(session, slots, _slot_wait(self, session))
                refused = zkc_enter(session.c)
                if refused:
                    session.refuse(refused, self.operation, self.path)
        except BaseException:
            self.undo()
            raise
        if callback is not None:
            self.callbacks = [callback]
            self.queued = True
            Py_INCREF(self)  # the token: released by the dispatcher, or in undo
            zkc_request_notify(self.c, <void *>self)
        if zkc_track(session.c, self.c) < 0:
            zkc_slot_return(session.c)
            zkc_leave(session.c)
            self.undo()
            session.refuse(ZKC_REFUSED_CLOSED, self.operation, self.path)
        return 0

    cdef Request sent(self, int rc):
        """Act on the code of the zoo_ call. ZOK: its completion will come, or close completes it."""
        cdef Session session = self.session
        if rc == ZOK:
            zkc_leave_corked(session.c)
            return self
        if rc == ZMARSHALLINGERROR:
            # Out of memory, or closing, somewhere in the middle: the library may or may not have the request. It stays
            # tracked, so that a completion finds it, and is completed with the error now.
            zkc_leave(session.c)
            zkc_complete_once(self.c, rc)
            return self
        if zkc_untrack(session.c, self.c) < 0:
            zkc_leave(session.c)
            return self  # close completed it in the meantime, and its tokens are on their way
        error = session.immediate_error(rc, self.operation, self.path)
        zkc_leave(session.c)
        self.undo()
        raise error

    cdef void undo(self) noexcept:
        """Release the tokens of a request that C does not have."""
        cdef zkc_watch *watch = self.c.watch
        if watch != NULL:
            self.c.watch = NULL
            Py_DECREF(<object>watch.item.token)
            zkc_item_free(&watch.item)
        if self.queued:
            self.queued = False
            self.callbacks = None
            Py_DECREF(self)

    # ---- delivering ------------------------------------------------------------------------------------------------

    cdef void want_delivery(self) noexcept:
        """Have the finished request queued, with a token. Inside the critical section."""
        if self.queued:
            return
        self.queued = True
        Py_INCREF(self)  # the token: released by the queue's consumer
        if zkc_request_notify(self.c, <void *>self):
            zkc_queue_push(&self.session.c.queue, &self.c.item)

    cdef int run_callbacks(self, _QueueConsumer consumer) except -1:
        """Resolve the future and run the callbacks that are due. The queue's consumer does this."""
        with cython.critical_section(self):
            callbacks, self.callbacks = self.callbacks, None
            future, self.future = self.future, None
            self.queued = False
        if _exiting:
            return 0
        if future is not None:
            # A FutureCore takes the reply when it is asked, so done() says nothing. When it is ended otherwise, it has
            # revoked the watch itself.
            if self.c.watched and not isinstance(future, FutureCore) and future.done():
                _revoke(self)  # cancelled or too late: the event of its watch comes after this
            self.set_outcome(future, consumer)
        if callbacks is not None:
            for callback in callbacks:
                _call_logged(callback, (self,), consumer)
        return 0

    cdef int set_outcome(self, object future, _QueueConsumer consumer) except -1:
        """Set the reply, or its error, in a future. Nothing else keeps the error, which would keep this request."""
        try:
            if isinstance(future, FutureCore):
                (<FutureCore>future).finish_by(self)
                return 0
            if future.done():
                return 0
            if self.failed():
                future.set_exception(self.error(self.c.rc))
                return 0
            try:
                value = self.take()
            except Exception as error:  # no memory, as good as never
                future.set_exception(error)
                return 0
            future.set_result(value)
        except BaseException as error:
            # It was cancelled at this moment, or its loop is closed: nothing waits for it any more.
            if consumer is not None and consumer.manual and isinstance(error, (KeyboardInterrupt, SystemExit)):
                consumer.interrupt = error
            elif _callback_log.isEnabledFor(logging.DEBUG):
                _callback_log.debug("a future did not take its reply: %r", error)
        return 0

    cdef inline bint failed(self) noexcept:
        cdef int rc = self.c.rc
        return rc != ZOK and not (rc == ZNONODE and self.reply == REPLY_EXISTS)


# ---- requests that are given up, and with them their watches

def result_or_abandon(Request request not None, timeout=None, given=None):
    """Wait for the reply to a request and return it; the request is abandoned when the wait ends without one.

    Both ends exclude each other: after an OperationTimeoutError of this function the watch of the call is never called,
    after a success it is.

    Args:
        request: The request to wait for.
        timeout: How long to wait, in seconds; None waits for as long as the session lives.
        given: Time waited as the error names it, in seconds, if it is more than ``timeout``, which is then the rest of
        it.

    Returns:
        What the call returns.

    Raises:
        ZooKeeperError: As :meth:`Request.result`.

    .. versionadded:: 0.1
    """
    cdef bint done
    try:
        done = request.wait_until(_nanoseconds("timeout", timeout))
        if not done and not zkc_request_abandon_pending(request.c):
            done = request.wait_until(-1)  # the reply is there, or its completion is running
    except BaseException:
        _revoke(request)
        raise
    if not done:
        request.abandon()
        _raise_timeout(request, timeout if given is None else given)
    return request.take()


cdef bint _revoke(Request request) except -1:
    """Abandon a request on the C side; return whether its watch is not called from here on."""
    cdef bint revoked = zkc_request_abandon(request.c) != 0
    if revoked:
        _dropped, request.watch = request.watch, None
    return revoked


cdef int _raise_timeout(Request request, object timeout) except -1:
    raise errors.error_for(
        ZOPERATIONTIMEOUT, request.operation, request.path, errors.late_text(timeout, request.operation)
    )
