"""A server that has lost its quorum: it serves reads to who accepts that, and nothing to others."""

import pytest

import zkc
from zkc import Client, State
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


def test_reads_are_served_and_changes_refused(lonely):
    with Client(lonely.hosts, read_only=True, connect_timeout=60, session_timeout=4) as client:
        assert client.state is State.READ_ONLY
        assert client.connected
        assert client.get("/a")[0] == b"x"
        assert client.children("/") != []
        for change in (
            lambda: client.set("/a", b"y"),
            lambda: client.create("/b"),
            lambda: client.delete("/a"),
            lambda: client.set_acl("/a", [zkc.ACL.world()]),
        ):
            with pytest.raises(zkc.NotReadOnlyError, match="read-only at present") as caught:
                change()
            assert not caught.value.maybe_applied


def test_who_did_not_ask_for_it_gets_no_session(lonely):
    with pytest.raises(zkc.ConnectTimeoutError):
        Client(lonely.hosts, connect_timeout=1.0).start()
