"""Kept ephemerals that the client has deleted, or set, by a request whose answer it did not see."""

import asyncio
import threading

import pytest

import zkc
from zkc import ACL, ClientState

from . import both
from .proxy_support import DELETE, MULTI, SET, SET_ACL, Meddler

READ_WRITE = [ACL.world(zkc.Perms.ALL & ~zkc.Perms.ADMIN)]


@pytest.fixture
def meddler(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def far(start_zk, meddler, hosts):
    """A client that connects through the proxy, with a session that outlives what the tests do."""
    return start_zk(meddler.hosts + hosts[hosts.index("/") :], session_timeout=30.0)


class Submitting:
    """A Client whose calls are made by submit; for the other client, its calls as they are."""

    def __init__(self, zk):
        self.zk = zk

    def __getattr__(self, name):
        if self.zk.kind == "async":
            return getattr(self.zk, name)
        return lambda *arguments, **options: asyncio.wrap_future(
            _plain(getattr(self.zk.inner.submit, name)(*arguments, **options))
        )


def _plain(future):
    """Return what asyncio takes for a future of threads."""
    import concurrent.futures

    plain = concurrent.futures.Future()

    def copy(done):
        error = done.exception()
        plain.set_result(done.result()) if error is None else plain.set_exception(error)

    future.add_done_callback(copy)
    return plain


async def in_transaction(zk, fill, **options):
    transaction = zk.transaction()
    fill(transaction)
    return await transaction.commit(**options)


async def many(call, items, **options):
    """Make a bulk call, and raise what came of the first item."""
    for outcome in await call(items, **options):
        if isinstance(outcome, Exception):
            raise outcome


# One that reads before it deletes has ten times as long for both.
DELETES = {
    "delete": (DELETE, lambda zk, **o: zk.delete("/kept", **o)),
    "submit": (DELETE, lambda zk, **o: Submitting(zk).delete("/kept", **o)),
    "missing_ok": (DELETE, lambda zk, **o: zk.delete("/kept", missing_ok=True, **o)),
    "many": (DELETE, lambda zk, **o: many(zk.delete_many, ["/kept"], **o)),
    "recursive": (DELETE, lambda zk, **o: zk.delete("/kept", recursive=True, **{name: 10 * o[name] for name in o})),
    "transaction": (MULTI, lambda zk, **o: in_transaction(zk, lambda t: t.delete("/kept"), **o)),
}
deletes = pytest.mark.parametrize(("opcode", "delete"), DELETES.values(), ids=DELETES)
LOST = (zkc.ConnectionLossError, zkc.SessionExpiredError, zkc.OperationTimeoutError)


async def stays_gone(zk, other_zk, expire_zk):
    assert (zk.kept, [znode.path for znode in zk.kept_znodes]) == (["/other"], ["/other"])
    for _ in range(2):
        await expire_zk(zk)
        assert await other_zk.exists("/kept") is None
    assert await other_zk.exists("/other") is not None


async def make(zk, data=b"1"):
    await zk.create("/kept", data, ephemeral=True, keep=True)
    await zk.create("/other", ephemeral=True, keep=True)


@deletes
async def test_a_delete_that_timed_out_and_was_applied(far, other_zk, meddler, expire_zk, opcode, delete):
    await make(far)
    meddler.before(opcode, meddler.hold)
    with pytest.raises(zkc.OperationTimeoutError):
        await delete(far, timeout=0.2)
    assert far.kept == ["/other"]
    meddler.resume()
    await both.eventually(lambda: both.gone(other_zk, "/kept"))
    with pytest.raises(zkc.NoNodeError):
        await far.delete("/kept")
    await expire_zk(far)
    assert await other_zk.exists("/kept") is None
    assert await other_zk.exists("/other") is not None


@deletes
@pytest.mark.parametrize("verdict", ["drop", "lose"])
async def test_a_delete_whose_answer_was_lost(far, other_zk, meddler, expire_zk, opcode, delete, verdict):
    await make(far)
    meddler.before(opcode, lambda: verdict)
    with pytest.raises(zkc.ConnectionLossError) as caught:
        await delete(far)
    assert caught.value.maybe_applied
    await far.wait_for(ClientState.CONNECTED)
    await stays_gone(far, other_zk, expire_zk)


@deletes
async def test_a_delete_that_crosses_an_expiry(far, other_zk, meddler, zookeeper_server, expire_zk, opcode, delete):
    await make(far)
    meddler.before(opcode, meddler.hold)
    with pytest.raises(zkc.OperationTimeoutError):
        await delete(far, timeout=0.2)
    old = far.session_id
    zookeeper_server.expire(old, far.session_password)
    meddler.resume()
    await both.eventually(lambda: far.session_id not in (0, old) and far.state is ClientState.CONNECTED)
    await stays_gone(far, other_zk, expire_zk)


def delete_in_transaction(calls):
    transaction = calls.transaction()
    transaction.delete("/kept")
    return transaction.commit()


FUTURES = {
    "delete": (DELETE, lambda calls: calls.delete("/kept")),
    "many": (DELETE, lambda calls: calls.delete_many(["/kept"])),
    "recursive": (DELETE, lambda calls: calls.delete("/kept", recursive=True)),
    "transaction": (MULTI, delete_in_transaction),
}


@pytest.mark.parametrize(("opcode", "delete"), FUTURES.values(), ids=FUTURES)
async def test_a_delete_that_was_cancelled_after_it_was_sent(far, other_zk, meddler, expire_zk, opcode, delete):
    await make(far)
    held = threading.Event()

    def hold():
        meddler.hold()
        held.set()

    meddler.before(opcode, hold)
    future = delete(far if far.kind == "async" else far.inner.submit)
    await both.eventually(held.is_set)
    assert future.cancel()
    assert far.kept == ["/other"]
    meddler.resume()
    await both.eventually(lambda: both.gone(other_zk, "/kept"))
    await stays_gone(far, other_zk, expire_zk)


async def test_a_delete_whose_session_has_ended_before_it_was_sent(far, other_zk, meddler, zookeeper_server, expire_zk):
    await make(far)
    lost = threading.Event()
    far.add_listener(lambda state: state is ClientState.LOST and lost.set())
    meddler.refuse()
    meddler.drop_connections()
    await far.wait_for(ClientState.SUSPENDED)
    asked = both.begin(far, "delete", "/kept")
    await both.eventually(lambda: far.kept == ["/other"])
    zookeeper_server.expire(far.session_id, far.session_password)
    meddler.accept()
    with pytest.raises(LOST):
        await asked
    await both.eventually(lambda: lost.is_set() and far.state is ClientState.CONNECTED)
    await both.eventually(lambda: both.gone(other_zk, "/kept"))
    await stays_gone(far, other_zk, expire_zk)


async def test_a_delete_that_is_refused_keeps_it(zk, other_zk, expire_zk):
    await zk.create("/top")
    path = "/top/kept"
    await zk.create(path, b"1", ephemeral=True, keep=True)
    await zk.set_acl("/top", [ACL.world(zkc.Perms.ALL & ~zkc.Perms.DELETE)])
    calls = {
        "delete": lambda: zk.delete(path),
        "version": lambda: zk.delete(path, version=7),
        "many": lambda: many(zk.delete_many, [path]),
        "transaction": lambda: in_transaction(zk, lambda t: t.delete(path)),
        "another": lambda: in_transaction(zk, lambda t: (t.delete(path), t.check("/no"))),
    }
    for call in calls.values():
        with pytest.raises((zkc.NoAuthError, zkc.BadVersionError)):
            await call()
        assert zk.kept == [path]
    for wrong in ({"version": "x"}, {"recursive": 1}):
        with pytest.raises(TypeError):
            await zk.delete(path, **wrong)
    assert zk.kept == [path]
    await expire_zk(zk)
    assert (await other_zk.exists(path)).ephemeral_owner == zk.session_id


async def test_one_of_a_transaction_that_failed_for_another_reason(zk, other_zk, expire_zk):
    await make(zk)
    with pytest.raises(zkc.NoNodeError):
        await in_transaction(zk, lambda t: (t.delete("/kept"), t.set("/other", b"2"), t.check("/no")))
    assert sorted(zk.kept) == ["/kept", "/other"]
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == b"1"
    assert (await other_zk.get("/other"))[0] == b""


SETS = {
    "set": (SET, lambda zk, **o: zk.set("/kept", b"2", **o)),
    "submit": (SET, lambda zk, **o: Submitting(zk).set("/kept", b"2", **o)),
    "many": (SET, lambda zk, **o: many(zk.set_many, [("/kept", b"2")], **o)),
    "transaction": (MULTI, lambda zk, **o: in_transaction(zk, lambda t: t.set("/kept", b"2"), **o)),
    "acl": (SET_ACL, lambda zk, **o: zk.set_acl("/kept", READ_WRITE, **o)),
    "submit acl": (SET_ACL, lambda zk, **o: Submitting(zk).set_acl("/kept", READ_WRITE, **o)),
}
sets = pytest.mark.parametrize(("opcode", "set_"), SETS.values(), ids=SETS)


async def is_set(zk, opcode):
    if opcode == SET_ACL:
        return (await zk.get_acl("/kept"))[0] == READ_WRITE
    return (await zk.get("/kept"))[0] == b"2"


@sets
async def test_a_set_that_timed_out_and_was_applied(far, other_zk, meddler, expire_zk, opcode, set_):
    await make(far)
    meddler.before(opcode, meddler.hold)
    with pytest.raises(zkc.OperationTimeoutError):
        await set_(far, timeout=0.2)
    meddler.resume()
    await both.eventually(lambda: is_set(other_zk, opcode))
    await expire_zk(far)
    assert await is_set(other_zk, opcode)


@sets
@pytest.mark.parametrize("verdict", ["drop", "lose"])
async def test_a_set_whose_answer_was_lost(far, other_zk, meddler, expire_zk, opcode, set_, verdict):
    await make(far)
    meddler.before(opcode, lambda: verdict)
    with pytest.raises(zkc.ConnectionLossError):
        await set_(far)
    await far.wait_for(ClientState.CONNECTED)
    await expire_zk(far)
    assert await is_set(other_zk, opcode)


@sets
async def test_a_set_that_crosses_an_expiry(far, other_zk, meddler, zookeeper_server, opcode, set_):
    await make(far)
    meddler.before(opcode, meddler.hold)
    with pytest.raises(zkc.OperationTimeoutError):
        await set_(far, timeout=0.2)
    old = far.session_id
    zookeeper_server.expire(old, far.session_password)
    meddler.resume()
    await both.eventually(lambda: far.session_id not in (0, old) and far.state is ClientState.CONNECTED)
    assert await is_set(other_zk, opcode)


async def test_a_set_that_was_cancelled(far, other_zk, meddler, expire_zk):
    await make(far)
    held = threading.Event()

    def hold():
        meddler.hold()
        held.set()

    meddler.before(SET, hold)
    call = far.set("/kept", b"2") if far.kind == "async" else far.inner.submit.set("/kept", b"2")
    await both.eventually(held.is_set)
    call.cancel()
    meddler.resume()
    await both.eventually(lambda: is_set(other_zk, SET))
    await expire_zk(far)
    assert await is_set(other_zk, SET)


async def test_sets_that_were_refused_change_nothing(zk, other_zk, expire_zk):
    await make(zk)
    with pytest.raises(zkc.BadVersionError):
        await many(zk.set_many, [("/kept", b"2", 7)])
    with pytest.raises(zkc.BadVersionError):
        await zk.set_acl("/kept", READ_WRITE, version=7)
    with pytest.raises(zkc.BadVersionError):
        await in_transaction(zk, lambda t: (t.set("/kept", b"2"), t.check("/other", 7)))
    with pytest.raises(ValueError, match="max_data"):
        await zk.set("/kept", b"x" * 2_000_000)
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == b"1"
    assert (await other_zk.get_acl("/kept"))[0] == list(zkc.OPEN_ACL_UNSAFE)


async def test_the_last_of_many_sets(zk, other_zk, expire_zk):
    await make(zk)
    await asyncio.gather(*(both.begin(zk, "set", "/kept", b"%d" % i) for i in range(40)))
    last = (await other_zk.get("/kept"))[0]
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == last


async def test_data_that_the_caller_changes_afterwards(zk, other_zk, expire_zk):
    data = bytearray(b"first")
    await make(zk, data)
    data[:] = b"wrong"
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == b"first"
    data[:] = b"other"
    await zk.set("/kept", memoryview(data))
    data[:] = b"wrong"
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == b"other"


async def test_one_that_is_deleted_before_the_answer_to_its_create(far, other_zk, meddler, expire_zk):
    await far.create("/other", ephemeral=True, keep=True)
    meddler.pause()
    made = both.begin(far, "create", "/kept", ephemeral=True, keep=True)
    await both.eventually(lambda: far.session.in_flight == 1)
    deleted = both.begin(far, "delete", "/kept")
    await both.eventually(lambda: far.session.in_flight == 2)
    meddler.resume()
    await made
    await deleted
    await stays_gone(far, other_zk, expire_zk)


async def test_one_whose_create_was_given_up_is_not_kept(far, other_zk, meddler):
    meddler.pause()
    with pytest.raises(zkc.OperationTimeoutError):
        await far.create("/kept", ephemeral=True, keep=True, timeout=0.1)
    meddler.resume()
    assert far.kept == []
    await far.delete("/kept")  # Nothing of it is left that would note that.
    assert far.inner._kept.changes == set()
    assert "/kept" not in far.inner._kept


async def test_a_delete_between_the_decision_to_create_it_and_the_create(zk, other_zk, expire_zk):
    await make(zk)
    kept = zk.inner._kept
    wants, asked, deletes = kept.wants, [], []

    def deleting(znode):
        wanted = wants(znode)
        if znode.path == "/kept":
            asked.append(wanted)
            if len(asked) == 2:  # The claim is about to create it. What another thread sends here is before that.
                deletes.append((zk.inner if zk.kind == "async" else zk.inner.submit).delete("/kept"))
        return wanted

    kept.wants = deleting
    try:
        await expire_zk(zk)
    finally:
        del kept.wants
    assert asked[:3] == [True, True, False]
    assert isinstance(await both.eventually(lambda: deletes[0].done() and deletes[0].exception()), zkc.NoNodeError)
    assert await other_zk.exists("/kept") is None
    assert kept.unwanted == {}
    await stays_gone(zk, other_zk, expire_zk)
