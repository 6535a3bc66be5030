"""The rules of the module ``zookeeper``."""

from __future__ import annotations

from zkc.legacy.check.rules._rule import Rule

__all__ = ["RULES"]

_DATA = "Data come as str here, and as bytes after zkc.legacy.use_bytes(True); idiomatic data are bytes, in and out"
_STAT = "A stat is a dict with ZooKeeper's names here, and a zkc.Stat with Python's idiomatically"
_ACL = "An ACL is a list of dicts here, and a list of zkc.ACL idiomatically"
_LATER = "The completion becomes future.add_done_callback(fn), or an await with zkc.AsyncClient"
_WATCHER = "a watcher that is no callable raises TypeError at once; SystemExit in a callback does not end the process"
_CLASS = "the class is one of the module zkc.legacy.zookeeper, which its repr and pickles show; so are those below it"
_WATCH = "An idiomatic watch gets one zkc.WatchedEvent, and exactly once; a watcher here gets (h, type, state, path)"


def _call(
    name: str, call: str, idiomatic: str, note: str = "", better: str = "", instead: str = "", differs: str = ""
) -> Rule:
    return Rule(f"zookeeper.{name}", idiomatic, call, note, better=better, instead=instead, differs=differs)


_SESSION = [
    _call(
        "init",
        "(hosts[, watcher, recv_timeout_ms, (id, password)])",
        "client = zkc.Client(hosts, session_timeout=10.0); client.start()",
        "Times are seconds idiomatically. A watcher becomes client.add_listener(fn)",
        differs=_WATCHER,
    ),
    _call(
        "init_ssl",
        '(hosts, "ca,cert,key,password"[, …])',
        "zkc.Client(hosts, tls=zkc.TLS(ca=…, certificate=…, key=…, password=…))",
        "zkc.TLS also verifies that the certificate is for the server's name, unless check_hostname=False",
        differs=_WATCHER,
    ),
    _call("close", "(h)", "client.close()"),
    _call("state", "(h)", "client.state", "A zkc.ClientState; client.session.state has the number"),
    _call("recv_timeout", "(h)", "client.negotiated_timeout", "In seconds"),
    _call(
        "client_id",
        "(h)",
        "(client.session_id, client.session_password)",
        "The password is bytes idiomatically",
        better="the password is whole, with NULs: a str of 16 characters below 256, which init takes back",
    ),
    _call(
        "is_unrecoverable", "(h)", "client.state is zkc.ClientState.LOST", "After an expiry a client goes on by itself"
    ),
    _call(
        "set_watcher",
        "(h, fn)",
        "client.add_listener(fn)",
        "A listener is called with a zkc.ClientState",
        differs=_WATCHER,
    ),
    _call("set_debug_level", "(level)", "zkc.set_log_level(zkc.LogLevel.WARN)"),
    _call(
        "set_log_stream",
        "(file)",
        'log = logging.getLogger("zkc.libzookeeper"); log.addHandler(logging.StreamHandler(file)); '
        "log.setLevel(logging.INFO)",
        "Without a level of its own the logger has that of the root logger, WARNING: no line about connections comes",
    ),
    _call("deterministic_conn_order", "(flag)", "", "A switch for tests; the servers are shuffled idiomatically"),
    _call("zerror", "(rc)", "str(error)", "An idiomatic error has its text, code, path and advice"),
]
_ZNODES = [
    _call(
        "create",
        "(h, path, data, acls[, flags])",
        "client.create(path, data, acl=…, ephemeral=True, sequential=True)",
        _ACL,
        better="a path is not cut at 256 bytes; an ACL that lacks a key does not crash",
    ),
    _call("delete", "(h, path[, version])", "client.delete(path, version=…)"),
    _call("exists", "(h, path[, watcher])", "client.exists(path, watch=fn)", _STAT),
    _call(
        "get",
        "(h, path[, watcher, bufferlen])",
        "client.get(path, watch=fn)",
        _DATA,
        better="data come whole and not cut at 1 MiB, unless bufferlen is given",
    ),
    _call("set", "(h, path, data[, version])", "client.set(path, data, version=…)", _DATA),
    _call("set2", "(h, path, data[, version])", "client.set(path, data, version=…)", _STAT),
    _call("get_children", "(h, path[, watcher])", "client.children(path, watch=fn)", _WATCH),
    _call("get_acl", "(h, path)", "acl, stat = client.get_acl(path)", "The other order: (stat, acls) here. " + _ACL),
    _call("set_acl", "(h, path, version, acls)", "client.set_acl(path, acl, version=…)", _ACL),
    _call("add_auth", "(h, scheme, cert, cb)", "client.add_auth(scheme, credentials)", "It waits for the answer"),
]
_COMPLETED = [
    _call("acreate", "(h, path, data, acls[, flags, cb])", "client.submit.create(path, data, …)", _LATER),
    _call("adelete", "(h, path[, version, cb])", "client.submit.delete(path, version=…)", _LATER),
    _call("aexists", "(h, path[, watcher, cb])", "client.submit.exists(path, watch=fn)", _LATER),
    _call(
        "aget",
        "(h, path[, watcher, cb])",
        "client.submit.get(path, watch=fn)",
        _LATER + ". " + _DATA,
        "data that are no UTF-8 do not crash",
    ),
    _call("aset", "(h, path, data[, version, cb])", "client.submit.set(path, data, version=…)", _LATER),
    _call("aget_children", "(h, path[, watcher, cb])", "client.submit.children(path, watch=fn)", _LATER),
    _call("aget_acl", "(h, path[, cb])", "client.submit.get_acl(path)", _LATER),
    _call("aset_acl", "(h, path, version, acls[, cb])", "client.submit.set_acl(path, acl, version=…)", _LATER),
    _call(
        "async",
        "(h, path[, cb])",
        "client.submit.sync(path)",
        "Or client.sync(path), which waits",
        instead='async is a keyword of Python 3: write zookeeper.async_(…), or getattr(zookeeper, "async")',
    ),
    _call("async_", "(h, path[, cb])", "client.submit.sync(path)", "The name of async that Python 3 can parse"),
]


def _value(name: str, idiomatic: str, note: str = "") -> Rule:
    return Rule(f"zookeeper.{name}", idiomatic, note=note, kind="value")


_STATES = ("EXPIRED_SESSION", "AUTH_FAILED", "CONNECTING", "ASSOCIATING", "CONNECTED")
_EVENTS = {
    "CREATED": "CREATED",
    "DELETED": "DELETED",
    "CHANGED": "CHANGED",
    "CHILD": "CHILD",
    "SESSION": "SESSION",
    "NOTWATCHING": "NOT_WATCHING",
}
_VALUES = [
    *(_value(f"PERM_{name}", f"zkc.Perms.{name}") for name in ("READ", "WRITE", "CREATE", "DELETE", "ADMIN", "ALL")),
    _value("EPHEMERAL", "create(…, ephemeral=True)"),
    _value("SEQUENCE", "create(…, sequential=True)"),
    *(_value(f"{name}_STATE", f"zkc.State.{name}") for name in _STATES),
    *(_value(f"{old}_EVENT", f"zkc.EventType.{new}") for old, new in _EVENTS.items()),
    *(_value(f"LOG_LEVEL_{name}", f"zkc.LogLevel.{name}") for name in ("ERROR", "WARN", "INFO", "DEBUG")),
    _value("__version__", "zkc.__version__", "The number of the original, not zkc's"),
    _value("OK", "", "An idiomatic call raises, or returns its result; a future has one or the other"),
]

# Code, exception, and the idiomatic error.
_ERRORS = [
    ("SYSTEMERROR", "SystemErrorException", "SystemFailureError"),
    ("RUNTIMEINCONSISTENCY", "RuntimeInconsistencyException", "RuntimeInconsistencyError"),
    ("DATAINCONSISTENCY", "DataInconsistencyException", "DataInconsistencyError"),
    ("CONNECTIONLOSS", "ConnectionLossException", "ConnectionLossError"),
    ("MARSHALLINGERROR", "MarshallingErrorException", "MarshallingError"),
    ("UNIMPLEMENTED", "UnimplementedException", "UnimplementedError"),
    ("OPERATIONTIMEOUT", "OperationTimeoutException", "OperationTimeoutError"),
    ("BADARGUMENTS", "BadArgumentsException", "BadArgumentsError"),
    ("INVALIDSTATE", "InvalidStateException", "InvalidStateError"),
    ("APIERROR", "ApiErrorException", "APIError"),
    ("NONODE", "NoNodeException", "NoNodeError"),
    ("NOAUTH", "NoAuthException", "NoAuthError"),
    ("BADVERSION", "BadVersionException", "BadVersionError"),
    ("NOCHILDRENFOREPHEMERALS", "NoChildrenForEphemeralsException", "NoChildrenForEphemeralsError"),
    ("NODEEXISTS", "NodeExistsException", "NodeExistsError"),
    ("NOTEMPTY", "NotEmptyException", "NotEmptyError"),
    ("SESSIONEXPIRED", "SessionExpiredException", "SessionExpiredError"),
    ("INVALIDCALLBACK", "InvalidCallbackException", "InvalidCallbackError"),
    ("INVALIDACL", "InvalidACLException", "InvalidACLError"),
    ("AUTHFAILED", "AuthFailedException", "AuthFailedError"),
    ("CLOSING", "ClosingException", "ClosingError"),
    ("NOTHING", "NothingException", "NothingError"),
    ("SESSIONMOVED", "SessionMovedException", "SessionMovedError"),
]

RULES: list[Rule] = [
    Rule("zookeeper", "import zkc", note="After zkc.legacy.install(), or under python -m zkc.legacy", kind="module"),
    *_SESSION,
    *_ZNODES,
    *_COMPLETED,
    *_VALUES,
    *(_value(code, f"zkc.{error}.code") for code, _, error in _ERRORS),
    Rule("zookeeper.ZooKeeperException", "zkc.ZooKeeperError", differs=_CLASS, kind="exception"),
    *(Rule(f"zookeeper.{old}", f"zkc.{error}", kind="exception") for _, old, error in _ERRORS),
]
