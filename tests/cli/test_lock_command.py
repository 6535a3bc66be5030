"""``zkc lock``: a command under a lock; the queue of a lock, and its end by force."""

from __future__ import annotations

import json
import os
import signal

import pexpect
import pytest

from zkc.cli._app import App
from zkc.cli.coordination._guardian import descendants
from zkc.cli.coordination._held import Job, order_of
from zkc.testing import FaultProxy

from .fix_cli import COMMAND, end_in_terminal
from .lock_support import STUBBORN, alone, guardian_of, tokens, until


def test_the_exit_code_is_that_of_the_command(cli, client):
    """Scenario 24."""
    script = 'echo "$ZKC_LOCK_PATH $ZKC_FENCING_TOKEN"; exit 7'
    first, second = (cli("lock", "/l", "--", "sh", "-c", script, code=7).text.split() for _ in range(2))
    assert first[0] == second[0] == "/l"
    assert 0 < int(first[1]) < int(second[1])
    assert client.lock("/l").try_acquire(timeout=30).release()


def test_options_may_follow_the_path_and_two_dashes_may_be_left_out(cli):
    assert cli("lock", "/l", "--wait", "30", "sh", "-c", "kill -TERM $$", code=128 + 15).out == b""


def test_a_command_that_cannot_run_acquires_nothing(cli, client, tmp_path):
    assert cli("lock", "/l", "--json", "--", "no-such-command", code=127).error["error"] == "command_not_found"
    plain = tmp_path / "plain"
    plain.write_text("echo from a script without a first line\n")
    assert cli("lock", "/l", "--json", "--", str(plain), code=126).error["error"] == "not_executable"
    assert client.exists("/l") is None
    plain.chmod(0o755)
    assert cli("lock", "/l", "--", str(plain)).text == "from a script without a first line\n"
    plain.write_text("#!/no/such/interpreter\n")
    assert cli("lock", "/l", "--json", "--", str(plain), code=127).error["error"] == "not_started"


def test_a_dry_run_and_a_read_only_run_start_nothing(cli, client, tmp_path):
    assert cli("lock", "/l", "--dry-run", "--", "touch", f"{tmp_path}/done").text.startswith(
        "would acquire the lock /l"
    )
    cli("lock", "/l", "--read-only", "--", "touch", f"{tmp_path}/done", code=9)
    assert not (tmp_path / "done").exists()
    assert client.exists("/l") is None


def test_a_lock_that_is_not_free_in_time_leaves_no_contender(cli, start_cli, client):
    """Scenario 26."""
    with client.lock("/l", identifier="the holder").acquire():
        for wait in ("0", "300ms"):
            # If the command left its contender behind, that would stay for a minute.
            ended = cli("--session-timeout", "60", "lock", "--wait", wait, "--json", "/l", "--", "true", code=124)
            assert (ended.error["error"], ended.error["holders"]) == ("not_acquired", ["the holder"])
            until(lambda: len(client.children("/l")) == 1, 30.0)
        waiter = start_cli("--session-timeout", "1", "lock", "/l", "--", "true")
        until(lambda: len(client.children("/l")) == 2)
        waiter.kill()
        until(lambda: len(client.children("/l")) == 1)
        waiter = start_cli("--session-timeout", "60", "lock", "/l", "--", "true")
        until(lambda: len(client.children("/l")) == 2)
        waiter.send_signal(signal.SIGTERM)
        assert waiter.wait(60) == 128 + 15
        until(lambda: len(client.children("/l")) == 1, 30.0)


def contenders(client, path):
    """The number of ephemeral znodes below a path. Containers come and go beside them."""
    return sum(bool(each.stat.ephemeral_owner) for each in client.walk(path))


@pytest.mark.parametrize(("signum", "how"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM"),
                                             (signal.SIGHUP, "ended by SIGHUP")])  # fmt: skip
def test_a_signal_while_it_waits_is_one_line_and_leaves_no_contender(start_cli, client, signum, how):
    waits = (
        (["lock"], "the lock", client.lock("/l")),
        (["elect"], "the leadership of", client.election("/e", identifier="here")),
        (["semaphore", "-n", "1"], "a slot of", client.semaphore("/s", 1)),
    )
    for command, name, recipe in waits:
        path = recipe.path
        with recipe.lead() if command == ["elect"] else recipe.acquire():
            before = contenders(client, path)
            for options in ([], ["--json"]):
                process = start_cli(*options, *command, path, "--", "true")
                until(lambda path=path, before=before: contenders(client, path) > before)
                process.send_signal(signum)
                (line,) = process.communicate(timeout=60)[1].decode().splitlines()
                assert process.returncode == 128 + signum
                expected = f"{how} while waiting for {name} {path}"
                assert json.loads(line)["message"] == expected if options else line == f"zkc: error: {expected}"
                until(lambda path=path, before=before: contenders(client, path) == before)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_command_and_the_lock_is_released_at_once(start_cli, client, signum):
    """Scenario 27."""
    script = "trap 'exit 3' TERM INT HUP; echo ready; while :; do sleep 0.05; done"
    process = start_cli("lock", "/l", "--", "sh", "-c", script)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signum)
    assert process.wait(60) == 3
    assert client.lock("/l").try_acquire(timeout=30).release()


def test_what_a_command_leaves_behind_is_ended_before_the_release(start_cli, client, tmp_path):
    process = start_cli("lock", "--grace", "200ms", "/l", "--", *alone(tmp_path, STUBBORN, "exit 5"))
    first = until(lambda: tokens(tmp_path))[0]
    with client.lock("/l").acquire(timeout=60) as hold:
        assert process.wait(60) == 5
        assert hold.token > first
    again = start_cli("lock", "/l", "--", *alone(tmp_path))
    assert again.wait(60) == 0
    assert len(tokens(tmp_path)) == 2


@pytest.mark.parametrize("fault", ["cut off", "zkc killed", "zkc stopped", "guardian killed", "guardian stopped"])
def test_nothing_of_a_lost_command_lives_when_the_next_one_starts(start_cli, zookeeper_server, hosts, tmp_path, fault):
    """Scenario 25: the command, and a descendant that has left its process group, ignore SIGTERM."""
    chroot = hosts[hosts.index("/") :]
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        # A fault of the test comes before the hold is in doubt, unless the server is silent for more than two seconds.
        holder = start_cli("-s", proxy.hosts + chroot, "--session-timeout", "8", "lock", "/l", "--",
                           *alone(tmp_path, STUBBORN, "while :; do sleep 0.2; done"))  # fmt: skip
        until(lambda: tokens(tmp_path))
        guardian = guardian_of(holder.pid)[0]
        below = until(lambda: len(found := descendants(guardian)) >= 2 and found)
        following = start_cli("lock", "/l", "--", *alone(tmp_path, "exit 3"))
        if fault in ("cut off", "guardian stopped"):
            proxy.pause()
        if fault.startswith("guardian"):
            os.kill(guardian, signal.SIGKILL if fault == "guardian killed" else signal.SIGSTOP)
        elif fault.startswith("zkc"):
            holder.send_signal(signal.SIGKILL if fault == "zkc killed" else signal.SIGSTOP)
        assert following.wait(90) == 3, following.stderr.read()
        assert len(tokens(tmp_path)) == 2
        assert not set(below) & set(descendants(guardian))
        holder.send_signal(signal.SIGCONT)
        proxy.resume()
        code = {"zkc killed": -signal.SIGKILL, "guardian killed": 128 + signal.SIGKILL}.get(fault, 125)
        assert holder.wait(60) == code, holder.stderr.read()
        until(lambda: guardian not in [pid for pid, _ in descendants(1)])


def test_a_session_that_the_servers_end_ends_the_command(start_cli, client, tmp_path):
    process = start_cli("lock", "--json", "/l", "--", *alone(tmp_path, STUBBORN, "while :; do sleep 0.2; done"))
    until(lambda: tokens(tmp_path))
    (contender,) = client.lock("/l").contenders()
    client.lock("/l").break_(contender)
    assert process.wait(60) == 125
    assert b'"reason": "deleted"' in process.stderr.read()
    assert start_cli("lock", "/l", "--", *alone(tmp_path)).wait(60) == 0


def test_a_lost_lock_can_be_ignored(start_cli, client, tmp_path):
    script = f"echo ready; while ! [ -e {tmp_path}/go ]; do sleep 0.05; done; exit 4"
    process = start_cli("lock", "--on-lost", "ignore", "/l", "--", "sh", "-c", script)
    assert process.stdout.readline() == b"ready\n"
    lock = client.lock("/l")
    assert lock.break_(lock.holder())
    with lock.acquire(timeout=30):
        (tmp_path / "go").touch()
        assert process.wait(60) == 4, process.stderr.read()
    assert b"was lost" in process.stderr.read()


def test_a_lock_is_lost_if_the_notice_of_that_comes_after_the_end_of_the_command(
    start_cli, client, zookeeper_server, hosts, tmp_path
):
    """The command had ended without the lock, and zkc said that all was well."""
    lock, chroot = client.lock("/l"), hosts[hosts.index("/") :]
    script = f"echo ready; while ! [ -e {tmp_path}/go ]; do sleep 0.05; done"
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        options = ("-s", proxy.hosts + chroot, "--session-timeout", "60", "--json")
        process = start_cli(*options, "lock", "/l", "--", "sh", "-c", script)
        assert process.stdout.readline() == b"ready\n"
        guardian = guardian_of(process.pid)
        proxy.pause()
        assert lock.break_(lock.holder())
        (tmp_path / "go").touch()
        until(lambda: guardian not in descendants(process.pid))
        proxy.resume()
        assert process.wait(60) == 125
    error = json.loads(process.stderr.read().splitlines()[-1])
    assert (error["reason"], error["command_exit_code"]) == ("deleted", 0)


@pytest.mark.parametrize("timeout", [0.4, 1, 4, 8, 10, 30, 600])
def test_the_end_of_a_command_begins_after_the_client_has_left_a_server_that_hangs(timeout):
    """It began before, and a member of an ensemble that hung ended each command that was connected to it."""
    order = order_of(App(), Job("/l", ("true",)), "true", 1, timeout)
    assert timeout - order.grace - order.margin > timeout * 2 / 3


@pytest.mark.full
def test_a_command_survives_a_server_that_hangs(start_cli, zookeeper_server, hosts, tmp_path):
    port = zookeeper_server.port
    with FaultProxy("127.0.0.1", port) as one, FaultProxy("127.0.0.1", port) as other:
        servers = f"{one.hosts},{other.hosts}{hosts[hosts.index('/') :]}"
        script = f"echo ready; while ! [ -e {tmp_path}/go ]; do sleep 0.1; done"
        process = start_cli("-s", servers, "--session-timeout", "18", "lock", "/l", "--", "sh", "-c", script)
        assert process.stdout.readline() == b"ready\n"
        hung, healthy = (one, other) if one.connections else (other, one)
        hung.pause()
        until(lambda: healthy.connections)  # After two thirds of the session timeout.
        (tmp_path / "go").touch()
        assert (process.wait(60), process.stderr.read()) == (0, b"")


def test_shared_locks_run_together_and_an_exclusive_one_waits(start_cli, cli, client, tmp_path):
    script = f"echo ready; while ! [ -e {tmp_path}/go ]; do sleep 0.05; done"
    readers = [start_cli("lock", "--shared", "/l", "--", "sh", "-c", script) for _ in range(2)]
    for reader in readers:
        assert reader.stdout.readline() == b"ready\n"
    cli("lock", "--exclusive", "--wait", "0", "/l", "--", "true", code=124)
    assert "another recipe" in cli("lock", "--wait", "5", "/l", "--", "true", code=4).err
    (tmp_path / "go").touch()
    assert [reader.wait(60) for reader in readers] == [0, 0]
    cli("lock", "--exclusive", "/l", "--", "true")


def test_the_queue_is_listed_and_the_holder_asked_to_release(cli, start_cli, client):
    script = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    first = start_cli("lock", "--label", "first", "/l", "--", "sh", "-c", script)
    assert first.stdout.readline() == b"ready\n"
    second = start_cli("lock", "--label", "second", "/l", "--", "echo", "second")
    until(lambda: len(client.children("/l")) == 2)
    rows = cli("lock", "ls", "/l", "--json").json
    assert [(row["state"], row["label"], row["kind"]) for row in rows] == [
        ("holds", "first", "lock"), ("waits", "second", "lock")
    ]  # fmt: skip
    # A busy server may not tell the addresses in time.
    until(lambda: all(each["client"] and each["server"] for each in cli("lock", "ls", "/l", "--json").json))
    assert "\t127.0.0.1:" in until(lambda: [each for each in cli("lock", "ls", "/l").lines if "127.0.0.1" in each])[0]
    assert cli("lock", "break", "/l", "--dry-run").lines == [rows[0]["path"]]
    assert "first holds it" in cli("lock", "break", "/l", code=9).err
    assert "released in time: 1; taken away: 0" in cli("lock", "break", "/l", "--yes", "--wait", "60s").err
    assert second.wait(60) == 0
    assert first.wait(60) == 125
    assert b"asked for its release" in first.stderr.read()


def test_a_holder_that_does_not_release_loses_the_lock(cli, client):
    hold = client.lock("/l").acquire()
    (taken,) = cli("lock", "break", "/l", "--yes", "--wait", "100ms", "--json").json
    assert (taken["path"], taken["state"]) == (hold.path, "taken_away")
    assert hold.lost.wait(30)
    hold = client.lock("/l").acquire()
    assert "taken away: 1" in cli("lock", "break", "/l", "--yes", "--wait", "100ms").err
    assert hold.lost.wait(30)
    cli("lock", "break", "/l", "--yes", code=3)


def test_a_lock_that_is_not_in_use_is_an_empty_list(cli, client):
    client.create("/locks")
    ended = cli("lock", "ls", "/locks/report")
    assert ended.out == b""
    assert "no contender holds it" in ended.err
    assert cli("lock", "ls", "/locks/report", "--json").json == []
    assert cli("lock", "ls", "/top").out == b""
    assert cli("lock", "break", "/locks/report", "--yes", "--json", code=3).error["error"] == "no_node"
    wrong = cli("lock", "ls", "/lokcs/report", code=3).err
    assert "no parent /lokcs" in wrong


def test_the_command_has_the_terminal(in_terminal):
    process = in_terminal("lock", "/l", "--", "sh", "-c", "echo ready; read word; echo got $word; exec sleep 60")
    process.expect("ready")
    process.sendline("hello")
    process.expect("got hello")
    process.sendintr()
    process.expect(pexpect.EOF)
    process.wait()
    assert process.exitstatus == 130


def test_a_stopped_command_continues_in_the_foreground(cli_environment):
    bash = pexpect.spawn("bash", ["--norc", "--noprofile", "-i"], env={**cli_environment, "PS1": "prompt> "},
                         dimensions=(24, 200), timeout=60, encoding="utf-8")  # fmt: skip
    try:
        bash.expect("prompt> ")
        zkc = " ".join(COMMAND)
        bash.sendline(f"{zkc} lock /l -- sh -c 'echo rea''dy; read word; echo got $word; exit 6'")
        bash.expect("ready")
        bash.sendcontrol("z")
        bash.expect("Stopped")
        bash.expect("prompt> ")  # Behind the rest of that line, which has the words of the next one.
        bash.sendline("fg")
        bash.expect("lock /l")
        bash.sendline("hello")
        bash.expect("got hello")
        bash.expect("prompt> ")
        bash.sendline("echo code=$?.")
        bash.expect(r"code=6\.")
    finally:
        end_in_terminal(bash)
