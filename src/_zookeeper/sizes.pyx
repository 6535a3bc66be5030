# What a request takes on its way, and how much that may be. Servers compare the size of a packet, without the four
# bytes in front that tell it, with their jute.maxbuffer, and close the connection that brings more.

cdef Py_ssize_t _MOST_DATA = 0x7FFFFFFF - 65536  # libzookeeper and the protocol count in 32 bits

# What the protocol adds to paths and data: a length before each, a version, flags; a byte that asks for a watch.
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
