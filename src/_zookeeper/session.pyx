# The only owner of a zhandle_t: opening, state, closing. Its properties and settings are in session_settings.pyx, and
# the calls in calls.pyx.

OPENED = ZKC_OPENED_EVENT  # type of the event at the end of opening with wait=False

cdef int _OVERDRAFT = 16384

cdef object _live_sessions = weakref.WeakSet()  # closed at exit


cdef class _SessionBase:
    cdef zkc_session *c          # borrowed from the line
    cdef _QueueConsumer consumer
    cdef object watcher
    cdef object dispatcher       # None with manual delivery
    cdef list to_notify            # for future.pyx: the work of its thread; None while there is none
    cdef readonly Delivery delivery
    cdef readonly str hosts
    cdef Py_ssize_t max_packet   # largest size of a request in bytes; -1: no limit
    cdef Py_ssize_t chroot       # bytes that libzookeeper puts before each path
    cdef object __weakref__

    def __init__(
        self,
        hosts,
        *,
        session_timeout=10.0,
        watcher=None,
        client_id=None,
        read_only=False,
        log_client_env=False,
        tls=None,
        sasl=None,
        resolution_delay=None,
        max_in_flight=16384,
        max_packet=None,
        watches_see_session_events=False,
        max_queued_events=100_000,
        open_timeout=None,
        deliver="thread",
        wait=True,
    ):
        """Open a session: resolve the names and start connecting.

        Args:
            hosts: ``host:port[,host:port…][/chroot]``; each with its port, an IPv6 address without brackets.
            session_timeout: Session timeout to ask the server for, in seconds: from 0.001 to 2147483.647.
            watcher: Called with ``(type, state, path)`` for each session event, where callbacks run.
            client_id: ``(session id, password)`` of a session to resume; see :attr:`client_id`.
            read_only: Whether a server that is cut off from the ensemble may serve reads.
            log_client_env: Whether the library logs a description of this machine.
            tls: Dict with any of ``ca``, ``certificate``, ``key``, ``password``, ``verify``, ``check_hostname``,
                ``server_name``, as :class:`zkc.TLS` has them; None: plain text.
            sasl: Dict with ``mechanisms`` and optionally ``user``, ``password``, ``realm``, ``service``, ``host``.
            resolution_delay: Shortest time between name look-ups while connected, in seconds; None: only when
                connecting; 0: at every iteration of the library's loop, as libzookeeper does by default.
            max_in_flight: Largest number of requests without a reply; a call beyond it waits for a slot. With manual
            delivery it waits only beyond 16384 more: an event loop reads :attr:`in_flight` first, and must not be
            blocked.
            max_packet: Largest size of a request in bytes, as the servers count them for their ``jute.maxbuffer``; the
            call refuses a larger request with ValueError. None: no limit.
            watches_see_session_events: Whether an armed watch is also called for session events.
            max_queued_events: Largest number of events of persistent watches that wait for their delivery. Beyond
                it, events are dropped, and each watch gets one of type ``GAP`` where they are missing.
            open_timeout: How long resolving the names may take, in seconds; None: as long as it takes.
            deliver: Where callbacks and watches run: ``"thread"``, a dispatcher thread of this session; ``"manual"``,
                the thread that calls :meth:`Delivery.deliver`, as an event loop does.
            wait: Whether to wait until the names are resolved. If not, the watcher's first event is ``(OPENED, 0,
                "")``, or ``(OPENED, errno, "")`` when opening failed (see :meth:`open_error`), and every call is
                refused until then.

        Raises:
            TypeError, ValueError: An argument is of a wrong type or value.
            OSError: A file of ``tls`` cannot be read.
            TLSError: A file of ``tls`` cannot be used.
            ConnectionLossError: No name could be resolved.
            UnimplementedError: The library was built without what ``tls`` or ``sasl`` needs.
            OperationTimeoutError: Resolving took longer than ``open_timeout``.
        """
        cdef zkc_open_args *args
        cdef _QueueConsumer consumer
        cdef bint opening = False
        if self.consumer is not None:
            raise TypeError("a Session is opened once")
        _checked_callable("watcher", watcher)
        limit = _nanoseconds("open_timeout", open_timeout)
        if deliver != "thread" and deliver != "manual":
            raise ValueError(f"deliver must be 'thread' or 'manual', not {deliver!r}")
        if not wait and open_timeout is not None:
            raise ValueError("open_timeout goes with wait=True only")
        _int32("max_in_flight", max_in_flight)
        if not 1 <= max_in_flight <= 32768:
            # Each request writes a byte to the library's 64 KiB wake-up pipe; a stock library must not overflow it.
            raise ValueError(f"max_in_flight must be from 1 to 32768, not {max_in_flight}")
        cdef int most_events = _int32("max_queued_events", max_queued_events)
        if most_events < 1:
            raise ValueError(f"max_queued_events must be at least 1, not {max_queued_events}")
        self.max_packet = -1 if max_packet is None else _int32("max_packet", max_packet)
        if max_packet is not None and max_packet < 1:
            raise ValueError(f"max_packet must be at least 1, or None for no limit, not {max_packet}")
        args = _open_args(hosts, session_timeout, client_id, read_only, log_client_env, tls, sasl, resolution_delay)
        consumer = _QueueConsumer()
        handed = [consumer]  # the dispatcher takes the consumer out of it
        try:
            _start_process_services()
            consumer.session = weakref.ref(self)
            consumer.c = zkc_session_new(max_in_flight, bool(watches_see_session_events))
            if consumer.c != NULL:
                consumer.c.max_queued_events = most_events
            if consumer.c == NULL or (not wait and zkc_session_announce(consumer.c) < 0):
                raise MemoryError
            if deliver == "manual":
                consumer.c.overdraft = _OVERDRAFT
                self.delivery = _new_delivery(consumer)
            else:
                self.dispatcher = new_worker(_dispatch, (handed,), f"zkc-dispatch-{next(_numbers)}")
            self.hosts, self.watcher = hosts, watcher
            self.chroot = _chroot_size(hosts)
            self.consumer = consumer
            self.c = consumer.c
            _live_sessions.add(self)
            with nogil:
                zkc_session_open(consumer.c, args)
            opening = True
            if self.dispatcher is not None:
                self.dispatcher.start()  # starting it takes a while: the session connects during that time
        except BaseException:  # also from a signal handler, anywhere above
            _live_sessions.discard(self)
            handed.clear()  # a thread whose start was interrupted may never run, and threading may keep it
            if not opening:
                zkc_open_args_free(args)
            if consumer.c != NULL:
                with nogil:
                    if opening:
                        zkc_session_close(consumer.c)
                    else:
                        zkc_session_cancel(consumer.c)  # the dispatcher ends, if it was started
            raise
        if not wait:
            return
        try:
            self.wait_open(limit, open_timeout)
        except BaseException:
            with nogil:
                zkc_session_close(self.c)
            raise

    def __del__(self):
        # A session without a close(): the closing thread of the C side closes it, and nothing waits for that.
        if self.c == NULL or self.c.generation != zkc_generation() or zkc_word_get(&self.c.closing) != ZKC_NOT_CLOSING:
            return
        with nogil:
            zkc_session_close(self.c)
        warnings.warn(f"a zkc session to {self.hosts} was not closed", ResourceWarning, source=self)

    def __repr__(self):
        return f"<zkc session to {self.hosts}>"

    # ---- states ---------------------------------------------------------------------------------------------------

    cdef inline Py_ssize_t most_data(self) noexcept:
        return self.max_packet if self.max_packet >= 0 else _MOST_DATA

    cdef int check_process(self, str operation, object path) except -1:
        if self.c == NULL:
            raise errors.ClosingError(operation=operation, path=path, maybe_applied=False)
        if self.c.generation != zkc_generation():
            raise errors.ForkedError(operation=operation, path=path)
        return 0

    cdef int refuse(self, int refused, str operation, object path) except -1:
        """Raise the error for a refusal of zkc_enter."""
        if refused == ZKC_REFUSED_FORKED:
            raise errors.ForkedError(operation=operation, path=path)
        if refused == ZKC_REFUSED_UNOPENED:
            self.check_opening()
            raise errors.error_for(ZCONNECTIONLOSS, operation, path, "the session is still being opened", False)
        # The request was never sent. A session that has expired was lost then, and not by the close that followed.
        kind = errors.SessionExpiredError if zkc_has_expired(self.c) else errors.ClosingError
        raise kind(operation=operation, path=path, maybe_applied=False)

    cdef int enter(self, str operation) except -1:
        self.check_process(operation, None)
        cdef int refused = zkc_enter(self.c)
        if refused:
            self.refuse(refused, operation, None)
        return 0

    cdef object immediate_error(self, int rc, str operation, object path):
        """Make the error for a call that the library refused at once. Inside the session."""
        cdef int state
        if rc == ZINVALIDSTATE:
            state = zoo_state(self.c.handle)
            if state == ZOO_EXPIRED_SESSION_STATE:
                rc = ZSESSIONEXPIRED
            elif state == ZOO_AUTH_FAILED_STATE:
                rc = ZAUTHFAILED
            elif state == 0:  # between two connections, where a stock add_auth takes nothing; the session lives on
                rc = ZCONNECTIONLOSS
        return errors.error_for(rc, operation, path, None, False)  # nothing was sent

    cdef int wait_open(self, int64_t limit, object timeout) except -1:
        cdef int64_t deadline = zkc_now_ns() + limit if limit >= 0 else 0
        cdef int64_t left = -1
        while zkc_word_get(&self.c.opened) == ZKC_OPENING:
            if limit >= 0:
                left = deadline - zkc_now_ns()
                if left <= 0:
                    raise errors.error_for(
                        ZOPERATIONTIMEOUT, "open", None, f"the names in {self.hosts!r} were not resolved in {timeout} s"
                    )
            _sleep_on(&self.c.opened, ZKC_OPENING, left)
        return self.check_opening()

    cdef int check_opening(self) except -1:
        if zkc_word_get(&self.c.opened) == ZKC_OPEN_FAILED:
            raise _tls_error(self.c, "open") or _open_error(self.hosts, self.c.open_errno)
        return 0

    def open_error(self):
        """Return why opening with ``wait=False`` failed, as the exception that waiting would have raised, or None.

        .. versionadded:: 0.1
        """
        self.check_process("open", None)
        try:
            self.check_opening()
        except errors.ZooKeeperError as error:
            return error.with_traceback(None)
        return None

    cdef int current_state(self) noexcept:
        cdef int state
        cdef int refused = zkc_enter(self.c)
        if refused == ZKC_REFUSED_UNOPENED and zkc_word_get(&self.c.opened) != ZKC_OPEN_FAILED:
            return ZOO_CONNECTING_STATE
        if refused:
            return 0
        state = zoo_state(self.c.handle)
        zkc_leave(self.c)
        # Between two connections libzookeeper says 0, which here means closed.
        return state if state != 0 else ZOO_CONNECTING_STATE

    @property
    def state(self):
        """Return the state of the connection, one of the ``ZOO_…_STATE`` numbers; 0 when closed or never opened."""
        self.check_process("state", None)
        return self.current_state()

    @property
    def unrecoverable(self):
        """Return whether the session is over: expired, refused, closed or never opened."""
        self.check_process("state", None)
        cdef int refused = zkc_enter(self.c)
        if refused:
            return refused != ZKC_REFUSED_UNOPENED or zkc_word_get(&self.c.opened) == ZKC_OPEN_FAILED
        cdef int rc = is_unrecoverable(self.c.handle)
        zkc_leave(self.c)
        return rc != ZOK

    @property
    def closed(self):
        """Return whether close was called."""
        self.check_process("closed", None)
        return zkc_word_get(&self.c.closing) != ZKC_NOT_CLOSING

    # ---- closing --------------------------------------------------------------------------------------------------

    def begin_close(self):
        """Begin to close the session, without waiting. Any thread and any callback may call it, also again.

        The last event follows when closing is done; :meth:`close` waits for it, and ``close(0)`` ends it at once.

        Raises:
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        if self.c == NULL:
            return
        self.check_process("close", None)
        with nogil:
            zkc_session_close(self.c)

    def delivers_here(self):
        """Return whether this is the session's dispatcher thread, so that a callback of it is running.

        .. versionadded:: 0.1
        """
        self.check_process("delivers_here", None)
        return _runs_here(self.dispatcher)

    def close(self, timeout=10.0):
        """Close the session; requests without a reply fail with ClosingError, watches get a last event.

        Any thread and any callback may call it, also again. Callbacks that were due run before it returns,
        unless it is called by one. With manual delivery they are left for :meth:`Delivery.deliver`.

        Args:
            timeout: Longest time that closing may take, in seconds. After it the session is closed for this process,
            and the server's last replies are awaited in the background.

        Returns:
            Whether everything ended within ``timeout``.

        Raises:
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        cdef int64_t limit = _nanoseconds("timeout", timeout)
        if self.c == NULL:
            return True
        self.begin_close()
        return self.finish_close(limit)

    cdef object finish_close(self, int64_t limit):
        cdef int64_t deadline = zkc_now_ns() + limit
        cdef int64_t left = -1
        while zkc_word_get(&self.c.closing) != ZKC_CLOSED:
            if limit >= 0:
                left = deadline - zkc_now_ns()
                if left <= 0:
                    with nogil:
                        zkc_session_abandon(self.c)
                    break
            _sleep_on(&self.c.closing, ZKC_CLOSING, left)
        ended = zkc_word_get(&self.c.closing) == ZKC_CLOSED
        if self.dispatcher is None or _runs_here(self.dispatcher):
            return ended
        if _exiting and _is_greenlet(self.dispatcher):
            # No hub runs any more, and no callback is called: the tokens are released here.
            _release_items(zkc_queue_take(&self.c.queue, 0))
            return ended
        self.dispatcher.join(max(0.0, (deadline - zkc_now_ns()) / 1e9) if limit >= 0 else None)
        return ended and not self.dispatcher.is_alive()
