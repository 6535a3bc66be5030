"""No server outlives the process that started it, and none ends with a process that did not."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from zkc.testing import TestingError, ZooKeeperServer

_PREAMBLE = """
import json, os, signal, sys, threading, time
from zkc.testing import Ensemble, ZooKeeperServer
def tell(server):
    print(json.dumps([server.pid, str(server.log_file.parent)]), flush=True)
"""


def python(script):
    """Start a Python process that runs the script, after the preamble."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _PREAMBLE + textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in 20 s"
        time.sleep(0.02)


@pytest.mark.parametrize("paused", [False, True])
def test_a_server_dies_with_a_process_that_is_killed(paused):
    with python(
        f"""
        server = ZooKeeperServer()
        # The thread that starts the server ends before the process does: it must not take the server along.
        thread = threading.Thread(target=server.start)
        thread.start()
        thread.join()
        assert server.mode == "standalone"
        if {paused}:
            server.pause()
        tell(server)
        time.sleep(60)
        """
    ) as process:
        pid, folder = json.loads(process.stdout.readline())
        time.sleep(0.2)
        assert alive(pid)
        process.kill()
        process.communicate()
    wait_until(lambda: not alive(pid))
    wait_until(lambda: not Path(folder).exists())


def test_an_ensemble_dies_with_a_process_that_is_killed():
    with python(
        """
        ensemble = Ensemble(2)
        ensemble.start()
        for member in ensemble.members:
            tell(member)
        time.sleep(60)
        """
    ) as process:
        members = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.kill()
        process.communicate()
    wait_until(lambda: not any(alive(pid) for pid, _ in members))
    wait_until(lambda: not any(Path(folder).parent.exists() for _, folder in members))


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise SystemExit(3)", "server.stop()"])
def test_a_forgotten_server_ends_in_silence_with_its_process(end):
    with python(
        f"""
        server = ZooKeeperServer()
        server.start()
        tell(server)
        {end}
        """
    ) as process:
        output, errors = process.communicate(timeout=60)
    assert errors == ""
    assert process.returncode == (3 if "3" in end else 0)
    pid, folder = json.loads(output)
    assert not alive(pid)
    assert not Path(folder).exists()


def test_a_forked_child_leaves_the_server_alone():
    with python(
        """
        with ZooKeeperServer() as server:
            child = os.fork()
            if child == 0:
                assert server.four_letter_word("ruok") == "imok"
                server.close()
                for method in (server.start, server.stop, server.kill, server.pause, server.resume):
                    try:
                        method()
                    except RuntimeError as error:
                        assert "forked" in str(error)
                    else:
                        raise AssertionError(method)
                sys.exit(5)  # an orderly exit, with everything that runs at one
            _, status = os.waitpid(child, 0)
            print(os.WEXITSTATUS(status), server.four_letter_word("ruok"), server.log_file.exists(), server.state)
        """
    ) as process:
        output, errors = process.communicate(timeout=60)
    assert errors == ""
    assert output.split() == ["5", "imok", "True", "running"]
    assert process.returncode == 0


def test_a_server_dies_with_its_process_even_if_a_forked_child_lives_on():
    with python(
        """
        server = ZooKeeperServer()
        server.start()
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        print(child)
        tell(server)
        time.sleep(60)
        """
    ) as process:
        child = int(process.stdout.readline())
        pid, _ = json.loads(process.stdout.readline())
        process.kill()
        try:
            wait_until(lambda: not alive(pid))
            assert alive(child)
        finally:
            os.kill(child, signal.SIGKILL)
        process.communicate()


def test_ctrl_c_at_a_terminal_does_not_reach_the_server():
    with ZooKeeperServer() as server:
        assert os.getsid(server.pid) != os.getsid(0)
        assert os.getpgid(server.pid) != os.getpgid(0)


def test_an_exception_in_the_block_ends_the_server():
    def fail():
        with ZooKeeperServer() as server:
            pids.append(server.pid)
            raise KeyError

    pids = []
    with pytest.raises(KeyError):
        fail()
    assert not alive(pids[0])


def test_importing_starts_nothing():
    with python("print(threading.active_count(), 'ssl' in sys.modules)") as process:
        output, errors = process.communicate(timeout=60)
    assert (output.split()[0], errors) == ("1", "")


def test_a_server_that_died_by_itself_is_noticed():
    with ZooKeeperServer() as server:
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: server.state == "stopped")
        with pytest.raises(TestingError, match="stopped"):
            server.wait_ready()
        server.start()
        assert server.mode == "standalone"
