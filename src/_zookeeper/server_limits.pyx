# The limits of servers: their rule for paths, checked before a path is encoded, and the size of a request. Servers
# compare the size of a packet with their jute.maxbuffer, without the four bytes in front that hold it. They close a
# connection that exceeds it.

cdef extern from "_zookeeper/limited_api.h":
    bint _is_ascii "PyUnicode_IS_ASCII"(object)


def is_path(path):
    """Return whether something is a str that the servers take for a path.

    They see it as UTF-16. They refuse control characters, surrogates (so also characters beyond U+FFFF), the private
    use area and the last sixteen code points. No name may be empty, ``.`` or ``..``.

    .. versionadded:: 0.1
    """
    return isinstance(path, str) and _keeps_rules(<str>path)


cdef bint _keeps_rules(str path):
    cdef Py_ssize_t length = -1  # of the name so far; -1: before the first slash
    cdef Py_ssize_t dots = 0     # how many of its characters are dots
    cdef Py_UCS4 character
    for character in path:
        if character == u"/":
            if length == 0 or (0 < dots == length <= 2):
                return False
            length = dots = 0
        elif (
            length < 0 or character < 0x20 or 0x7F <= character <= 0x9F or 0xD800 <= character <= 0xF8FF
            or character >= 0xFFF0
        ):
            return False
        else:
            length += 1
            dots += character == u"."
    return (length > 0 and not dots == length <= 2) or len(path) == 1 and length == 0


cdef Py_ssize_t _MOST_DATA = 0x7FFFFFFF - 65536  # libzookeeper and the protocol count in 32 bits

# Bytes that the protocol adds to paths and data: a length before each, a version, flags; a byte that asks for a watch.
cdef Py_ssize_t _HEADER = 8
cdef Py_ssize_t _AROUND_READ = 5
cdef Py_ssize_t _AROUND_SET = 12
cdef Py_ssize_t _AROUND_CREATE = 12  # and the ACL, and a TTL
cdef Py_ssize_t _MULTI_HEADER = 9    # before each operation, and after the last


cdef Py_ssize_t _chroot_size(str hosts):
    """Return how many bytes the chroot of a connection string has."""
    chroot = hosts.partition("/")[2]
    return len(chroot.encode("utf-8", "surrogateescape")) + 1 if chroot else 0


cdef int _check_data_size(str operation, object path, Py_ssize_t size, Py_ssize_t most) except -1:
    """Refuse data, before they are copied, that cannot be sent or may not."""
    if size > _MOST_DATA:
        name = operation if path is None else f"{operation} {path!r}"
        raise ValueError(f"{name}: {size:,} bytes of data are more than a request can carry (2 GiB)")
    if size > most:
        raise ValueError(errors.too_large(operation, path, size, most))
    return 0


cdef Py_ssize_t _packet_size(Session session, str operation, object path, Py_ssize_t size) except -1:
    """Return the size of a request whose fields take ``size`` bytes; ValueError if that is too much."""
    size += _HEADER
    if session.chroot > 0 and path is not None:
        size += session.chroot - (1 if path == "/" else 0)
    if session.max_packet >= 0 and size > session.max_packet:
        raise ValueError(errors.too_large(operation, path, size, session.max_packet))
    if size > 0x7FFFFFFF:
        raise ValueError(f"a request of {size} bytes is more than the protocol can carry (2 GiB)")
    return size
