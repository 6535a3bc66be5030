"""The examples of the recipes, with processes that are killed and stopped."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import zkc

from .test_example_watchers import Script
from .test_examples import EXAMPLES, run

WORKER = """
import sys, time
sys.path.insert(0, sys.argv[1])
import worker_pool

def carry_out(client, item):
    print("at", item.data.decode(), flush=True)
    time.sleep(600)  # Until the test kills or stops the process.

worker_pool.carry_out = carry_out
worker_pool.work(sys.argv[2], "ann")
"""
HOST = """
import sys, time
sys.path.insert(0, sys.argv[1])
import cron_job, zkc

def job(number):
    print("at", number, flush=True)
    time.sleep(600)  # Until the test kills or stops the process.

client = zkc.Client(sys.argv[2], session_timeout=4.0)
client.start()
cron_job.CronJob(client, "ann", 60.0, job).tick(7)
"""


@contextmanager
def killed_at_work(program, hosts, line):
    """Run a program until it prints a line, and kill it."""
    command = [sys.executable, "-c", program, str(EXAMPLES), hosts]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == f"{line}\n"
        finally:
            process.kill()
    yield


def test_a_job_of_a_killed_worker_is_done_by_another(hosts, client):
    queue = client.queue("/jobs", max_attempts=3, dead_letter="/jobs-failed")
    client.create("/results", b"")
    queue.put(b"7")
    with killed_at_work(WORKER, hosts, "at 7"), Script("worker_pool.py", "--hosts", hosts, "--name", "bob") as bob:
        assert bob.line() == "bob: b'7' done"
        queue.put(b"no number")
        lines = [bob.line() for _ in range(3)]
        assert [f"failed at attempt {number}:" in line for number, line in enumerate(lines, 1)] == [True] * 3
        queue.put(b"8")
        while bob.line() != "bob: b'8' done":  # A line between says what is set aside.
            pass
    assert {name: client.get(f"/results/{name}")[0] for name in client.children("/results")} == {
        "000007": b"49",
        "000008": b"64",
    }
    (dead,) = client.children("/jobs-failed")
    assert client.get(f"/jobs-failed/{dead}")[0] == b"no number"


def test_a_leader_that_was_stopped_stops_its_work(hosts, client, eventually):
    def token(line, name):
        assert line.startswith(f"{name} leads, with the token ")
        return int(line.split()[-1])

    with Script("leader.py", "--hosts", hosts, "--name", "ann") as ann:
        first = token(ann.line(), "ann")
        with Script("leader.py", "--hosts", hosts, "--name", "bob") as bob:
            ann.process.send_signal(signal.SIGSTOP)
            assert token(bob.line(), "bob") > first
            ann.process.send_signal(signal.SIGCONT)
            assert ann.line() == "ann leads no longer"
            bob.process.kill()
        assert token(ann.line(), "ann") > first
        eventually(lambda: client.get("/leader/count")[0] != b"")


def test_a_tick_is_served_once_and_again_after_its_host_was_killed(hosts, client, eventually, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import cron_job

    served = []
    with zkc.Client(hosts) as other:
        bob = cron_job.CronJob(client, "bob", 60.0, served.append)
        eve = cron_job.CronJob(other, "eve", 60.0, served.append)
        assert bob.tick(6) is True
        assert eve.tick(6) is False
        assert served == [6]
        with killed_at_work(HOST, hosts, "at 7"):
            eventually(lambda: bob.tick(7) is True)
        assert eve.tick(7) is False
        assert served == [6, 7]
        # A host that loses the lock during the job does not count the tick, and another host runs it again.
        eve.job = lambda number: client.lock(f"{cron_job.PATH}/lock").break_(eve.lock.holder())
        assert eve.tick(8) is False
        assert client.get(f"{cron_job.PATH}/last")[0] == b"7"
        assert bob.tick(8) is True


def test_the_examples_of_recipes_run_alone():
    for name, words in (
        ("worker_pool.py", "200 results of 200 jobs, 1 set aside"),
        ("leader.py", "they counted to "),
        ("cron_job.py", "0 of them twice"),
    ):
        done = run(name)
        assert (done.returncode, done.stderr) == (0, "")
        assert words in done.stdout
