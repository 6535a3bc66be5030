"""``zkc elect``, ``semaphore``, ``barrier`` and ``counter``."""

from __future__ import annotations

import pytest

from .lock_support import STUBBORN, alone, tokens, until


def test_the_next_contender_leads_when_the_leader_is_killed(start_cli, client, tmp_path):
    """Scenario 28."""
    command = alone(tmp_path, STUBBORN, "while :; do sleep 0.1; done")
    # With the session timeout of 10 s, of which three may pass without a reply: a command whose leadership is in doubt
    # is ended.
    hosts = [start_cli("elect", "--label", str(index), "/app/leader", "--", *command) for index in range(3)]
    election = client.election("/app/leader", identifier="looks on")
    leaders = []
    for count in (1, 2):
        until(lambda expected=count: len(tokens(tmp_path)) == expected)
        leader = until(election.leader)
        leaders.append(int(leader.data))
        if count == 1:
            hosts[leaders[0]].kill()
    assert leaders[0] != leaders[1]
    assert tokens(tmp_path) == sorted(tokens(tmp_path))
    waiting = hosts[3 - sum(leaders)]
    waiting.terminate()
    assert waiting.wait(60) == 128 + 15
    hosts[leaders[1]].kill()


def test_a_leader_that_loses_the_leadership_may_campaign_again(start_cli, client, tmp_path):
    process = start_cli(
        "elect", "--again", "--data", "here", "/leader", "--", *alone(tmp_path, "while :; do sleep 0.1; done")
    )
    election = client.election("/leader", identifier="looks on")
    until(lambda: len(tokens(tmp_path)) == 1)
    leader = election.leader()
    assert leader.data == b"here"
    client.delete(f"/leader/{leader.name}")
    until(lambda: len(tokens(tmp_path)) == 2)
    process.terminate()
    assert process.wait(60) == 128 + 15
    assert election.leader() is None


def test_a_second_contender_that_does_not_wait_is_refused(cli, client):
    with client.election("/leader", identifier="first").lead():
        for wait in ("0", "300ms"):
            options = ("--session-timeout", "60", "--wait", wait, "--json")
            error = cli("elect", *options, "/leader", "--", "true", code=124).error
            assert error["holders"] == ["first"]
        until(lambda: len(client.children("/leader")) == 1, 30.0)
    assert cli("elect", "--wait", "0", "/leader", "--", "sh", "-c", "exit 5", code=5).out == b""


@pytest.mark.parametrize("command", [["lock"], ["elect"], ["semaphore", "-n", "1"]])
def test_the_root_and_the_znodes_of_the_servers_are_no_place_for_a_recipe(cli, cli_environment, tmp_path, command):
    """The servers are not asked: none listens."""
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
    started = ["--", "touch", f"{tmp_path}/started"]
    for path in ("/", "/zookeeper", "/zookeeper/quota"):
        for options in ([], ["--dry-run"]):
            error = cli(*command, *options, "--json", path, *started, code=9).error
            assert (error["error"], error["path"]) == ("guarded", path)
    assert "/ is the root: " in cli(*command, "/", *started, code=9).err
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1/app"
    assert "the root of the chroot /app" in cli(*command, "/", *started, code=9).err
    assert not (tmp_path / "started").exists()


def test_the_root_has_no_queue_and_no_barrier(cli, cli_environment):
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
    for path in ("/", "/zookeeper"):
        for command in (["lock", "ls"], ["lock", "break", "--yes"], ["barrier", "create"], ["barrier", "open"],
                        ["barrier", "wait", "--timeout", "0"]):  # fmt: skip
            assert cli(*command, path, "--json", code=9).error["error"] == "guarded"


@pytest.mark.parametrize("command", ["lock", "elect", "semaphore"])
def test_missing_arguments_are_errors_with_the_usage(cli, command):
    for arguments in ([], ["/l"], ["--wait", "0"], ["--wait"]):
        ended = cli(command, *arguments, code=2)
        assert ended.out == b""
        assert ended.err.startswith(f"Usage: zkc {command} [OPTIONS] PATH -- COMMAND...\nTry 'zkc {command} --help'.\n")
    assert cli(command, "--json", code=2).error["error"] == "usage"


@pytest.mark.parametrize("command", [["lock", "ls"], ["lock", "--wait", "0"], ["barrier", "create"], ["counter", "add"],
                                     ["watch"], ["wait"], ["cp", "/a"], ["elect"]])  # fmt: skip
def test_a_path_that_no_server_takes_is_an_error_of_the_usage(cli, cli_environment, command):
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
    program = ["true"] if command[-1] in ("0", "elect") else []
    for path in ("/new\nline", "/bell\a", "/far\ufff0"):
        assert "must not contain the character" in cli(*command, path, *program, code=2).err


def test_the_longest_wait_and_a_limit_that_is_too_large(cli, client):
    cli("lock", "--wait", "11000d", "/l", "true")
    cli("barrier", "wait", "/b", "--timeout", "11000d")
    assert "limit must be" in cli("semaphore", "-n", str(2**40), "/s", "true", code=2).err
    assert "there is no command ''" in cli("lock", "/l", "", code=127).err


def test_a_label_with_newlines_is_one_cell(cli, start_cli, client):
    with client.lock("/l", identifier="a\nb\tc\x1b[2J").acquire():
        (line,) = cli("lock", "ls", "/l").lines
        assert line.split("\t")[-1] == "a\\nb\\tc\\x1b[2J"
        assert cli("lock", "ls", "/l", "--json").json[0]["label"] == "a\nb\tc\x1b[2J"


def test_a_semaphore_has_room_for_its_limit_only(start_cli, cli, tmp_path):
    script = f"echo ready; while ! [ -e {tmp_path}/go ]; do sleep 0.05; done"
    running = [start_cli("semaphore", "-n", "2", "--label", "in", "/s", "--", "sh", "-c", script) for _ in range(2)]
    for process in running:
        assert process.stdout.readline() == b"ready\n"
    assert (
        cli("semaphore", "-n", "2", "--wait", "0", "--json", "/s", "--", "true", code=124).error["holders"]
        == ["in"] * 2
    )
    rows = cli("lock", "ls", "/s", "--json").json
    assert [(row["state"], row["kind"], row["label"]) for row in rows] == [("holds", "lease", "in")] * 2
    waiting = start_cli("semaphore", "-n", "2", "/s", "--", "echo", "third")
    (tmp_path / "go").touch()
    assert [process.wait(60) for process in (*running, waiting)] == [0, 0, 0]
    assert waiting.stdout.read() == b"third\n"
    cli("semaphore", "-n", "2", "--slots", "3", "/s", "--", "true", code=2)


def test_a_barrier_holds_up_until_it_is_opened(start_cli, cli, client):
    cli("barrier", "create", "/app/barrier")
    assert "is there already" in cli("barrier", "create", "/app/barrier", code=4).err
    assert cli("barrier", "wait", "/app/barrier", "--timeout", "100ms", "--json", code=6).error["error"] == "timeout"
    cli("barrier", "wait", "/app/barrier", "--timeout", "0", code=6)
    assert cli("barrier", "open", "/app/barrier", "--dry-run").text == "would open the barrier /app/barrier\n"
    waiting = start_cli("barrier", "wait", "/app/barrier")
    assert cli("barrier", "open", "/app/barrier", "--json").json == {"path": "/app/barrier", "open": True}
    assert waiting.wait(60) == 0
    cli("barrier", "open", "/app/barrier", code=3)
    cli("barrier", "create", "/app/barrier", "--read-only", code=9)
    cli("barrier", "open", "/", code=9)


def test_a_counter_is_added_to_and_set(cli, client):
    assert cli("counter", "get", "/c", "--json").json == {"path": "/c", "value": 0, "version": None}
    assert cli("counter", "add", "/c").text == "1\n"
    assert cli("counter", "add", "/c", "-3").text == "-2\n"
    assert cli("counter", "add", "/c", "7", "--dry-run").text == "would set /c to 5\n"
    assert cli("counter", "set", "/c", "40", "--json").json["value"] == 40
    cli("counter", "set", "/c", "1", "--version", "9", code=4)
    assert client.get("/c")[0] == b"40"
    client.set("/c", b"no number")
    assert cli("counter", "get", "/c", "--json", code=4).error["error"] == "decode"
    cli("counter", "add", "/c", "many", code=2)


@pytest.mark.parametrize(("kind", "number", "data"), [("float", "1.5", b"1.5"), ("int32", "-1", b"\xff" * 4)])
def test_a_counter_has_the_form_of_other_clients(cli, client, kind, number, data):
    assert cli("counter", "set", "/c", number, "--type", kind).text == f"{number}\n"
    assert client.get("/c")[0] == data
    if kind == "int32":
        assert cli("counter", "set", "/c", str(2**31), "--type", kind, "--json", code=2).error["error"] == "usage"
