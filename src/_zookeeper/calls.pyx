# One function per zoo_a… call. The GIL is held through the call, which takes under a microsecond. Giving it up and
# getting it back would cost more, and far more beside a busy thread. Only waits give it up.

cdef inline watcher_fn _watcher(object watch, watcher_fn function) noexcept:
    # One C function and the session as its context for every watch: see bridge.h.
    return function if watch is not None else NULL


cdef Request _new_request(
    Session session, str operation, object path, int reply, int metric, Py_ssize_t size, Py_ssize_t around
):
    """Make the request of a call.

    It counts as ``metric``, with ``size`` bytes of what the caller gave to send. The protocol adds ``around`` bytes to
    them, the chroot and a header: that makes the size that servers compare with their jute.maxbuffer.
    """
    session.check_process(operation, path)
    cdef Request request = Request.__new__(Request)
    request.packet = _packet_size(session, operation, path, size + around)
    request.session = session
    request.operation = operation
    request.path = path
    request.reply = reply
    request.c.metric = metric
    request.c.sent_bytes = size
    return request


cdef Request _newer_request(
    Session session, str operation, object path, int reply, int metric, Py_ssize_t size, Py_ssize_t around
):
    """The same for a call that stock libzookeeper lacks."""
    if not ZKC_HAS_PERSISTENT_WATCHES:
        raise errors.error_for(
            ZUNIMPLEMENTED, operation, path,
            "this libzookeeper lacks the call: install a wheel, or build zkc without ZKC_LIBZOOKEEPER=system",
        )
    return _new_request(session, operation, path, reply, metric, size, around)


cdef class Session(_ConnectingSession):
    """The owner of one handle of libzookeeper: one session with the ensemble, and every call of zookeeper.h on it.

    Each call is sent at once and returns a :class:`Request`; the call itself raises errors known at once (a closed
    session, a bad path). ``watch`` callables get ``(type, state, path)``, once, on the session's dispatcher thread.
    That is for their event, or for the end of the session (type -1) or their removal (type -2).
    ``callback`` gets the request, on the same thread.

    .. versionadded:: 0.1
    """

    def create(self, path, data, acl, mode=0, ttl=None, callback=None):
        """Create a znode.

        Args:
            path: Path of the znode; a sequential one gets ten digits appended.
            data: Bytes, or None for a znode without data.
            acl: Sequence of ``(perms, scheme, id)``.
            mode: 0 persistent, 1 ephemeral, 2 persistent sequential, 3 ephemeral sequential, 4 container,
                5 persistent with TTL, 6 persistent sequential with TTL.
            ttl: Seconds without change or children after which a TTL znode goes.
            callback: Called with the request when it is done.

        Returns:
            A request for the path as created.

        .. versionadded:: 0.1
        """
        cdef int flags = _create_mode(mode)
        cdef int64_t ttl_ms = _ttl_milliseconds(flags, ttl)
        cdef bytes raw = _path_bytes("create", path, _is_sequential(flags))
        cdef bytes value = _data_bytes("create", path, data, self.most_data())
        cdef int length = _data_length(value)
        cdef _AclVector acls = _AclVector(acl)
        cdef Request request = _new_request(
            self, "create", path, REPLY_STRING, ZKC_KIND_CREATE, len(raw) + max(length, 0),
            _AROUND_CREATE + acls.size + (8 if ttl_ms >= 0 else 0),
        )
        request.admit(callback)
        return request.sent(zoo_acreate_ttl(
            self.c.handle, PyBytes_AS_STRING(raw), _data_pointer(value), length, &acls.vector, flags, ttl_ms,
            zkc_on_string, request.c,
        ))

    def create_with_stat(self, path, data, acl, mode=0, ttl=None, callback=None):
        """Create a znode and get its stat; the arguments are those of :meth:`create`.

        Returns:
            A request for ``(path as created, stat)``.

        .. versionadded:: 0.1
        """
        cdef int flags = _create_mode(mode)
        cdef int64_t ttl_ms = _ttl_milliseconds(flags, ttl)
        cdef bytes raw = _path_bytes("create", path, _is_sequential(flags))
        cdef bytes value = _data_bytes("create", path, data, self.most_data())
        cdef int length = _data_length(value)
        cdef _AclVector acls = _AclVector(acl)
        cdef Request request = _new_request(
            self, "create", path, REPLY_STRING_STAT, ZKC_KIND_CREATE, len(raw) + max(length, 0),
            _AROUND_CREATE + acls.size + (8 if ttl_ms >= 0 else 0),
        )
        request.admit(callback)
        return request.sent(zoo_acreate2_ttl(
            self.c.handle, PyBytes_AS_STRING(raw), _data_pointer(value), length, &acls.vector, flags, ttl_ms,
            zkc_on_string_stat, request.c,
        ))

    def delete(self, path, version=-1, callback=None):
        """Delete a znode if it has this version (-1: any).

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("delete", path)
        cdef int expected = _int32("version", version)
        cdef Request request = _new_request(self, "delete", path, REPLY_VOID, ZKC_KIND_DELETE, len(raw), 8)
        request.admit(callback)
        return request.sent(zoo_adelete(self.c.handle, PyBytes_AS_STRING(raw), expected, zkc_on_void, request.c))

    def exists(self, path, watch=None, callback=None):
        """Get the stat of a znode, or None where there is none; the watch is armed in both cases.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("exists", path)
        cdef Request request = _new_request(self, "exists", path, REPLY_EXISTS, ZKC_KIND_EXISTS, len(raw), _AROUND_READ)
        request.want_watch(ZKC_WATCH_DATA, raw, watch)
        request.c.arm_on_missing = 1
        request.admit(callback)
        return request.sent(zoo_awexists(
            self.c.handle, PyBytes_AS_STRING(raw), _watcher(watch, zkc_on_watch), self.c, zkc_on_stat, request.c
        ))

    def get(self, path, watch=None, callback=None):
        """Get the data of a znode, whole, and its stat.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("get", path)
        cdef Request request = _new_request(self, "get", path, REPLY_DATA, ZKC_KIND_GET, len(raw), _AROUND_READ)
        request.want_watch(ZKC_WATCH_DATA, raw, watch)
        request.admit(callback)
        return request.sent(zoo_awget(
            self.c.handle, PyBytes_AS_STRING(raw), _watcher(watch, zkc_on_watch), self.c, zkc_on_data, request.c
        ))

    def set(self, path, data, version=-1, callback=None):
        """Set the data of a znode if it has this version (-1: any).

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("set", path)
        cdef bytes value = _data_bytes("set", path, data, self.most_data())
        cdef int length = _data_length(value)
        cdef int expected = _int32("version", version)
        cdef Request request = _new_request(
            self, "set", path, REPLY_STAT, ZKC_KIND_SET, len(raw) + max(length, 0), _AROUND_SET
        )
        request.admit(callback)
        return request.sent(zoo_aset(
            self.c.handle, PyBytes_AS_STRING(raw), _data_pointer(value), length, expected, zkc_on_stat, request.c
        ))

    def get_children(self, path, watch=None, callback=None):
        """Get the names of a znode's children, in no order.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("get_children", path)
        cdef Request request = _new_request(
            self, "get_children", path, REPLY_STRINGS, ZKC_KIND_CHILDREN, len(raw), _AROUND_READ
        )
        request.want_watch(ZKC_WATCH_CHILD, raw, watch)
        request.admit(callback)
        return request.sent(zoo_awget_children(
            self.c.handle, PyBytes_AS_STRING(raw), _watcher(watch, zkc_on_watch), self.c, zkc_on_strings, request.c
        ))

    def get_children_with_stat(self, path, watch=None, callback=None):
        """Get the names of a znode's children, in no order, and its stat.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("get_children", path)
        cdef Request request = _new_request(
            self, "get_children", path, REPLY_STRINGS_STAT, ZKC_KIND_CHILDREN, len(raw), _AROUND_READ
        )
        request.want_watch(ZKC_WATCH_CHILD, raw, watch)
        request.admit(callback)
        return request.sent(zoo_awget_children2(
            self.c.handle, PyBytes_AS_STRING(raw), _watcher(watch, zkc_on_watch), self.c, zkc_on_strings_stat, request.c
        ))

    def get_acl(self, path, callback=None):
        """Get the ACL of a znode, as a list of ``(perms, scheme, id)``, and its stat.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("get_acl", path)
        cdef Request request = _new_request(self, "get_acl", path, REPLY_ACL, ZKC_KIND_GET_ACL, len(raw), 4)
        request.admit(callback)
        return request.sent(zoo_aget_acl(self.c.handle, PyBytes_AS_STRING(raw), zkc_on_acl, request.c))

    def set_acl(self, path, acl, version=-1, callback=None):
        """Set the ACL of a znode if its ACL has this version (:attr:`Stat.aversion`; -1: any).

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("set_acl", path)
        cdef _AclVector acls = _AclVector(acl)
        cdef int expected = _int32("version", version)
        cdef Request request = _new_request(
            self, "set_acl", path, REPLY_VOID, ZKC_KIND_SET_ACL, len(raw), 8 + acls.size
        )
        request.admit(callback)
        return request.sent(zoo_aset_acl(
            self.c.handle, PyBytes_AS_STRING(raw), expected, &acls.vector, zkc_on_void, request.c
        ))

    def sync(self, path, callback=None):
        """Make the server catch up with the leader, so that later reads see every write before this call.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("sync", path)
        cdef Request request = _new_request(self, "sync", path, REPLY_STRING, ZKC_KIND_SYNC, len(raw), 4)
        request.admit(callback)
        return request.sent(zoo_async(self.c.handle, PyBytes_AS_STRING(raw), zkc_on_string, request.c))

    def multi(self, ops, callback=None):
        """Carry out several operations, all or none.

        Args:
            ops: Tuples ``("create", path, data, acl, mode[, ttl])``, ``("create_with_stat", path, data, acl, mode[,
                ttl])``, ``("delete", path, version)``, ``("set", path, data, version)``, ``("check", path, version)``.
            callback: Called with the request when it is done.

        Returns:
            A request for a list with, per operation: the path as created, ``(path, stat)``, None, the stat, None.

        .. versionadded:: 0.1
        """
        cdef _Ops built = _Ops(ops, self.most_data(), self.chroot)
        cdef Request request = _new_request(
            self, "multi", None, REPLY_MULTI, ZKC_KIND_MULTI, built.size, built.around
        )
        built.reserve(request)
        request.admit(callback)
        # A stock libzookeeper frees a path twice when it refuses an operation of a session that is over.
        if is_unrecoverable(self.c.handle) != ZOK:
            return request.sent(ZINVALIDSTATE)
        return request.sent(zoo_amulti(
            self.c.handle, built.count, built.array, request.c.results, zkc_on_void, request.c
        ))

    def add_auth(self, scheme, credentials, callback=None):
        """Present credentials; the library presents them again on every reconnect.

        Args:
            scheme: For example ``digest``.
            credentials: Bytes, for example ``b"user:password"``.
            callback: Called with the request when it is done.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _encoded("scheme", scheme)
        if not isinstance(credentials, bytes):
            raise TypeError(f"credentials must be bytes, not {type(credentials).__name__}")
        cdef bytes value = credentials
        _check_data_size("add_auth", None, len(value), self.most_data())
        cdef int length = _data_length(value)
        cdef Request request = _new_request(
            self, "add_auth", None, REPLY_VOID, ZKC_KIND_ADD_AUTH, len(raw) + length, 12
        )
        request.admit(callback)
        return request.sent(zoo_add_auth(
            self.c.handle, PyBytes_AS_STRING(raw), PyBytes_AS_STRING(value), length, zkc_on_void, request.c
        ))

    def get_config(self, watch=None, callback=None):
        """Get the configuration of the ensemble and its stat.

        .. versionadded:: 0.1
        """
        cdef Request request = _new_request(
            self, "get_config", "/zookeeper/config", REPLY_DATA, ZKC_KIND_CONFIG, 0, _AROUND_READ
        )
        request.want_watch(ZKC_WATCH_CONFIG, b"/zookeeper/config", watch)
        request.admit(callback)
        return request.sent(zoo_awgetconfig(
            self.c.handle, _watcher(watch, zkc_on_config_watch), self.c, zkc_on_data, request.c
        ))

    def reconfig(self, joining=None, leaving=None, members=None, version=-1, callback=None):
        """Change the members of the ensemble; the server must allow it (``reconfigEnabled``).

        Args:
            joining: Servers to add, ``server.id=host:port:port[:role];[client host:]client port``, comma separated.
            leaving: Ids of the servers to remove, comma separated.
            members: All servers, instead of the two others.
            version: Version of the configuration that is to be changed; -1: any.
            callback: Called with the request when it is done.

        Returns:
            A request for the new configuration and its stat.

        .. versionadded:: 0.1
        """
        if members is not None and (joining is not None or leaving is not None):
            raise ValueError("reconfig takes either members, or joining and leaving")
        if members is None and joining is None and leaving is None:
            raise ValueError("reconfig needs joining, leaving or members")
        cdef bytes raw_joining = _encoded("joining", joining) if joining is not None else None
        cdef bytes raw_leaving = _encoded("leaving", leaving) if leaving is not None else None
        cdef bytes raw_members = _encoded("members", members) if members is not None else None
        cdef int64_t expected = _int64("version", version)
        cdef Py_ssize_t size = sum([len(each) for each in (raw_joining, raw_leaving, raw_members) if each is not None])
        cdef Request request = _new_request(
            self, "reconfig", "/zookeeper/config", REPLY_DATA, ZKC_KIND_RECONFIG, size, 20
        )
        request.admit(callback)
        return request.sent(zoo_areconfig(
            self.c.handle, _data_pointer(raw_joining), _data_pointer(raw_leaving), _data_pointer(raw_members), expected,
            zkc_on_data, request.c,
        ))

    def get_ephemerals(self, prefix="", callback=None):
        """List the ephemeral znodes of this session whose paths begin with a text; servers of 3.6 and later.

        Args:
            prefix: A text, no path: ``"/a"`` also stands for ``"/ab"``. Under a chroot it is a text below that.
            callback: Called with the request when it is done.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _encoded("prefix", prefix)
        if raw and raw[0] != b"/"[0]:
            raise ValueError(f"prefix must be empty or begin with '/', not {prefix!r}")
        cdef Request request = _newer_request(
            self, "get_ephemerals", prefix, REPLY_STRINGS, ZKC_KIND_GET_EPHEMERALS, len(raw), 4
        )
        request.admit(callback)
        return request.sent(zoo_aget_ephemerals(self.c.handle, PyBytes_AS_STRING(raw), zkc_on_strings, request.c))

    def count_descendants(self, path, callback=None):
        """Count the znodes below a znode, on all levels; servers of 3.6 and later.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("count_descendants", path)
        cdef Request request = _newer_request(
            self, "count_descendants", path, REPLY_COUNT, ZKC_KIND_COUNT_DESCENDANTS, len(raw), 4
        )
        request.admit(callback)
        return request.sent(zoo_aget_all_children_number(
            self.c.handle, PyBytes_AS_STRING(raw), zkc_on_int, request.c
        ))

    def whoami(self, callback=None):
        """List the identities of this connection at the server, as (scheme, user); servers of 3.7 and later.

        .. versionadded:: 0.1
        """
        cdef Request request = _newer_request(self, "whoami", None, REPLY_IDENTITIES, ZKC_KIND_WHOAMI, 0, 0)
        request.admit(callback)
        return request.sent(zoo_awhoami(self.c.handle, zkc_on_client_info, request.c))

    def multi_read(self, reads, callback=None):
        """Read several znodes by one request; servers of 3.6 and later.

        Each read has an outcome of its own. Between two reads of one request another client may change the tree.

        Args:
            reads: ``("get", path)`` or ``("get_children", path)`` for each read.
            callback: Called with the request when it is done.

        Returns:
            A request for a list: for each read (data, stat), a list of names, or the exception that it ended with.

        .. versionadded:: 0.1
        """
        cdef _Reads built = _Reads(reads, self.chroot)
        cdef Request request = _newer_request(
            self, "multi_read", None, REPLY_PARTS, ZKC_KIND_MULTI_READ, built.size, built.around
        )
        built.reserve(request)
        request.admit(callback)
        return request.sent(zoo_amultiread(self.c.handle, built.count, built.array, zkc_on_void, request.c))

    def add_watch(self, path, watch, recursive=False, callback=None):
        """Set a watch that events do not use up; servers of 3.6 and later.

        The watch is called with ``(type, state, path, zxid)``, the last one None where the server does not tell it
        (before 3.9). It also gets events of type ``GAP`` (-3): it may have missed events, because the connection was
        lost, or because the session's queue had more than ``max_queued_events`` events in it.

        Args:
            path: Path of the znode, which need not exist.
            watch: Callable for the events.
            recursive: Whether to watch all znodes below it too. Then there are no child events.
            callback: Called with the request when it is done.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("add_watch", path)
        if watch is None:
            raise TypeError("watch must be callable, not None")
        cdef Request request = _newer_request(self, "add_watch", path, REPLY_VOID, ZKC_KIND_ADD_WATCH, len(raw), 8)
        request.want_watch(ZKC_WATCH_RECURSIVE if recursive else ZKC_WATCH_PERSISTENT, raw, watch)
        request.admit(callback)
        return request.sent(zoo_aadd_watch(
            self.c.handle, PyBytes_AS_STRING(raw), 1 if recursive else 0, zkc_on_watch, self.c, zkc_on_void, request.c
        ))

    def remove_watches(self, path, watch, watch_type=3, callback=None):
        """Remove one watch callable from a path; it is called a last time, with type -2.

        Args:
            path: Path of the watched znode.
            watch: The callable that was given to get, exists, get_children or add_watch: the same object.
            watch_type: 1 children, 2 data, 3 all kinds, 4 persistent, 5 recursive.
            callback: Called with the request when it is done.

        Raises:
            NoWatcherError: The callable does not watch this path.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("remove_watches", path)
        cdef const char *c_path = PyBytes_AS_STRING(raw)
        cdef unsigned kinds = _watch_kinds(watch_type)
        if not callable(watch):
            raise TypeError(f"watch must be callable, not {type(watch).__name__}")
        self.enter("remove_watches")
        cdef size_t found = zkc_count_watches(self.c, c_path, kinds, <void *>watch)
        zkc_leave(self.c)
        if not found:
            raise errors.error_for(ZNOWATCHER, "remove_watches", path)
        if not zkc_has_other_watches(self.c, c_path, kinds, <void *>watch):
            return self.remove_all_watches(path, watch_type, callback)
        if watch_type == 3:
            return self.remove_watches_by_kind(path, raw, watch, callback)
        # The server knows one watch per path, kind and session: it stays for the others.
        return self.forget_watches(path, raw, kinds, <void *>watch, callback)

    cdef Request remove_watches_by_kind(self, path, bytes raw, watch, callback):
        """Remove a callable from each kind that it watches. The last request is done when all are."""
        cdef list types = []
        self.enter("remove_watches")
        for each in (1, 2, 4, 5):
            if zkc_count_watches(self.c, PyBytes_AS_STRING(raw), _watch_kinds(each), <void *>watch):
                types.append(each)
        zkc_leave(self.c)
        if not types:  # It was called in the meantime.
            raise errors.error_for(ZNOWATCHER, "remove_watches", path)
        last = types.pop()
        for each in types:
            self.remove_watches(path, watch, each)
        return self.remove_watches(path, watch, last, callback)

    cdef Request forget_watches(self, path, bytes raw, unsigned kinds, void *watch, callback):
        """Forget watches here, and not at the server. The request is a sync: it keeps the order."""
        cdef Request request = _new_request(
            self, "remove_watches", path, REPLY_VOID, ZKC_KIND_REMOVE_WATCHES, len(raw), 8
        )
        request.admit(callback)
        zkc_forget_watches(self.c, PyBytes_AS_STRING(raw), kinds, watch)
        return request.sent(zoo_async(self.c.handle, PyBytes_AS_STRING(raw), zkc_on_string, request.c))

    def watches_on(self, path, watch_type=3):
        """List the watches that are armed on a path.

        Args:
            path: Path of the watched znode.
            watch_type: 1 children, 2 data, 3 all kinds, 4 persistent, 5 recursive.

        Returns:
            The callables that were given to get, exists or get_children; one that is armed twice is there twice.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("remove_watches", path)
        cdef const char *c_path = PyBytes_AS_STRING(raw)
        cdef unsigned kinds = _watch_kinds(watch_type)
        cdef size_t most, count, i
        cdef void **tokens
        watches = []
        self.enter("remove_watches")
        try:
            # A watch armed between the count and the list is not listed, as if it was armed later.
            most = zkc_count_watches(self.c, c_path, kinds, NULL)
            tokens = <void **>calloc(most + 1, sizeof(void *))
            if tokens == NULL:
                raise MemoryError
            try:
                count = zkc_list_watches(self.c, c_path, kinds, tokens, most, _reference_token)
                for i in range(count):
                    watches.append(<object>tokens[i])
                    Py_DECREF(<object>tokens[i])  # The list has its own reference; this was that of _reference_token.
            finally:
                free(tokens)
        finally:
            zkc_leave(self.c)
        return watches

    def remove_all_watches(self, path, watch_type=3, callback=None):
        """Remove every watch of this session from a path; each is called a last time, with type -2.

        Args:
            path: Path of the watched znode.
            watch_type: 1 children, 2 data, 3 all kinds, 4 persistent, 5 recursive.
            callback: Called with the request when it is done.

        Returns:
            A request; it fails with NoWatcherError when nothing of this session watches the path.

        .. versionadded:: 0.1
        """
        cdef bytes raw = _path_bytes("remove_watches", path)
        cdef unsigned kinds = _watch_kinds(watch_type)
        if watch_type <= 2 and zkc_has_other_watches(
            self.c, PyBytes_AS_STRING(raw), ZKC_WATCHES_THAT_STAY, <void *>self
        ):  # The session is no watch: any that stays is another.
            # A server before 3.9 would remove half of a persistent watch of the path with the one-shot watches.
            return self.forget_one_shot_watches(path, raw, kinds, watch_type, callback)
        cdef Request request = _new_request(
            self, "remove_watches", path, REPLY_VOID, ZKC_KIND_REMOVE_WATCHES, len(raw), 8
        )
        request.c.removal_path = strdup(raw)
        request.c.watches_to_remove = kinds
        request.admit(callback)
        # The header asks for a pointer to the completion where the library wants, and calls, the completion itself.
        return request.sent(zoo_aremove_all_watches(
            self.c.handle, PyBytes_AS_STRING(raw), <ZooWatcherType><int>watch_type, 0, <void_completion_t *>zkc_on_void,
            request.c,
        ))

    cdef Request forget_one_shot_watches(self, path, bytes raw, unsigned kinds, int watch_type, callback):
        self.enter("remove_watches")
        found = zkc_count_watches(self.c, PyBytes_AS_STRING(raw), kinds, NULL)
        if found:
            zkc_forget_watches_of(self.c.handle, PyBytes_AS_STRING(raw), watch_type)
        zkc_leave(self.c)
        if not found:
            raise errors.error_for(ZNOWATCHER, "remove_watches", path)
        return self.forget_watches(path, raw, kinds, NULL, callback)


cdef extern from "Python.h":
    void _take_reference "Py_IncRef"(void *) noexcept nogil


cdef void _reference_token(void *token) noexcept nogil:
    """Take a reference to a watch. The caller has the GIL, and the session's lock: so it does nothing else."""
    _take_reference(token)


cdef int _create_mode(object mode) except -1:
    cdef int flags = _int32("mode", mode)
    if not 0 <= flags <= 6:
        raise ValueError(f"mode must be from 0 to 6, not {mode}")
    return flags


cdef inline bint _is_sequential(int mode) noexcept:
    return mode == 2 or mode == 3 or mode == 6


cdef int64_t _ttl_milliseconds(int mode, object ttl) except? -2:
    if mode < 5:
        if ttl is not None:
            raise ValueError("ttl goes with the modes 5 and 6 only: persistent with TTL")
        return -1
    if ttl is None:
        raise ValueError(f"mode {mode} needs a ttl")
    cdef int64_t milliseconds = _nanoseconds("ttl", ttl) // 1_000_000
    if milliseconds < 1 or ttl > 1e9:
        raise ValueError(f"ttl must be from 0.001 to 1e9 seconds, not {ttl}")
    return milliseconds
