"""Transactions: all of it or none, typed results, and which operation is to blame."""

import pytest

import zkc
from zkc import ACL, Perms, Stat
from zkc import _zookeeper as core

from . import both

needs_create_with_stat = pytest.mark.skipif(
    not core.build_info()["multi_create_with_stat"],
    reason="this libzookeeper creates with stat only outside of transactions",
)


async def test_every_operation_and_its_result(zk):
    await zk.create("/old", b"1")
    await zk.create("/gone")
    transaction = zk.transaction()
    checked = transaction.check("/old", version=0)
    made = transaction.create("/new", b"x", acl=[ACL.world(Perms.READ | Perms.DELETE)])
    numbered = transaction.create("/n-", ephemeral=True, sequential=True)
    changed = transaction.set("/old", b"2", version=0)
    deleted = transaction.delete("/gone", version=0)
    assert len(transaction) == 5
    assert transaction.operations == [checked, made, numbered, changed, deleted]
    results = await transaction.commit()
    assert [operation.result() for operation in transaction.operations] == results
    assert results[0] is None
    assert results[1] == "/new"
    assert numbered.result() == "/n-0000000003"
    assert type(changed.result()) is Stat
    assert changed.result() == await zk.exists("/old")
    assert deleted.result() is None
    assert (await zk.get("/old"))[0] == b"2"
    assert (await zk.get_acl("/new"))[0] == [ACL.world(Perms.READ | Perms.DELETE)]
    assert (await zk.exists("/n-0000000003")).ephemeral_owner == zk.session_id
    assert await zk.exists("/gone") is None


@needs_create_with_stat
@pytest.mark.parametrize("flags", [{"container": True}, {"ttl": 1e6}, {"ttl": 1e6, "sequential": True}])
async def test_every_kind_of_znode(zk, flags):
    async with zk.transaction() as transaction:
        made = transaction.create("/a", b"x", **flags)
        transaction.create(f"{'/a0000000000' if 'sequential' in flags else '/a'}/child")
    assert (await zk.get(made.result()))[0] == b"x"
    assert await zk.children(made.result()) == ["child"]


@needs_create_with_stat
@pytest.mark.parametrize("flags", [{}, {"ephemeral": True}, {"sequential": True}, {"container": True}, {"ttl": 1e6}])
async def test_a_create_with_stat(zk, flags):
    async with zk.transaction() as transaction:
        made = transaction.create_with_stat("/a", b"four", **flags)
        after = transaction.create("/b")
    path, stat = made.result()
    assert (path, after.result()) == ("/a0000000000" if "sequential" in flags else "/a", "/b")
    assert (made.name, made.path) == ("create_with_stat", "/a")
    # Servers before 3.7.2, 3.8.2 and 3.9.0 send no stat for a plain znode.
    assert stat is None or stat == await zk.exists(path)
    if flags.keys() & {"container", "ttl"}:
        assert stat.data_length == 4


async def test_a_block_commits_at_its_end(zk):
    async with zk.transaction() as transaction:
        made = transaction.create("/a", b"1")
        transaction.set("/a", None)
        assert await zk.exists("/a") is None
        with pytest.raises(RuntimeError, match="has no result: commit the transaction first"):
            made.result()
    assert made.result() == "/a"
    assert (await zk.get("/a"))[0] is None


async def test_an_exception_in_the_block_sends_nothing(zk):
    with pytest.raises(LookupError):  # noqa: PT012 - the block is what this is about
        async with zk.transaction() as transaction:
            made = transaction.create("/a")
            raise LookupError
    assert zk.metrics().requests["multi"] == 0
    assert await zk.exists("/a") is None
    with pytest.raises(RuntimeError, match="has no result"):
        made.result()


async def test_a_commit_in_the_block_is_the_only_one(zk):
    async with zk.transaction() as transaction:
        transaction.create("/a")
        assert await transaction.commit() == ["/a"]
    assert zk.metrics().requests["multi"] == 1


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_the_operation_that_fails_is_named(zk, position):
    await zk.create("/a")
    transaction = zk.transaction()
    operations = [transaction.create(f"/made-{i}") for i in range(position)]
    operations.append(transaction.check("/a", version=7))
    operations += [transaction.set("/a", b"x") for _ in range(2 - position)]
    with pytest.raises(zkc.BadVersionError) as caught:
        await transaction.commit()
    error = caught.value
    assert error.index == position
    assert (error.operation, error.path) == ("check", "/a")
    assert f"operation {position} of 3 failed, so none was applied: check '/a'" in str(error)
    assert not error.maybe_applied
    kinds = [zkc.RuntimeInconsistencyError] * 3
    kinds[position] = zkc.BadVersionError
    assert [type(result) for result in error.results] == kinds
    for operation, kind in zip(operations, kinds):
        with pytest.raises(kind):
            operation.result()
    assert await zk.children("/") == ["a"]
    assert (await zk.get("/a"))[0] == b""


@pytest.mark.parametrize(
    ("add", "error"),
    [
        (lambda t: t.check("/none"), zkc.NoNodeError),
        (lambda t: t.create("/there"), zkc.NodeExistsError),
        (lambda t: t.create("/no/parent"), zkc.NoNodeError),
        (lambda t: t.create("/a", acl=[ACL(31, "no-such-scheme", "x")]), zkc.InvalidACLError),
        (lambda t: t.create("/a", acl=zkc.CREATOR_ALL_ACL), zkc.InvalidACLError),
        (lambda t: t.set("/none", b""), zkc.NoNodeError),
        (lambda t: t.set("/there", b"", version=9), zkc.BadVersionError),
        (lambda t: t.delete("/none"), zkc.NoNodeError),
        (lambda t: t.delete("/there", version=9), zkc.BadVersionError),
        (lambda t: t.delete("/there"), zkc.NotEmptyError),
        (lambda t: t.create("/closed/a"), zkc.NoAuthError),
        (lambda t: t.create("/mine/a"), zkc.NoChildrenForEphemeralsError),
    ],
)
async def test_what_the_servers_refuse(zk, add, error):
    await zk.create("/there/child", make_parents=True)
    await zk.create("/closed", acl=[ACL.world(Perms.READ)])
    await zk.create("/mine", ephemeral=True)
    transaction = zk.transaction()
    transaction.set("/there", b"changed")
    add(transaction)
    with pytest.raises(error) as caught:
        await transaction.commit()
    assert caught.value.index == 1
    assert (await zk.get("/there"))[0] == b""


async def test_a_transaction_is_committed_once(zk):
    transaction = zk.transaction()
    transaction.create("/a")
    await transaction.commit()
    with pytest.raises(ValueError, match="was committed already: make a new one"):
        await transaction.commit()
    with pytest.raises(ValueError, match="was committed: make a new one"):
        transaction.create("/b")
    assert await zk.children("/") == ["a"]


async def test_one_that_failed_is_not_committed_again(zk):
    transaction = zk.transaction()
    transaction.check("/none")
    with pytest.raises(zkc.NoNodeError):
        await transaction.commit()
    with pytest.raises(ValueError, match="was committed already"):
        await transaction.commit()


async def test_an_empty_one_gives_nothing(zk):
    assert await zk.transaction().commit() == []
    async with zk.transaction() as transaction:
        pass
    assert len(transaction) == 0


@pytest.mark.parametrize(
    ("add", "error", "message"),
    [
        (lambda t: t.check("a"), ValueError, "path must start with '/'"),
        (lambda t: t.check("/a", version="1"), TypeError, "version must be an int"),
        (lambda t: t.create("/a/"), ValueError, "path must not end with '/'"),
        (lambda t: t.create("/a", "text"), TypeError, "data must be bytes, not str: encode it"),
        (lambda t: t.create("/a", acl=[]), ValueError, "acl must have one entry or more"),
        (lambda t: t.create("/a", ephemeral=1), TypeError, "ephemeral must be True or False"),
        (lambda t: t.create("/a", ephemeral=True, ttl=1), ValueError, "choose one"),
        (lambda t: t.create("/a", ttl=0), ValueError, "ttl must be a positive"),
        (lambda t: t.set("/a", 5), TypeError, "data must be bytes"),
        (lambda t: t.set("/a", b"", version=2**31), ValueError, "version must fit 32 bits"),
        (lambda t: t.delete(None), TypeError, "path must be a str"),
        (lambda t: t.delete("/a", version=True), TypeError, "version must be an int"),
    ],
)
async def test_a_bad_argument_is_refused_at_once(zk, add, error, message):
    transaction = zk.transaction()
    with pytest.raises(error, match=message):
        add(transaction)
    assert len(transaction) == 0


async def test_a_bad_timeout_leaves_it_uncommitted(zk):
    transaction = zk.transaction()
    transaction.create("/a")
    with pytest.raises(ValueError, match="timeout must be a positive"):
        await transaction.commit(timeout=0)
    assert await transaction.commit(timeout=20) == ["/a"]


async def test_data_is_taken_as_it_is_at_the_call(zk):
    data = bytearray(b"before")
    transaction = zk.transaction()
    transaction.create("/a", data)
    transaction.create("/b", memoryview(data))
    data[:] = b"after!"
    await transaction.commit()
    assert (await zk.get("/a"))[0] == (await zk.get("/b"))[0] == b"before"


async def test_an_acl_left_out_is_the_clients(make_zk):
    acl = [ACL.world(Perms.READ | Perms.DELETE)]
    async with make_zk(default_acl=acl) as zk:
        async with zk.transaction() as transaction:
            transaction.create("/a")
        assert (await zk.get_acl("/a"))[0] == acl


async def test_paths_are_below_the_chroot_in_results_and_errors(zk):
    transaction = zk.transaction()
    transaction.create("/a")
    transaction.delete("/none")
    with pytest.raises(zkc.NoNodeError) as caught:
        await transaction.commit()
    assert caught.value.path == "/none"
    assert caught.value.results[0].path == "/a"


async def test_an_answer_that_does_not_come(make_zk, zookeeper_server):
    async with make_zk(session_timeout=60) as zk:
        zookeeper_server.pause()
        transaction = zk.transaction()
        made = transaction.create("/a")
        with pytest.raises(zkc.OperationTimeoutError) as caught:
            await transaction.commit(timeout=0.1)
        zookeeper_server.resume()
        assert caught.value.maybe_applied
        await both.eventually(lambda: zk.exists("/a"))
        with pytest.raises((RuntimeError, zkc.OperationTimeoutError)):
            made.result()


async def test_it_can_be_seen(zk, kind):
    transaction = zk.transaction()
    operation = transaction.create("/a")
    name = "AsyncTransaction" if kind == "async" else "Transaction"
    assert repr(transaction) == f"<zkc.{name} of 1 operations>"
    assert repr(operation) == "<zkc.Operation create '/a'>"
    assert (operation.name, operation.path) == ("create", "/a")


async def test_the_names_of_operations(zk):
    transaction = zk.transaction()
    for operation in (transaction.check("/a"), transaction.set("/a", b""), transaction.delete("/a")):
        assert operation.path == "/a"
    assert [operation.name for operation in transaction.operations] == ["check", "set", "delete"]
