"""Elections, parties and barriers that programs with kazoo take part in."""

from __future__ import annotations

import contextlib
import threading

import pytest

import zkc
from zkc.recipes import LayoutError

from .kazoo_support import run_kazoo, start_kazoo

CYCLES = 250  # Of each program.

LEAD = f"""
def lead():
    zk.create("/inside", b"kazoo", ephemeral=True)
    zk.delete("/inside")

election = zk.Election("/leader", "kazoo")
for _ in range({CYCLES}):
    election.run(lead)
print("led")
"""


@contextlib.contextmanager
def kazoo_beside(hosts, program):
    """Run a program with kazoo during a block; a block that fails ends it."""
    with start_kazoo(hosts, program) as other:
        assert other.stdout is not None
        try:
            yield other.stdout
        except BaseException:
            other.kill()
            raise
    assert other.returncode == 0


def test_leaders_of_kazoo_and_of_zkc_exclude_each_other(client, hosts):
    """Two leaders at a time would create the same znode."""
    other = start_kazoo(hosts, LEAD)
    elections = [client.election("/leader", identifier=f"zkc-{number}", layout="kazoo") for number in range(2)]
    failures = []

    def lead(hold):
        client.create("/inside", b"zkc", ephemeral=True)
        client.delete("/inside")

    def campaign(election):
        try:
            for _ in range(CYCLES):
                election.run(lead, forever=False)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=campaign, args=(election,)) for election in elections]
    for thread in threads:
        thread.start()
    output, _ = other.communicate(timeout=110)
    for thread in threads:
        thread.join()
    assert failures == []
    assert (other.returncode, output) == (0, "led\n")


def test_a_leader_of_kazoo_has_its_identifier_and_another_layout_is_refused(client, hosts):
    program = """
import threading
def lead():
    print("leads", flush=True)
    while not zk.exists("/end"):
        pass
zk.Election("/leader", "kazoo-1").run(lead)
"""
    with kazoo_beside(hosts, program) as told:
        assert told.readline() == "leads\n"
        election = client.election("/leader", identifier="zkc", layout="kazoo")
        leader = election.leader()
        assert leader is not None
        assert (leader.data, leader.is_mine) == (b"kazoo-1", False)
        with pytest.raises(LayoutError), client.election("/leader", identifier="zkc").lead():
            pass
        client.create("/end")
        with election.lead(timeout=30) as hold:
            assert hold.token > leader.token


def test_members_of_a_party_and_of_a_group_see_each_other(client, hosts):
    group = client.group("/workers", identifier="zkc", layout="kazoo")
    group.join()
    program = """
party = zk.Party("/workers", "kazoo")
party.join()
print(sorted(party), flush=True)
while not zk.exists("/end"):
    pass
party.leave()
"""
    with kazoo_beside(hosts, program) as told:
        assert told.readline() == "['kazoo', 'zkc']\n"
        assert [member.identifier for member in group.members()] == ["kazoo", "zkc"]
        client.create("/end")
        with group.watch() as changes:
            assert next(members for members in changes if len(members) == 1)[0].identifier == "zkc"
    assert run_kazoo(hosts, "print(list(zk.Party('/workers', 'x')))") == "['zkc']"
    assert run_kazoo(hosts, "print(list(zk.ShallowParty('/shallow', 'x')))") == "[]"
    shallow = "party = zk.ShallowParty('/shallow', 'kazoo-2')\nparty.join()\nprint(zk.get_children('/shallow')[0])"
    name = run_kazoo(hosts, shallow)
    client.create(f"/shallow/{name}", ephemeral=True)
    assert [member.identifier for member in client.group("/shallow", identifier="x").members()] == ["kazoo-2"]


def test_a_barrier_holds_up_kazoo_and_the_other_way_around(client, hosts):
    barrier = client.barrier("/app/barrier")
    assert barrier.set()
    waiting = "print(zk.Barrier('/app/barrier').wait({}))"
    assert run_kazoo(hosts, waiting.format(0.2)) == "False"
    with kazoo_beside(hosts, "print('ready', flush=True)\n" + waiting.format(30)) as told:
        assert told.readline() == "ready\n"
        assert barrier.remove()
        assert told.readline() == "True\n"
    assert run_kazoo(hosts, "print(zk.Barrier('/app/barrier').create())") in ("None", "True")
    assert not barrier.wait(timeout=0.1)
    assert run_kazoo(hosts, "print(zk.Barrier('/app/barrier').remove())") == "True"
    assert barrier.wait(timeout=10)
    with pytest.raises(zkc.NoNodeError):
        client.get("/app/barrier")
