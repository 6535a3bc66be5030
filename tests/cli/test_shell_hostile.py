"""``zkc shell`` in bad conditions: no server, no home, no terminal any more, a narrow one, or a simple one."""

from __future__ import annotations

import os
import re
import sys

import pexpect
import pytest

from .fix_cli import Terminal


@pytest.fixture
def shell(open_terminal, cli_environment):
    """Return a function that starts a shell, and waits for its prompt."""
    # A busy machine answers later than in 0.3 s. Without a server, Tab waits for the whole time.
    cli_environment["ZKC_COMPLETION_TIMEOUT"] = "5"

    def start(*arguments, **options):
        terminal = open_terminal("shell", "--color", "never", *arguments, **options)
        terminal.see("^zkc />$")
        return terminal

    return start


def test_the_shell_goes_on_without_a_server(shell, client, zookeeper_server):
    """The words of the shell, such as cd, ended it with a traceback."""
    client.create("/app")
    client.create("/app/known")
    terminal = shell("--timeout", "3", rows=50, columns=200)
    zookeeper_server.stop()
    terminal.see("connection is lost")
    terminal.type("get /ap\tq")
    terminal.see("> get /apq$")
    terminal.type("\x15cd /app\rwatch /app &\rjobs\rls /app | cat\rpwd\r")
    terminal.see("> pwd\n/$")
    assert len(re.findall("^zkc: error: ", terminal.text, re.MULTILINE)) == 3
    zookeeper_server.start()
    terminal.see("connected again")
    terminal.type("cd /ap\t")
    terminal.see("> cd /app/$")
    terminal.type("\r\x04")
    assert terminal.wait() == 0
    assert "Traceback" not in terminal.raw


@pytest.mark.parametrize("line", ["", "watch /none\r", '!echo be""gun; sleep 60\r'])
def test_the_shell_ends_in_order_when_its_terminal_is_gone(shell, line):
    terminal = shell()
    terminal.type(line)
    if line:
        terminal.see("^begun|; Ctrl-C ends it")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), terminal.process.child_fd)  # Closes the other end of the terminal.
    terminal.process.wait()
    assert terminal.process.exitstatus == 129


@pytest.mark.parametrize("home", ["/dev/null", "/proc/1/none"])
def test_without_a_folder_the_history_is_in_memory(shell, cli_environment, home):
    cli_environment["HOME"] = home
    terminal = shell()
    assert "the history is not kept" in terminal.text
    terminal.type("history\r")
    terminal.see("^ +1  history$")
    terminal.type("\x04")
    assert terminal.wait() == 0


def test_a_dumb_terminal_gets_no_escapes(open_terminal, cli_environment, client):
    client.create("/a", b"data")
    cli_environment["TERM"] = "dumb"
    terminal = open_terminal("shell")
    terminal.see("^zkc />$")
    terminal.type('clear\r!printf ha""lf\rget /a\r')
    terminal.see("^half\nzkc /> get /a\ndata\nzkc />$")
    terminal.type("exit\r")  # A key like Ctrl-D may be lost: prompt_toolkit takes the terminal after this prompt.
    assert terminal.wait() == 0
    assert "\x1b" not in terminal.raw.replace("\x1b[?12l\x1b[?25h", "")  # prompt_toolkit shows the cursor.


def test_a_terminal_of_ten_columns(shell, client):
    client.create("/" + "宽" * 30 + "n" * 200)
    terminal = shell()
    terminal.resize(10, 10)
    terminal.type("help\r")
    terminal.see("system")
    terminal.type("ls /宽\t")
    terminal.until(lambda: "n" * 10 in terminal.lines)
    terminal.type("\x15pwd\r")
    terminal.see("^/$")
    terminal.type("\x04")
    assert terminal.wait() == 0


def test_pipes_that_nobody_reads(shell):
    terminal = shell(rows=40)
    terminal.type("help | true\rhistory | true\rpwd | no-such-command\rexit 4 | cat\r")
    assert terminal.wait() == 4
    assert "Traceback" not in terminal.raw


def test_the_prompt_is_on_the_terminal_when_stdout_is_a_file(cli_environment, client, tmp_path):
    client.create("/a", b"data\n")
    file = tmp_path / "result"
    script = f"exec {sys.executable} -m zkc shell --color never > {file}"
    process = pexpect.spawn("sh", ["-c", script], env=cli_environment, encoding="utf-8", dimensions=(24, 80))
    terminal = Terminal(process, 24, 80)
    terminal.see("^zkc />$")
    terminal.type("get /a\r")
    terminal.see("^zkc /> get /a\nzkc />$")
    terminal.type("\x04")
    assert terminal.wait() == 0
    assert file.read_bytes() == b"data\n"


def test_ctrl_d_at_a_question_is_a_no_on_a_line_of_its_own(shell, client):
    client.create("/app")
    client.create("/app/x")
    terminal = shell(columns=200)
    terminal.type("rm -r /app\r")
    terminal.see(r"\[y/N\]$")
    terminal.type("\x04")
    terminal.see(r"\[y/N\]\nzkc: error: nothing was changed\nzkc />$")
    terminal.type("\x04")
    assert terminal.wait() == 0
    assert client.exists("/app/x")


def test_the_log_of_a_shell_is_above_the_prompt(shell, zookeeper_server):
    """It was written over the prompt, and a line of asyncio came with each."""
    terminal = shell("-v", rows=50, columns=200)
    terminal.type("pw")
    terminal.see("^zkc /> pw$")
    zookeeper_server.stop()
    terminal.see(r"^\[the connection is lost.*\]$")
    terminal.until(lambda: "SUSPENDED" in terminal.text)
    terminal.see("^zkc /> pw$")
    assert "asyncio" not in terminal.text
    zookeeper_server.start()
    terminal.see("connected again")
    terminal.type("d\r")
    terminal.see("^/$")
    terminal.type("\x04")
    assert terminal.wait() == 0
