"""Handles: which number is next, what happens to one that is none, many at once, and many threads."""

import sys
import threading

import pytest

from zkc.legacy import zookeeper

from .legacy_support import OPEN, TIMEOUT, Watcher

# Every call with a handle, and what comes after it.
CALLS = {
    "create": ("/x", "", OPEN),
    "delete": ("/x",),
    "exists": ("/",),
    "get": ("/",),
    "set": ("/", ""),
    "set2": ("/", ""),
    "get_children": ("/",),
    "get_acl": ("/",),
    "set_acl": ("/", -1, OPEN),
    "close": (),
    "state": (),
    "recv_timeout": (),
    "client_id": (),
    "is_unrecoverable": (),
    "set_watcher": (None,),
    "acreate": ("/x", "", OPEN),
    "async": ("/",),
    "adelete": ("/x",),
    "aset_acl": ("/", -1, OPEN),
    "add_auth": ("digest", "a:b", None),
    "aexists": ("/",),
    "aset": ("/", ""),
    "aget": ("/",),
    "aget_children": ("/",),
    "aget_acl": ("/",),
}
FOREIGN = {"negative": -1, "very negative": -(2**80), "too large": 10**6, "much too large": 2**80}
WRONG = {
    "a str": "0",
    "a float": 0.0,
    "None": None,
    "bytes": b"0",
    "a list": [0],
    "a tuple": (0,),
    "an object": object(),
}


def next_free(hosts):
    h = zookeeper.init(hosts)
    zookeeper.close(h)
    return h


# ---- numbers ---------------------------------------------------------------------------------------------------------


def test_the_lowest_free_number_is_next(make_handle):
    first = [make_handle() for _ in range(4)]
    assert first == list(range(first[0], first[0] + 4))
    zookeeper.close(first[2])
    zookeeper.close(first[1])
    assert [make_handle() for _ in range(3)] == [first[1], first[2], first[3] + 1]


def test_the_first_number_is_0(hosts):
    assert next_free(hosts) == 0


def test_a_number_is_reused_after_close(hosts):
    assert len({next_free(hosts) for _ in range(5)}) == 1


def test_an_init_that_fails_takes_no_number(h, hosts):
    before = next_free(hosts)
    for arguments in (("",), (hosts, None, -1), (hosts, None, 10000, (0, "x" * 17)), ("nowhere.invalid:1",)):
        with pytest.raises(zookeeper.ZooKeeperException):
            zookeeper.init(*arguments)
    assert next_free(hosts) == before


def test_a_handle_used_again_is_another_session(make_handle, eventually):
    h = make_handle(recv_timeout_ms=60000)
    zookeeper.create(h, "/mine", "", OPEN, zookeeper.EPHEMERAL)
    first = zookeeper.client_id(h)[0]
    seen = Watcher()
    zookeeper.exists(h, "/x", seen)
    zookeeper.close(h)
    assert make_handle() == h
    assert zookeeper.client_id(h)[0] != first
    eventually(lambda: zookeeper.exists(h, "/mine") is None)  # close() waits for the server, but not for long.
    zookeeper.create(h, "/x", "", OPEN)
    assert seen.calls == []


# ---- misuse ----------------------------------------------------------------------------------------------------------


def test_the_table_has_every_call_with_a_handle():
    with_handle = {
        name
        for name in dir(zookeeper)
        if callable(getattr(zookeeper, name))
        and getattr(zookeeper, name).__doc__
        and "h: The handle" in str(getattr(zookeeper, name).__doc__)
    }
    assert with_handle == {*CALLS, "async_"}


@pytest.mark.parametrize("name", CALLS)
def test_a_closed_handle(make_handle, name):
    h = make_handle()
    zookeeper.close(h)
    with pytest.raises(zookeeper.ZooKeeperException, match=r"^zhandle already freed$") as caught:
        getattr(zookeeper, name)(h, *CALLS[name])
    assert type(caught.value) is zookeeper.ZooKeeperException
    assert caught.value.code is None


@pytest.mark.parametrize("handle", FOREIGN)
@pytest.mark.parametrize("name", CALLS)
def test_a_number_that_is_no_handle(h, name, handle):
    with pytest.raises(zookeeper.ZooKeeperException, match=r"^zhandle out of range$") as caught:
        getattr(zookeeper, name)(FOREIGN[handle], *CALLS[name])
    assert type(caught.value) is zookeeper.ZooKeeperException
    assert zookeeper.state(h) == zookeeper.CONNECTED_STATE


@pytest.mark.parametrize("handle", WRONG)
@pytest.mark.parametrize("name", CALLS)
def test_a_handle_of_a_wrong_type(name, handle):
    with pytest.raises(TypeError, match="h must be a handle"):
        getattr(zookeeper, name)(WRONG[handle], *CALLS[name])


# ---- many ------------------------------------------------------------------------------------------------------------


def test_32_handles_at_once(hosts):
    handles = [zookeeper.init(hosts) for _ in range(32)]
    try:
        assert handles == list(range(32))
        for h in handles:
            zookeeper.create(h, f"/{h}", str(h), OPEN, zookeeper.EPHEMERAL)
        owners = {zookeeper.exists(h, f"/{h}")["ephemeralOwner"] for h in handles}
        assert owners == {zookeeper.client_id(h)[0] for h in handles}
        assert len(owners) == 32
        watched = Watcher()
        for h in handles:
            zookeeper.get(h, "/", watched)
        zookeeper.set(handles[0], "/", "x")
        watched.wait_calls(32)
        assert {call[0] for call in watched.calls} == set(handles)
    finally:
        for h in handles:
            zookeeper.close(h)


def in_threads(count, body):
    """Run a function with the numbers of so many threads, in all of them at once; raise what the first one raised."""
    begin, errors = threading.Barrier(count), []

    def work(number):
        try:
            begin.wait(TIMEOUT)
            body(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
    finally:
        sys.setswitchinterval(interval)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


def test_one_handle_in_16_threads(h):
    completions = Watcher()

    def body(number):
        path = f"/{number}"
        zookeeper.create(h, path, "", OPEN)
        for turn in range(10):
            assert zookeeper.set(h, path, f"{number}.{turn}", turn) == 0
            assert zookeeper.get(h, path)[0] == f"{number}.{turn}"
            zookeeper.aget(h, path, None, completions)
            assert zookeeper.exists(h, f"{path}/missing") is None
            with pytest.raises(zookeeper.BadVersionException):
                zookeeper.delete(h, path, 1000)
        assert str(number) in zookeeper.get_children(h, "/")

    in_threads(16, body)
    completions.wait_calls(160)
    assert {call[1] for call in completions.calls} == {0}


def test_16_threads_open_and_close_handles(hosts):
    taken, lock = set(), threading.Lock()

    def body(number):
        for _ in range(3):
            h = zookeeper.init(hosts)
            with lock:
                assert h not in taken
                taken.add(h)
            zookeeper.create(h, f"/{number}", "", OPEN, zookeeper.EPHEMERAL)
            assert zookeeper.exists(h, f"/{number}")["ephemeralOwner"] == zookeeper.client_id(h)[0]
            with lock:
                taken.discard(h)
            assert zookeeper.close(h) == 0

    in_threads(16, body)
    assert next_free(hosts) == 0


def test_one_of_16_threads_closes_a_handle(make_handle):
    h, closed = make_handle(), []

    def body(_):
        try:
            closed.append(zookeeper.close(h))
        except zookeeper.ZooKeeperException as error:
            assert str(error) == "zhandle already freed"

    in_threads(16, body)
    assert closed == [0]


def test_close_while_others_call(make_handle):
    h = make_handle()
    under_way = threading.Semaphore(0)

    def body(number):
        if number == 0:
            for _ in range(20):
                under_way.acquire(timeout=TIMEOUT)
            assert zookeeper.close(h) == 0
            return
        try:
            while True:
                zookeeper.get(h, "/")
                under_way.release()
        except zookeeper.ZooKeeperException as error:
            assert type(error) in (zookeeper.ZooKeeperException, zookeeper.ClosingException), error

    in_threads(8, body)
