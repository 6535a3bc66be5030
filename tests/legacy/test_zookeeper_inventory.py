"""The names of the old module: each of them, in the order that its arguments had, and the tree of its exceptions."""

import copy
import inspect
import pickle
import re

import pytest

import zkc
from zkc.legacy import zookeeper

from .legacy_support import OPEN, completed

# The arguments in their order; "?" after those that may be left out.
FUNCTIONS = {
    "init": "hosts watcher? recv_timeout_ms? clientid?",
    "init_ssl": "hosts cert watcher? recv_timeout_ms? clientid?",
    "create": "h path data acls flags?",
    "delete": "h path version?",
    "exists": "h path watcher?",
    "get": "h path watcher? bufferlen?",
    "set": "h path data version?",
    "set2": "h path data version?",
    "get_children": "h path watcher?",
    "get_acl": "h path",
    "set_acl": "h path version acls",
    "close": "h",
    "state": "h",
    "recv_timeout": "h",
    "client_id": "h",
    "is_unrecoverable": "h",
    "set_watcher": "h fn",
    "set_debug_level": "n",
    "set_log_stream": "file",
    "deterministic_conn_order": "flag",
    "zerror": "rc",
    "acreate": "h path data acls flags? cb?",
    "async": "h path cb?",
    "async_": "h path cb?",
    "adelete": "h path version? cb?",
    "aset_acl": "h path version acls cb?",
    "add_auth": "h scheme cert cb",
    "aexists": "h path watcher? cb?",
    "aset": "h path data version? cb?",
    "aget": "h path watcher? cb?",
    "aget_children": "h path watcher? cb?",
    "aget_acl": "h path cb?",
}
NUMBERS = {
    "PERM_READ": 1,
    "PERM_WRITE": 2,
    "PERM_CREATE": 4,
    "PERM_DELETE": 8,
    "PERM_ADMIN": 16,
    "PERM_ALL": 31,
    "EPHEMERAL": 1,
    "SEQUENCE": 2,
    "EXPIRED_SESSION_STATE": -112,
    "AUTH_FAILED_STATE": -113,
    "CONNECTING_STATE": 1,
    "ASSOCIATING_STATE": 2,
    "CONNECTED_STATE": 3,
    "CREATED_EVENT": 1,
    "DELETED_EVENT": 2,
    "CHANGED_EVENT": 3,
    "CHILD_EVENT": 4,
    "SESSION_EVENT": -1,
    "NOTWATCHING_EVENT": -2,
    "LOG_LEVEL_ERROR": 1,
    "LOG_LEVEL_WARN": 2,
    "LOG_LEVEL_INFO": 3,
    "LOG_LEVEL_DEBUG": 4,
}
# Name of the code: its number, and the exception that stands for it.
CODES = {
    "OK": (0, None),
    "SYSTEMERROR": (-1, "SystemErrorException"),
    "RUNTIMEINCONSISTENCY": (-2, "RuntimeInconsistencyException"),
    "DATAINCONSISTENCY": (-3, "DataInconsistencyException"),
    "CONNECTIONLOSS": (-4, "ConnectionLossException"),
    "MARSHALLINGERROR": (-5, "MarshallingErrorException"),
    "UNIMPLEMENTED": (-6, "UnimplementedException"),
    "OPERATIONTIMEOUT": (-7, "OperationTimeoutException"),
    "BADARGUMENTS": (-8, "BadArgumentsException"),
    "INVALIDSTATE": (-9, "InvalidStateException"),
    "APIERROR": (-100, "ApiErrorException"),
    "NONODE": (-101, "NoNodeException"),
    "NOAUTH": (-102, "NoAuthException"),
    "BADVERSION": (-103, "BadVersionException"),
    "NOCHILDRENFOREPHEMERALS": (-108, "NoChildrenForEphemeralsException"),
    "NODEEXISTS": (-110, "NodeExistsException"),
    "NOTEMPTY": (-111, "NotEmptyException"),
    "SESSIONEXPIRED": (-112, "SessionExpiredException"),
    "INVALIDCALLBACK": (-113, "InvalidCallbackException"),
    "INVALIDACL": (-114, "InvalidACLException"),
    "AUTHFAILED": (-115, "AuthFailedException"),
    "CLOSING": (-116, "ClosingException"),
    "NOTHING": (-117, "NothingException"),
    "SESSIONMOVED": (-118, "SessionMovedException"),
}
EXCEPTIONS = [name for _, name in CODES.values() if name is not None]


def test_nothing_is_missing_and_nothing_else_is_there():
    wanted = {*FUNCTIONS, *NUMBERS, *CODES, *EXCEPTIONS, "ZooKeeperException", "__version__"}
    assert {name for name in wanted if not hasattr(zookeeper, name)} == set()
    assert set(zookeeper.__all__) == wanted - {"async"}
    public = {name for name in dir(zookeeper) if name.isidentifier() and not name.startswith("_")}
    assert public - {"annotations"} == wanted - {"__version__"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_stand_where_they_stood_and_have_names(name):
    function = getattr(zookeeper, name)
    parameters = inspect.signature(function).parameters.values()
    shown = [one.name + ("?" if one.default is not one.empty else "") for one in parameters]
    assert shown == FUNCTIONS[name].split()
    assert {one.kind for one in parameters} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_does(name):
    text = inspect.getdoc(getattr(zookeeper, name))
    first, described = text.splitlines()[0], text.partition("Args:")[2]
    assert first.endswith((".", "```.", ")``.", "NONODE."))
    assert ".. versionadded::" in text
    for argument in FUNCTIONS[name].replace("?", "").split():
        assert re.search(rf"^ +{argument}: \S", described, re.MULTILINE), argument


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_pickles_by_its_name(name):
    function = getattr(zookeeper, name)
    assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize(
    ("name", "number"), [*NUMBERS.items(), *((name, number) for name, (number, _) in CODES.items())]
)
def test_numbers(name, number):
    found = getattr(zookeeper, name)
    assert type(found) is int
    assert found == number


def test_names_are_found_by_their_endings():
    # Old code prints the name of a number that it got like this.
    states = {getattr(zookeeper, name): name for name in dir(zookeeper) if name.endswith("_STATE")}
    assert states[zookeeper.CONNECTED_STATE] == "CONNECTED_STATE"
    assert len(states) == 5
    events = {getattr(zookeeper, name): name for name in dir(zookeeper) if name.endswith("_EVENT")}
    assert events[zookeeper.SESSION_EVENT] == "SESSION_EVENT"
    assert len(events) == 6


def test_the_tree_of_exceptions_is_flat():
    found = {
        name: value
        for name, value in vars(zookeeper).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert found.pop("ZooKeeperException").__bases__ == (Exception,)
    assert set(found) == set(EXCEPTIONS)
    assert {exception.__bases__ for exception in found.values()} == {(zookeeper.ZooKeeperException,)}


@pytest.mark.parametrize("name", ["ZooKeeperException", *EXCEPTIONS])
def test_exceptions_are_made_subclassed_and_pickled(name):
    exception = getattr(zookeeper, name)
    assert exception.__module__ == "zkc.legacy.zookeeper"
    assert exception.__doc__
    assert exception().args == ()
    assert str(exception("why")) == "why"
    assert exception("why", 3).args == ("why", 3)

    class Own(exception):
        def __init__(self, number):
            super().__init__(f"number {number}")
            self.number = number

    with pytest.raises(zookeeper.ZooKeeperException, match="number 5") as caught:
        raise Own(5)
    assert caught.value.number == 5
    for again in (pickle.loads(pickle.dumps(exception("why"))), copy.copy(exception("why"))):
        assert type(again) is exception
        assert again.args == ("why",)


def test_an_exception_that_was_raised_pickles_with_all_its_fields(h):
    with pytest.raises(zookeeper.NoNodeException) as caught:
        zookeeper.get(h, "/missing")
    error = caught.value
    assert (error.args, error.code, error.operation, error.path) == (("no node",), zookeeper.NONODE, "get", "/missing")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is zookeeper.NoNodeException
    assert (again.args, vars(again)) == (error.args, vars(error))


@pytest.mark.parametrize("code", [number for number, _ in CODES.values()])
def test_zerror_has_a_text_for_each_code(code):
    text = zookeeper.zerror(code)
    assert text
    assert not text.lower().startswith("unknown")


def test_zerror():
    assert zookeeper.zerror(zookeeper.NONODE) == "no node"
    assert zookeeper.zerror(zookeeper.BADVERSION) == "bad version"
    assert isinstance(zookeeper.zerror(12345), str)
    with pytest.raises(TypeError, match="int"):
        zookeeper.zerror("no node")


def test_the_version_looks_like_one():
    assert re.fullmatch(r"\d\.\d\.\d+", zookeeper.__version__)
    assert zookeeper.__version__ == zkc.build_info()["libzookeeper"]


def test_every_argument_may_be_given_by_name(make_handle, hosts, watcher):
    h = make_handle(recv_timeout_ms=20000, clientid=None)
    create, get = zookeeper.create, zookeeper.get
    assert create(h=h, path="/a", data="x", acls=OPEN, flags=0) == "/a"
    assert get(h=h, path="/a", watcher=watcher, bufferlen=10)[0] == "x"
    assert zookeeper.exists(h=h, path="/a", watcher=watcher)["version"] == 0
    assert zookeeper.set(h=h, path="/a", data="y", version=0) == 0
    assert zookeeper.set2(h=h, path="/a", data="y", version=1)["version"] == 2
    assert zookeeper.get_children(h=h, path="/", watcher=None) == ["a"]
    assert zookeeper.get_acl(h=h, path="/a")[1] == OPEN
    assert zookeeper.set_acl(h=h, path="/a", version=0, acls=OPEN) == 0
    assert completed(zookeeper.acreate, h, path="/b", data="", acls=OPEN, flags=0) == (0, "/b")
    assert completed(zookeeper.aexists, h, path="/b", watcher=None)[0] == 0
    assert completed(zookeeper.aget, h, path="/b", watcher=None)[:2] == (0, "")
    assert completed(zookeeper.aset, h, path="/b", data="", version=0)[0] == 0
    assert completed(zookeeper.aget_children, h, path="/b", watcher=None) == (0, [])
    assert completed(zookeeper.aget_acl, h, path="/b")[1] == OPEN
    assert completed(zookeeper.aset_acl, h, path="/b", version=0, acls=OPEN) == (0,)
    assert completed(zookeeper.async_, h, path="/b") == (0, "/b")
    assert completed(zookeeper.add_auth, h, scheme="digest", cert="a:b") == (0,)
    assert completed(zookeeper.adelete, h, path="/b", version=1) == (0,)
    assert zookeeper.delete(h=h, path="/a", version=2) == 0
    assert zookeeper.set_watcher(h=h, fn=None) is None
    assert zookeeper.zerror(rc=0) == "ok"
