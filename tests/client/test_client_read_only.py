"""A server that has lost its quorum: it serves reads to who accepts that, and nothing to others."""

import pytest

import zkc
from zkc import Client, ClientState
from zkc.testing import Ensemble


@pytest.fixture(scope="module")
def lonely():
    """The only member left of an ensemble, in read-only mode."""
    # A server without a quorum makes local sessions only.
    with Ensemble(3, read_only_mode=True) as ensemble:
        with Client(ensemble.hosts) as client:
            client.create("/a", b"x")
        last, *others = ensemble.members
        with Client(last.hosts) as client:
            client.sync("/a")
        for member in others:
            member.kill()
        yield last


async def test_reads_are_served_and_changes_refused(make_zk, lonely, events):
    zk = make_zk(lonely.hosts, read_only=True, connect_timeout=60, session_timeout=9)
    zk.add_listener(events)
    async with zk:
        assert zk.state is ClientState.READ_ONLY
        assert zk.connected
        assert [await events.next(), await events.next()] == [ClientState.CONNECTING, ClientState.READ_ONLY]
        assert (await zk.get("/a"))[0] == b"x"
        assert await zk.children("/") != []
        for change in (
            lambda: zk.set("/a", b"y"),
            lambda: zk.create("/b"),
            lambda: zk.create("/b/c", make_parents=True),
            lambda: zk.ensure_path("/b"),
            lambda: zk.delete("/a"),
            lambda: zk.set_acl("/a", [zkc.ACL.world()]),
        ):
            with pytest.raises(zkc.NotReadOnlyError, match="read-only at present") as caught:
                await change()
            assert not caught.value.maybe_applied
        await zk.ensure_path("/a")


async def test_who_did_not_ask_for_it_gets_no_session(make_zk, lonely):
    with pytest.raises(zkc.ConnectTimeoutError):
        await make_zk(lonely.hosts, connect_timeout=1.0).start()
