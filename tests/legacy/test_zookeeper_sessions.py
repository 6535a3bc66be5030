"""Sessions: what init takes, passwords that resume one, its end, and the order of the servers."""

import contextlib
import copy
import pickle
import socket
import struct
import threading
from collections import UserList

import pytest

import zkc
import zkc.legacy
from zkc.legacy import zookeeper
from zkc.legacy.zookeeper import CONNECTED_STATE, EXPIRED_SESSION_STATE, SESSION_EVENT
from zkc.testing import FaultProxy

from ..build_support import needs_long_session_timeouts
from .legacy_support import OPEN, TIMEOUT, Watcher

LOST = "127.0.0.1:1"


# ---- init ------------------------------------------------------------------------------------------------------------


def test_init_returns_at_once_and_connects_later():
    h = zookeeper.init(LOST)
    try:
        assert zookeeper.state(h) != CONNECTED_STATE
        assert zookeeper.recv_timeout(h) == 10000
        assert zookeeper.client_id(h) == (0, "\0" * 16)
        assert zookeeper.is_unrecoverable(h) is False
    finally:
        zookeeper.close(h)


def test_the_timeout_is_asked_for_to_the_millisecond():
    h = zookeeper.init(LOST, None, 1001)
    try:
        assert zookeeper.recv_timeout(h) == 1001
    finally:
        zookeeper.close(h)


@needs_long_session_timeouts
def test_the_longest_timeout_connects(make_handle):
    assert zookeeper.recv_timeout(make_handle(recv_timeout_ms=2**31 - 1)) == 60_000


@pytest.mark.parametrize("milliseconds", [0, -1, 2**31])
def test_a_timeout_out_of_range(milliseconds):
    with pytest.raises(zookeeper.BadArgumentsException, match="recv_timeout_ms must be from 1 to 2147483647 millisec"):
        zookeeper.init(LOST, None, milliseconds)


def test_a_port_may_be_left_out():
    for hosts in ("localhost", "127.0.0.1/chroot", "localhost,127.0.0.1:2182"):
        assert zookeeper.close(zookeeper.init(hosts)) == 0


@pytest.mark.parametrize("shape", ["{},", ",{}", "{},,{}", "{}, ,", "{},/"])
def test_empty_entries_of_hosts_do_not_count(make_handle, zookeeper_server, shape):
    h = make_handle(shape.format(zookeeper_server.hosts, zookeeper_server.hosts))
    with zkc.legacy.client_of(h) as client:  # It has the same hosts.
        assert client.exists("/")


@pytest.mark.parametrize("hosts", ["", ",", " ,, ", ",/chroot", "/chroot", b","])
def test_hosts_without_a_server(hosts):
    with pytest.raises(zookeeper.ZooKeeperException, match="there is no server in hosts: '"):
        zookeeper.init(hosts)


def test_hosts_may_be_bytes(make_handle, hosts):
    assert zookeeper.get(make_handle(hosts.encode()), "/")[0] == ""


@pytest.mark.parametrize("nothing", [0, (), "", None])
def test_a_client_id_that_is_nothing(make_handle, hosts, nothing):
    assert zookeeper.client_id(make_handle(hosts, clientid=nothing))[0] != 0


@pytest.mark.parametrize("nothing", [(-1, ""), [-1, ""], (-1, b"x" * 16), [0, ""]])
def test_an_id_of_minus_one_is_no_id(make_handle, hosts, nothing):
    """It is the default of the original, and programs give it."""
    h = make_handle(hosts, clientid=nothing)
    assert zookeeper.exists(h, "/") is not None
    assert zookeeper.client_id(h)[0] not in (0, -1)


class Pair(UserList):
    """A sequence that is neither a tuple nor a list."""


@pytest.mark.parametrize("kind", [tuple, list, Pair])
def test_any_sequence_of_two_is_a_client_id(abandoned, make_handle, kind):
    number, password = abandoned(lambda password: True)
    h = make_handle(recv_timeout_ms=60000, clientid=kind([number, password]))
    assert zookeeper.client_id(h) == (number, password)


@pytest.mark.parametrize("wrong", [(1,), [1, "", 2], {"id": 1, "password": ""}, {1, ""}, 7, "ab", ("1", ""), (1, None)])
def test_what_is_no_client_id(hosts, wrong):
    with pytest.raises(TypeError, match="clientid"):
        zookeeper.init(hosts, None, 10000, wrong)


def test_several_servers_of_which_one_is_there(make_handle, zookeeper_server):
    assert zookeeper.get(make_handle(f"{LOST},{zookeeper_server.hosts}"), "/")[0] == ""


WRONG_VALUES = {
    "no hosts": ("",),
    "empty entries only": (",, ,",),
    "a chroot only": (",/chroot",),
    "a port that is none": ("127.0.0.1:port",),
    "a name that is unknown": ("no-such-host.invalid:2181",),
    "a chroot that is none": ("127.0.0.1:2181/a//b",),
    "a timeout of 0": (LOST, None, 0),
    "a timeout below 0": (LOST, None, -1),
    "a timeout beyond 32 bits": (LOST, None, 2**31),
    "a password of 17 bytes": (LOST, None, 10000, (1, b"x" * 17)),
    "a password of 17 characters": (LOST, None, 10000, (1, "x" * 17)),
    "a password beyond latin-1": (LOST, None, 10000, (1, "\u20ac")),
    "an id beyond 64 bits": (LOST, None, 10000, (2**63, b"")),
}
WRONG_TYPES = {
    "hosts": (5,),
    "no hosts": (None,),
    "a watcher": (LOST, 5),
    "a timeout": (LOST, None, "10000"),
    "a timeout with a fraction": (LOST, None, 10.5),
    "a client id": (LOST, None, 10000, 5),
    "a client id of three": (LOST, None, 10000, (1, "x", "y")),
    "an id": (LOST, None, 10000, ("1", "x")),
    "a password": (LOST, None, 10000, (1, 5)),
}


@pytest.mark.parametrize("what", WRONG_VALUES)
def test_wrong_values(what):
    with pytest.raises(zookeeper.ZooKeeperException) as caught:
        zookeeper.init(*WRONG_VALUES[what])
    assert str(caught.value)
    of_arguments = any(word in what for word in ("timeout", "password", "id beyond"))
    assert isinstance(caught.value, zookeeper.BadArgumentsException) is of_arguments


@pytest.mark.parametrize("what", WRONG_TYPES)
def test_wrong_types(what):
    with pytest.raises(TypeError):
        zookeeper.init(*WRONG_TYPES[what])


@pytest.mark.parametrize(("asked", "granted"), [(5000, 5000), (10**9, 60000)])
def test_recv_timeout_is_what_was_agreed_upon(make_handle, asked, granted):
    h = zookeeper.init(LOST, None, asked)
    assert zookeeper.recv_timeout(h) == asked
    zookeeper.close(h)
    assert zookeeper.recv_timeout(make_handle(recv_timeout_ms=asked)) == granted


# ---- passwords -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def hears_the_first_packet():
    """A silent server: gives its address, and a function for the id and password that a client begins with."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)

        def heard():
            with listener.accept()[0] as client, client.makefile("rb") as stream:
                client.settimeout(TIMEOUT)
                body = stream.read(struct.unpack(">i", stream.read(4))[0])
            _, _, _, session_id, length = struct.unpack_from(">iqiqi", body)
            return session_id, body[28 : 28 + length]

        yield f"127.0.0.1:{listener.getsockname()[1]}", heard


PASSWORDS = {
    "bytes": (bytes(range(200, 216)), bytes(range(200, 216))),
    "latin-1": (bytes(range(200, 216)).decode("latin-1"), bytes(range(200, 216))),
    "bytes with NULs": (b"\0a\0b\0c\0d\0e\0f\0g\0h", b"\0a\0b\0c\0d\0e\0f\0g\0h"),
    "a str with NULs": ("\0a\0b\0c\0d\0e\0f\0g\0\xff", b"\0a\0b\0c\0d\0e\0f\0g\0\xff"),
    "shorter": (b"short", b"short" + bytes(11)),
    "a shorter str": ("sh\xf6rt", b"sh\xf6rt" + bytes(11)),
    "nothing": (b"", bytes(16)),
    "NULs only": (bytes(16), bytes(16)),
}


@pytest.mark.parametrize("what", PASSWORDS)
def test_a_password_reaches_the_server_as_it_is(what):
    password, sent = PASSWORDS[what]
    with hears_the_first_packet() as (hosts, heard):
        h = zookeeper.init(hosts, None, 10000, (0x123456789ABCDEF, password))
        try:
            assert heard() == (0x123456789ABCDEF, sent)
        finally:
            zookeeper.close(h)


def test_client_id_is_what_init_takes(h):
    number, password = zookeeper.client_id(h)
    assert type(number) is int
    assert number != 0
    assert type(password) is str
    assert len(password) == len(password.encode("latin-1")) == 16


@pytest.fixture
def abandoned(proxy, proxied):
    """Return a function that makes sessions until a password passes a test, cuts that one off, gives its client id."""
    handles = []

    def make(wanted):
        for _ in range(40):
            batch = [zookeeper.init(proxied, None, 60000) for _ in range(16)]
            handles.extend(batch)
            for h in batch:
                zookeeper.get(h, "/")
            found = [h for h in batch if wanted(zookeeper.client_id(h)[1])]
            if found:
                zookeeper.create(found[0], "/mine", "", OPEN, zookeeper.EPHEMERAL)
                client_id = zookeeper.client_id(found[0])
                # Without a word to the server: it would end the session.
                proxy.refuse()
                proxy.drop_connections()
                return client_id
            while handles:
                zookeeper.close(handles.pop())
        raise AssertionError("640 sessions had no such password")

    yield make
    for h in handles:
        zookeeper.close(h)


@pytest.mark.parametrize("kind", ["str", "bytes"])
def test_a_password_with_nuls_resumes_its_session(abandoned, make_handle, kind):
    number, password = abandoned(lambda password: "\0" in password)
    given = password if kind == "str" else password.encode("latin-1")
    h = make_handle(recv_timeout_ms=60000, clientid=(number, given))
    assert zookeeper.client_id(h) == (number, password)
    assert zookeeper.exists(h, "/mine")["ephemeralOwner"] == number


def test_a_wrong_password_resumes_nothing(abandoned, hosts):
    number, _ = abandoned(lambda password: True)
    events = Watcher()
    h = zookeeper.init(hosts, events, 60000, (number, "wrong"))
    try:
        events.wait_for((h, SESSION_EVENT, EXPIRED_SESSION_STATE, ""))
        assert zookeeper.is_unrecoverable(h) is True
    finally:
        zookeeper.close(h)


# ---- the end of a session --------------------------------------------------------------------------------------------


@pytest.fixture
def expire(zookeeper_server):
    """Return a function that has the server end the session of a handle."""

    def end(h):
        number, password = zookeeper.client_id(h)
        zookeeper_server.expire(number, password.encode("latin-1"))

    return end


def test_an_expired_session(make_handle, expire):
    events, on_data, on_children, on_missing = (Watcher() for _ in range(4))
    h = make_handle(watcher=events)
    zookeeper.get(h, "/", on_data)
    zookeeper.get_children(h, "/", on_children)
    zookeeper.exists(h, "/missing", on_missing)
    expire(h)
    ended = (h, SESSION_EVENT, EXPIRED_SESSION_STATE, "")
    events.wait_for(ended)
    for seen in (on_data, on_children, on_missing):
        seen.wait_for(ended)
        assert {call[:2] for call in seen.calls} == {(h, SESSION_EVENT)}
        assert seen.calls.count(ended) == 1
        assert seen.calls[-1] == ended
    assert zookeeper.state(h) == EXPIRED_SESSION_STATE
    assert zookeeper.is_unrecoverable(h) is True
    assert len(zookeeper.client_id(h)[1]) == 16
    assert zookeeper.recv_timeout(h) > 0
    for call, arguments in (
        (zookeeper.get, ("/",)),
        (zookeeper.create, ("/a", "", OPEN)),
        (zookeeper.set, ("/", "")),
        (zookeeper.exists, ("/",)),
        (zookeeper.get_children, ("/",)),
        (zookeeper.aget, ("/",)),
        (zookeeper.acreate, ("/a", "", OPEN)),
        (zookeeper.async_, ("/",)),
        (zookeeper.add_auth, ("digest", "a:b", None)),
    ):
        with pytest.raises(zookeeper.SessionExpiredException, match=zookeeper.zerror(zookeeper.SESSIONEXPIRED)):
            call(h, *arguments)
        with pytest.raises(zookeeper.InvalidStateException) as caught:  # As the original raised.
            call(h, *arguments)
        error = caught.value
        assert (type(error).__name__, error.code) == ("SessionExpiredException", zookeeper.SESSIONEXPIRED)
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(again) is type(error)
            assert (again.args, vars(again)) == (error.args, vars(error))
    assert zookeeper.close(h) == 0
    for seen in (events, on_data, on_children, on_missing):
        assert seen.calls[-1] == ended


def test_init_and_close_inside_the_watcher_of_an_expired_session(hosts, expire):
    # As old code does: a new session in the place of the one that is over, in its watcher.
    current, again, wrong = [], threading.Event(), []

    def watcher(h, type_, state, path):
        try:
            if state == EXPIRED_SESSION_STATE:
                new = zookeeper.init(hosts, watcher)
                assert new != h
                assert zookeeper.create(new, "/mine", "", OPEN, zookeeper.EPHEMERAL) == "/mine"
                zookeeper.close(h)
                current[:] = [new]
                again.set()
        except BaseException as error:
            wrong.append(error)
            again.set()

    h = zookeeper.init(hosts, watcher)
    current.append(h)
    try:
        zookeeper.create(h, "/mine", "", OPEN, zookeeper.EPHEMERAL)
        expire(h)
        assert again.wait(TIMEOUT)
        assert wrong == []
        (new,) = current
        assert zookeeper.exists(new, "/mine")["ephemeralOwner"] == zookeeper.client_id(new)[0]
        with pytest.raises(zookeeper.ZooKeeperException, match="freed"):
            zookeeper.state(h)
    finally:
        zookeeper.close(current[0])


def test_calls_under_way_when_the_session_expires(make_handle, expire, proxy, proxied):
    events, got = Watcher(), Watcher()
    h = make_handle(proxied, watcher=events, recv_timeout_ms=30000)
    proxy.pause()
    zookeeper.aget(h, "/", None, got)
    expire(h)
    proxy.drop_connections()
    proxy.resume()
    events.wait_for((h, SESSION_EVENT, EXPIRED_SESSION_STATE, ""))
    ((handle, rc, data, stat),) = got.wait_calls(1)
    assert (handle, data, stat) == (h, None, None)
    assert rc in (zookeeper.CONNECTIONLOSS, zookeeper.SESSIONEXPIRED)


def test_a_lost_connection_is_raised_and_passes(make_handle, proxy, proxied):
    events = Watcher()
    h = make_handle(proxied, watcher=events, recv_timeout_ms=30000)
    proxy.pause()
    raised = Watcher()

    def call():
        try:
            zookeeper.get(h, "/")
        except zookeeper.ConnectionLossException as error:
            raised(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    zookeeper.aget(h, "/")
    proxy.refuse()
    proxy.drop_connections()
    proxy.resume()
    thread.join(TIMEOUT)
    assert raised.calls in ([(zookeeper.zerror(zookeeper.CONNECTIONLOSS),)], [])
    events.wait_for((h, SESSION_EVENT, zookeeper.CONNECTING_STATE, ""))
    assert zookeeper.state(h) in (zookeeper.CONNECTING_STATE, zookeeper.ASSOCIATING_STATE)
    assert zookeeper.is_unrecoverable(h) is False
    proxy.accept()
    events.wait_calls(3)
    assert zookeeper.state(h) == CONNECTED_STATE
    assert zookeeper.get(h, "/")[0] == ""


def test_close_ends_the_session_at_the_server(h, make_handle, eventually):
    other = make_handle(recv_timeout_ms=60000)
    zookeeper.create(other, "/mine", "", OPEN, zookeeper.EPHEMERAL)
    assert zookeeper.close(other) == 0
    # It waits for the server, but not for long. This is long before the session would expire.
    eventually(lambda: zookeeper.exists(h, "/mine") is None)


# ---- the order of the servers ----------------------------------------------------------------------------------------


@pytest.fixture
def in_order():
    """Sessions try the servers in the order given as long as the test runs."""
    assert zookeeper.deterministic_conn_order(True) is None
    yield
    assert zookeeper.deterministic_conn_order(False) is None


def test_the_servers_are_tried_in_the_order_given(in_order, make_handle, zookeeper_server):
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(FaultProxy("127.0.0.1", zookeeper_server.port)) for _ in range(3)]
        listed = ",".join(proxy.hosts for proxy in proxies)
        # The servers share two thirds of the timeout: each has enough of it to begin a session on a busy machine.
        handles = [make_handle(listed, recv_timeout_ms=60000) for _ in range(10)]
        assert [proxy.connections for proxy in proxies] == [10, 0, 0]
        proxies[0].refuse()
        handles += [make_handle(listed, recv_timeout_ms=60000) for _ in range(4)]
        assert [proxy.connections for proxy in proxies] == [10, 4, 0]
        for h in handles:
            zookeeper.close(h)


def test_a_clientid_of_bool_is_refused(hosts):
    with pytest.raises(TypeError, match="the id of clientid must be int, not bool"):
        zookeeper.init(hosts, None, 10000, (True, "x" * 16))
