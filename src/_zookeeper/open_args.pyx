# The arguments of zookeeper_init: checked, encoded, and put into C memory that lives as long as the handle.

cdef zkc_open_args *_open_args(
    hosts, session_timeout, client_id, read_only, log_client_env, tls, sasl, resolution_delay
) except NULL:
    """Check and encode the arguments of zookeeper_init, in C memory that the session takes over."""
    cdef zkc_open_args *args = zkc_open_args_new()
    if args == NULL:
        raise MemoryError
    try:
        raw = _encoded("hosts", hosts)
        if not raw.strip() or raw.startswith(b"/"):
            raise ValueError(f"hosts must be host:port[,host:port…][/chroot], not {hosts!r}")
        _, slash, chroot = hosts.partition("/")
        if chroot:
            _path_bytes("open", slash + chroot)
        args.hosts = strdup(raw)
        args.timeout_ms = _timeout_milliseconds(session_timeout)
        args.resolution_delay_ms = _delay_milliseconds(resolution_delay)
        args.flags = (ZOO_READONLY if read_only else 0) | (0 if log_client_env else ZOO_NO_LOG_CLIENTENV)
        if client_id is not None:
            _set_client_id(args, client_id)
        if tls is not None:
            _set_tls(args, tls)
        if sasl is not None:
            _set_sasl(args, sasl)
    except BaseException:
        zkc_open_args_free(args)
        raise
    return args


cdef object _open_error(str hosts, int number):
    """Make the error for zookeeper_init without a handle."""
    if number == EAGAIN or number == ENOMEM or number == EMFILE or number == ENFILE:
        reason = f"{os.strerror(number)}: this process or this machine is at a limit (threads, memory, descriptors)"
    else:
        reason = "none of the servers has an address: check that each is written host:port, and that its name is known"
    return errors.error_for(ZCONNECTIONLOSS, "open", None, f"no session can be opened to {hosts!r}: {reason}", False)


cdef int _timeout_milliseconds(object seconds) except -1:
    cdef int64_t nanoseconds = _nanoseconds("session_timeout", seconds)
    if nanoseconds < 1_000_000 or nanoseconds > 2_147_483_647_000_000:
        raise ValueError(f"session_timeout must be from 0.001 to 2147483.647 seconds, not {seconds}")
    # Rounded: 1.001 seconds are a little less than 1001 milliseconds.
    return <int>((nanoseconds + 500_000) // 1_000_000)


cdef int _delay_milliseconds(object seconds) except? -2:
    cdef int64_t nanoseconds = _nanoseconds("resolution_delay", seconds)
    return <int>min(nanoseconds // 1_000_000, 0x7FFFFFFF) if nanoseconds >= 0 else -1


cdef int _set_client_id(zkc_open_args *args, object client_id) except -1:
    if not isinstance(client_id, tuple) or len(client_id) != 2:
        raise TypeError(f"client_id must be a tuple (session id, password), not {client_id!r}")
    session_id, password = client_id
    if isinstance(session_id, bool) or not isinstance(session_id, int):
        raise TypeError(f"the session id of client_id must be int, not {type(session_id).__name__}")
    if not isinstance(password, bytes):
        raise TypeError(f"the password of client_id must be bytes, not {type(password).__name__}")
    if not -(2**63) <= session_id < 2**63:
        raise ValueError(f"the session id of client_id must fit in 64 bits, not be {session_id}")
    if len(password) != 16:
        raise ValueError(f"the password of client_id must have 16 bytes, not {len(password)}")
    args.has_client_id = 1
    args.client_id.client_id = session_id
    memcpy(args.client_id.passwd, PyBytes_AS_STRING(password), 16)
    return 0


cdef object _not_built(str what):
    message = f"this build of libzookeeper has no {what}: see zkc.build_info()"
    return errors.error_for(ZUNIMPLEMENTED, "open", None, message)


cdef int _set_sasl(zkc_open_args *args, object sasl) except -1:
    others = {"user", "password", "realm", "service", "host"}
    if not isinstance(sasl, dict) or not sasl.get("mechanisms") or not others.issuperset(sasl.keys() - {"mechanisms"}):
        raise ValueError(f"sasl must be a dict with mechanisms, and optionally {', '.join(sorted(others))}")
    encoded = {name: _encoded(f"{name} of sasl", value) for name, value in sasl.items() if value is not None}
    if not ZKC_HAS_SASL:
        raise _not_built("SASL")
    args.sasl_mechanisms = strdup(encoded["mechanisms"])
    args.sasl_service = strdup(encoded.get("service", b"zookeeper"))
    args.sasl_host = strdup(encoded.get("host", b"zk-sasl-md5"))
    if "user" in encoded:
        args.sasl_user = strdup(encoded["user"])
    if "realm" in encoded:
        args.sasl_realm = strdup(encoded["realm"])
    if "password" in encoded:
        args.sasl_password = strdup(encoded["password"])
    return 0
