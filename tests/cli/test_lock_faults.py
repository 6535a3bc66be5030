"""``zkc lock`` and ``zkc elect`` under faults of all kinds: never two commands at a time."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections import Counter

import pytest

from zkc.testing import FaultProxy

from .fix_cli import COMMAND
from .lock_support import STUBBORN, alone, tokens

WORKERS = 3
SESSION = 4.0  # The session timeout in seconds: the longest that a server with ticks of 0.2 s grants.
CODES = {0, 6, 7, 125, 128 + signal.SIGKILL, -signal.SIGKILL}


def test_two_commands_never_run_at_a_time_in_a_few_tries(zookeeper_server, hosts, cli_environment, tmp_path):
    """Scenario 24 and 25, and the whole process group, with a small count."""
    run(zookeeper_server, hosts, cli_environment, tmp_path, tries=8)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("command", ["lock", "elect"])
def test_two_commands_never_run_at_a_time_in_200_tries(zookeeper_server, hosts, cli_environment, tmp_path, command):
    """Scenario 24 and 25."""
    run(zookeeper_server, hosts, cli_environment, tmp_path, tries=200, command=command)


def run(server, hosts, environment, folder, *, tries, command="lock"):
    """Run commands from several workers until so many of them have started, while faults come at random."""
    dice, over, failures = random.Random(24), threading.Event(), []
    codes: Counter[int] = Counter()
    running: dict[int, subprocess.Popen[bytes]] = {}
    chroot = hosts[hosts.index("/") :]
    proxies = [FaultProxy("127.0.0.1", server.port) for _ in range(WORKERS)]

    def work(index):
        own = random.Random(index)
        while not over.is_set() and len(tokens(folder)) < tries:
            lines = [STUBBORN] if own.random() < 0.5 else []
            script = alone(folder, *lines, f"sleep {own.choice([0.05, 0.3, 1, 3])}")
            options = ["-s", proxies[index].hosts + chroot, "--session-timeout", str(SESSION), "--timeout", "20"]
            words = [*COMMAND, *options, command, "/fought/over", "--grace", "300ms", "--", *script]
            process = running[index] = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            err = process.communicate()[1].decode()
            codes[process.returncode] += 1
            if process.returncode not in CODES or "Traceback" in err:
                failures.append((process.returncode, err))
                return

    def disturb():
        while not over.wait(dice.uniform(0.1, 1.0)):
            index = dice.randrange(WORKERS)
            fault = dice.choice(["drop", "drop", "pause", "restart", "kill", "stop"])
            process = running.get(index)
            if fault == "drop":
                proxies[index].drop_connections()
            elif fault == "pause":  # Longer than the session timeout in half of the cases.
                proxies[index].pause()
                over.wait(dice.uniform(0.0, 2 * SESSION))
                proxies[index].resume()
            elif fault == "restart":
                server.kill()
                over.wait(dice.uniform(0.0, 1.0))
                server.start()
            elif process is not None and fault == "kill":
                process.kill()
            elif process is not None:
                process.send_signal(signal.SIGSTOP)
                over.wait(dice.uniform(0.0, 1.5 * SESSION))
                process.send_signal(signal.SIGCONT)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(WORKERS)]
    disturbing = threading.Thread(target=disturb)
    began = time.monotonic()
    try:
        for proxy in proxies:
            proxy.start()
        for thread in (*threads, disturbing):
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        over.set()
        disturbing.join()
        for process in running.values():  # After an interrupt of the test.
            if process.poll() is None:
                process.kill()
        for proxy in proxies:
            proxy.close()
    started = tokens(folder)
    print(f"{len(started)} commands in {time.monotonic() - began:.0f} s; exit codes {dict(codes)}")
    assert not failures
    assert len(started) >= tries
    assert started == sorted(started)
    assert len(set(started)) == len(started)
