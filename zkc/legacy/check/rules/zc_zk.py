"""The rules of ``zc.zk`` and its modules."""

from __future__ import annotations

from zkc.legacy.check.rules._rule import Rule

__all__ = ["RULES"]

_CLASS = "zc.zk.ZooKeeper"
_JSON = "Properties are JSON in the data of a znode: json.loads and json.dumps do the same"
_ACL = "An ACL is a list of dicts here, and a list of zkc.ACL idiomatically"
_DATA = "Data come as str here, and as bytes after zkc.legacy.use_bytes(True); idiomatic data are bytes, in and out"
_STAT = "A stat is a dict with ZooKeeper's names here, and a zkc.Stat with Python's idiomatically"
_LATER = "The completion becomes future.add_done_callback(fn), or an await with zkc.AsyncClient"
_LINKS = "Links are a convention of zc.zk: keep the drop-in where trees have them"
_TEXT = "The idiomatic format is lines of JSON, with ACLs and stats; the drop-in's is zc.zk's indented text"


def _session(name: str, call: str, idiomatic: str, note: str = "", differs: str = "", gives: str = "") -> Rule:
    return Rule(f"{_CLASS}.{name}", idiomatic, call, note, differs=differs, gives=gives)


def _attribute(name: str, idiomatic: str, note: str = "") -> Rule:
    return Rule(f"{_CLASS}.{name}", idiomatic, note=note, kind="value")


_CONSTRUCTOR = "([connection_string, session_timeout, wait])"
_START = "client = zkc.Client(hosts, session_timeout=10.0); client.start()"
_SECONDS = (
    "Times are seconds idiomatically. wait=True becomes connect_timeout=None; FailedConnect a ConnectTimeoutError"
)

_SESSION = [
    Rule(_CLASS, _START, _CONSTRUCTOR, _SECONDS, gives=_CLASS),
    Rule("zc.zk.ZK", _START, _CONSTRUCTOR, _SECONDS, gives=_CLASS),
    _attribute(
        "handle", "zkc.legacy.handle_of(client)", "zkc.legacy.client_of(zk.handle) gives a client on the same session"
    ),
    _attribute("connected", "client.connected", "To wait: client.wait_for(zkc.ClientState.CONNECTED)"),
    _attribute("state", "client.state", "A zkc.ClientState; client.session.state has the number"),
    _attribute("ephemeral", "client.kept", "The paths of what was created with keep=True"),
    _attribute("watches", "", "Internal; its len() is kept for tests that look at it"),
    _attribute("initial_connection_wait", "zkc.Client(hosts, connect_timeout=9.0)"),
    _attribute("test_sleep", "", "For tests of zc.zk only"),
    _session("close", "()", "client.close()"),
    _session("recv_timeout", "()", "client.negotiated_timeout", "In seconds"),
    _session("client_id", "()", "(client.session_id, client.session_password)"),
    _session("is_unrecoverable", "()", "client.state is zkc.ClientState.LOST"),
    _session("set_watcher", "(fn)", "client.add_listener(fn)", "A listener is called with a zkc.ClientState"),
    _session("add_auth", "(scheme, cert, cb)", "client.add_auth(scheme, credentials)", "It waits for the answer"),
]
_ZNODES = [
    _session(
        "create",
        "(path, data, acl[, flags, completion])",
        "client.create(path, data, acl=…, ephemeral=True, keep=True)",
        _ACL,
    ),
    _session("delete", "(path[, version, completion])", "client.delete(path, version=…)"),
    _session("set", "(path, data[, version, completion])", "client.set(path, data, version=…)", _DATA),
    _session(
        "set2", "(path, data[, version, completion])", "client.set(path, data, version=…)", "0 here, a stat there"
    ),
    _session("set_acl", "(path, version, acl[, completion])", "client.set_acl(path, acl, version=…)", _ACL),
    _session("exists", "(path[, watcher])", "client.exists(path, watch=fn)", _STAT),
    _session("get", "(path[, watcher, bufferlen])", "client.get(path, watch=fn)", _DATA),
    _session("get_children", "(path[, watcher])", "client.children(path, watch=fn)"),
    _session("get_acl", "(path)", "acl, stat = client.get_acl(path)", "The other order: (stat, acls) here"),
    _session("acreate", "(path, data, acl[, flags, completion])", "client.submit.create(path, data, …)", _LATER),
    _session("adelete", "(path[, version, completion])", "client.submit.delete(path, version=…)", _LATER),
    _session("aset", "(path, data[, version, completion])", "client.submit.set(path, data, version=…)", _LATER),
    _session("aset_acl", "(path, version, acl[, completion])", "client.submit.set_acl(path, acl, version=…)", _LATER),
    _session("aexists", "(path[, watcher, cb])", "client.submit.exists(path, watch=fn)", _LATER),
    _session("aget", "(path[, watcher, cb])", "client.submit.get(path, watch=fn)", _LATER),
    _session("aget_acl", "(path[, cb])", "client.submit.get_acl(path)", _LATER),
    _session("aget_children", "(path[, watcher, cb])", "client.submit.children(path, watch=fn)", _LATER),
    Rule(
        f"{_CLASS}.async",
        "client.submit.sync(path)",
        "(path[, cb])",
        "Or client.sync(path), which waits",
        instead='async is a keyword of Python 3: write zk.async_(…), or getattr(zk, "async")',
    ),
    _session("async_", "(path[, cb])", "client.submit.sync(path)", "The name of async that Python 3 can parse"),
]
_HIGH = [
    _session(
        "children",
        "(path)",
        "client.watch_children(path, fn)",
        "fn gets the sorted names, and None where there is no such znode; client.children(path) reads once",
        gives="zc.zk.Children",
    ),
    _session(
        "properties",
        "(path)",
        "client.watch_data(path, fn)",
        "fn gets (data, stat), and (None, None) where there is no such znode. " + _JSON,
        gives="zc.zk.Properties",
    ),
    _session("get_properties", "(path)", "json.loads(client.get(path)[0])", _JSON),
    _session(
        "create_recursive",
        "(path, data, acl)",
        "client.create(path, data, acl=…, make_parents=True)",
        "Idiomatically NodeExistsError where the path exists, which stays as it is here; missing parents get no data "
        "and the client's default_acl, and here the data and the ACL given",
    ),
    _session(
        "delete_recursive",
        "(path[, dry_run, force, ignore_if_ephemeral])",
        "client.delete_tree(path)",
        "Idiomatically ephemerals are deleted too; client.walk(path) shows what there is first",
    ),
    _session("is_ephemeral", "(path)", "bool(client.get(path)[1].ephemeral_owner)"),
    _session(
        "walk",
        "([path, ephemeral, children])",
        "client.walk(path)",
        "Yields a zkc.TreeNode with path, children and stat",
    ),
    _session("print_tree", "([path])", "for node in client.walk(path): print(node.path)"),
    _session("export_tree", "([path, ephemeral, name])", "client.export(path, file)", _TEXT),
    _session(
        "import_tree",
        "(text[, path, trim, acl, dry_run])",
        "client.import_(path, file)",
        _TEXT,
        differs="the value of a property is a literal of Python, and is not evaluated",
    ),
    _session(
        "register_server",
        "(path, addr[, acl], **properties)",
        'client.create(f"{path}/{addr}", data, ephemeral=True, keep=True)',
        "Addresses without a host are expanded by the drop-in only",
    ),
    _session("resolve", "(path)", "", _LINKS),
    _session("ln", "(target, source)", "", _LINKS),
]


def _object(name: str, call: str, idiomatic: str, note: str = "", kind: str = "call") -> Rule:
    return Rule(f"zc.zk.{name}", idiomatic, call, note, kind=kind)


_OBJECTS = [
    _object("Children", "(session, path)", "client.watch_children(path, fn)", "Made by zk.children(path)"),
    _object(
        "Children.__call__",
        "(fn)",
        "client.watch_children(path, fn)",
        "fn gets the sorted names, not an object; None where there is no such znode",
    ),
    _object("Children.__iter__", "()", "names", "What fn was called with"),
    _object("Children.__len__", "()", "len(names)", "What fn was called with"),
    _object("Children.data", "", "names", "What fn was called with", "value"),
    _object("Children.event_type", "", "zkc.EventType.CHILD", kind="value"),
    _object("Children.callbacks", "", "", "Internal", "value"),
    _object("Children.deleted", "", "names is None", "What fn was called with", "value"),
    _object("Children.path", "", "path", kind="value"),
    _object("Children.session", "", "client", kind="value"),
    _object("Properties", "(session, path)", "client.watch_data(path, fn)", "Made by zk.properties(path)"),
    _object(
        "Properties.__call__",
        "(fn)",
        "client.watch_data(path, fn)",
        "fn gets (data, stat), not an object; (None, None) where there is no such znode",
    ),
    *(
        _object(f"Properties.{name}", call, f"json.loads(data){after}", "A dict has it")
        for name, call, after in [
            ("__getitem__", "(key)", "[key]"),
            ("__iter__", "()", ""),
            ("__len__", "()", ""),
            ("__contains__", "(key)", ""),
            ("copy", "()", ""),
            ("get", "(key[, default])", ".get(key)"),
            ("items", "()", ".items()"),
            ("keys", "()", ".keys()"),
            ("values", "()", ".values()"),
        ]
    ),
    _object("Properties.set", "([data], **properties)", "client.set(path, json.dumps(properties).encode())", _JSON),
    _object("Properties.update", "([data], **properties)", "client.set(path, data, version=stat.version)", _JSON),
    _object("Properties.data", "", "json.loads(data)", _JSON, "value"),
    _object("Properties.event_type", "", "zkc.EventType.CHANGED", kind="value"),
    _object("Properties.callbacks", "", "", "Internal", "value"),
    _object("Properties.meta_data", "", "stat", "A zkc.Stat; " + _STAT, "value"),
    _object("Properties.deleted", "", "data is None and stat is None", "What fn was called with", "value"),
    _object("Properties.path", "", "path", kind="value"),
    _object("Properties.session", "", "client", kind="value"),
]
_MODULE = [
    Rule("zc.zk", "import zkc", note="After zkc.legacy.install(), or under python -m zkc.legacy", kind="module"),
    _object("encode", "(properties)", "json.dumps(properties).encode()", _JSON),
    _object("decode", "(text[, path])", "json.loads(data)", _JSON),
    _object("join", "(*parts)", '"/".join(parts)'),
    _object("parse_addr", "(addr)", 'host, port = addr.rsplit(":", 1)'),
    _object("parse_tree", "(text)", "", "The parser of zc.zk's indented text"),
    _object("world_permission", "([perms])", "zkc.ACL.world(perms)"),
    _object("OPEN_ACL_UNSAFE", "", "zkc.OPEN_ACL_UNSAFE", _ACL, "value"),
    _object("READ_ACL_UNSAFE", "", "zkc.READ_ACL_UNSAFE", _ACL, "value"),
    _object("RegisteringServer", "(name, path, properties)", "", "The event that register_server makes"),
    _object(
        "CancelWatch", "", "handle.cancel()", "The handle is what watch_data and watch_children return", "exception"
    ),
    _object("FailedConnect", "", "zkc.ConnectTimeoutError", kind="exception"),
    _object("LinkLoop", "", "", _LINKS, "exception"),
    _object("BadPropertyLink", "", "", _LINKS, "exception"),
    Rule("zc.zk.event", "", note="The event of a registration goes through it", kind="module"),
    _object("NodeInfo", "(session, path)", "", "The base of Children and Properties"),
    _object("Resolving", "()", "", "The base of ZooKeeper; " + _LINKS),
    _object("ParseNode", "([name, properties, **children])", "", "What parse_tree makes a tree of"),
    _object("WatchManager", "()", "", "Internal; ZooKeeper.watches is one"),
    _object("logger", "", 'logging.getLogger("zkc")', kind="value"),
    _object("_logging_pipe", "", "", "Internal; kept for tests that look at it", "value"),
    _object("event.notify", "(event)", "", "Called before each registration; replace it to get these calls"),
    Rule("zc.zk.testing", "import zkc.testing", kind="module"),
    _object("testing.setUp", "(test[, tree, connection_string])", "zkc.testing.ZooKeeperServer()", "A real server"),
    _object("testing.tearDown", "(test)", "zkc.testing.ZooKeeperServer()", "It ends with its with block"),
    _object("testing.testing_with_real_zookeeper", "()", "", "Tells whether setUp uses a server of yours"),
    _object("testing.setup_tree", "(tree, connection_string[, root, …])", "client.import_(path, file)", _TEXT),
    _object("testing.assert_", "(condition[, message, error])", "assert condition", "For doctests"),
    _object("testing.wait_until", "([function, timeout])", "", "A loop with a deadline"),
    *(
        _object(f"testing.{name}", "", "", "Of the ZooKeeper in memory that setUp puts in place", "value")
        for name in ("ZooKeeper", "Session", "Node", "badpath", "exception_codes", "side_effect")
    ),
]
_SCRIPTS = [
    Rule(
        "zc.zk.scripts",
        "",
        note="Behind zookeeper_export and the other commands, which the drop-in has",
        differs="the commands are those of the distribution zkc-legacy: load_entry_point('zc.zk', …) finds none",
        kind="module",
    ),
    _object("scripts.export", "([args])", "client.export(path, file)", _TEXT),
    _object("scripts.import_", "([args])", "client.import_(path, file)", _TEXT),
    _object("scripts.validate_", "([args])", "", "Reads trees in zc.zk's text and says what is wrong with them"),
    _object("scripts.set_property", "([args])", "client.set(path, data)", _JSON),
]
_NEWER = "of zc.zk 2.x, which stands on kazoo; the drop-in is zc.zk 1.2: write "
_NOT_THERE = [
    Rule(
        f"{_CLASS}.register",
        'client.create(f"{path}/{addr}", data, ephemeral=True, keep=True)',
        "(path, addr[, acl], **properties)",
        "zc.zk 2.x runs on Python 3, with kazoo: a program may keep it",
        drop_in=False,
        instead=_NEWER + "zk.register_server(…)",
    ),
    Rule(
        f"{_CLASS}.client",
        "client = zkc.Client(hosts, session_timeout=10.0); client.start()",
        note="A KazooClient. zc.zk 2.x runs on Python 3, with kazoo: a program may keep it",
        drop_in=False,
        instead=_NEWER + "the method of zk itself, or one of zkc.legacy.client_of(zk.handle)",
        kind="value",
    ),
    *(
        Rule(
            f"zc.zk.{name}",
            "",
            note="An addition to zc.zk that needs packages of its own",
            drop_in=False,
            kind="module",
        )
        for name in ("monitor", "graphvis")
    ),
]

RULES: list[Rule] = [*_SESSION, *_ZNODES, *_HIGH, *_OBJECTS, *_MODULE, *_SCRIPTS, *_NOT_THERE]
