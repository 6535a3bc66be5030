# The only owner of a zhandle_t: opening, state, closing. The calls are in calls.pyx.

cdef object _live_sessions = weakref.WeakSet()  # what exit closes


cdef class _SessionBase:
    cdef zkc_session *c          # borrowed from the line
    cdef _Line line
    cdef object watcher
    cdef object dispatcher
    cdef readonly str hosts
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
        watches_see_session_events=False,
        open_timeout=None,
    ):
        """Open a session: resolve the names and start connecting.

        Args:
            hosts: ``host:port[,host:port…][/chroot]``; each with its port, an IPv6 address without brackets.
            session_timeout: Session timeout to ask the server for, in seconds.
            watcher: Called with ``(type, state, path)`` for each session event, on the dispatcher thread.
            client_id: ``(session id, password)`` of a session to resume; see :attr:`client_id`.
            read_only: Whether a server that is cut off from the ensemble may serve reads.
            log_client_env: Whether the library logs what it knows of this machine.
            tls: Dict with any of ``ca``, ``certificate``, ``key``, ``password``, ``verify``, ``check_hostname``,
                ``server_name``, as :class:`zkc.TLS` has them; None: plain text.
            sasl: Dict with ``mechanisms`` and optionally ``user``, ``password``, ``realm``, ``service``, ``host``.
            resolution_delay: Least time between name look-ups while connected, in seconds; None: only when
                connecting; 0: at every turn of the library's loop, as libzookeeper does by default.
            max_in_flight: Most requests without a reply; a call beyond it waits for a place.
            watches_see_session_events: Whether an armed watch is also called for session events.
            open_timeout: How long resolving the names may take, in seconds; None: as long as it takes.

        Raises:
            TypeError, ValueError: An argument is of a wrong type or value.
            OSError: A file of ``tls`` cannot be read.
            TLSError: A file of ``tls`` cannot be used.
            ConnectionLossError: No name could be resolved.
            UnimplementedError: The library was built without what ``tls`` or ``sasl`` needs.
            OperationTimeoutError: Resolving took longer than ``open_timeout``.
        """
        cdef zkc_open_args *args
        cdef _Line line
        if self.line is not None:
            raise TypeError("a Session is opened once")
        _checked_callable("watcher", watcher)
        wait = _nanoseconds("open_timeout", open_timeout)
        _int32("max_in_flight", max_in_flight)
        if not 1 <= max_in_flight <= 32768:
            # Each request writes a byte to the library's 64 KiB wake-up pipe; a stock library must not overflow it.
            raise ValueError(f"max_in_flight must be from 1 to 32768, not {max_in_flight}")
        args = _open_args(hosts, session_timeout, client_id, read_only, log_client_env, tls, sasl, resolution_delay)
        line = _Line()
        handed = [line]  # what the dispatcher takes its end from
        try:
            _start_process_services()
            line.session = weakref.ref(self)
            line.c = zkc_session_new(max_in_flight, bool(watches_see_session_events))
            if line.c == NULL:
                raise MemoryError
            self.dispatcher = threading.Thread(
                target=_dispatch, args=(handed,), name=f"zkc-dispatch-{next(_numbers)}", daemon=True
            )
            self.dispatcher.start()
            self.hosts, self.watcher = hosts, watcher
            self.line = line
            self.c = line.c
            _live_sessions.add(self)
        except BaseException:  # also what a signal handler raised, anywhere above
            zkc_open_args_free(args)
            handed.clear()  # a thread whose start was interrupted may never run, and be kept by threading for ever
            if line.c != NULL:
                with nogil:
                    zkc_session_give_up(line.c)  # the dispatcher ends, if it was started
            raise
        zkc_session_open(self.c, args)
        try:
            self.wait_open(wait, open_timeout)
        except BaseException:
            with nogil:
                zkc_session_close(self.c)
            raise

    def __del__(self):
        # A forgotten session: the closing thread of the C side does what close() would, and nobody waits for it.
        if self.c == NULL or self.c.generation != zkc_generation() or zkc_word_get(&self.c.closing) != ZKC_NOT_CLOSING:
            return
        with nogil:
            zkc_session_close(self.c)
        warnings.warn(f"a zkc session to {self.hosts} was not closed", ResourceWarning, source=self)

    def __repr__(self):
        return f"<zkc session to {self.hosts}>"

    # ---- states ---------------------------------------------------------------------------------------------------

    cdef int check_process(self, str operation, object path) except -1:
        if self.c == NULL:
            raise errors.ClosingError(operation=operation, path=path, maybe_applied=False)
        if self.c.generation != zkc_generation():
            raise errors.ForkedError(operation=operation, path=path)
        return 0

    cdef int refuse(self, int refused, str operation, object path) except -1:
        """Raise for what zkc_enter answered."""
        if refused == ZKC_REFUSED_FORKED:
            raise errors.ForkedError(operation=operation, path=path)
        raise errors.ClosingError(operation=operation, path=path, maybe_applied=False)  # it was never sent

    cdef int enter(self, str operation) except -1:
        self.check_process(operation, None)
        cdef int refused = zkc_enter(self.c)
        if refused:
            self.refuse(refused, operation, None)
        return 0

    cdef object immediate_error(self, int rc, str operation, object path):
        """Name what a zoo_ call refused at once. Inside the session."""
        cdef int state
        if rc == ZINVALIDSTATE:
            state = zoo_state(self.c.handle)
            if state == ZOO_EXPIRED_SESSION_STATE:
                rc = ZSESSIONEXPIRED
            elif state == ZOO_AUTH_FAILED_STATE:
                rc = ZAUTHFAILED
            elif state == 0:  # between two connections: add_auth takes nothing then, and the session lives on
                rc = ZCONNECTIONLOSS
        return errors.error_for(rc, operation, path, None, False)  # nothing was sent

    cdef int wait_open(self, int64_t limit, object timeout) except -1:
        cdef int64_t deadline = zkc_now_ns() + limit if limit >= 0 else 0
        cdef int64_t left = _SLICE
        while zkc_word_get(&self.c.opened) == ZKC_OPENING:
            if limit >= 0:
                left = min(deadline - zkc_now_ns(), _SLICE)
                if left <= 0:
                    raise errors.error_for(
                        ZOPERATIONTIMEOUT, "open", None, f"the names in {self.hosts!r} were not resolved in {timeout} s"
                    )
            with nogil:
                zkc_word_wait(&self.c.opened, ZKC_OPENING, left)
            PyErr_CheckSignals()
        if zkc_word_get(&self.c.opened) == ZKC_OPEN_FAILED:
            raise _tls_error(self.c, "open") or _open_error(self.hosts, self.c.open_errno)
        return 0

    cdef int current_state(self) noexcept:
        cdef int state
        if zkc_enter(self.c) != ZKC_ENTERED:
            return 0
        state = zoo_state(self.c.handle)
        zkc_leave(self.c)
        # Between two connections libzookeeper says 0, which here means closed.
        return state if state != 0 else ZOO_CONNECTING_STATE

    @property
    def state(self):
        """Return the state of the connection, one of the ``ZOO_…_STATE`` numbers; 0 when closed."""
        self.check_process("state", None)
        return self.current_state()

    @property
    def unrecoverable(self):
        """Return whether the session is over: expired, refused or closed."""
        self.check_process("state", None)
        if zkc_enter(self.c) != ZKC_ENTERED:
            return True
        cdef int rc = is_unrecoverable(self.c.handle)
        zkc_leave(self.c)
        return rc != ZOK

    @property
    def closed(self):
        """Return whether close was called."""
        self.check_process("closed", None)
        return zkc_word_get(&self.c.closing) != ZKC_NOT_CLOSING

    @property
    def client_id(self):
        """Return ``(session id, password)``; with them another process can resume the session."""
        self.enter("client_id")
        cdef clientid_t copy = zoo_client_id(self.c.handle)[0]
        zkc_leave(self.c)
        return copy.client_id, PyBytes_FromStringAndSize(copy.passwd, 16)

    @property
    def negotiated_timeout(self):
        """Return the session timeout that the server granted, in seconds."""
        self.enter("negotiated_timeout")
        cdef int milliseconds = zoo_recv_timeout(self.c.handle)
        zkc_leave(self.c)
        return milliseconds / 1000.0

    @property
    def current_server(self):
        """Return ``host:port`` of the server connected or being connected to, or None."""
        cdef char text[128]
        cdef const char *server
        self.enter("current_server")
        text[0] = 0
        with nogil:  # waits for the I/O thread when that resolves names
            server = zoo_get_current_server(self.c.handle)
            if server != NULL:
                zkc_copy_text(text, sizeof(text), server)
        zkc_leave(self.c)
        shown = _c_text(text)
        return None if not shown or shown.endswith(":0") else shown  # port 0: no attempt was made yet

    @property
    def connected_address(self):
        """Return ``(address, port)`` of the connected server, or None when there is none."""
        cdef char host[64]
        cdef int port = 0
        self.enter("connected_address")
        cdef int rc = zkc_connected_address(self.c, host, sizeof(host), &port)
        zkc_leave(self.c)
        return (_c_text(host), port) if rc == 0 else None

    @property
    def in_flight(self):
        """Return how many requests have no reply yet."""
        self.check_process("in_flight", None)
        return zkc_in_flight(self.c)

    @property
    def watch_count(self):
        """Return how many watches are armed."""
        self.check_process("watch_count", None)
        return zkc_count_watches(self.c, NULL, 0, NULL)

    # ---- settings of a live session -------------------------------------------------------------------------------

    def set_watcher(self, watcher):
        """Replace the watcher of session events.

        Args:
            watcher: Called with ``(type, state, path)`` on the dispatcher thread, or None.

        .. versionadded:: 0.1
        """
        self.watcher = _checked_callable("watcher", watcher)

    def set_servers(self, hosts):
        """Replace the list of servers; the library moves to another one when that balances their load.

        Args:
            hosts: ``host:port[,host:port…]``, without a chroot: that of the session stays.

        Raises:
            ValueError: There is a chroot in ``hosts``.
            BadArgumentsError: No name could be resolved.

        .. versionadded:: 0.1
        """
        cdef bytes encoded = _encoded("hosts", hosts)
        cdef const char *raw = PyBytes_AS_STRING(encoded)
        cdef int rc
        if not encoded.strip() or b"/" in encoded:
            raise ValueError(f"hosts must be host:port[,host:port…] without a chroot, not {hosts!r}")
        self.enter("set_servers")
        with nogil:  # resolves the names
            rc = zoo_set_servers(self.c.handle, raw)
        error = None
        if rc == ZSYSTEMERROR:
            error = errors.error_for(ZBADARGUMENTS, "set_servers", None, f"no name in {hosts!r} could be resolved")
        elif rc != ZOK:
            error = self.immediate_error(rc, "set_servers", None)
        else:
            zkc_tls_new_servers(self.c)
        zkc_leave(self.c)
        if error is not None:
            raise error
        self.hosts = hosts + self.hosts[self.hosts.index("/"):] if "/" in self.hosts else hosts

    def set_resolution_delay(self, delay):
        """Set the least time between name look-ups while connected.

        Args:
            delay: Seconds; None: look up only when connecting; 0: at every turn of the library's loop.

        .. versionadded:: 0.1
        """
        cdef int milliseconds = _delay_milliseconds(delay)
        cdef int rc
        self.enter("set_resolution_delay")
        with nogil:  # waits for the I/O thread when that resolves names
            rc = zoo_set_servers_resolution_delay(self.c.handle, milliseconds)
        zkc_leave(self.c)
        if rc != ZOK:
            raise errors.error_for(rc, "set_resolution_delay", None)

    def cycle_next_server(self):
        """Choose the next server of the list for the next connection attempt; for tests.

        .. versionadded:: 0.1
        """
        self.enter("cycle_next_server")
        with nogil:
            zoo_cycle_next_server(self.c.handle)
        zkc_leave(self.c)

    # ---- closing --------------------------------------------------------------------------------------------------

    def close(self, timeout=10.0):
        """Close the session; requests without a reply fail with ClosingError, watches get a last event.

        It may be called from any thread and any callback, and again. Callbacks that were due run before it returns,
        unless it is called by one.

        Args:
            timeout: Longest time that closing may take, in seconds. When it is over the session is closed as far as
                this process is concerned, and what the server still has to say is waited for in the background.

        Returns:
            Whether everything ended within ``timeout``.

        Raises:
            ForkedError: The session belongs to the parent process.

        .. versionadded:: 0.1
        """
        cdef int64_t limit = _nanoseconds("timeout", timeout)
        if self.c == NULL:
            return True
        self.check_process("close", None)
        with nogil:
            zkc_session_close(self.c)
        return self.finish_close(limit)

    cdef object finish_close(self, int64_t limit):
        cdef int64_t deadline = zkc_now_ns() + limit
        cdef int64_t left = _SLICE
        while zkc_word_get(&self.c.closing) != ZKC_CLOSED:
            if limit >= 0:
                left = min(deadline - zkc_now_ns(), _SLICE)
                if left <= 0:
                    with nogil:
                        zkc_session_abandon(self.c)
                    break
            with nogil:
                zkc_word_wait(&self.c.closing, ZKC_CLOSING, left)
            PyErr_CheckSignals()
        ended = zkc_word_get(&self.c.closing) == ZKC_CLOSED
        if self.dispatcher is threading.current_thread():
            return ended
        self.dispatcher.join(max(0.0, (deadline - zkc_now_ns()) / 1e9) if limit >= 0 else None)
        return ended and not self.dispatcher.is_alive()
