# The properties and settings of an open session.

cdef class _SessionSettings(_SessionBase):
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
    def last_answered(self):
        """Return when the last answered ping or handshake was sent, in seconds by CLOCK_BOOTTIME; 0.0 if not known.

        The servers keep the session for its negotiated timeout from then on, at least.
        """
        self.enter("last_answered")
        cdef int64_t nanoseconds = zkc_last_answered(self.c.handle)
        zkc_leave(self.c)
        return nanoseconds / 1e9

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

    def metrics(self):
        """Return the session's counters since it was opened; also after it was closed.

        Returns:
            A dict. ``requests``: how many were sent, by kind. ``errors``: how many ended with which code. ``latency``:
            from sending to the end of a request, however it ended: ``bounds`` (upper ones, in seconds), ``counts`` (one
            more: the rest), ``sum`` (seconds). ``in_flight``: requests without a reply. ``watch_events``: watches that
            an event fired. ``connects``: how often a server accepted the session. ``bytes_sent``: of paths, data and
            credentials. ``bytes_received``: of the replies' data, names and paths. ``gil``: ``kept`` (replies that came
            while a call kept the GIL), ``given_up`` (calls that kept it and got no reply in that time), ``seconds``
            (how long in all); see
            :func:`set_gil_hold`.

        .. versionadded:: 0.1
        """
        self.check_process("metrics", None)
        return _metrics(self.c)

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
        """Set the shortest time between name look-ups while connected.

        Args:
            delay: Seconds; None: look up only when connecting; 0: at every iteration of the library's loop.

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
