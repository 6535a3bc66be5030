"""SIGTERM and SIGHUP end commands in order, as Ctrl-C does."""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from .cut_support import HoldingLink

ENDS = [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung_up")]
_EARLY = """
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "click.core":
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Finder())
from zkc.cli import main
sys.exit(main())
"""
_IN_AN_IMPORT = """
import os, signal, sys
from zkc.cli import main
def trace(frame, event, _):
    code = frame.f_code
    if (code.co_filename.endswith({file!r}) and code.co_name == {function!r} and frame.f_lineno > {line}
            and signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL):
        sys.settrace(None)
        os.kill(os.getpid(), signal.{name})
    return trace
sys.settrace(trace)
sys.exit(main(None))
"""
_IN_THE_OUTPUT = """
import os, signal, sys
from zkc.cli import main
left = {lines}
def trace(frame, event, _):
    global left
    code = frame.f_code
    if code.co_filename.endswith("zkc/cli/_out.py") and code.co_name in ("rows", "add", "end"):
        left -= 1
        if left == 0:
            sys.settrace(None)
            os.kill(os.getpid(), signal.{name})
    return trace
sys.settrace(trace)
sys.exit(main(None))
"""


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "name"), ENDS)
def test_a_signal_is_the_last_line_of_stderr_in_json(start_cli, client, number, name):
    process = start_cli("watch", "/app", "--json")
    assert process.stderr.readline().startswith(b"zkc: watching /app")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    error = json.loads(err.splitlines()[-1])
    assert (process.returncode, error["error"], error["exit_code"]) == (128 + number, name, 128 + number)
    assert out == b""


def test_an_ignored_hangup_stays_ignored(start_cli, client):
    process = start_cli("watch", "/app", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert process.stderr.readline().startswith(b"zkc: watching /app")
    process.send_signal(signal.SIGHUP)
    client.create("/app")
    assert process.stdout.readline().startswith(b"created\t/app")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[1].strip() == b""
    assert process.returncode == 143


@pytest.mark.parametrize("number", [number for number, _ in ENDS])
def test_a_signal_before_the_command_begins_is_quiet(cli_environment, number):
    program = _EARLY.format(name=number.name)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, env=cli_environment, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, b"", b"")


@pytest.mark.parametrize("place", [("zkc/errors/_codes.py", "<module>", 80), ("importlib._bootstrap>", "cb", 0)])
@pytest.mark.parametrize(("number", "name"), ENDS)
def test_a_signal_in_the_middle_of_an_import_is_not_lost(cli_environment, client, number, name, place):
    """The module would be half made, or Python would ignore the exception."""
    file, function, line = place
    program = _IN_AN_IMPORT.format(name=number.name, file=file, function=function, line=line)
    ended = subprocess.run([sys.executable, "-c", program, "watch", "/app", "--json"], capture_output=True,
                           env=cli_environment, check=False, timeout=60)  # fmt: skip
    assert (ended.returncode, ended.stdout) == (128 + number, b"")
    for line in ended.stderr.splitlines():
        assert line.startswith(b"zkc: watching /app") or json.loads(line)["error"] == name


@pytest.mark.parametrize("lines", [11, 28, 29, 30, 31])
@pytest.mark.parametrize(("number", "name"), ENDS[:1])
def test_a_signal_in_the_middle_of_a_record_leaves_the_array_whole(cli_environment, client, number, name, lines):
    """A bracket or a comma would be missing otherwise."""
    for path in ("/app", "/app/1", "/app/2"):
        client.create(path)
    program = _IN_THE_OUTPUT.format(name=number.name, lines=lines)
    ended = subprocess.run([sys.executable, "-c", program, "find", "/app", "--json"], capture_output=True,
                           env=cli_environment, check=False, timeout=60)  # fmt: skip
    found = json.loads(ended.stdout) if ended.stdout else []
    assert [each["path"] for each in found] == ["/app", "/app/1", "/app/2"][: len(found)]
    if len(found) < 3:
        assert ended.returncode == 128 + number
        assert json.loads(ended.stderr.splitlines()[-1])["error"] == name


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(("number", "name"), ENDS)
def test_a_signal_ends_a_command_whose_reader_has_stopped(
    start_cli, client, cli_environment, number, name, options, unbuffered
):
    """As a pager does at its first page."""
    cli_environment["PYTHONUNBUFFERED"] = unbuffered
    client.create_many([f"/{'long' * 20}-{each}" for each in range(4000)], raise_errors=True)
    process = start_cli("find", "/", *options)
    until(lambda: waiting_in(process.stdout) >= 40_000)
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    if options:
        assert json.loads(process.stderr.readline())["error"] == name


def waiting_in(pipe):
    """Return the number of bytes that wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_script_of_the_shell(start_cli, client, number):
    process = start_cli("shell", "--keep-going", "-c", "create /begun; wait /never; create /more")
    assert process.stdout.readline() == b"/begun\n"
    process.send_signal(number)
    assert process.communicate(timeout=60)[0] == b""
    assert process.returncode == 128 + number
    assert client.exists("/more") is None


@pytest.mark.parametrize("options", [[], ["--keep-going"]])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_hold_and_with_it_its_script(start_cli, client, number, options):
    process = start_cli("shell", *options, stderr=subprocess.STDOUT)
    process.stdin.write(b"create -e --hold /held\ncreate /more\n")
    process.stdin.close()
    assert process.stdout.readline() == b"/held\n"
    process.send_signal(number)
    process.stdin = None  # Else communicate() would flush it.
    said = process.communicate(timeout=60)[0].decode()
    name = signal.Signals(number).name
    assert said.endswith(f"command 1, 'create …', was ended by {name}; the rest was not run\n")
    assert process.returncode == 128 + number
    assert client.exists("/more") is None
    assert client.exists("/held") is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_prompt_of_a_shell_and_the_screen(open_terminal, client, number):
    for arguments, seen in ((["shell"], "^zkc />"), (["ui"], "connected")):
        terminal = open_terminal(*arguments, "--color", "never")
        terminal.see(seen)
        terminal.process.kill(number)
        assert terminal.wait() == 128 + number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_command_of_a_watch(start_cli, client, tmp_path, number):
    script = tmp_path / "script"
    # It ends without another process: it has two seconds, also on a busy machine.
    script.write_text(f"sleep 100 & trap ': >{tmp_path}/end; kill $!; exit' TERM HUP; echo begun; wait")
    process = start_cli("watch", "/app", "--exec", f"sh {script}")
    assert process.stderr.readline().startswith(b"zkc: watching /app")
    client.create("/app")
    while process.stdout.readline() != b"begun\n":
        pass
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    until((tmp_path / "end").exists)


# ---- in the middle of many changes ----------------------------------------------------------------------------------

DELETE, SET_ACL = 2, 7


@pytest.fixture
def holding(zookeeper_server, hosts, cli_environment):
    """Return a function that lets commands connect through a link, which holds the request of a kind for a path."""
    with contextlib.ExitStack() as stack:

        def hold(kind, path):
            path = (hosts[hosts.index("/") :] + path).encode()
            marker = struct.pack(">ii", kind, len(path)) + path
            link = stack.enter_context(HoldingLink(zookeeper_server.port, marker))
            cli_environment["ZKC_SERVERS"] = link.hosts + hosts[hosts.index("/") :]
            return link

        yield hold


def end_in_the_middle(process, link, number):
    """Send a signal while the link holds the rest of the changes; return the last line of stderr."""
    link.wait_until_held()
    process.send_signal(number)
    link.release()
    last = process.communicate(timeout=60)[1].splitlines()[-1]
    assert process.returncode == 128 + number
    return last


@pytest.mark.parametrize(("number", "name"), ENDS)
def test_a_signal_ends_a_deletion_with_its_count(start_cli, client, holding, number, name):
    client.create("/big")
    client.create_many([f"/big/{each}" for each in range(10_000)], raise_errors=True)
    link = holding(DELETE, "/big/5000")
    error = json.loads(end_in_the_middle(start_cli("rm", "-ry", "/big", "--json"), link, number))
    assert error["error"] == name
    assert 0 < error["deleted"] <= 10_001 - client.count_descendants("/")


@pytest.mark.parametrize(("number", "name"), ENDS[1:2])
def test_a_signal_ends_changes_of_acls_with_their_count(start_cli, client, holding, number, name):
    """The count is in the error, which --quiet does not silence."""
    client.create("/big")
    paths = [f"/big/{each:05}" for each in range(10_000)]
    client.create_many(paths, raise_errors=True)
    before, _ = client.get_acl(paths[-1])
    link = holding(SET_ACL, "/big/05000")
    process = start_cli("acl", "set", "-R", "/big", "world:anyone:cdra", "--yes", "-q", "--json")
    error = json.loads(end_in_the_middle(process, link, number))
    assert (error["error"], error["total"]) == (name, 10_001)
    changed = sum(each.result()[0] != before for each in [client.submit.get_acl(path) for path in paths])
    assert 0 < error["changed"] < 10_000
    assert error["changed"] == changed if error["exact"] else error["changed"] <= changed
    assert error["message"].startswith("interrupted: changed the ACLs of ")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_signal_ends_a_deletion_of_what_was_found_with_its_count(start_cli, client, holding, form):
    client.create("/big")
    client.create_many([f"/big/{each}" for each in range(10_000)], raise_errors=True)
    link = holding(DELETE, "/big/5000")
    process = start_cli("find", "/big", "--delete", "--yes", "-q", *form)
    last = end_in_the_middle(process, link, signal.SIGTERM)
    if form:
        error = json.loads(last)
        assert (error["error"], error["total"]) == ("terminated", 10_001)
        assert 0 < error["deleted"] <= 10_001 - client.count_descendants("/")
    else:
        assert last.startswith(b"zkc: error: interrupted: deleted ")


# ---- in the middle of other commands --------------------------------------------------------------------------------


def test_a_signal_ends_commands_for_what_was_found_with_their_count(start_cli, client, tmp_path):
    client.create_many(["/a", "/a/1", "/a/2", "/a/3"], raise_errors=True)
    script = tmp_path / "script"
    script.write_text('[ "$1" != /a/2 ] || { echo begun; exec sleep 100; }; [ "$1" != /a/1 ]')
    process = start_cli("find", "/a", "--exec", f"sh {script}", "--json")
    while process.stderr.readline() != b"begun\n":
        pass
    process.send_signal(signal.SIGTERM)
    error = json.loads(process.communicate(timeout=60)[1].splitlines()[-1])
    assert (process.returncode, error["error"], error["count"], error["failed"]) == (143, "terminated", 2, 1)
    assert error["message"] == "interrupted: sh has ended for 2 znodes, and failed for 1 of them"


@pytest.mark.parametrize("command", ["watch /app", "watch /app | cat", "!sh -c 'echo watching >&2; read line'"])
def test_a_signal_ends_a_script_which_says_in_which_command(start_cli, client, command):
    process = start_cli("shell", "-c", f"create /begun\n{command}\nls /")
    assert b"watching" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, b"/begun\n")
    assert err.startswith(b"zkc: command 2, ")
    assert err.endswith(b" was ended by SIGTERM; the rest was not run\n")
