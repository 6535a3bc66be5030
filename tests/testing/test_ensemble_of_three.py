"""An ensemble: its leader, the loss of it, its members one by one."""

import time

import pytest

from zkc.testing import Ensemble, Member, TestingError
from zkc.testing._wire import WireConnection


@pytest.fixture(scope="module")
def shared():
    with Ensemble(3) as ensemble:
        yield ensemble


@pytest.fixture
def ensemble(shared):
    yield shared
    shared.resume()
    shared.start()


def create(member, path):
    with WireConnection(("127.0.0.1", member.port)) as connection:
        return connection.create(path)


def test_every_member_serves_and_one_leads(ensemble):
    assert [member.id for member in ensemble.members] == [1, 2, 3]
    assert all(isinstance(member, Member) for member in ensemble.members)
    assert ensemble.hosts == ",".join(member.hosts for member in ensemble.members)
    assert sorted(member.mode for member in ensemble.members) == ["follower", "follower", "leader"]
    assert ensemble.leader not in ensemble.followers
    created = [create(member, "/seen-by-all") for member in ensemble.members]
    assert created == [True, False, False]


def test_the_others_elect_a_leader_when_theirs_is_killed(ensemble):
    old = ensemble.leader
    old.kill()
    new = ensemble.wait_for_leader()
    assert new is not old
    assert create(new, f"/after-{old.id}")
    old.start()
    ensemble.wait_ready()
    assert not create(old, f"/after-{old.id}")


def test_the_others_elect_a_leader_when_theirs_is_paused(ensemble):
    old = ensemble.leader
    old.pause()
    new = ensemble.wait_for_leader()
    assert new is not old
    old.resume()
    ensemble.wait_ready()
    assert ensemble.leader is new


def test_a_member_alone_starts_but_serves_no_client(ensemble):
    ensemble.kill()
    first, second, _ = ensemble.members
    first.start()
    assert first.state == "running"
    assert first.mode is None
    second.start()
    assert ensemble.wait_for_leader() in (first, second)


def test_all_data_and_ports_survive_a_restart(ensemble):
    hosts = ensemble.hosts
    chroot = ensemble.new_chroot()
    assert chroot.startswith(hosts + "/test-")
    ensemble.restart()
    assert ensemble.hosts == hosts
    assert not create(ensemble.members[0], chroot[len(hosts) :])


def test_all_members_pause_and_resume(ensemble):
    ensemble.pause()
    assert {member.state for member in ensemble.members} == {"paused"}
    ensemble.resume()
    ensemble.wait_ready()


def test_expire_ends_a_session_of_any_member(ensemble):
    member = ensemble.followers[0]
    connection = WireConnection(("127.0.0.1", member.port))
    ensemble.expire(connection.session_id, connection.password)
    with pytest.raises(OSError, match="expired"):
        WireConnection(("127.0.0.1", member.port), session_id=connection.session_id, password=connection.password)
    connection.abandon()


def test_an_ensemble_of_one_is_a_quorum_and_serves_tls():
    with Ensemble(1, tls=True) as ensemble:
        (member,) = ensemble.members
        assert member.mode == "leader"
        assert ensemble.tls_hosts == member.tls_hosts
        assert ensemble.tls.ca.exists()
        folder = member.log_file.parent.parent
    assert not folder.exists()
    assert member.state == "closed"


def test_a_member_without_a_quorum_can_serve_read_only_sessions():
    with Ensemble(2, read_only_mode=True) as ensemble:
        first, second = ensemble.members
        second.kill()
        deadline = time.monotonic() + 30
        while first.mode != "read-only":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_ensemble_that_does_not_run_says_so():
    ensemble = Ensemble(3)
    with pytest.raises(TestingError, match="start it first"):
        ensemble.hosts  # noqa: B018
    ensemble.close()
    ensemble.close()
    with pytest.raises(TestingError, match="closed"):
        ensemble.start()


def test_an_ensemble_has_members():
    with pytest.raises(ValueError, match="at least one member"):
        Ensemble(0)
