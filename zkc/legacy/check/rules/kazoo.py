"""The rules of kazoo. There is no drop-in for it: what stands here is what to write instead."""

from __future__ import annotations

from zkc.legacy.check.rules._rule import Rule

__all__ = ["RULES"]

_CLIENT = "kazoo.client.KazooClient"
_NONE_YET = "zkc has no recipe for it yet: both clients can run side by side until then"
_FUTURE = "A zkc.Future, which is a concurrent.futures.Future: result(timeout), exception(), add_done_callback(fn)"
_STAT = (
    "Fields of a zkc.Stat are named alike, but for owner_session_id (ephemeral_owner) and children_count (num_children)"
)
_WATCH = "Called exactly once; also at the end of the session, with the type SESSION"
_ACL = "A zkc.ACL is flat: perms, scheme, id"
_STATES = "CONNECTED, SUSPENDED and LOST mean the same; there are CONNECTING, READ_ONLY and CLOSED besides"


def _rule(name: str, idiomatic: str, call: str = "", note: str = "", gives: str = "", kind: str = "call") -> Rule:
    return Rule(name, idiomatic, call, note, drop_in=False, gives=gives, kind=kind)


def _call(name: str, call: str, idiomatic: str, note: str = "", gives: str = "") -> Rule:
    return _rule(f"{_CLIENT}.{name}", idiomatic, call, note, gives)


def _value(name: str, idiomatic: str, note: str = "") -> Rule:
    return _rule(f"{_CLIENT}.{name}", idiomatic, note=note, kind="value")


_SESSION = [
    _rule(
        _CLIENT,
        "zkc.Client(hosts, session_timeout=10.0)",
        "([hosts, timeout, client_id, default_acl, auth_data, read_only, …])",
        "auth_data becomes auth=, use_ssl and the files tls=zkc.TLS(…), sasl_options sasl=zkc.SASL(…)",
        _CLIENT,
    ),
    _call("start", "([timeout])", "client.start()", "The limit is connect_timeout= of the client"),
    _call("start_async", "()", "", "With zkc.AsyncClient: await client.start()"),
    _call("stop", "()", "client.close()"),
    _call("close", "()", "client.close()", "One call stops and closes"),
    _call("restart", "()", "client.close(); client.start()"),
    _call("add_listener", "(listener)", "client.add_listener(fn)", _STATES),
    _call("remove_listener", "(listener)", "client.remove_listener(fn)"),
    _call("add_auth", "(scheme, credential)", "client.add_auth(scheme, credentials)"),
    _call("set_hosts", "(hosts[, randomize_hosts])", "client.set_hosts(hosts)", "A chroot cannot be changed"),
    _call("server_version", "([retries])", "", "Ask a server itself; many forbid four-letter words to clients"),
    _call("command", "([cmd])", "", "Ask a server itself; many forbid four-letter words to clients"),
    _call(
        "retry", "(func, *args, **kwargs)", "client.retry(func, *args)", "Never repeats what was perhaps carried out"
    ),
    _call("unchroot", "(path)", "path", "Paths that come back are without the chroot already"),
    _value("state", "client.state", _STATES),
    _value("client_state", "client.session.state"),
    _value("connected", "client.connected"),
    _value("client_id", "(client.session_id, client.session_password)"),
    _value("handler", "", "Callbacks run on one thread of the client, or in the event loop of zkc.AsyncClient"),
    _value("chroot", "client.hosts", "It ends with the chroot"),
    _value("hosts", "client.hosts"),
    _value("default_acl", "zkc.Client(hosts, default_acl=…)"),
    _value("logger", 'logging.getLogger("zkc")'),
]
_ZNODES = [
    _call(
        "create",
        "(path[, value, acl, ephemeral, sequence, makepath, include_data])",
        "client.create(path, data, acl=…, ephemeral=…, sequential=…, make_parents=…)",
        "include_data: create_with_stat; protected=True finds the znode again when the answer gets lost",
    ),
    _call("ensure_path", "(path[, acl])", "client.ensure_path(path)"),
    _call("exists", "(path[, watch])", "client.exists(path, watch=fn)", _WATCH),
    _call("get", "(path[, watch])", "client.get(path, watch=fn)", _STAT),
    _call(
        "get_children",
        "(path[, watch, include_data])",
        "client.children(path, watch=fn)",
        "include_data: children_with_stat",
    ),
    _call("set", "(path, value[, version])", "client.set(path, data, version=…)"),
    _call("delete", "(path[, version, recursive])", "client.delete(path, version=…, recursive=…)"),
    _call("get_acls", "(path)", "client.get_acl(path)", _ACL),
    _call("set_acls", "(path, acls[, version])", "client.set_acl(path, acl, version=…)", _ACL),
    _call("sync", "(path)", "client.sync(path)"),
    _call(
        "reconfig", "(joining, leaving, new_members[, from_config])", "client.reconfig(joining=…, leaving=…, members=…)"
    ),
]
_ASYNC = {
    "create": "create(path, data)",
    "ensure_path": "ensure_path(path)",
    "exists": "exists(path)",
    "get": "get(path)",
    "get_children": "children(path)",
    "set": "set(path, data)",
    "delete": "delete(path)",
    "get_acls": "get_acl(path)",
    "set_acls": "set_acl(path, acl)",
    "sync": "sync(path)",
    "add_auth": "add_auth(scheme, credentials)",
    "reconfig": "reconfig(joining=…)",
}
_COMPLETED = [_call(f"{old}_async", "(…)", f"client.submit.{new}", _FUTURE) for old, new in _ASYNC.items()]

_REQUEST = "kazoo.client.TransactionRequest"
_TRANSACTIONS = [
    _call(
        "transaction", "()", "client.transaction()", "An error is raised, and not returned among the results", _REQUEST
    ),
    _rule(_REQUEST, "client.transaction()", "(client)", gives=_REQUEST),
    _rule(f"{_REQUEST}.create", "t.create(path, data, ephemeral=…)", "(path[, value, …])", "Returns an Operation"),
    _rule(f"{_REQUEST}.delete", "t.delete(path, version=…)", "(path[, version])"),
    _rule(f"{_REQUEST}.set_data", "t.set(path, data, version=…)", "(path, value[, version])"),
    _rule(f"{_REQUEST}.check", "t.check(path, version=…)", "(path, version)"),
    _rule(f"{_REQUEST}.commit", "t.commit()", "()"),
    _rule(f"{_REQUEST}.commit_async", "client.submit.transaction().commit()", "()", _FUTURE),
]
_HOLD = "acquire() returns a hold, and release() is the hold's; try_acquire() in place of blocking=False"
# Module, class, its methods, what to write, and what to know.
_RECIPES = [
    ("watchers", "DataWatch", "", "client.watch_data(path, fn)", "handle.cancel() ends it, and not a return of False"),
    (
        "watchers",
        "ChildrenWatch",
        "",
        "client.watch_children(path, fn)",
        "fn gets the names sorted, None without the znode",
    ),
    ("watchers", "PatientChildrenWatch", "start", "", _NONE_YET),
    ("lock", "Lock", "acquire release cancel contenders", 'client.lock(path, layout="kazoo")', _HOLD),
    ("lock", "ReadLock", "acquire release cancel contenders", 'client.rwlock(path, layout="kazoo").read', _HOLD),
    ("lock", "WriteLock", "acquire release cancel contenders", 'client.rwlock(path, layout="kazoo").write', _HOLD),
    (
        "lock",
        "Semaphore",
        "acquire release cancel lease_holders",
        'client.semaphore(path, limit, layout="kazoo")',
        f"{_HOLD}; holders() in place of lease_holders()",
    ),
    (
        "election",
        "Election",
        "run cancel contenders",
        'client.election(path, identifier=…, layout="kazoo")',
        "run() calls the function with the hold, and campaigns again unless forever=False; stop() in place of cancel()",
    ),
    (
        "lease",
        "NonBlockingLease",
        "",
        "client.lease(path, owner=…, ttl=…).try_acquire()",
        "Not together with programs that use kazoo's; by the servers' clock, and renewed until it is released",
    ),
    ("lease", "MultiNonBlockingLease", "", "", _NONE_YET),
    ("barrier", "Barrier", "create remove wait", "client.barrier(path)", "set() in place of create(); the same znode"),
    (
        "barrier",
        "DoubleBarrier",
        "enter leave",
        "client.double_barrier(path, n, identifier=…)",
        "Not together with members of kazoo; a death raises BarrierBrokenError",
    ),
    (
        "counter",
        "Counter",
        "value",
        "client.counter(path, initial=…)",
        'add() in place of +=, get().value of value, type="int32" of support_curator=True; the same data',
    ),
    (
        "party",
        "Party",
        "join leave",
        'client.group(path, identifier=…, layout="kazoo")',
        "members() in place of the iteration",
    ),
    (
        "party",
        "ShallowParty",
        "join leave",
        "client.group(path, identifier=…)",
        "members() in place of the iteration",
    ),
    (
        "partitioner",
        "SetPartitioner",
        "acquired allocating failed release wait_for_acquire release_set finish",
        "client.partitioner(path, items, identifier=…)",
        "Not together with members of kazoo; on_assign and on_revoke in place of the states",
    ),
    (
        "queue",
        "Queue",
        "get put",
        'client.queue(path, layout="kazoo")',
        "get() waits and returns an item to ack; try_get() does not wait",
    ),
    (
        "queue",
        "LockingQueue",
        "get put put_all holds_lock consume release",
        'client.queue(path, layout="kazoo-locking")',
        "get() returns an item; ack() in place of consume(), nack() of release(), put_many() of put_all()",
    ),
    (
        "cache",
        "TreeCache",
        "start close listen listen_fault get_data get_children",
        "client.cache(path)",
        "add_listener() in place of listen(), get() of get_data(), children() of get_children(); the property error",
    ),
]


def _recipes() -> list[Rule]:
    rules = []
    for module, cls, methods, idiomatic, note in _RECIPES:
        name = f"kazoo.recipe.{module}.{cls}"
        rules.append(_rule(name, idiomatic, "(client, …)", note, name))
        rules += [_rule(f"{name}.{method}", idiomatic, note=note) for method in methods.split()]
        if cls not in ("PatientChildrenWatch", "TreeCache"):  # They are no methods of a client.
            rules.append(_call(cls, "(…)", idiomatic, note, name))
    return rules


_PERMISSIONS = ("READ", "WRITE", "CREATE", "DELETE", "ADMIN", "ALL")
_EVENTS = {"CREATED": "CREATED", "DELETED": "DELETED", "CHANGED": "CHANGED", "CHILD": "CHILD", "NONE": "SESSION"}
_TYPES = [
    _rule("kazoo.security.ACL", "zkc.ACL(perms, scheme, id)", "(perms, id)", _ACL),
    _rule("kazoo.security.make_acl", "zkc.ACL(perms, scheme, id)", "(scheme, credential, …)", _ACL),
    _rule("kazoo.security.make_digest_acl", "zkc.ACL.digest(user, password, perms)", "(username, password, …)"),
    _rule("kazoo.security.make_digest_acl_credential", "zkc.ACL.digest(user, password).id", "(username, password)"),
    *(
        _rule(f"kazoo.security.{name}", f"zkc.{name}", kind="value")
        for name in ("OPEN_ACL_UNSAFE", "READ_ACL_UNSAFE", "CREATOR_ALL_ACL")
    ),
    _rule("kazoo.security.Permissions", "zkc.Perms", kind="value"),
    *(_rule(f"kazoo.security.Permissions.{name}", f"zkc.Perms.{name}", kind="value") for name in _PERMISSIONS),
    _rule(
        "kazoo.retry.KazooRetry",
        "zkc.Retry(attempts=…, backoff=…, max_backoff=…)",
        "(…)",
        "max_tries is attempts, delay backoff",
    ),
    _rule("kazoo.retry.RetryFailedError", "", note="The last error itself is raised", kind="exception"),
    _rule("kazoo.protocol.states.KazooState", "zkc.ClientState", _STATES, kind="value"),
    *(
        _rule(f"kazoo.protocol.states.KazooState.{name}", f"zkc.ClientState.{name}", kind="value")
        for name in ("CONNECTED", "SUSPENDED", "LOST")
    ),
    _rule("kazoo.protocol.states.KeeperState", "zkc.State", kind="value"),
    _rule("kazoo.protocol.states.EventType", "zkc.EventType", kind="value"),
    *(
        _rule(f"kazoo.protocol.states.EventType.{old}", f"zkc.EventType.{new}", kind="value")
        for old, new in _EVENTS.items()
    ),
    _rule("kazoo.protocol.states.WatchedEvent", "zkc.WatchedEvent", "(type, state, path)"),
    _rule("kazoo.protocol.states.ZnodeStat", "zkc.Stat", note=_STAT, kind="value"),
]
_ERRORS = {
    "KazooException": "ZooKeeperError",
    "ZookeeperError": "ZooKeeperError",
    "AuthFailedError": "AuthFailedError",
    "BadArgumentsError": "BadArgumentsError",
    "BadVersionError": "BadVersionError",
    "ConnectionClosedError": "ClosingError",
    "ConnectionLoss": "ConnectionLossError",
    "InvalidACLError": "InvalidACLError",
    "MarshallingError": "MarshallingError",
    "NoAuthError": "NoAuthError",
    "NoChildrenForEphemeralsError": "NoChildrenForEphemeralsError",
    "NoNodeError": "NoNodeError",
    "NoNodeException": "NoNodeError",
    "NoWatcherError": "NoWatcherError",
    "NodeExistsError": "NodeExistsError",
    "NodeExistsException": "NodeExistsError",
    "NotEmptyError": "NotEmptyError",
    "NotReadOnlyCallError": "NotReadOnlyError",
    "OperationTimeoutError": "OperationTimeoutError",
    "QuotaExceededError": "QuotaExceededError",
    "SessionExpiredError": "SessionExpiredError",
    "SessionMovedError": "SessionMovedError",
    "UnimplementedError": "UnimplementedError",
}

RULES: list[Rule] = [
    _rule("kazoo", "import zkc", note="Not replaced: it stays what it is until the code is changed", kind="module"),
    *_SESSION,
    *_ZNODES,
    *_COMPLETED,
    *_TRANSACTIONS,
    *_recipes(),
    *_TYPES,
    *(_rule(f"kazoo.exceptions.{old}", f"zkc.{new}", kind="exception") for old, new in _ERRORS.items()),
    _rule("kazoo.exceptions.LockTimeout", "zkc.recipes.LockTimeoutError", kind="exception"),
    _rule("kazoo.handlers.threading.KazooTimeoutError", "zkc.ConnectTimeoutError", kind="exception"),
]
