# Calls in bulk: one loop sends a step of reads, one takes the finished requests. Between two of them no Python runs but
# the iterator of the paths, and the code that makes an error.

@cython.final
cdef class RequestWindow:
    """A window of requests that a bulk call has sent and not taken, or of substitutes for them, in their order.

    One thread at a time uses it.

    .. versionadded:: 0.1
    """

    cdef list items
    cdef Py_ssize_t head  # items before it were taken: None

    def __cinit__(self):
        self.items = []

    def __len__(self):
        return len(self.items) - self.head

    def append(self, item):
        """Append a request, or an object with its methods.

        .. versionadded:: 0.1
        """
        self.items.append(item)

    def at(self, Py_ssize_t index):
        """Return an item that is not taken yet: 0 is the oldest.

        .. versionadded:: 0.1
        """
        if not 0 <= index < len(self.items) - self.head:
            raise IndexError(index)
        return self.items[self.head + index]

    def send_reads(self, Session session not None, str operation not None, paths, check, refused):
        """Send a read without a watch for each of some paths.

        Args:
            session: Where to send.
            operation: ``"get"``, ``"exists"`` or ``"get_children"``.
            paths: Iterable of paths. Its exceptions are raised.
            check: ``check(path)`` raises the error for a path that breaks the rules.
            refused: ``refused(error)`` makes the substitute for a request that was refused at once.

        .. versionadded:: 0.1
        """
        cdef list items = self.items
        cdef int reply = _read_reply(operation)
        for path in paths:
            if type(path) is not str or not _keeps_rules(<str>path):
                check(path)
                path = PyUnicode_FromObject(path)  # of a subclass, if it comes here
            try:
                items.append(_send_read(session, operation, reply, path))
            except errors.ZooKeeperError as error:
                items.append(refused(error))

    def take(self, list results not None, Py_ssize_t most, failed):
        """Move the results of the oldest requests into a list, as far as they are done.

        Args:
            results: The list to append values to, and the returns of ``failed``.
            most: Largest number to take.
            failed: ``failed(error, request)`` is called for each that failed.

        Returns:
            The number taken.

        .. versionadded:: 0.1
        """
        cdef list items = self.items
        cdef Py_ssize_t taken = 0
        cdef Request request
        while taken < most and self.head < len(items):
            item = items[self.head]
            if type(item) is Request:
                request = <Request>item
                if not zkc_request_done(request.c):
                    break
                self.pass_one()
                if request.failed():
                    results.append(failed(request.error(request.c.rc), request))
                else:
                    results.append(request.take())
            else:
                if not item.done():
                    break
                self.pass_one()
                try:
                    value = item.result()
                except errors.ZooKeeperError as error:
                    value = failed(error.with_traceback(None), item)
                results.append(value)
            taken += 1
        if self.head > 0:
            del items[:self.head]
            self.head = 0
        return taken

    cdef inline void pass_one(self) noexcept:
        self.items[self.head] = None
        self.head += 1


cdef int _read_reply(str operation) except -1:
    if operation == "get":
        return REPLY_DATA
    if operation == "exists":
        return REPLY_EXISTS
    if operation == "get_children":
        return REPLY_STRINGS
    raise ValueError(f"operation must be 'get', 'exists' or 'get_children', not {operation!r}")


cdef Request _send_read(Session session, str operation, int reply, str path):
    """Send one read. The path keeps the rules of the servers, which are stricter than libzookeeper's."""
    cdef bytes encoded
    cdef const char *text
    cdef Py_ssize_t size
    cdef Request request
    cdef int rc
    if _is_ascii(path):
        text = PyUnicode_AsUTF8AndSize(path, &size)  # its own memory
    else:
        encoded = PyUnicode_AsUTF8String(path)
        text = PyBytes_AS_STRING(encoded)
        size = PyBytes_GET_SIZE(encoded)
    if reply == REPLY_DATA:
        request = _new_request(session, operation, path, reply, ZKC_KIND_GET, size, _AROUND_READ)
        request.admit(None)
        rc = zoo_awget(session.c.handle, text, NULL, NULL, zkc_on_data, request.c)
    elif reply == REPLY_EXISTS:
        request = _new_request(session, operation, path, reply, ZKC_KIND_EXISTS, size, _AROUND_READ)
        request.admit(None)
        rc = zoo_awexists(session.c.handle, text, NULL, NULL, zkc_on_stat, request.c)
    else:
        request = _new_request(session, operation, path, reply, ZKC_KIND_CHILDREN, size, _AROUND_READ)
        request.admit(None)
        rc = zoo_awget_children(session.c.handle, text, NULL, NULL, zkc_on_strings, request.c)
    return request.sent(rc)
