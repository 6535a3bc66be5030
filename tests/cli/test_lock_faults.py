"""``zkc lock`` and ``zkc elect`` under faults of all kinds: never two commands at a time."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections import Counter

import pytest

from zkc.testing import FaultProxy, ServerStartError

from .fix_cli import COMMAND
from .lock_support import STUBBORN, alone, tokens

WORKERS = 3
SESSION = 4.0  # The session timeout in seconds: the longest that a server with ticks of 0.2 s grants.
CODES = {0, 6, 7, 125, 128 + signal.SIGKILL, -signal.SIGKILL}


@pytest.mark.timeout(600)
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
    events: list[str] = []

    def note(what):
        events.append(f"{time.time():.3f} {what}")

    running: dict[int, subprocess.Popen[bytes]] = {}
    chroot = hosts[hosts.index("/") :]
    proxies = [FaultProxy("127.0.0.1", server.port) for _ in range(WORKERS)]

    def work(index):
        own = random.Random(index)
        while not over.is_set() and not (folder / "two").exists() and len(tokens(folder)) < tries:
            lines = [f"echo {index} >{folder}/holder", *([STUBBORN] if own.random() < 0.5 else [])]
            script = alone(folder, *lines, f"sleep {own.choice([0.05, 0.3, 3, 6])}")
            options = ["-s", proxies[index].hosts + chroot, "--session-timeout", str(SESSION), "--timeout", "20"]
            words = [*COMMAND, *options, command, "/fought/over", "--grace", "300ms", "--", *script]
            process = running[index] = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            err = process.communicate()[1].decode()
            codes[process.returncode] += 1
            note(f"worker {index}: pid {process.pid} ended with {process.returncode} {err.strip()}")
            if process.returncode not in CODES or "Traceback" in err:
                failures.append((process.returncode, err))
                return

    def disturb():
        while not over.wait(dice.uniform(0.1, 1.0)):
            holder = folder / "holder"
            aims = holder.exists() and dice.random() < 0.7  # At the holder of the moment, mostly.
            index = int(holder.read_text() or 0) if aims else dice.randrange(WORKERS)
            fault = dice.choice(["drop", "drop", "pause", "restart", "kill", "stop"])
            process = running.get(index)
            note(f"worker {index}: {fault}")
            if fault == "drop":
                proxies[index].drop_connections()
            elif fault == "pause":  # Longer than the session timeout in half of the cases.
                proxies[index].pause()
                over.wait(dice.uniform(0.0, 2 * SESSION))
                proxies[index].resume()
            elif fault == "restart":
                server.kill()
                over.wait(dice.uniform(0.0, 1.0))
                restart(server)
            elif process is not None and fault == "kill":
                process.kill()
            elif process is not None:
                process.send_signal(signal.SIGSTOP)
                over.wait(dice.uniform(0.0, 1.5 * SESSION))
                process.send_signal(signal.SIGCONT)

    def watch():
        """Take note when this process does not run for a while: then the guardians may not have run, either."""
        last = time.monotonic()
        while not over.wait(0.05):
            now = time.monotonic()
            if now - last > 0.5:
                note(f"no process of this test may have run for {now - last:.1f} s")
            last = now

    def restart(server):
        """Start the server, also on a machine that is too busy for that at first: without it no worker ends."""
        for _ in range(9):
            try:
                return server.start()
            except ServerStartError:
                server.kill()
        return server.start()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(WORKERS)]
    aside = [threading.Thread(target=disturb), threading.Thread(target=watch)]
    began = time.monotonic()
    try:
        for proxy in proxies:
            proxy.start()
        for thread in (*threads, *aside):
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        over.set()
        for thread in aside:
            thread.join()
        for process in running.values():  # After an interrupt of the test.
            if process.poll() is None:
                process.kill()
        for proxy in proxies:
            proxy.close()
    try:
        started = tokens(folder)
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *events[-60:]])) from None
    print(f"{len(started)} commands in {time.monotonic() - began:.0f} s; exit codes {dict(codes)}")
    assert not failures
    assert len(started) >= tries
    assert started == sorted(started)
    assert len(set(started)) == len(started)
