"""``zkc watch`` and ``zkc wait``."""

from __future__ import annotations

import json
import shlex
import threading

import pytest

from zkc import Retry
from zkc.cli.coordination._guardian import descendants, lives

from ..vendor.scripted_server import EXISTS, NOT_FOUND, ScriptedServer, reply
from .lock_support import STUBBORN, until

ADD_WATCH, UNIMPLEMENTED = 106, -6


def answer_as_an_old_server(connection):
    """Answer as a server without znodes and without addWatch."""
    connection.begin(30000)
    while True:
        xid, kind, _ = connection.request()
        if kind == ADD_WATCH:
            connection.send(reply(xid, err=UNIMPLEMENTED))
            return
        connection.send(reply(xid, err=0 if kind == -11 else NOT_FOUND))


def next_line(process):
    return process.stdout.readline().decode().rstrip("\n")


def begin(start_cli, *arguments):
    """Start a command that watches, and wait until it does."""
    process = start_cli("watch", *arguments)
    assert b"watching" in process.stderr.readline()
    return process


def test_each_of_a_thousand_changes_is_printed_and_a_gap_after_a_restart(start_cli, client, zookeeper_server):
    """Scenario 21."""
    client.create("/app")
    process = begin(start_cli, "-r", "/app", "--json")
    client.create_many([f"/app/{number:04}" for number in range(500)], window=1)
    client.set_many([(f"/app/{number:04}", b"x") for number in range(500)], window=1)
    seen = [json.loads(next_line(process)) for _ in range(1000)]
    expected = [(kind, f"/app/{number:04}") for kind in ("created", "changed") for number in range(500)]
    assert [(each["type"], each["path"]) for each in seen] == expected
    zookeeper_server.stop()
    zookeeper_server.start()
    assert json.loads(next_line(process))["type"] == "gap"
    patient = Retry(deadline=30, attempts=None, idempotent=True)
    client.retry(lambda: client.set("/app/0001", b"y"), policy=patient)
    assert json.loads(next_line(process))["path"] == "/app/0001"
    assert process.poll() is None


def test_a_gap_is_printed_when_the_server_has_the_watches_again(start_cli, cli_environment):
    lost, asked = threading.Event(), threading.Event()

    def answer(connection):
        again = lost.is_set()
        connection.begin(30000)
        while True:
            xid, kind, _ = connection.request()
            if kind == ADD_WATCH:
                connection.send(reply(xid))
                lost.set()
                return
            if again and kind == EXISTS:
                asked.set()
            connection.send(reply(xid, err=NOT_FOUND if kind == EXISTS else 0))

    server = ScriptedServer(answer)
    try:
        cli_environment["ZKC_SERVERS"] = server.hosts
        process = begin(start_cli, "/a", "--json")
        assert json.loads(next_line(process))["type"] == "gap"
        assert asked.is_set()
    finally:
        server.close()


def test_data_and_differences_are_printed(start_cli, client):
    client.create("/app", b"a=1\nb=2\n")
    process = begin(start_cli, "/app", "--diff", "--count", "2")
    client.set("/app", b"a=1\nb=3\n")
    lines = [next_line(process) for _ in range(7)]
    assert lines[0].startswith("changed\t/app\t")
    assert lines[-2:] == ["-b=2", "+b=3"]
    client.delete("/app")
    assert next_line(process).startswith("deleted\t/app\t")
    assert process.wait(60) == 0


def test_a_command_runs_for_each_change(start_cli, client, tmp_path):
    client.create("/app")
    process = begin(start_cli, "/app", "--data", "--count", "1", "--exec",
                    f"sh -c 'echo $ZKC_EVENT $ZKC_PATH {{}} > {tmp_path}/seen'", "--json")  # fmt: skip
    client.set("/app", b"new")
    assert json.loads(next_line(process))["data"] == "new"
    assert process.wait(60) == 0
    assert (tmp_path / "seen").read_text() == "changed /app /app\n"


@pytest.mark.parametrize("command", ["watch", "find"])
def test_a_program_that_cannot_run_is_refused_at_the_start(cli, cli_environment, tmp_path, command):
    """Before any connection: no server listens."""
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
    plain = tmp_path / "plain"
    plain.write_text("echo no program")
    for program, code, name in (("no-such-command {}", 127, "command_not_found"), (str(plain), 126, "not_executable"),
                                ("", 2, "usage"), ("'open", 2, "usage")):  # fmt: skip
        ended = cli(command, "/app", "--exec", program, "--json", code=code)
        assert (ended.out, ended.err.count("\n"), ended.error["error"]) == (b"", 1, name)


def test_the_end_of_the_time_ends_the_command_of_a_change_and_all_that_it_has_started(start_cli, client, tmp_path):
    """They ignore SIGTERM, and one has left the session."""
    script = f"touch {tmp_path}/begun; {STUBBORN} while :; do sleep 0.2; done"
    program = shlex.join(["sh", "-c", script])
    process = begin(start_cli, "/app", "--for", "6s", "--count", "2", "--json", "--exec", program)
    client.create("/app")
    until((tmp_path / "begun").exists)
    below = until(lambda: len(found := descendants(process.pid)) >= 2 and found)
    out, err = process.communicate(timeout=60)
    assert json.loads(out)["type"] == "created"
    warning, error = err.decode().splitlines()
    assert "the time is over: --exec was ended for created /app" in warning
    assert (process.returncode, json.loads(error)["error"]) == (6, "timeout")
    assert not any(lives(each) for each in below)


def test_what_a_command_prints_is_no_part_of_the_json(start_cli, client):
    process = begin(start_cli, "/app", "--count", "1", "--json", "--exec", "echo printed")
    client.create("/app")
    out, err = process.communicate(timeout=60)
    assert json.loads(out)["path"] == "/app"
    assert err == b"printed\n"


def test_without_a_change_there_is_no_line(cli):
    for form in (["--json"], ["-o", "jsonl"], []):
        assert cli("watch", "/app", "--for", "100ms", *form).out == b""


def test_what_is_so_already_ends_the_watch_at_once(cli, client):
    client.create("/there")
    assert cli("watch", "/there", "--until", "created").out == b""
    assert cli("watch", "/missing", "--until", "deleted").out == b""
    assert (
        cli("watch", "/missing", "--until", "created", "--for", "200ms", "--json", code=6).error["error"] == "timeout"
    )


@pytest.mark.parametrize("recursive", [False, True])
def test_an_old_server_is_followed_with_one_shot_watches(start_cli, cli_environment, recursive):
    """Scenario 22: the server refuses addWatch as one of 3.5 does."""
    server = ScriptedServer(answer_as_an_old_server)
    try:
        cli_environment["ZKC_SERVERS"] = server.hosts
        process = start_cli("watch", "/a", *(["-r"] if recursive else []), "--for", "100ms")
        out, err = process.communicate(timeout=60)
    finally:
        server.close()
    assert process.returncode == 0
    # The refusal has cost the connection: a gap may be reported for that.
    assert set(out.splitlines()) <= {b"gap\t/a\t"}
    assert err.count(b"no persistent watches") == 1


def test_a_wait_ends_with_the_znode(start_cli, cli, client):
    """Scenario 23."""
    client.create("/there", b"yes")
    cli("wait", "/there")
    cli("wait", "/missing", "--gone")
    cli("wait", "/there", "--equals", "yes")
    ended = cli("wait", "/ready", "--exists", "--timeout", "1", "--json", code=6)  # It ends within the minute of cli().
    assert ended.error["error"] == "timeout"
    waiting = [start_cli("wait", "/ready", "--timeout", "60"), start_cli("wait", "/there", "--gone"),
               start_cli("wait", "/", "--children", "3"), start_cli("wait", "/ready", "--equals", "no")]  # fmt: skip
    client.create("/ready", b"")
    assert waiting[0].wait(60) == 0
    client.create("/third")
    assert waiting[2].wait(60) == 0
    client.set("/ready", b"no")
    assert waiting[3].wait(60) == 0
    client.delete("/there")
    assert waiting[1].wait(60) == 0


def test_a_wait_without_time_looks_once(cli, client):
    client.create("/there", b"yes")
    for limit in ("0", "0ms", "1ms"):
        cli("wait", "/there", "--timeout", limit)
        cli("wait", "/missing", "--gone", "--timeout", limit)
    cli("wait", "/there", "--equals", "yes", "--timeout", "0")
    cli("wait", "/", "--children", "1", "--timeout", "0")
    for condition in (["/missing"], ["/there", "--gone"], ["/there", "--equals", "no"], ["/", "--children", "2"]):
        error = cli("wait", *condition, "--timeout", "0", "--json", code=6).error
        assert (error["error"], error["message"].partition(" within ")[2]) == ("timeout", "0 s")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--gone"], "/there was still there within 0 s"),
        (["--equals", "no"], "/there did not have the data of --equals within 0 s"),
        (["--children", "2"], "/there had fewer than 2 children within 0 s"),
    ],
)
def test_the_end_of_the_time_says_what_did_not_come(cli, client, options, said):
    client.create("/there", b"yes")
    assert said in cli("wait", "/there", *options, "--timeout", "0", code=6).err


def test_a_wait_continues_after_the_session_expired(start_cli, client, hosts, zookeeper_server):
    process = start_cli("wait", "/ready")
    watched = hosts[hosts.index("/") :] + "/ready\n"
    until(lambda: watched in zookeeper_server.four_letter_word("wchp"))  # Else it connects to the new server only.
    zookeeper_server.stop()
    zookeeper_server.start()
    client.retry(client.exists, "/")  # A reply means that the connection is one to the new server.
    client.create("/ready")
    assert process.wait(60) == 0
