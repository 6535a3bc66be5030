"""``./dev bench``: each benchmark runs, in small, and answers people and machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks.cache_goals import GOALS
from benchmarks.caches import CHANGE, FLOOD, PACED, READY, SIDES, TREE_CACHE, WHOLE
from benchmarks.clients import STARTS
from benchmarks.original import find_python2
from benchmarks.processes import SIDES as SIDES_OF_PROCESSES
from benchmarks.recipes import OPERATIONS
from benchmarks.targets import TARGETS
from benchmarks.workloads import WORKLOADS

from .docs_support import ROOT, make_wheel

# The first time, compilers and pip have their part in it.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_WATCHES = ("zkc", "java")


@pytest.fixture
def bench(tmp_path):
    """Return a function that runs a benchmark; what it keeps goes to a folder of its own."""

    def run(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
        program = ["-c", code] if code else ["-m", "benchmarks"]
        command = [sys.executable, *program, *arguments, "--results", str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False
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


def test_the_recipes_of_every_side_run(bench, tmp_path):
    run = bench("recipes", "--quick", "--rounds", "1", "--calls", "8", "--json")
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert results["absent"] == {}
    measured = {(row["server"], row["operation"], row["client"]) for row in results["outcomes"]}
    operations = [operation for operation in OPERATIONS if not operation.full]
    assert measured == {
        (server, operation.title, row.label)
        for server in ("canned", "real")
        for operation in operations
        for row in operation.rows
    }
    assert all(row["rounds"] and row["medians"]["rate"] > 0 for row in results["outcomes"])
    counted = {(row["server"], row["operation"], row["client"]): row for row in results["requests"]}
    lock = counted["canned", "acquire + release, free", "zkc"]
    assert lock["requests"] <= 3.25  # create, children, delete; a stall of the machine adds a look at the own znode
    assert {goal["server"] for goal in results["goals"]} == {"canned", "real"}
    for goal in results["goals"]:
        missing = any(operation.full and operation.title in goal["what"] for operation in OPERATIONS)
        missing = missing or (goal["server"] == "real" and goal["against"] is None)
        assert (goal["measured"] is None) is missing
    assert json.loads(next(tmp_path.glob("recipes-*.json")).read_text()) == results


def test_a_side_of_the_recipes_that_is_missing_fails_the_run(bench):
    program = """
import sys
from benchmarks import recipe_sides, recipes, run
from benchmarks.unavailable import Unavailable
def start(hosts):
    raise Unavailable("curator has gone")
recipe_sides.SIDES["curator"] = start
recipes.OPERATIONS = recipes.OPERATIONS[:1]
sys.exit(run.main(sys.argv[1:]))
"""
    run = bench("recipes", "--quick", "--rounds", "1", "--calls", "4", "--json", code=program)
    assert run.returncode == 1
    results = json.loads(run.stdout)
    assert results["absent"] == {"curator": "curator has gone"}
    assert {row["client"] for row in results["outcomes"]} == {"zkc", "kazoo"}
    assert all(
        goal["measured"] is None and not goal["met"] for goal in results["goals"] if goal["against"] == "curator"
    )
    assert "./dev bench: incomplete, without curator" in run.stderr


def test_the_caches_of_every_side_run(bench, tmp_path):
    run = bench("caches", "--quick", "--json", "--znodes", "500")
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert results["absent"] == {}
    rows = {(row["operation"], row["client"]): row["medians"] for row in results["outcomes"]}
    sides = {READY: SIDES, WHOLE: ("zkc", "kazoo", TREE_CACHE), CHANGE: SIDES, PACED: _WATCHES, FLOOD: _WATCHES}
    assert set(rows) == {(operation, side) for operation, some in sides.items() for side in some}
    assert rows[WHOLE, "zkc"]["requests"] < 0.1
    assert rows[WHOLE, "kazoo"]["requests"] >= 2
    assert len(results["goals"]) == len(GOALS)
    assert all(goal["measured"] is not None for goal in results["goals"])
    assert json.loads(next(tmp_path.glob("caches-*.json")).read_text()) == results


def test_a_cache_that_is_missing_fails_the_run(bench):
    program = """
import sys
from benchmarks import caches, run
from benchmarks.unavailable import Unavailable
def start(hosts):
    raise Unavailable("it has gone")
caches.SIDES["kazoo"] = caches.SIDES["curator"] = start
sys.exit(run.main(sys.argv[1:]))
"""
    run = bench("caches", "--quick", "--json", "--znodes", "300", code=program)
    assert run.returncode == 1
    results = json.loads(run.stdout)
    assert results["absent"] == {"kazoo": "it has gone", "curator": "it has gone"}
    assert {row["client"] for row in results["outcomes"]} == {"zkc"}
    assert not any(goal["met"] for goal in results["goals"])
    assert "./dev bench: incomplete, without kazoo, curator" in run.stderr


def test_every_client_of_the_comparison_is_built_and_runs(bench):
    """Each of them once; a Python 2.7 for zc-zookeeper-static is the only thing that a machine may lack."""
    clients = [name for name in STARTS if name != "zc" or find_python2()]
    run = bench("--quick", "--only", "get", "--clients", ",".join(clients), "--rounds", "1", "--calls", "5", "--json")
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert (results["absent"], results["failed"], results["missing"]) == ({}, [], [])
    (get,) = WORKLOADS[:1]
    (table,) = results["workloads"]
    assert [row["client"] for row in table["rows"]] == [row.label for row in get.rows if row.worker in clients]


def test_clients_are_compared_in_tables_with_ratios_and_targets(bench, tmp_path):
    run = bench("--quick", "--only", "get,pipelined", "--clients", "floor,c,zkc,kazoo", "--json")
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    get, pipelined = results["workloads"]
    assert [(table["workload"], table["server"]) for table in (get, pipelined)] == [
        ("get", "canned"),
        ("pipelined", "canned"),
    ]
    rows = {row["client"]: row for row in get["rows"]}
    assert rows.keys() == {"floor", "c", "Client", "Session", "kazoo"}
    for row in rows.values():
        assert len(row["rounds"]) == 2
        assert all(row["medians"][name] > 0 for name in ("p50", "p99", "rate"))
    for name in ("c", "kazoo"):
        assert rows["Client"]["ratios"][name]["p50"] > 0
        assert rows[name]["ratios"][name] == {"p50": 1.0, "cpu": 1.0}
    for target in results["targets"]:
        assert target["met"] is ((target["measured"] >= target["bound"]) == target["at_least"])
    assert {target["against"] for target in results["targets"]} >= {"floor", "c", "kazoo"}
    assert json.loads(next(tmp_path.glob("comparison-*.json")).read_text()) == results


@pytest.mark.parametrize(("asked", "reason"), [("zkc,kazoo", "kazoo has gone"), ("zkc", None)])
def test_a_client_that_is_asked_for_and_missing_fails_the_run(bench, asked, reason):
    """The targets beside it are shown as missing; one that was not asked for is not missed."""
    program = """
import sys
from benchmarks import clients, run
from benchmarks.unavailable import Unavailable
def start(hosts):
    raise Unavailable("kazoo has gone")
clients.STARTS["kazoo"] = start
sys.exit(run.main(sys.argv[1:]))
"""
    run = bench("--quick", "--only", "get", "--clients", asked, "--rounds", "1", "--calls", "5", "--json", code=program)
    results = json.loads(run.stdout)
    missing = [target for target in results["targets"] if target["measured"] is None]
    if reason is None:
        assert (run.returncode, run.stderr, results["absent"], missing) == (0, "", {}, [])
        return
    assert run.returncode == 1
    assert results["absent"] == {"kazoo": reason}
    assert results["missing"] == ["Client: get, p50, canned, beside kazoo"]
    assert [(target["against"], target["met"]) for target in missing] == [("kazoo", False)]
    assert "./dev bench: without kazoo: kazoo has gone" in run.stderr
    assert "./dev bench: not measured: Client: get, p50, canned, beside kazoo" in run.stderr
    assert "choose with --clients which clients to compare" in run.stderr


def test_every_target_names_rows_of_its_workload():
    rows = {workload.name: {row.label for row in workload.rows} for workload in WORKLOADS}
    for target in TARGETS:
        assert {target.label, target.against} - {""} <= rows[target.workload], target


def test_a_person_gets_a_table(bench):
    run = bench("--only", "connect,outstanding", "--clients", "zkc", "--rounds", "1", "--calls", "2", "--quick")
    assert run.returncode == 0, run.stderr
    assert "Connect and close" in run.stdout
    assert "p99" in run.stdout
    assert "KB each" in run.stdout
    assert "The figures as JSON" in run.stdout


def test_a_real_server_is_measured_too(bench):
    run = bench(
        "--only", "set", "--clients", "zkc,zkc-async", "--rounds", "1", "--calls", "5", "--server", "real", "--json"
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert results["server"].startswith("ZooKeeper 3.")
    assert [row["client"] for row in results["workloads"][0]["rows"]] == ["Client", "AsyncClient"]


def test_the_old_module_is_compared_with_the_original(bench):
    run = bench("legacy", "--rounds", "1", "--calls", "40", "--json")
    assert run.returncode == (0 if find_python2() else 1), run.stderr
    outcomes = json.loads(run.stdout)["outcomes"]
    assert {outcome["client"] for outcome in outcomes} >= {"core Session", "zkc.legacy"}
    assert all(len(outcome["rounds"]) == 1 for outcome in outcomes)


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-verb",),
        ("leaks", "--scale", "0"),
        ("--only", "get,nothing"),
        ("--clients", "nobody"),
        ("--rounds", "0"),
        ("--server", "another"),
    ],
)
def test_wrong_arguments_are_refused(bench, arguments):
    run = bench(*arguments)
    assert run.returncode == 2
    assert "usage: ./dev bench" in run.stderr


def test_the_command_line_beside_others(bench):
    run = bench("cli", "--rounds", "1", "--json")
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    measured = {(row["client"], row["operation"]) for row in results["outcomes"]}
    assert {("zkc", "--version"), ("zkc", "ls --help"), ("zkc", "ls /"), ("zkCli.sh", "ls /")} <= measured
    assert {client for client, _ in measured} | results["absent"].keys() == set(SIDES_OF_PROCESSES)
    assert results["ratio"] > 0
    assert all(row["best"] <= row["medians"]["seconds"] for row in results["outcomes"])


@pytest.fixture
def wheel(tmp_path_factory):
    return make_wheel(tmp_path_factory.mktemp("wheel"))


def test_a_wheel_beside_this_build(bench, wheel):
    run = bench("wheel", str(wheel), "--quick", "--rounds", "2", "--calls", "100", "--json")
    assert run.returncode == 0, run.stderr
    outcomes = json.loads(run.stdout)["outcomes"]
    assert {outcome["client"] for outcome in outcomes} == {"this build", "the wheel"}
    assert len(outcomes) == 12
    assert all(len(outcome["rounds"]) == 2 for outcome in outcomes)


def test_a_wheel_that_does_not_fit(bench, tmp_path):
    run = bench("wheel", str(tmp_path / "zkc-1-cp27-cp27m-win32.whl"))
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith(f"./dev bench: pip cannot install {tmp_path}")
