# A session's connection and TLS: settings, failures, waiting for the connection.

TLS_FAILED = ZKC_EVENT_TLS_FAILED
UNANSWERED = ZKC_EVENT_UNANSWERED

cdef tuple _TLS_PATHS = ("ca", "certificate", "key")
cdef tuple _TLS_TEXTS = ("password", "server_name")
cdef tuple _TLS_SWITCHES = ("verify", "check_hostname")


cdef int _set_tls(zkc_open_args *args, object tls) except -1:
    """Check the settings and put them into C memory; their meaning is in zkc/credentials.py."""
    if not isinstance(tls, dict):
        raise TypeError(f"tls must be a dict, not {type(tls).__name__}")
    unknown = tls.keys() - {*_TLS_PATHS, *_TLS_TEXTS, *_TLS_SWITCHES}
    if unknown:
        raise ValueError(f"tls has no setting named {', '.join(sorted(map(str, unknown)))}")
    texts = {}
    for name in _TLS_PATHS + _TLS_TEXTS:
        if tls.get(name) is not None:
            texts[name] = _tls_text(name, tls[name])
    for name in _TLS_SWITCHES:
        if not isinstance(tls.get(name, True), bool):
            raise TypeError(f"{name} of tls must be bool, not {type(tls[name]).__name__}")
    if "certificate" not in texts and ("key" in texts or "password" in texts):
        raise ValueError("tls has a key or a password, but no certificate")
    if not ZKC_HAS_TLS:
        raise _not_built("TLS")
    for name in _TLS_PATHS:
        if name in texts and not (name == "ca" and os.path.isdir(texts[name])):
            with open(tls[name], "rb"):  # for an OSError that names the file
                pass
    if ZKC_BUNDLED_OPENSSL and "ca" not in texts and tls.get("verify", True):
        found = _system_ca.system_authorities()
        if found is not None:
            texts["ca"] = os.fsencode(found)
    args.tls = zkc_tls_options_new()
    if args.tls == NULL:
        raise MemoryError
    args.tls.ca = _copied(texts.get("ca"))
    args.tls.certificate = _copied(texts.get("certificate"))
    args.tls.key = _copied(texts.get("key"))
    args.tls.password = _copied(texts.get("password"))
    args.tls.server_name = _copied(texts.get("server_name"))
    args.tls.verify = tls.get("verify", True)
    args.tls.check_hostname = tls.get("check_hostname", True)
    return 0


cdef bytes _tls_text(str name, object value):
    if not isinstance(value, str):
        raise TypeError(f"{name} of tls must be str, not {type(value).__name__}")
    cdef bytes raw = os.fsencode(value) if name in _TLS_PATHS else value.encode("utf-8", "surrogateescape")
    if b"\0" in raw:  # the value may be a password: no message shows it
        raise ValueError(f"{name} of tls must not contain a NUL")
    if not raw and name != "password":
        raise ValueError(f"{name} of tls must not be empty")
    return raw


cdef char *_copied(bytes raw) except? NULL:
    """Copy text, or None as NULL; freed with the arguments of the session."""
    if raw is None:
        return NULL
    cdef char *copy = strdup(PyBytes_AS_STRING(raw))
    if copy == NULL:
        raise MemoryError
    return copy


cdef object _tls_error(zkc_session *session, str operation):
    """Make the error for the last failure of TLS, None when there was none since the session was established."""
    cdef zkc_tls_state state
    zkc_tls_copy(session, &state)
    return None if state.reason == NULL else errors.tls_error(_c_text(state.reason), _c_text(state.text), operation)


cdef class _ConnectingSession(_SessionSettings):
    @property
    def tls_error(self):
        """Return why the last attempt to connect failed in TLS, as an error; None when connected."""
        self.check_process("tls_error", None)
        return _tls_error(self.c, "connect")

    @property
    def tls_futile(self):
        """Return whether every server of the list was refused for its certificate, or refused ours, in a row."""
        cdef zkc_tls_state state
        self.check_process("tls_futile", None)
        zkc_tls_copy(self.c, &state)
        return bool(state.all_refused)

    @property
    def unanswered(self):
        """Return how many connections in a row servers closed before they answered, and the last zxid seen then.

        Known with our own adaptor only; else the first is 0.
        """
        cdef int count = 0
        cdef int64_t zxid = 0
        self.check_process("unanswered", None)
        zkc_unanswered(self.c, &count, &zxid)
        return count, zxid

    cdef object no_connection(self, object timeout):
        """Make the error for a wait that took too long."""
        cdef zkc_tls_state tls
        zkc_tls_copy(self.c, &tls)
        why = "check that the addresses are right and that a server is running and reachable there"
        if tls.reason != NULL:
            why = f"the last attempt failed in TLS: {_c_text(tls.text)}"
        message = f"no server of {self.hosts!r} accepted the session in {timeout} s: {why}"
        error = errors.error_for(ZOPERATIONTIMEOUT, "connect", None, message)
        error.__cause__ = _tls_error(self.c, "connect")
        return error

    def wait_connected(self, timeout=None):
        """Wait until a server has accepted the session.

        Args:
            timeout: How long to wait, in seconds; None: without a limit.

        Raises:
            OperationTimeoutError: No server accepted it in ``timeout`` seconds; connecting goes on.
            CertificateError: Every server of the list was refused for its certificate, or refused ours: to wait is
                futile until a certificate is replaced. Connecting goes on.
            SessionExpiredError: The session to resume is gone.
            AuthFailedError: The server refused the credentials.
            ConnectionLossError: No name could be resolved.
            ClosingError: The session was closed during the wait.

        .. versionadded:: 0.1
        """
        cdef int64_t limit = _nanoseconds("timeout", timeout)
        cdef int64_t deadline = zkc_now_ns() + limit if limit >= 0 else 0
        cdef int64_t left = -1
        cdef uint32_t seen
        cdef int state
        while True:
            self.check_process("connect", None)
            self.check_opening()
            seen = zkc_word_get(&self.c.events)
            state = self.current_state()
            if state == ZOO_CONNECTED_STATE or state == ZOO_READONLY_STATE:
                return
            if state == ZOO_EXPIRED_SESSION_STATE:
                raise errors.error_for(ZSESSIONEXPIRED, "connect", None)
            if state == ZOO_AUTH_FAILED_STATE:
                raise errors.error_for(ZAUTHFAILED, "connect", None)
            if state == 0:
                self.refuse(ZKC_REFUSED_CLOSED, "connect", None)
            if self.tls_futile:
                raise _tls_error(self.c, "connect") or self.no_connection(timeout)
            if limit >= 0:
                left = deadline - zkc_now_ns()
                if left <= 0:
                    raise self.no_connection(timeout)
            _sleep_on(&self.c.events, seen, left)
