# The native part of the drop-ins for old packages: their callbacks get a handle's number and plain values, and their
# exceptions are printed. The rest of the drop-ins is in zkc/legacy/.

cdef object _sys = sys
cdef bint _legacy_bytes = False
cdef int _TLS_ERROR = errors.SSLConnectionError.code


def set_legacy_bytes(flag):
    """Set whether the legacy forms of replies have data as bytes, and not as str.

    .. versionadded:: 0.1
    """
    global _legacy_bytes
    _legacy_bytes = bool(flag)


cdef int _call_printed(object function, tuple arguments) except -1:
    """Call a callback as the interpreter calls its own hooks: print its exception, and go on."""
    try:
        function(*arguments)
    except BaseException as error:
        try:
            _sys.excepthook(type(error), error, error.__traceback__)
        except BaseException:
            pass  # there is no stderr, or the program's own hook fails: there is nowhere left to report it
    return 0


@cython.final
@cython.freelist(64)
cdef class LegacyWatch:
    """A watch that calls ``function(handle, type, state, path)``, and is shown session events until it is consumed.

    .. versionadded:: 0.1
    """

    cdef object handle
    cdef object function

    def __init__(self, handle, function not None):
        self.handle = handle
        self.function = _checked_callable("watcher", function)

    def __call__(self, int event, int state, path):
        if event == ZOO_SESSION_EVENT:
            if state == 0:
                return  # its owner has closed the session: the old packages called no watcher for that
            path = ""  # the event is not about the znode
        _call_printed(self.function, (self.handle, event, state, path))


@cython.final
@cython.freelist(64)
cdef class LegacyCompletion:
    """A callback of a request that calls ``function(handle, code, *values)``: the values depend on the call.

    .. versionadded:: 0.1
    """

    cdef object handle
    cdef object function

    def __init__(self, handle, function not None):
        self.handle = handle
        self.function = _checked_callable("cb", function)

    def __call__(self, Request request not None):
        cdef int rc = _legacy_code(request.c.rc)
        _call_printed(self.function, (self.handle, rc) + _legacy_values(request.reply, rc, request.c))


def legacy_result(Request request not None):
    """Wait for the reply to a request and return it as :class:`LegacyCompletion` has it.

    Returns:
        The values, as a tuple.

    Raises:
        ZooKeeperError: The call failed.

    .. versionadded:: 0.1
    """
    try:
        request.wait_or_raise(None)
    except BaseException:  # a signal handler's: the call has failed, so its watcher is not called
        _revoke(request)
        raise
    if request.c.rc != ZOK:
        raise request.error(request.c.rc)
    return _legacy_values(request.reply, ZOK, request.c)


def call_printed(function, *arguments):
    """Call a function, and print its exception with the traceback.

    .. versionadded:: 0.1
    """
    _call_printed(function, arguments)


cdef int _legacy_code(int rc) noexcept:
    """Name the library's own codes for a broken connection as :meth:`Request.error` does."""
    if rc == ZOPERATIONTIMEOUT or rc == ZRUNTIMEINCONSISTENCY or rc == _TLS_ERROR:
        return ZCONNECTIONLOSS
    return rc


cdef tuple _legacy_values(int reply, int rc, const zkc_request *c):
    if reply == REPLY_VOID:
        return ()
    if reply == REPLY_DATA:
        return (_legacy_data(c), _stat_dict(&c.stat)) if rc == ZOK else (None, None)
    if reply == REPLY_STAT or reply == REPLY_EXISTS:
        return (_stat_dict(&c.stat),) if rc == ZOK else (None,)
    if reply == REPLY_ACL:
        return (_acl_dicts(c), _stat_dict(&c.stat)) if rc == ZOK else (None, None)
    if rc != ZOK:
        return (None,)
    if reply == REPLY_STRINGS:
        return (_strings(c),)
    return (_text(c.bytes, c.length if c.length > 0 else 0),)


cdef object _legacy_data(const zkc_request *c):
    cdef Py_ssize_t length = c.length if c.length > 0 else 0  # a znode without data has none, and no None
    if _legacy_bytes:
        return PyBytes_FromStringAndSize(c.bytes, length) if length else b""
    return _text(c.bytes, length) if length else ""


cdef dict _stat_dict(const Stat_c *stat):
    return {
        "czxid": stat.czxid,
        "mzxid": stat.mzxid,
        "ctime": stat.ctime,
        "mtime": stat.mtime,
        "version": stat.version,
        "cversion": stat.cversion,
        "aversion": stat.aversion,
        "ephemeralOwner": stat.ephemeralOwner,
        "dataLength": stat.dataLength,
        "numChildren": stat.numChildren,
        "pzxid": stat.pzxid,
    }


cdef list _acl_dicts(const zkc_request *c):
    return [{"perms": perms, "scheme": scheme, "id": ident} for perms, scheme, ident in _acls(c)]
