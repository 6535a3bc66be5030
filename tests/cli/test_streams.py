"""Standard streams that are closed, full, or in another encoding."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from .fix_cli import Terminal


@pytest.fixture
def in_shell(cli_environment):
    """Return a function that runs a command with redirections of the system's shell: its code, stdout and stderr."""

    def run(line, **environment):
        program = f"{shlex.quote(sys.executable)} -m zkc {line}"
        ended = subprocess.run(["/bin/sh", "-c", program], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                               env={**cli_environment, **environment}, timeout=60)  # fmt: skip
        assert b"Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, ended.stdout.decode(), ended.stderr.decode()

    return run


@pytest.mark.parametrize("line", ["create /new", "exists /", "--help", "ls / --json"])
def test_without_stdout_nothing_is_done(in_shell, client, line):
    code, _, err = in_shell(f"{line} >&-")
    assert code == 10
    assert err.count("\n") == 1
    assert "stdout is closed: nothing was done" in err
    assert ('"error": "stdout_closed"' in err) == ("--json" in line)
    assert client.exists("/new") is None


def test_notes_that_stderr_does_not_take_change_nothing(in_shell, client):
    client.create("/tree")
    client.create("/tree/leaf")
    assert in_shell("get /none 2>/dev/full")[0] == 3
    assert in_shell("rm -r --yes /tree 2>/dev/full")[0] == 0
    assert client.exists("/tree") is None


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_stdout_that_takes_no_result_is_an_error(in_shell, client, unbuffered):
    client.create_many([f"/many-{each}" for each in range(300)])
    options = {"PYTHONUNBUFFERED": unbuffered}
    lines = [
        "create /new",
        "ls / --json",
        "ls / -o jsonl",
        "count /",
        "dump / -O -",
        "--help",
        "ls --help",
        "--version",
    ]
    for line in lines:
        code, _, err = in_shell(f"{line} >/dev/full", **options)
        assert (code, err.count("\n")) == (10, 1), line
        assert "stdout cannot be written: No space left on device" in err
        assert "what the command has changed stays changed" in err
    assert client.exists("/new")
    code, _, err = in_shell("shell -k -c 'create /new-1; create /new-2' >/dev/full", **options)
    assert (code, err.count("stdout cannot be written")) == (8, 2)
    assert client.exists("/new-2")
    code, _, err = in_shell("shell -c 'create /new-3; create /new-4' >/dev/full", **options)
    assert (code, err.count("stdout cannot be written")) == (10, 1)
    assert "command 1" in err
    assert client.exists("/new-4") is None


def test_an_interactive_shell_goes_on_when_stdout_is_full(in_terminal, client):
    client.create("/there")
    process = in_terminal("shell", "--color", "never",
                          preexec_fn=lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1))  # fmt: skip
    terminal = Terminal(process, 24, 80)
    for number, typed in enumerate(("ls /", "pwd", "get /none"), 1):
        terminal.until(lambda number=number: len(re.findall("^zkc />", terminal.text, re.MULTILINE)) == number)
        process.sendline(typed)
    terminal.see("no such znode")
    assert terminal.text.count("stdout cannot be written") == 2
    process.sendline("exit 7")
    assert terminal.wait() == 7


def test_nothing_is_kept_when_the_environment_says_so(cli_environment):
    """A program that is killed has written its lines."""
    program = "import os\nfrom zkc.cli import _streams\n_streams.prepare()\nprint('x')\nos._exit(0)"
    for value, kept in (("1", b"x\n"), ("", b"")):
        ended = subprocess.run([sys.executable, "-c", program], env={**cli_environment, "PYTHONUNBUFFERED": value},
                               stdout=subprocess.PIPE, check=True)  # fmt: skip
        assert ended.stdout == kept


def test_without_stderr_an_error_is_not_written_to_stdout(in_shell):
    assert in_shell("get /none 2>&-") == (3, "", "")
    assert in_shell("create /new 2>&- <&-") == (0, "/new\n", "")


def test_without_stdin_nothing_is_read_or_asked(in_shell, client):
    client.create("/there")
    assert in_shell("rm -r /there <&-")[0] == 9
    assert in_shell("set /there - <&-")[0] == 2
    assert in_shell("shell <&-")[0] == 2
    assert client.get("/there")[1].version == 0


def test_results_are_utf_8_in_every_locale(in_shell, client):
    """The names and data of arguments, too."""
    c_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert in_shell("create /über", PYTHONIOENCODING="ascii")[:2] == (0, "/über\n")
    assert in_shell("create /é -d ö", **c_locale)[:2] == (0, "/é\n")
    assert client.get("/é")[0] == "ö".encode()
    assert in_shell("tree /", **c_locale)[1].splitlines() == ["/", "├── é", "└── über"]
    assert in_shell("get /nö", PYTHONIOENCODING="ascii")[2].startswith("zkc: error: /nö: ")
