# Calls in bulk: one loop sends a step of reads, one takes the finished requests. Between two of them no Python runs but
# the iterator of the paths, and the code that makes an error.
#
# Servers since 3.6 read many znodes by one request (multiRead). The window has a part for each of its reads, so the
# items of the window stay one for each path.

cdef int _MOST_READS = 256                 # reads in one request
cdef int _PROBE_READS = 16                 # reads in the first request of a client that has not yet used one
cdef double _AIM = 256 * 1024              # bytes of a reply to aim at
cdef double _FIRST_SIZE = 4096             # bytes that a result is taken to have before some were seen
cdef double _NEW_SHARE = 1.0 / 64          # share of a new result in the average size
cdef Py_ssize_t _MOST_PATHS = 64 * 1024    # bytes of the reads in one request
cdef int _LOST_PROBES = 3                  # so many lost probes are taken for a refusal after a server has had it


cdef struct _Connection:
    int64_t client_id
    int64_t connects  # of that session until then; 0: there is no connection


cdef _Connection _connection_of(Session session) noexcept:
    cdef _Connection found
    cdef int state
    found.client_id = found.connects = 0
    if zkc_enter(session.c) == ZKC_ENTERED:
        state = zoo_state(session.c.handle)
        if state == ZOO_CONNECTED_STATE or state == ZOO_READONLY_STATE:
            found.client_id = zoo_client_id(session.c.handle).client_id
            found.connects = zkc_metric_get(&session.c.metrics.connects)
        zkc_leave(session.c)
    return found


@cython.final
cdef class ReadGroups:
    """A client's knowledge of requests that read many znodes: whether its servers have them, and the size of results.

    Servers before 3.6 refuse such a request and close the connection. So the first one on each connection is a small
    probe, and a refusal is remembered for all connections. Nothing should follow the probe until its reply: where a
    server closes a connection with unread requests, TCP may drop the refusal, too. So a probe that was lost with its
    connection is taken for refused, unless a server of this client has once answered one.

    .. versionadded:: 0.1
    """

    cdef object known      # True: on the connection below; False: for good; None: unknown
    cdef _Connection connection  # where the probe went
    cdef Request probe     # the request whose outcome tells; None: not sent yet
    cdef bint claimed      # a thread is about to send the probe
    cdef bint seen         # some server has answered one
    cdef int lost          # probes that were lost with their connection
    cdef double data, names  # average bytes of a result. Threads may overwrite each other's: it stays an average

    def __cinit__(self):
        self.known = None if ZKC_HAS_PERSISTENT_WATCHES else False
        self.data = self.names = _FIRST_SIZE

    @property
    def supported(self):
        """Whether the servers read many znodes by one request; None while that is unknown.

        .. versionadded:: 0.1
        """
        self.look()
        return self.known

    def refuse(self):
        """Note that a server has refused such a request.

        .. versionadded:: 0.1
        """
        self.known, self.probe = False, None

    def room(self, Session session not None, str operation not None):
        """Return how many reads may be sent now: few for the probe, none while it has no reply; None: any number.

        Args:
            session: Where they go.
            operation: ``"get"`` or ``"get_children"``.

        .. versionadded:: 0.1
        """
        cdef Py_ssize_t most = self.most(session, _read_reply(operation))
        if self.known is not None:
            return None
        if self.claimed or self.probe is not None:
            return 0
        return most if most > 1 else None

    cdef inline void doubt(self) noexcept:
        """Note that such a request failed as a whole. An older server may have taken the place of the other."""
        if self.known is True:
            self.known = None

    cdef int look(self) except -1:
        """Take the outcome of the probe, if it is there."""
        cdef Request probe = self.probe
        if self.known is False or probe is None or not zkc_request_done(probe.c):
            return 0
        self.probe = None
        if probe.c.rc == ZOK:
            self.known, self.seen, self.lost = True, True, 0
        elif probe.c.rc == ZUNIMPLEMENTED:
            self.known = False
        elif probe.c.rc == ZCONNECTIONLOSS:
            # Either the refusal was dropped with the connection, or the link was cut just now.
            self.lost += 1
            if self.lost >= (_LOST_PROBES if self.seen else 1):
                self.known = False
        return 0

    def of(self, Session session not None):
        """Return :attr:`supported` for the present connection of a session.

        .. versionadded:: 0.1
        """
        self.look()
        if self.known is True and not self.of_connection(session):
            self.known = None  # The server of the new connection may be an older one.
        return self.known

    cdef Py_ssize_t most(self, Session session, int reply) except -1:
        """Return how many reads the next request may have."""
        self.of(session)
        if reply == REPLY_EXISTS or self.known is False or self.claimed or self.probe is not None:
            return 1
        if self.known is None and _connection_of(session).connects == 0:
            return 1  # Its loss would show nothing of the server.
        cdef double size = self.data if reply == REPLY_DATA else self.names
        return <Py_ssize_t>max(1.0, min(_AIM / size, <double>(_MOST_READS if self.known else _PROBE_READS)))

    cdef bint of_connection(self, Session session) noexcept:
        cdef _Connection now = _connection_of(session)
        if now.client_id != self.connection.client_id or now.connects != self.connection.connects:
            return False
        return now.connects > 0

    cdef bint claim(self, Session session) noexcept:
        """Have the next request be the probe. False: another thread's is on its way, or there is no connection."""
        if self.claimed or self.probe is not None:
            return False
        self.connection = _connection_of(session)
        self.claimed = self.connection.connects > 0
        return self.claimed

    cdef inline void note(self, int reply, const zkc_request *c) noexcept:
        """Take the size of a result into the average."""
        cdef double size = 100 + (c.length if c.length > 0 else 0)
        if reply == REPLY_DATA:
            self.data += (size - self.data) * _NEW_SHARE
        elif reply == REPLY_STRINGS:
            self.names += (size - self.names) * _NEW_SHARE


@cython.final
@cython.freelist(1024)
cdef class ReadPart:
    """One read of a request that reads many znodes.

    .. versionadded:: 0.1
    """

    cdef Request request  # has the memory of the reply
    cdef zkc_request *c   # the part of the reply: borrowed from the request
    cdef int reply
    cdef bint probing     # it is part of a probe
    cdef readonly str operation
    cdef readonly object path

    def __init__(self, *args, **kwargs):
        raise TypeError("a ReadPart is made by RequestWindow")

    def done(self):
        """Return whether the reply is there.

        .. versionadded:: 0.1
        """
        return bool(zkc_request_done(self.request.c))

    def wait(self, timeout=None):
        """Wait until the reply is there, as :meth:`Request.wait`.

        .. versionadded:: 0.1
        """
        return self.request.wait_until(_nanoseconds("timeout", timeout))

    def add_done_callback(self, fn):
        """Call ``fn(request)`` when the reply is there, as :meth:`Request.add_done_callback`.

        .. versionadded:: 0.1
        """
        self.request.add_done_callback(fn)

    def result(self, timeout=None):
        """Wait for the reply and return the result of this read, as :meth:`Request.result`.

        .. versionadded:: 0.1
        """
        self.request.wait_or_raise(timeout)
        if self.failed():
            raise self.error()
        return _decode(self.reply, self.c)

    cdef inline bint failed(self) noexcept:
        return self.request.c.rc != ZOK or self.c.rc != ZOK

    cdef inline bint refused(self) noexcept:
        """Return whether a server has refused the request, as far as that can be known."""
        cdef int rc = self.request.c.rc
        return rc == ZUNIMPLEMENTED or (self.probing and rc == ZCONNECTIONLOSS)

    cdef object error(self):
        cdef int rc = self.request.c.rc
        return self.request.error_of(self.c.rc if rc == ZOK else rc, self.operation, self.path)


@cython.final
cdef class RequestWindow:
    """A window of requests that a bulk call has sent and not taken, or of substitutes for them, in their order.

    One thread at a time uses it.

    .. versionadded:: 0.1
    """

    cdef list items
    cdef Py_ssize_t head  # items before it were taken: None
    cdef ReadGroups groups  # gets the sizes of results; None: none of them were sent with it
    cdef readonly bint refused  # the oldest was refused by a server before 3.6, or lost as a probe

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

    def send_reads(
        self, Session session not None, str operation not None, paths, check, refused, ReadGroups groups=None
    ):
        """Send a read without a watch for each of some paths.

        Args:
            session: Where to send.
            operation: ``"get"``, ``"exists"`` or ``"get_children"``.
            paths: Iterable of paths. Its exceptions are raised, after what came before them was sent.
            check: ``check(path)`` raises the error for a path that breaks the rules.
            refused: ``refused(error)`` makes the substitute for a request that was refused at once.
            groups: What is known of requests that read many znodes; None: each read is a request of its own.

        .. versionadded:: 0.1
        """
        cdef int reply = _read_reply(operation)
        cdef Py_ssize_t most = 1 if groups is None else groups.most(session, reply)
        cdef Py_ssize_t size = 0, added, limit = _MOST_PATHS
        cdef list group = []
        if groups is not None:
            self.groups = groups
        if session.max_packet >= 0:
            limit = min(limit, session.max_packet - _HEADER - _MULTI_HEADER)
        try:
            for path in paths:
                if type(path) is not str or not _keeps_rules(<str>path):
                    check(path)
                    path = PyUnicode_FromObject(path)  # of a subclass, if it comes here
                if most == 1:
                    self.send_read(session, operation, reply, path, refused)
                    continue
                added = len(<str>path) * (1 if _is_ascii(path) else 3) + _MULTI_HEADER + _AROUND_READ + session.chroot
                if group and (len(group) == most or size + added > limit):
                    self.send_group(session, operation, reply, group, refused, groups)
                    group, size, most = [], 0, groups.most(session, reply)  # After a probe it is 1.
                    if most == 1:
                        self.send_read(session, operation, reply, path, refused)
                        continue
                group.append(path)
                size += added
        finally:
            if group:
                self.send_group(session, operation, reply, group, refused, groups)

    cdef int send_read(self, Session session, str operation, int reply, str path, refused) except -1:
        try:
            self.items.append(_send_read(session, operation, reply, path))
        except errors.ZooKeeperError as error:
            self.items.append(refused(error))
        return 0

    cdef int send_group(
        self, Session session, str operation, int reply, list paths, refused, ReadGroups groups
    ) except -1:
        """Send one request for some paths, or one for each where that is not possible."""
        cdef Request request
        cdef ReadPart part
        cdef Py_ssize_t i
        cdef bint probing = groups.known is None
        # Sending may wait for a slot, and give up the GIL: two threads would both send a probe.
        if len(paths) > 1 and groups.known is not False and (not probing or groups.claim(session)):
            try:
                request = _send_group(session, operation, reply, paths, probing)
            except errors.ZooKeeperError:
                pass  # Each path gets an error of its own, below.
            else:
                if probing:
                    groups.probe = request
                for i in range(len(paths)):
                    part = ReadPart.__new__(ReadPart)
                    part.request, part.c = request, zkc_request_part(request.c, i)
                    part.reply, part.probing, part.operation, part.path = reply, probing, operation, paths[i]
                    self.items.append(part)
                return 0
            finally:
                if probing:
                    groups.claimed = False
        for path in paths:
            self.send_read(session, operation, reply, path, refused)
        return 0

    def take(self, list results not None, Py_ssize_t most, failed):
        """Move the results of the oldest requests into a list, as far as they are done, and not :attr:`refused`.

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
        cdef ReadPart part
        while taken < most and self.head < len(items):
            item = items[self.head]
            if type(item) is ReadPart:
                part = <ReadPart>item
                if not zkc_request_done(part.request.c):
                    break
                if part.refused():
                    self.refused = True
                    if part.request.c.rc == ZUNIMPLEMENTED:
                        self.groups.refuse()
                    break
                self.pass_one()
                if part.failed():
                    if part.request.c.rc != ZOK:
                        self.groups.doubt()
                    results.append(failed(part.error(), part))
                else:
                    self.groups.note(part.reply, part.c)
                    results.append(_decode(part.reply, part.c))
            elif type(item) is Request:
                request = <Request>item
                if not zkc_request_done(request.c):
                    break
                self.pass_one()
                if request.failed():
                    results.append(failed(request.error(request.c.rc), request))
                else:
                    if self.groups is not None:
                        self.groups.note(request.reply, request.c)
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


cdef Request _send_group(Session session, str operation, int reply, list paths, bint probing):
    """Send one request that reads all of some paths. They keep the rules of the servers."""
    cdef int count = <int>len(paths), i
    cdef list kept = []  # what the array points into
    cdef bytes encoded
    cdef Py_ssize_t length, size = 0
    cdef Request request
    # zoo_amultiread serializes the reads before it returns, and writes into the parts of the request later.
    cdef zoo_read_op_t *reads = <zoo_read_op_t *>calloc(count, sizeof(zoo_read_op_t))
    if reads == NULL:
        raise MemoryError
    try:
        for i in range(count):
            if _is_ascii(paths[i]):
                reads[i].path = PyUnicode_AsUTF8AndSize(paths[i], &length)  # its own memory
            else:
                encoded = PyUnicode_AsUTF8String(paths[i])
                kept.append(encoded)
                reads[i].path = PyBytes_AS_STRING(encoded)
                length = PyBytes_GET_SIZE(encoded)
            size += length
        request = _new_request(
            session, operation, None, REPLY_VOID, ZKC_KIND_MULTI_READ, size,
            _MULTI_HEADER + count * (_MULTI_HEADER + _AROUND_READ + session.chroot),
        )
        if zkc_request_reserve_parts(request.c, count) < 0:
            raise MemoryError
        for i in range(count):
            reads[i].type = ZKC_READ_DATA if reply == REPLY_DATA else ZKC_READ_CHILDREN
            reads[i].data_completion = zkc_on_part_data
            reads[i].strings_completion = zkc_on_part_strings
            reads[i].data = zkc_request_part(request.c, i)
        request.c.error_each = not probing  # The reads of a lost probe are sent again.
        request.admit(None)
        return request.sent(zoo_amultiread(session.c.handle, count, reads, zkc_on_void, request.c))
    finally:
        free(reads)
