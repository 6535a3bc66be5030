# The process, as opposed to a session: the library's settings, its log lines, and the interpreter's exit.

import itertools

cdef object _numbers = itertools.count(1)
cdef object _services_lock = RLock()
cdef object _log_thread = None
cdef uint32_t _services_generation = 0
cdef bint _log_stop = False
cdef bint _initialized = False
cdef bint _exiting = False

LIBZOOKEEPER_VERSION = ZOO_VERSION.decode()


def build_info():
    """Describe the build of zkc.

    Returns:
        A dict: ``libzookeeper`` (its version), ``linkage`` (``static`` or ``system``),
        ``adaptor`` (``own``, or ``stock`` for that of libzookeeper), ``tls`` (bool), ``openssl``
        (its version, or None), ``openssl_bundled`` (bool: it is inside this build, and not the machine's), ``sasl``
        (bool), ``sasl_mechanisms`` (list of str), ``multi_create_with_stat`` (bool),
        ``persistent_watches`` (bool: also the other calls of servers since 3.6).

    .. versionadded:: 0.1
    """
    return {
        "libzookeeper": LIBZOOKEEPER_VERSION,
        "linkage": "system" if ZKC_IS_SYSTEM else "static",
        "adaptor": ZKC_ADAPTOR.decode(),
        "tls": bool(ZKC_HAS_TLS),
        "openssl": zkc_openssl_version().decode() or None,
        "openssl_bundled": bool(ZKC_BUNDLED_OPENSSL),
        "sasl": bool(ZKC_HAS_SASL),
        "sasl_mechanisms": zkc_sasl_mechanisms().decode().split(),
        "multi_create_with_stat": bool(ZKC_HAS_MULTI_CREATE2),
        "persistent_watches": bool(ZKC_HAS_PERSISTENT_WATCHES),
    }


def set_log_level(level):
    """Set which lines libzookeeper logs, in the whole process.

    The lines arrive in :mod:`logging` under ``zkc.libzookeeper``. Lines that a session repeats while it finds no server
    are logged as DEBUG after the first time, and counted once a minute.

    Args:
        level: 0 nothing, 1 errors, 2 warnings, 3 information (the default), 4 debugging.

    .. versionadded:: 0.1
    """
    cdef int number = _int32("level", level)
    if not 0 <= number <= 4:
        raise ValueError(f"level must be from 0 to 4, not {level}")
    zkc_log_set_level(number)
    # Never less than information: _log_line needs information lines to see the end of an outage.
    zoo_set_debug_level(<ZooLogLevel>(max(number, 3) if number else 0))


def set_deterministic_order(enabled):
    """Set whether new sessions of this process try the servers in the order given, instead of a random one.

    Args:
        enabled: True for the order given.

    .. versionadded:: 0.1
    """
    zoo_deterministic_conn_order(1 if enabled else 0)


def error_text(code):
    """Return libzookeeper's text for an error code.

    .. versionadded:: 0.1
    """
    return zerror(_int32("code", code)).decode()


def live_counts():
    """Count what is alive on the C side of this process; for tests that look for leaks.

    Returns:
        A dict with ``sessions``, ``handles``, ``requests``, ``watches`` and ``items``.

    .. versionadded:: 0.1
    """
    cdef zkc_counts counts
    zkc_count_alive(&counts)
    return {
        "sessions": counts.sessions,
        "handles": counts.handles,
        "requests": counts.requests,
        "watches": counts.watches,
        "items": counts.items,
    }


# ---- log lines ------------------------------------------------------------------------------------------------------

cdef object _library_log = logging.getLogger("zkc.libzookeeper")
cdef object _LINE = re.compile(
    r"[^:]*:\d\d:\d\d,\d+:\d+(?:\((0x[0-9a-f]+)\))?:ZOO_([A-Z]+)@(\w+)@(\d+): (.*)",
    re.DOTALL,
)
cdef object _log_sink = None
cdef long long _flushes_asked = 0  # how often flush_log() was called
cdef long long _flushes_done = 0   # up to which of these calls the log thread has handed over what there was
cdef object _repeats = Repeats()
cdef dict _NUMBERS = {"ERROR": 1, "WARN": 2, "INFO": 3, "DEBUG": 4}
cdef dict _LEVELS = {
    "ERROR": logging.ERROR, "WARN": logging.WARNING, "INFO": logging.INFO, "DEBUG": logging.DEBUG,
}
cdef dict _NAMES = {level: name for name, level in _LEVELS.items()}


def set_log_sink(sink):
    """Pass the library's lines to a function, in libzookeeper's own format, instead of to logging.

    The repeats of a line are ``ZOO_DEBUG`` lines, as they are DEBUG for logging; see :func:`set_log_level`.

    Args:
        sink: Called with each line, without its end, on the thread that would log it; None for logging again. Its
        exceptions are dropped.

    .. versionadded:: 0.1
    """
    global _log_sink
    _log_sink = _checked_callable("sink", sink)


def flush_log(timeout=1.0):
    """Wait until the log thread has passed on the lines that were logged so far.

    Args:
        timeout: How long to wait, in seconds.

    Returns:
        Whether it has. False after the timeout, because a handler may take long, and in a process without a session.

    .. versionadded:: 0.1
    """
    global _flushes_asked
    deadline = time.monotonic() + float(timeout)
    with _services_lock:
        _flushes_asked += 1
        asked = _flushes_asked
    # Polled: in a program patched by gevent or eventlet the pause lets the log reader run, which is a greenlet there.
    while _flushes_done < asked:
        if _log_thread is None or time.monotonic() > deadline:
            return False
        zkc_log_wake()
        time.sleep(0.001)
    return True


cdef int _log_line(str line, int most) except -1:
    sink = _log_sink
    match = _LINE.match(line)
    thread, name, function, number, message = match.groups() if match else (None, "INFO", None, 0, line)
    wanted = _NUMBERS.get(name, 3) <= most
    level = _LEVELS.get(name, logging.INFO)
    if function is not None:
        level, message = _repeats.judge(thread or "", level, function, number, message)
    if sink is not None:
        if function is not None:  # The library's format, with the new level and text.
            name = _NAMES[level]
            line = f"{line[:match.start(2)]}{name}{line[match.end(2):match.start(5)]}{message}"
        if wanted and _NUMBERS.get(name, 3) <= most:
            sink(line)
        return 0
    if wanted and _library_log.isEnabledFor(level):
        _library_log.handle(_library_log.makeRecord(
            _library_log.name, level, "zookeeper.c", int(number), message.strip(), (), None, function
        ))
    return 0


def _log_lines():
    """Pass the library's lines to logging, where handlers may take long; on the log thread."""
    global _flushes_done
    cdef zkc_log_line *lines
    cdef unsigned dropped = 0
    cdef uint32_t seen
    while not _log_stop:
        hub = _world.here(True) if _green else None
        if hub is not None:
            seen = zkc_word_get(zkc_log_word())
            lines = zkc_log_take(0, &dropped)
            if lines == NULL and not dropped and _flushes_done >= _flushes_asked:
                _sleep_as_greenlet(hub, zkc_log_word(), seen, -1)
                continue
        else:
            with nogil:
                lines = zkc_log_take(-1, &dropped)
                zkc_block_if_shutdown()
        _log_lines_taken(lines, dropped)
        asked = _flushes_asked
        if _flushes_done < asked:  # Lines logged before the flush may have come after these lines were taken.
            _log_lines_taken(zkc_log_take(0, &dropped), dropped)
            _flushes_done = asked
    _log_lines_taken(zkc_log_take(0, &dropped), dropped)


cdef int _log_lines_taken(zkc_log_line *line, unsigned dropped) except -1:
    cdef zkc_log_line *after
    while line != NULL:
        after = line.next
        text = _c_text(line.text)
        level = line.level
        free(line)
        line = after
        try:
            _log_line(text, level)
        except BaseException:
            pass  # an exception of a handler: logging reports it in its own way, and the next lines must follow
    if dropped:
        _library_log.warning("%d lines of libzookeeper's log were dropped: they came too fast for logging", dropped)
    return 0


# ---- beginning and end ----------------------------------------------------------------------------------------------

cdef int _start_process_services() except -1:
    """Start the fork handler, the exit handler and the log thread, once per process and again in a forked child."""
    global _initialized, _log_thread, _services_generation
    if _exiting:
        raise RuntimeError("no session can be opened any more: the interpreter is exiting")
    if _initialized and _services_generation == zkc_generation():
        return 0
    with _services_lock:
        if not _initialized:
            zkc_process_init()
            zkc_log_init()
            atexit.register(_at_exit)
            # Without logging configured the library's reports of a lost connection are dropped; exceptions of callbacks
            # (zkc.callback) go to stderr.
            _library_log.addHandler(logging.NullHandler())
            _initialized = True
        if _services_generation != zkc_generation():
            _log_thread = new_worker(_log_lines, (), "zkc-log")
            _log_thread.start()
            _services_generation = zkc_generation()
    return 0


cdef int _close_session(_SessionBase session) except -1:
    with nogil:
        zkc_session_close(session.c)
    return 0


cdef double _EXIT_SECONDS = 3.0


def _at_exit():
    """Close the open sessions, silently and in bounded time; afterwards no thread of ours touches the interpreter."""
    global _log_stop, _exiting, _exit_thread, _exit_greenlet
    cdef unsigned dropped = 0
    # Before `_exiting`, which has _hub_here() read them.
    _exit_thread = PyThread_get_thread_ident()
    _exit_greenlet = _world.getcurrent() if _green else None
    _exiting = True
    cdef list sessions = [session for session in _live_sessions if (<_SessionBase>session).c != NULL]
    sessions = [session for session in sessions if (<_SessionBase>session).c.generation == zkc_generation()]
    for session in sessions:
        _close_session(session)
    deadline = time.monotonic() + _EXIT_SECONDS
    for session in sessions:
        (<_SessionBase>session).finish_close(_nanoseconds("timeout", max(0.0, deadline - time.monotonic())))
        delivery = (<_SessionBase>session).delivery
        while delivery is not None and delivery.deliver():
            pass  # no callback is called any more: only the tokens are released
    _log_stop = True
    zkc_log_wake()
    if _log_thread is not None and _services_generation == zkc_generation():
        if _is_greenlet(_log_thread):
            _log_lines_taken(zkc_log_take(0, &dropped), dropped)
        else:
            _log_thread.join(1.0)
    zkc_shutdown_begin()
