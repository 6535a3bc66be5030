# C structs to Python values and back. The calling thread converts, with the GIL. The request owns the C side, which is
# only read.

cdef enum Reply:
    REPLY_VOID
    REPLY_STAT
    REPLY_EXISTS  # a stat, or None where there is no znode
    REPLY_DATA
    REPLY_STRING
    REPLY_STRING_STAT
    REPLY_STRINGS
    REPLY_STRINGS_STAT
    REPLY_ACL
    REPLY_MULTI
    REPLY_COUNT
    REPLY_IDENTITIES
    REPLY_PARTS


cdef inline str _text(const char *text, Py_ssize_t length):
    # A name that is not UTF-8 must not make a whole listing unreadable; it survives the way back through _path_bytes.
    return PyUnicode_DecodeUTF8(text, length, "surrogateescape")


cdef str _c_text(const char *text):
    return _text(text, strlen(text)) if text != NULL else ""


cdef list _strings(const zkc_request *c):
    cdef const char *cursor = c.bytes
    cdef const char *text
    cdef int32_t length
    cdef list strings = []
    for _ in range(c.count):
        text = zkc_unpack(&cursor, &length)
        strings.append(_text(text, length if length > 0 else 0))
    return strings


cdef list _acls(const zkc_request *c):
    cdef const char *cursor = c.bytes
    cdef const char *scheme
    cdef const char *ident
    cdef int32_t perms, scheme_length, id_length
    cdef list acls = []
    for _ in range(c.count):
        memcpy(&perms, cursor, sizeof(perms))
        cursor += sizeof(perms)
        scheme = zkc_unpack(&cursor, &scheme_length)
        ident = zkc_unpack(&cursor, &id_length)
        acls.append((
            perms,
            _text(scheme, scheme_length if scheme_length > 0 else 0),
            _text(ident, id_length if id_length > 0 else 0),
        ))
    return acls


cdef list _identities(const zkc_request *c):
    cdef const char *cursor = c.bytes
    cdef const char *scheme
    cdef const char *user
    cdef int32_t scheme_length, user_length
    cdef list identities = []
    for _ in range(c.count):
        scheme = zkc_unpack(&cursor, &scheme_length)
        user = zkc_unpack(&cursor, &user_length)
        identities.append((
            _text(scheme, scheme_length if scheme_length > 0 else 0),
            _text(user, user_length if user_length > 0 else 0),
        ))
    return identities


cdef object _decode(int reply, const zkc_request *c):
    """Convert a successful reply."""
    if reply == REPLY_DATA:
        data = PyBytes_FromStringAndSize(c.bytes, c.length) if c.length >= 0 else None
        return data, _make_stat(&c.stat)
    if reply == REPLY_STAT or reply == REPLY_EXISTS:
        return _make_stat(&c.stat)
    if reply == REPLY_STRINGS:
        return _strings(c)
    if reply == REPLY_STRINGS_STAT:
        return _strings(c), _make_stat(&c.stat)
    if reply == REPLY_STRING:
        return _text(c.bytes, c.length if c.length > 0 else 0)
    if reply == REPLY_STRING_STAT:
        return _text(c.bytes, c.length if c.length > 0 else 0), _make_stat(&c.stat)
    if reply == REPLY_ACL:
        return _acls(c), _make_stat(&c.stat)
    if reply == REPLY_COUNT:
        return c.count
    if reply == REPLY_IDENTITIES:
        return _identities(c)
    return None


# ---- Python values to C. The caller keeps the returned objects alive until the call has returned. -----------------

cdef bytes _encoded(str name, object value):
    """Encode text for C: UTF-8 without NUL."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    cdef bytes encoded = (<str>value).encode("utf-8", "surrogateescape")
    if b"\0" in encoded:
        raise ValueError(f"{name} must not contain a NUL character: {value!r}")
    return encoded


cdef bytes _path_bytes(str operation, object path, bint sequential=False):
    """Encode a path, refusing what libzookeeper would refuse, before anything is sent."""
    cdef bytes encoded = _encoded("path", path)
    if not zkc_valid_path(PyBytes_AS_STRING(encoded), sequential):
        raise errors.error_for(
            ZBADARGUMENTS, operation, path,
            f"{path!r} is not a path of a znode: it must start with '/', and no component may be empty, '.' or '..'"
            " or contain control characters",
        )
    return encoded


cdef bytes _data_bytes(str operation, object path, object data, Py_ssize_t most):
    """Return the data as bytes; None stays None (a znode without data).

    What would be copied is refused before that if it has more than ``most`` bytes.
    """
    if data is None:
        return None
    if type(data) is bytes:
        _check_data_size(operation, path, PyBytes_GET_SIZE(data), _MOST_DATA)
        return data
    if isinstance(data, str):
        raise TypeError("data must be bytes, not str: encode it first, for example data.encode()")
    if isinstance(data, (bytes, bytearray, memoryview)):
        _check_data_size(operation, path, memoryview(data).nbytes, most)
        return bytes(data)
    raise TypeError(f"data must be bytes, bytearray, memoryview or None, not {type(data).__name__}")


cdef inline const char *_data_pointer(bytes data):
    return PyBytes_AS_STRING(data) if data is not None else NULL


cdef int _data_length(bytes data) except? -2:
    if data is None:
        return -1
    return <int>PyBytes_GET_SIZE(data)


cdef int _int32(str name, object value) except? -2:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    if not -0x80000000 <= value <= 0x7FFFFFFF:
        raise ValueError(f"{name} must fit in 32 bits, not be {value}")
    return value


cdef int64_t _int64(str name, object value) except? -2:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{name} must fit in 64 bits, not be {value}")
    return value


cdef int64_t _nanoseconds(str name, object seconds) except? -2:
    """Convert a duration; None is -1: no limit."""
    if seconds is None:
        return -1
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, not {type(seconds).__name__}")
    if not seconds >= 0:
        raise ValueError(f"{name} must be 0 or more seconds, not {seconds}")
    return <int64_t>(min(seconds, 1e9) * 1e9)


cdef unsigned _watch_kinds(object watch_type) except 0:
    cdef int number = _int32("watch_type", watch_type)
    if number == 1:
        return 1 << ZKC_WATCH_CHILD
    if number == 2:
        return 1 << ZKC_WATCH_DATA
    if number == 3:
        return 1 << ZKC_WATCH_CHILD | 1 << ZKC_WATCH_DATA | ZKC_WATCHES_THAT_STAY
    if number == 4:
        return 1 << ZKC_WATCH_PERSISTENT
    if number == 5:
        return 1 << ZKC_WATCH_RECURSIVE
    raise ValueError(
        "watch_type must be 1 (children), 2 (data), 3 (all), 4 (persistent) or 5 (recursive),"
        f" not {watch_type}"
    )


cdef object _checked_callable(str name, object value):
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be callable or None, not {type(value).__name__}")
    return value


cdef class _AclVector:
    """An ACL as C wants it; owns the array, and the Python bytes that the array points into."""

    cdef ACL_vector vector
    cdef list kept
    cdef Py_ssize_t size  # bytes that it takes in a request

    def __cinit__(self, object acl):
        if isinstance(acl, (str, bytes)) or not hasattr(acl, "__iter__"):
            raise TypeError(f"acl must be a sequence of (perms, scheme, id), not {type(acl).__name__}")
        self.kept = []
        for entry in acl:
            if not isinstance(entry, tuple) or len(entry) != 3:
                raise TypeError(f"an ACL entry must be a tuple (perms, scheme, id), not {entry!r}")
            perms = _int32("perms of an ACL entry", int(entry[0]) if isinstance(entry[0], int) else entry[0])
            scheme = _encoded("scheme of an ACL entry", entry[1])
            self.kept.append((perms, scheme, _encoded("id of an ACL entry", entry[2])))
        if not self.kept:
            raise ValueError("acl must have at least one entry: a znode without one could never be used")
        self.size = 4 + sum([12 + len(kept[1]) + len(kept[2]) for kept in self.kept])
        self.vector.count = len(self.kept)
        self.vector.data = <ACL_c *>calloc(self.vector.count, sizeof(ACL_c))
        if self.vector.data == NULL:
            raise MemoryError
        for i, (perms, scheme, ident) in enumerate(self.kept):
            self.vector.data[i].perms = perms
            self.vector.data[i].id.scheme = PyBytes_AS_STRING(scheme)
            self.vector.data[i].id.id = PyBytes_AS_STRING(ident)

    def __dealloc__(self):
        free(self.vector.data)
