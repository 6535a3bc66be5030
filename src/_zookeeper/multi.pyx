# The operations of a transaction as C structs. zoo_amulti serializes them before it returns, so they live for the call
# only. It writes results into the request's memory, which lives as long as the library may write there.

cdef class _Ops:
    cdef zoo_op_t *array
    cdef int count
    cdef Py_ssize_t size    # bytes of paths and data
    cdef Py_ssize_t around  # bytes that the protocol adds to them, apart from the header of the request
    cdef list kept    # objects that the array points into
    cdef list parsed  # (operation, path, encoded path, data, acl, mode or version, ttl)

    def __cinit__(self, ops, Py_ssize_t most, Py_ssize_t chroot):
        """Check the operations, whose data may have ``most`` bytes together."""
        self.kept = []
        self.parsed = []
        self.around = _MULTI_HEADER
        listed = list(ops)
        _check_data_size("multi", None, _ops_data(listed), most)
        for index, op in enumerate(listed):
            parsed = _parse_op(index, op)
            self.parsed.append(parsed)
            self.size += len(parsed[2]) + (len(parsed[3]) if parsed[3] is not None else 0)
            self.around += _MULTI_HEADER + _op_around(parsed) + chroot - (1 if chroot and parsed[1] == "/" else 0)
        if not self.parsed:
            raise ValueError("multi needs at least one operation")
        self.count = len(self.parsed)
        self.array = <zoo_op_t *>calloc(self.count, zkc_sizeof_op())
        if self.array == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.array)

    cdef int reserve(self, Request request) except -1:
        """Make room for the results in the request, and point the operations there."""
        cdef bytes path, data
        cdef _AclVector acl
        cdef zkc_request *c = request.c
        cdef int length, i
        if zkc_request_reserve_results(c, self.count) < 0:
            raise MemoryError
        request.ops = [(parsed[0], parsed[1]) for parsed in self.parsed]
        for i, (operation, _, path, data, acl, number, ttl) in enumerate(self.parsed):
            if operation == "create" or operation == "create_with_stat":
                # The name comes back without the chroot, and with up to eleven digits of a sequence.
                length = <int>PyBytes_GET_SIZE(path) + 32
                c.result_paths[i] = <char *>calloc(length, 1)
                if c.result_paths[i] == NULL:
                    raise MemoryError
                self.kept.append(acl)
                if operation == "create":
                    zoo_create_op_init(
                        zkc_op_at(self.array, i), PyBytes_AS_STRING(path), _data_pointer(data), _data_length(data),
                        &acl.vector, number, c.result_paths[i], length,
                    )
                else:
                    zkc_create2_op_init(
                        zkc_op_at(self.array, i), PyBytes_AS_STRING(path), _data_pointer(data), _data_length(data),
                        &acl.vector, number, c.result_paths[i], length, &c.result_stats[i],
                    )
                if ttl >= 0:
                    zkc_op_set_ttl(zkc_op_at(self.array, i), ttl)
            elif operation == "delete":
                zoo_delete_op_init(zkc_op_at(self.array, i), PyBytes_AS_STRING(path), number)
            elif operation == "set":
                zoo_set_op_init(
                    zkc_op_at(self.array, i), PyBytes_AS_STRING(path), _data_pointer(data), _data_length(data), number,
                    &c.result_stats[i],
                )
            else:
                zoo_check_op_init(zkc_op_at(self.array, i), PyBytes_AS_STRING(path), number)
        return 0


cdef dict _OP_LENGTHS = {"create": (5, 6), "create_with_stat": (5, 6), "delete": (3, 3), "set": (4, 4), "check": (3, 3)}


cdef Py_ssize_t _ops_data(list ops):
    """Return how many bytes the data of operations have, before any of them is checked or copied."""
    cdef Py_ssize_t size = 0
    for op in ops:
        if isinstance(op, tuple) and len(op) > 2 and isinstance(op[2], (bytes, bytearray, memoryview)):
            size += len(op[2]) if type(op[2]) is bytes else memoryview(op[2]).nbytes
    return size


cdef Py_ssize_t _op_around(tuple parsed):
    """Return how many bytes the protocol adds to path and data of an operation."""
    if parsed[4] is not None:
        return _AROUND_CREATE + (<_AclVector>parsed[4]).size + (8 if parsed[6] >= 0 else 0)
    return _AROUND_SET if parsed[0] == "set" else 8


cdef tuple _parse_op(index, op):
    """Check one operation; (operation, path, encoded path, data, acl, mode or version, ttl in milliseconds)."""
    if not isinstance(op, tuple) or not op or op[0] not in _OP_LENGTHS:
        names = ", ".join(_OP_LENGTHS)
        raise TypeError(f"operation {index} must be a tuple that starts with one of {names}, not {op!r}")
    operation = op[0]
    least, most = _OP_LENGTHS[operation]
    if not least <= len(op) <= most:
        raise TypeError(f"operation {index}, {operation}, must have {least} fields, not {len(op)}")
    if operation == "create" or operation == "create_with_stat":
        mode = _create_mode(op[4])
        if not ZKC_HAS_MULTI_CREATE2 and (mode >= 4 or operation == "create_with_stat"):
            raise errors.error_for(
                ZUNIMPLEMENTED, "multi", op[1],
                "this libzookeeper creates plain znodes in transactions only: no containers, no TTL, no stat",
            )
        ttl = _ttl_milliseconds(mode, op[5] if len(op) == 6 else None)
        data = _data_bytes(operation, op[1], op[2], _MOST_DATA)
        return operation, op[1], _path_bytes("multi", op[1], _is_sequential(mode)), data, _AclVector(op[3]), mode, ttl
    data = _data_bytes(operation, op[1], op[2], _MOST_DATA) if operation == "set" else None
    version = _int32(f"version of operation {index}", op[len(op) - 1])
    return operation, op[1], _path_bytes("multi", op[1]), data, None, version, -1


# ---- reads: a request that reads many znodes -----------------------------------------------------------------------

cdef class _Reads:
    cdef zoo_read_op_t *array
    cdef int count
    cdef Py_ssize_t size    # bytes of paths
    cdef Py_ssize_t around  # bytes that the protocol adds to them, apart from the header of the request
    cdef list parsed        # (operation, path, encoded path)

    def __cinit__(self, reads, Py_ssize_t chroot):
        self.parsed = []
        self.around = _MULTI_HEADER
        for index, read in enumerate(reads):
            if not isinstance(read, tuple) or len(read) != 2 or read[0] not in ("get", "get_children"):
                raise TypeError(f"read {index} must be ('get', path) or ('get_children', path), not {read!r}")
            raw = _path_bytes("multi_read", read[1])
            self.parsed.append((read[0], read[1], raw))
            self.size += len(raw)
            self.around += _MULTI_HEADER + _AROUND_READ + chroot - (1 if chroot and read[1] == "/" else 0)
        if not self.parsed:
            raise ValueError("multi_read needs at least one read")
        self.count = len(self.parsed)
        self.array = <zoo_read_op_t *>calloc(self.count, sizeof(zoo_read_op_t))
        if self.array == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.array)

    cdef int reserve(self, Request request) except -1:
        """Make room for the replies in the request, and point the reads there."""
        cdef int i
        if zkc_request_reserve_parts(request.c, self.count) < 0:
            raise MemoryError
        request.ops = [(operation, path) for operation, path, _ in self.parsed]
        for i in range(self.count):
            self.array[i].type = ZKC_READ_DATA if self.parsed[i][0] == "get" else ZKC_READ_CHILDREN
            self.array[i].path = PyBytes_AS_STRING(<bytes>self.parsed[i][2])
            self.array[i].data_completion = zkc_on_part_data
            self.array[i].strings_completion = zkc_on_part_strings
            self.array[i].data = zkc_request_part(request.c, i)
        return 0


# ---- the reply ------------------------------------------------------------------------------------------------------

cdef object _results(Request request):
    """Convert a successful reply, whatever its shape."""
    if request.reply == REPLY_MULTI:
        return _multi_results(request)
    if request.reply == REPLY_PARTS:
        return _parts(request)
    return _decode(request.reply, request.c)


cdef list _parts(Request request):
    cdef zkc_request *part
    cdef list values = []
    for i, (operation, path) in enumerate(request.ops):
        part = zkc_request_part(request.c, i)
        if part.rc != ZOK:
            values.append(errors.error_for(part.rc, operation, path))
        else:
            values.append(_decode(REPLY_DATA if operation == "get" else REPLY_STRINGS, part))
    return values


cdef list _multi_results(Request request):
    cdef const zkc_request *c = request.c
    cdef list values = []
    for i, (operation, _) in enumerate(request.ops):
        if operation == "create":
            values.append(_c_text(c.results[i].value))
        elif operation == "create_with_stat":
            # Servers before 3.7.2, 3.8.2 and 3.9.0 have no stat for a plain znode (ZOOKEEPER-4026).
            known = c.results[i].stat != NULL
            values.append((_c_text(c.results[i].value), _make_stat(&c.result_stats[i]) if known else None))
        elif operation == "set":
            values.append(_make_stat(&c.result_stats[i]))
        else:
            values.append(None)
    return values


cdef object _multi_error(Request request, int rc):
    # The transaction as a whole fails with the code of the operation that failed. A lost connection or session fails it
    # too, but then no operation is the cause.
    cdef list codes = [request.c.results[i].err for i in range(request.c.op_count)]
    if rc in codes and rc not in errors.SESSION_CODES:
        return errors.multi_error(codes, request.ops)
    if rc == ZCONNECTIONLOSS:
        return errors.lost(request.operation, request.path, None, request.packet)
    return errors.error_for(rc, "multi", None)
