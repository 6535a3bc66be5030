"""``zkc find``: the tests, the forms of the list, --exec and --delete."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zkc


@pytest.fixture
def jobs(client):
    """A few znodes of several kinds."""
    client.create("/jobs")
    client.create("/jobs/done-1", b"x" * 2000)
    client.create("/jobs/done-2", b"")
    client.create("/jobs/done-2/log", b"12345")
    client.create("/jobs/open 3", None)
    client.create("/jobs/open 3/owner", b"me", ephemeral=True)


@pytest.mark.parametrize(
    ("tests", "found"),
    [
        (("--name", "done-*"), ["/jobs/done-1", "/jobs/done-2"]),
        (("--name", "log", "--name", "own?r"), ["/jobs/done-2/log", "/jobs/open 3/owner"]),
        (("--regex", r"\d/l"), ["/jobs/done-2/log"]),
        (("--type", "ephemeral"), ["/jobs/open 3/owner"]),
        (("--size", "+1k"), ["/jobs/done-1"]),
        (("--size", "5", "--leaf"), ["/jobs/done-2/log"]),
        (("--size", "-1", "--type", "ephemeral"), []),
        (("--empty", "--children", "+0", "--depth", "1"), ["/jobs", "/jobs/done-2", "/jobs/open 3"]),
        (("--mtime", "+1h"), []),
        (("--ctime", "-1h", "--prune", "open*", "--leaf"), ["/jobs/done-1", "/jobs/done-2/log"]),
    ],
)
def test_find_gives_what_passes_all_tests(cli, jobs, tests, found):
    assert cli("find", "/jobs", *tests).lines == found


def test_find_lists_exactly_the_znodes_of_a_session(cli, client, hosts, jobs):
    """Scenario 14."""
    with zkc.Client(hosts) as other:
        other.create("/theirs", ephemeral=True)
        mine, theirs = (f"{each.session_id & (1 << 64) - 1:x}" for each in (client, other))
        assert cli("find", "/", "--type", "ephemeral", "--owner", f"0x{mine}").lines == ["/jobs/open 3/owner"]
        assert cli("find", "/", "--owner", theirs, "--json").json[0]["path"] == "/theirs"
    assert "no session id" in cli("find", "/", "--owner", "nobody", code=2).err


def test_paths_with_spaces_pass_through_xargs(cli, jobs):
    """Scenario 14."""
    paths = cli("find", "/jobs", "-0").out
    program = "import sys; print(sys.argv[1:])"
    passed = subprocess.run(
        ["xargs", "-0", sys.executable, "-c", program], input=paths, capture_output=True, text=False, check=True
    )
    assert eval(passed.stdout) == cli("find", "/jobs").lines


def test_types_that_the_servers_hide_are_refused_with_a_way_out(cli):
    for kind in ("container", "ttl"):
        ended = cli("find", "/", "--type", kind, code=2)
        assert ended.out == b""
        assert "zkc snap" in ended.err


def test_exec_runs_a_command_for_each_without_a_shell(cli, jobs):
    program = f"{sys.executable} -c 'import sys; print(sys.argv[1:]); sys.exit(\"done-1\" in sys.argv[1])' {{}} '$HOME'"
    ended = cli("find", "/jobs", "--name", "done-*", "--exec", program, code=8)
    assert ended.lines == ["['/jobs/done-1', '$HOME']", "['/jobs/done-2', '$HOME']"]
    assert "failed for 1 of 2 znodes" in ended.err
    ended = cli("find", "/jobs/done-1", "--exec", "echo {}!", "--json")
    assert (ended.out, ended.err) == (b"", "/jobs/done-1!\n")
    assert cli("find", "/jobs/done-1", "--exec", "echo {}!", "--dry-run").text == "echo '/jobs/done-1!'\n"
    assert "there is no command" in cli("find", "/jobs", "--exec", "/no/such/program", code=127).err


def test_delete_says_how_many_and_needs_a_yes(cli, client, jobs):
    ended = cli("find", "/jobs", "--name", "o*", "--delete", code=9)
    assert "delete 2 znodes, 1 ephemeral, 2 B found at and below /jobs" in ended.err
    assert "nothing was changed" in ended.err
    foretold = cli("find", "/jobs", "--name", "o*", "--delete", "--dry-run").lines
    assert foretold == ["/jobs/open 3/owner", "/jobs/open 3"]
    assert len(client.tree("/jobs")) == 6
    assert cli("find", "/jobs", "--name", "o*", "--delete", "--yes", "--json").json == {
        "deleted": 2, "gone": 0, "failed": 0, "kept": 0,
    }  # fmt: skip
    assert [node.path for node in client.tree("/jobs")] == ["/jobs", "/jobs/done-1", "/jobs/done-2", "/jobs/done-2/log"]
    assert cli("find", "/jobs", "--read-only", "--delete", "--yes", code=9).err.count("read-only") == 1


def test_delete_keeps_what_has_other_children(cli, client, jobs):
    ended = cli("find", "/jobs", "--name", "done-*", "--delete", "--yes", code=8)
    assert "1 of what was found stay" in ended.err
    assert sorted(client.children("/jobs")) == ["done-2", "open 3"]


def test_delete_never_takes_a_root(cli, client, jobs, hosts):
    """Scenario 9, of find."""
    assert "is the root of the chroot" in cli("find", "/", "--delete", "--yes", code=9).err
    assert client.exists("/jobs")
    cli("find", "/", "--delete", "--force", "--yes")
    assert client.children("/") == []
    server = hosts.partition("/")[0]
    assert "belongs to the servers" in cli("-s", server, "find", "/zookeeper", "--delete", "--yes", code=9).err
    assert cli("-s", server, "find", "/", "--name", "quota", "--delete", "--dry-run").out == b""


def test_delete_takes_many(cli, client):
    client.create("/many")
    client.create_many(f"/many/{number}" for number in range(9000))
    ended = cli("find", "/many", "--name", "[0-9]*", "--delete", "--yes")
    assert "deleted 9,000 znodes" in ended.err
    assert client.children("/many") == []
