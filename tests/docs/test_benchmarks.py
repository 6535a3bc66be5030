"""``./dev bench``: each benchmark runs, in small, and answers people and machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from docs_support import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def bench(tmp_path):
    """Return a function that runs a benchmark; what it keeps goes to a folder of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks", *arguments, "--results", str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
        )

    return run


def test_leaks_find_nothing_grown(bench, tmp_path):
    run = bench("leaks", "--scale", "0.005", "--json")
    results = json.loads(run.stdout)
    assert (run.returncode, results["grown"], run.stderr) == (0, [], "")
    assert [phase["count"] for phase in results["phases"]] == [5_000, 500, 500, 5, 5_000, 500]
    for phase in results["phases"]:
        for name in ("descriptors", "threads", "sessions", "handles", "requests", "watches", "items"):
            assert phase["after"][name] <= phase["before"][name]
    (kept,) = tmp_path.iterdir()
    assert json.loads(kept.read_text()) == results


@pytest.mark.parametrize("verb", ["latency", "throughput"])
def test_speed_is_reported_for_each_client(bench, verb):
    run = bench(verb, "--rounds", "1", "--calls", "40", "--json")
    assert run.returncode == 0, run.stderr
    outcomes = json.loads(run.stdout)["outcomes"]
    assert {outcome["client"].split(",")[0] for outcome in outcomes} >= {"core Session", "Client"}
    assert all(len(outcome["rounds"]) == 1 for outcome in outcomes)


def test_a_person_gets_a_table(bench):
    run = bench("latency", "--rounds", "1", "--calls", "20")
    assert run.returncode == 0, run.stderr
    assert "create + delete" in run.stdout
    assert "p99" in run.stdout


@pytest.mark.parametrize("arguments", [(), ("no-such-verb",), ("leaks", "--scale", "0"), ("latency", "--calls", "-1")])
def test_wrong_arguments_are_refused(bench, arguments):
    run = bench(*arguments)
    assert run.returncode == 2
    assert "usage: ./dev bench" in run.stderr
