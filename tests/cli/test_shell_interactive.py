"""``zkc shell`` in a terminal, and the completion of bash, zsh and fish."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import zkc
from zkc.cli.programs._shell.watches import Notices
from zkc.cli.programs._words import escaped, words_of


@pytest.fixture
def shell(open_terminal, cli_environment):
    """Return a function that starts a shell, and waits for its prompt."""
    cli_environment["ZKC_COMPLETION_TIMEOUT"] = "20"  # A busy machine answers later than in 0.3 s.

    def start(*arguments):
        terminal = open_terminal("shell", "--color", "never", *arguments)
        terminal.see("^zkc />$")
        return terminal

    return start


def test_tab_completes_commands_and_relative_paths_and_the_history_survives(shell, client):
    """Scenario 37."""
    client.create("/application")
    client.create("/application/configuration", b"a=1")
    terminal = shell()
    terminal.type("cd /appl\t")
    terminal.see("> cd /application/$")
    terminal.type("\r")
    terminal.see("^zkc /application>$")
    terminal.type("get conf\t")
    terminal.see("> get configuration$")
    terminal.type("\r")
    terminal.see("^a=1$")
    terminal.type("cd ..\r")
    terminal.see("^zkc />$")
    terminal.type("pw\t")
    terminal.see("> pwd ?$")
    terminal.type("\x15\x04")
    assert terminal.wait() == 0
    again = shell()
    again.type("\x1b[A\x1b[A")
    again.see("^zkc /> get configuration$")
    again.type("\x15\x04")
    assert again.wait() == 0


def test_tab_waits_for_a_server_as_long_as_the_variable_says(shell, client, zookeeper_server):
    client.create("/application")
    terminal = shell()
    zookeeper_server.pause()
    later = threading.Timer(1.0, zookeeper_server.resume)
    later.start()
    terminal.type("get /appl\t")
    terminal.see("> get /application$")
    later.join()
    terminal.type("\x15\x04")
    assert terminal.wait() == 0


def test_the_history_keeps_no_credentials(shell, tmp_path):
    terminal = shell()
    terminal.type("addauth digest chris:geheim\r")
    terminal.see("is a command of zkCli.sh")
    terminal.type("auth digest:chris:geheim\r")
    terminal.see("the password file cannot be read")
    terminal.type("pwd\r")
    terminal.see("^/$")
    terminal.type("exit\r")
    assert terminal.wait() == 0
    [history] = (tmp_path / ".local" / "state" / "zkc").iterdir()
    assert "pwd" in history.read_text()
    assert "geheim" not in history.read_text()


def test_the_interrupt_ends_a_command_and_not_the_shell(shell, client):
    """Scenario 37."""
    terminal = shell()
    terminal.type("wait /never & # refused\r")
    terminal.type("wait /never\r")
    terminal.see("> wait /never$")
    while "interrupted" not in terminal.text:  # Until the command runs, the keys are the prompt's.
        terminal.process.sendintr()
        terminal.rest(0.5)
    terminal.type("pwd\r")
    terminal.see("^/$")
    terminal.type("exit\r")
    assert terminal.wait() == 0


def test_background_watches_and_a_lost_connection_are_told_above_the_prompt(shell, client, zookeeper_server):
    """Scenario 37."""
    client.create("/app")
    terminal = shell()
    terminal.type("watch -r /app &\r")
    terminal.see("1 watching")
    client.create("/app/new")
    terminal.see("created /app/new")
    terminal.see(r"session 0x([0-9a-f]+)")
    terminal.type("stat / | grep version\r")
    terminal.see("^version")
    zookeeper_server.stop()
    terminal.see("connection is lost")
    zookeeper_server.start()
    terminal.see("connected again")
    terminal.type("unwatch\r")
    terminal.see("ended 1 watch")
    terminal.type("\x04")
    assert terminal.wait() == 0


def test_an_expired_session_is_told_and_replaced(hosts, zookeeper_server, eventually):
    """Scenario 37."""
    told = []
    with zkc.Client(hosts) as client:
        notices = Notices(client, told.append)
        zookeeper_server.expire(client.session_id, client.session_password)
        eventually(lambda: any("with a new session" in each for each in told))
        assert any("the session has expired" in each for each in told)
        client.remove_listener(notices._changed)


def test_pasted_lines_are_commands_of_their_own(shell, client, tmp_path):
    """A paste of several lines was one command: the paths of all of them were deleted."""
    for name in ("a", "b", "c", "d"):
        client.create(f"/{name}", name.encode() * 3)
    terminal = shell()
    terminal.type("\x1b[200~rm /a\rget /b\rget /c\x1b[201~\r")
    terminal.see("^bbbccc|^bbb\n(.*\n)*ccc")
    terminal.type("rm /d && rm /c\r")
    terminal.see("'&&' is no operator here")
    terminal.type(" pwd\r")
    terminal.see("^/$")
    terminal.type("rm /d ; get /b\r")
    terminal.until(lambda: not client.exists("/d"))
    terminal.type("exit 3\r")
    assert terminal.wait() == 3
    assert sorted(client.children("/")) == ["b", "c"]
    history = (tmp_path / ".local/state/zkc/history-default").read_text()
    kept = [line[1:] for line in history.splitlines() if line.startswith("+")]
    assert kept == ["rm /a", "get /b", "get /c", "rm /d && rm /c", "rm /d ; get /b", "exit 3"]


# ---- completion -----------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path, cli_environment):
    """Put a command ``zkc`` into the path, as an installation has it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "zkc").write_text(f'#!/bin/sh\nexec {sys.executable} -m zkc "$@"\n')
    (folder / "zkc").chmod(0o755)
    cli_environment["PATH"] = f"{folder}:{os.environ['PATH']}"
    cli_environment["ZKC_COMPLETION_TIMEOUT"] = "10"  # A busy machine answers later than in 0.3 s.
    cli_environment["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))
    return folder / "zkc"


def completed_by_bash(environment, line):
    script = f"""
      source <(zkc completion bash)
      COMP_LINE={line!r}; COMP_WORDS=({line}); [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
      _zkc_completion zkc "${{COMP_WORDS[COMP_CWORD]}}" ""
      printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ended = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return ended.stdout.split()


@pytest.mark.usefixtures("program")
def test_bash_completes_commands_options_and_paths(cli_environment, client):
    """Scenario 36."""
    client.create("/application")
    client.create("/application/x")
    assert completed_by_bash(cli_environment, "zkc tre") == ["tree"]
    assert "--servers" in completed_by_bash(cli_environment, "zkc --ser")
    assert completed_by_bash(cli_environment, "zkc ls /appl") == ["/application/"]
    assert completed_by_bash(cli_environment, "zkc get /application/") == ["/application/x"]


def offered_by_bash(environment, line):
    """Return what bash is given for a line with the cursor at its end, and what it then reads as the last word."""
    script = """
      source <(zkc completion bash)
      _zkc_completion zkc "" ""
      (( ${#COMPREPLY[@]} == 0 )) || printf '%s\\n' "${COMPREPLY[@]}"
    """
    breaks = " \t\n\"'><=;|&(:"
    ended = subprocess.run(
        ["bash", "-c", script], env={**environment, "COMP_LINE": line, "COMP_WORDBREAKS": breaks}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert ended.stderr == ""
    return ended.stdout.splitlines()


AWKWARD = ["semi;touch x", "with space", "$HOME", "quo'te", 'dou"ble', "back\\slash", "co:lon=a", "`id`", "a,b", "ü!"]


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_name_is_quoted_so_that_bash_reads_it_as_one_word(quote):
    for name in AWKWARD:
        line = f"printf %s {quote}{escaped(name, quote)}{quote}"
        assert subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout == name
        assert words_of(line)[0] == ["printf", "%s"]
        assert words_of(line)[1].value == name


@pytest.mark.usefixtures("program")
def test_bash_is_given_quoted_names_and_none_with_control_characters(cli_environment, client):
    """A name such as ``semi;colon`` ran a command in the user's shell."""
    client.create("/app")
    for name in [*AWKWARD, "line\u2028end"]:
        client.create(f"/app/{name}")
    assert sorted(offered_by_bash(cli_environment, "zkc get /app/")) == sorted(f"/app/{escaped(n)}" for n in AWKWARD)
    assert offered_by_bash(cli_environment, "zkc get /app/semi") == [r"/app/semi\;touch\ x"]
    assert offered_by_bash(cli_environment, "zkc get '/app/quo") == [r"/app/quo'\''te"]
    assert offered_by_bash(cli_environment, 'zkc get "/app/\\$') == [r"/app/\$HOME"]
    assert offered_by_bash(cli_environment, r"zkc get /app/with\ s") == [r"/app/with\ space"]
    assert offered_by_bash(cli_environment, "zkc get /app/co:l") == ["lon=a"]


@pytest.mark.usefixtures("program")
def test_bash_completes_from_the_ensemble_of_the_line(cli_environment, client, hosts):
    """Options on the line win over ZKC_SERVERS, also with a colon, at which bash divides words."""
    client.create("/application")
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
    folder = Path(cli_environment["HOME"], ".config/zkc")
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(f'[profile.local]\nservers = "{hosts}"\n[profile.dead]\nservers = "h:1"\n')
    assert offered_by_bash(cli_environment, f"zkc -s {hosts} ls /ap") == ["/application"]
    assert offered_by_bash(cli_environment, "zkc -p local ls /ap") == ["/application"]
    assert offered_by_bash(cli_environment, "zkc ls -p local /ap") == ["/application"]
    assert offered_by_bash(cli_environment, "zkc -p lo") == ["local"]
    assert offered_by_bash(cli_environment, "zkc --profile=lo") == ["local"]
    assert offered_by_bash(cli_environment, "zkc cp lo") == ["local:/"]
    assert offered_by_bash(cli_environment, "zkc cp local:/a") == ["/application"]
    assert offered_by_bash(cli_environment, "zkc : nonsense /a") == []
    cli_environment["ZKC_SERVERS"] = hosts
    assert offered_by_bash(cli_environment, "zkc -p dead ls /ap") == []


def test_a_server_that_hangs_delays_the_completion_by_its_time_only(cli, cli_environment, start_seconds):
    """It took seconds: each step had a time of its own."""
    asked = {"_ZKC_COMPLETE": "bash_complete", "ZKC_COMP_LINE": "zkc ls /a", "ZKC_COMPLETION_TIMEOUT": "0.3"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        cli_environment["ZKC_SERVERS"] = f"127.0.0.1:{server.getsockname()[1]}"
        for _ in range(10):  # A busy machine may hold a process up; not each of them for so long.
            usual = max(start_seconds() for _ in range(3))
            began = time.monotonic()
            ended = subprocess.run(
                [sys.executable, "-m", "zkc"], check=False, capture_output=True, env={**cli_environment, **asked}
            )
            took = time.monotonic() - began
            assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, b"", b"")
            if took < 0.3 + 4 * usual + 1:
                return
    pytest.fail(f"it always takes longer than its time, at last {took} s")


@pytest.mark.usefixtures("program")
def test_without_a_server_nothing_is_offered_and_nothing_printed(cli_environment):
    """Scenario 36: the time is a benchmark's matter; here it must not wait for the timeout of a connection."""
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
    cli_environment["ZKC_COMPLETION_TIMEOUT"] = "60"
    began = time.monotonic()
    assert completed_by_bash(cli_environment, "zkc ls /appl") == []
    assert time.monotonic() - began < 60


@pytest.mark.usefixtures("program")
def test_fish_completes_paths(cli_environment, client):
    """Scenario 36."""
    client.create("/application")
    script = "zkc completion fish | source; complete -C 'zkc ls /appl'"
    ended = subprocess.run(["fish", "-c", script], env=cli_environment, capture_output=True, text=True, check=False)
    assert ended.stdout.split() == ["/application"], ended.stderr
    client.create("/application/a,b c")
    script = "zkc completion fish | source; complete -C 'zkc ls /application/a'"
    ended = subprocess.run(["fish", "-c", script], env=cli_environment, capture_output=True, text=True, check=False)
    assert ended.stdout == "/application/a,b c\n", ended.stderr


@pytest.mark.usefixtures("program")
def test_zsh_loads_the_script_and_completes_paths(cli_environment, client):
    """Scenario 36."""
    client.create("/application")
    asked = {**cli_environment, "COMP_WORDS": "zkc ls /appl", "COMP_CWORD": "2", "_ZKC_COMPLETE": "zsh_complete"}
    script = "autoload -U compinit; compinit -D -u; source <(zkc completion zsh); whence -w _zkc_completion"
    loaded = subprocess.run(
        ["zsh", "-f", "-c", script], env=cli_environment, capture_output=True, text=True, check=False
    )
    assert loaded.stdout.strip() == "_zkc_completion: function", loaded.stderr
    ended = subprocess.run(["zsh", "-f", "-c", "zkc"], env=asked, capture_output=True, text=True, check=False)
    assert ended.stdout.split() == ["plain", "/application", "_"]
