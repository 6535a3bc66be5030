"""The command line of ``./dev bench``: run a benchmark, show and keep its results."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from benchmarks import (
    cache_goals,
    caches,
    compare,
    leaks,
    legacy,
    measure,
    plot,
    processes,
    recipe_goals,
    recipes,
    report,
    tables,
    targets,
    wheel,
)
from benchmarks.canned import CannedServer
from benchmarks.clients import STARTS
from benchmarks.unavailable import Unavailable
from benchmarks.worker_process import WorkerError
from benchmarks.workloads import WORKLOADS, Workload
from zkc.testing import TestingError, ZooKeeperServer

# In full and quick.
_AMOUNTS = (
    compare.Amount(rounds=5, seconds=0.5, fixed_rounds=3),
    compare.Amount(rounds=2, seconds=0.04, fixed_rounds=1, part=0.2),
)
_LEGACY = ((7, 2_000), (3, 400))  # (rounds, calls in a round)
_RECIPES = ((5, 1_000), (1, 60))
# (rounds, znodes, timed changes, changes of a flood)
_CACHES = (caches.CacheAmount(3, 100_000, 1_000, 90_000), caches.CacheAmount(1, 2_000, 50, 1_000))
_WHEEL = ((11, 5_000), (3, 500))
_PROCESSES = (11, 2)

_DESCRIPTION = """\
Compare all clients of ZooKeeper, or run another benchmark with a verb. Results are also kept in
benchmarks/results/."""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a benchmark.

    Args:
        arguments: The arguments; None for those of the process.

    Returns:
        The exit status. It is 1 when a leak was found, a client got a wrong answer, or there is no server. It is also 1
        when a requested client or the other row of a target is missing.
    """
    options = _parser().parse_args(arguments)
    try:
        options.results.mkdir(parents=True, exist_ok=True)  # Fail now, not after minutes of measuring.
    except OSError as error:
        message = (
            f"results cannot be kept in {options.results} ({error.strerror}): choose another folder with --results"
        )
        print(f"./dev bench: {message}", file=sys.stderr)
        return 1
    try:
        return int(options.run(options))
    except (Unavailable, WorkerError, TestingError) as error:
        print(f"./dev bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("./dev bench: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    # A verb takes these, too. SUPPRESS: an option that is not given after the verb keeps its value from before it.
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--json", action="store_true", help="print JSON instead of tables")
    shared.add_argument("--results", type=Path, metavar="DIR", help="folder for JSON files and the plot")
    shared.add_argument(
        "--quick", action="store_true", help="make a small run, under a minute, to see whether everything works"
    )
    speed = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    speed.add_argument("--rounds", type=_count, help="number of turns of each client")
    speed.add_argument("--calls", type=_count, help="calls in a turn (default: as many as fit into its time)")
    parser = argparse.ArgumentParser(prog="./dev bench", description=_DESCRIPTION, parents=[shared, speed])
    parser.add_argument(
        "--only", type=_workloads, default=list(WORKLOADS), metavar="WORKLOAD[,...]", help=", ".join(_names())
    )
    parser.add_argument("--clients", type=_clients, metavar="CLIENT[,...]", help=", ".join(STARTS))
    parser.add_argument(
        "--server",
        choices=(*compare.SERVERS, "both"),
        help="a server that replies from memory at once, a real one, or both (default: both; in a quick run canned)",
    )
    parser.set_defaults(
        run=_run_comparison, json=False, results=report.RESULTS, quick=False, rounds=None, calls=None, scale=None
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=False)
    verb = verbs.add_parser("leaks", parents=[shared], help="search for leaks with a million gets and more")
    verb.add_argument("--scale", type=_scale, default=None, help="factor for the full counts, such as 0.01")
    verb.set_defaults(run=_run_leaks)
    text = "compare the drop-in for zkpython with the original, if Python 2.7 is installed"
    verb = verbs.add_parser("legacy", parents=[shared, speed], help=text)
    verb.set_defaults(run=_run_legacy)
    text = "compare the recipes with those of kazoo and Curator"
    verb = verbs.add_parser("recipes", parents=[shared, speed], help=text)
    verb.set_defaults(run=_run_recipes)
    text = "compare the cache with those of kazoo and Curator, and the recursive watch with that of the Java client"
    verb = verbs.add_parser("caches", parents=[shared], help=text)
    verb.add_argument("--rounds", type=_count, default=argparse.SUPPRESS, help="number of turns of each side")
    verb.add_argument("--znodes", type=_count, default=None, help="number of znodes (default: 100,000)")
    verb.set_defaults(run=_run_caches)
    text = "compare the command line with zkCli.sh, zk-shell and a line of kazoo, as whole processes"
    verb = verbs.add_parser("cli", parents=[shared], help=text)
    verb.add_argument("--rounds", type=_count, default=argparse.SUPPRESS, help="number of turns of each side")
    verb.set_defaults(run=_run_processes)
    verb = verbs.add_parser(
        "wheel", parents=[shared, speed], help="compare a wheel for this Python with this tree's build"
    )
    verb.add_argument("wheel", type=Path, help="the wheel's file")
    verb.set_defaults(run=_run_wheel)
    return parser


def _names() -> list[str]:
    return [workload.name for workload in WORKLOADS]


def _listed(text: str, known: Sequence[str]) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is unknown: use one of {', '.join(known)}")
    return names


def _workloads(text: str) -> list[Workload]:
    names = _listed(text, _names())
    return [workload for workload in WORKLOADS if workload.name in names]


def _clients(text: str) -> list[str]:
    return _listed(text, list(STARTS))


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10:
        raise argparse.ArgumentTypeError(f"the scale must be more than 0 and at most 10, not {text}")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"the value must be a whole number, 1 or more, not {text!r}")
    return int(text)


def _run_comparison(options: argparse.Namespace) -> int:
    amount = compare.amount(_AMOUNTS[1 if options.quick else 0], options.rounds, options.calls)
    kind = options.server or ("canned" if options.quick else "both")
    servers = compare.SERVERS if kind == "both" else (kind,)
    versions: dict[str, str] = {}
    measured: list[compare.Table] = []
    with report.make_progress() as progress:
        task = progress.add_task("starting")

        def advance(what: str, turns: int) -> None:
            progress.update(task, description=what, advance=turns)

        comparison = compare.Comparison(amount, options.clients, advance)
        turns = sum(comparison.turns(workload, server) for server in servers for workload in options.only)
        if turns == 0:
            raise Unavailable(
                f"these workloads and clients do not run with the {kind} server: see the tables in benchmarks/README.md"
            )
        progress.update(task, total=turns)
        for server in servers:
            versions[server], found = comparison.run(server, options.only)
            measured += found
    judged = targets.judge(measured, options.clients)
    missing = targets.missing(judged)
    results = {
        **report.environment(", ".join(versions.values())),
        "rounds": amount.rounds,
        "quick": options.quick,
        "absent": comparison.absent,
        "failed": comparison.failed,
        "workloads": [compare.as_dict(table, tables.COMPARED) for table in measured],
        "targets": judged,
        "missing": missing,
    }
    shown = [tables.comparison(table) for table in measured]
    # A quick run is too short to judge targets. The JSON has them, with "quick" set.
    shown += [tables.targets(judged)] if judged and not options.quick else []
    path = report.publish("comparison", results, shown, options.results, as_json=options.json)
    try:
        picture = plot.draw(measured, path.with_suffix(".png"))
    except Unavailable as why:
        print(f"./dev bench: without a plot: {why}", file=sys.stderr)
    else:
        if picture is not None and not options.json:
            print(f"As a picture: {report.relative(picture)}")
    for what in missing:
        print(f"./dev bench: not measured: {what}", file=sys.stderr)
    if comparison.absent:
        print(
            f"./dev bench: incomplete, without {', '.join(comparison.absent)}: install the clients named above, or "
            "choose with --clients which clients to compare",
            file=sys.stderr,
        )
    return 1 if comparison.failed or comparison.absent or missing else 0


def _run_leaks(options: argparse.Namespace) -> int:
    measure.use_one_arena()
    scale = options.scale or (0.01 if options.quick else 1.0)
    phases = leaks.phases(scale)
    with _server() as server:
        about = report.environment(_version(server))
        with report.make_progress() as progress:
            for phase in phases:
                task = progress.add_task(phase.name, total=phase.count)
                # mypy cannot infer a lambda with a default that binds the loop's variable.
                phase.measure(server.new_chroot("leaks"), lambda size, task=task: progress.advance(task, size))  # type: ignore[misc]
    grown = [f"{phase.name}: {text}" for phase in phases for text in phase.grown()]
    results = {**about, "scale": scale, "phases": [phase.as_dict() for phase in phases], "grown": grown}
    report.publish("leaks", results, [report.leaks_table(phases)], options.results, as_json=options.json)
    for text in grown:
        print(f"./dev bench: grew: {text}", file=sys.stderr)
    return 1 if grown else 0


def _run_legacy(options: argparse.Namespace) -> int:
    rounds, calls = _LEGACY[1 if options.quick else 0]
    rounds, calls = options.rounds or rounds, options.calls or calls
    with _server() as server:
        about = report.environment(_version(server))
        compare.seed(server.hosts, "real", [legacy.SIZE])
        with report.make_progress() as progress:
            task = progress.add_task("legacy", total=legacy.legacy_turns(rounds))
            outcomes = legacy.measure_legacy(server.hosts, rounds, calls, lambda turns: progress.advance(task, turns))
    table = report.speed_table(f"The old module: {rounds} rounds of about {calls:,}", outcomes)
    results: dict[str, Any] = {**about, "outcomes": [outcome.as_dict() for outcome in outcomes]}
    report.publish("legacy", results, [table], options.results, as_json=options.json)
    # Without the original there is no comparison; the reason is on stderr.
    return 0 if any(outcome.client == "original" for outcome in outcomes) else 1


def _run_recipes(options: argparse.Namespace) -> int:
    rounds, calls = _RECIPES[1 if options.quick else 0]
    rounds, calls = options.rounds or rounds, options.calls or calls
    versions: dict[str, str] = {}
    shown, outcomes, counts, judged = [], [], [], []
    with report.make_progress() as progress:
        task = progress.add_task("starting")

        def advance(what: str, turns: int) -> None:
            progress.update(task, description=what, advance=turns)

        comparison = recipes.RecipeComparison(rounds, calls, options.quick, advance)
        progress.update(task, total=len(compare.SERVERS) * comparison.turns())
        for server in compare.SERVERS:
            with compare.serving(server) as (hosts, versions[server]):
                found, counted = comparison.run(server, hosts)
            shown.append(recipe_goals.times_table(server, found))
            outcomes += [{"server": server, **outcome.as_dict()} for outcome in found]
            counts += counted
            judged += recipe_goals.judge(server, found, counted)
    shown.append(recipe_goals.requests_table(counts))
    # As for the clients, a quick run is too short to judge.
    shown += [] if options.quick else [tables.targets(judged)]
    results: dict[str, Any] = {
        **report.environment(", ".join(versions.values())),
        "rounds": rounds,
        "quick": options.quick,
        "absent": comparison.absent,
        "outcomes": outcomes,
        "requests": counts,
        "goals": judged,
    }
    report.publish("recipes", results, shown, options.results, as_json=options.json)
    if comparison.absent:
        print(f"./dev bench: incomplete, without {', '.join(comparison.absent)}", file=sys.stderr)
    return 1 if comparison.absent else 0


def _run_caches(options: argparse.Namespace) -> int:
    amount = _CACHES[1 if options.quick else 0]
    amount = replace(amount, rounds=options.rounds or amount.rounds, znodes=options.znodes or amount.znodes)
    with _server() as server, report.make_progress() as progress:
        about = report.environment(_version(server))
        task = progress.add_task("making znodes")

        def advance(what: str, turns: int) -> None:
            progress.update(task, description=what, advance=turns)

        comparison = caches.CacheComparison(amount, advance)
        progress.update(task, total=comparison.turns())
        outcomes = comparison.run(server)
    judged = cache_goals.judge_caches(outcomes)
    shown = [cache_goals.caches_table(amount.znodes, outcomes)]
    # As for the clients, a quick run is too short to judge.
    shown += [] if options.quick else [tables.targets(judged)]
    results: dict[str, Any] = {
        **about,
        "rounds": amount.rounds,
        "znodes": amount.znodes,
        "quick": options.quick,
        "absent": comparison.absent,
        "outcomes": [outcome.as_dict() for outcome in outcomes],
        "goals": judged,
    }
    report.publish("caches", results, shown, options.results, as_json=options.json)
    if comparison.absent:
        print(f"./dev bench: incomplete, without {', '.join(comparison.absent)}", file=sys.stderr)
    return 1 if comparison.absent else 0


def _run_wheel(options: argparse.Namespace) -> int:
    rounds, calls = _WHEEL[1 if options.quick else 0]
    rounds, calls = options.rounds or rounds, options.calls or calls
    with tempfile.TemporaryDirectory(prefix="zkc-wheel-") as folder, CannedServer() as server:
        compare.seed(server.hosts, "canned", [wheel.SIZE])
        with report.make_progress() as progress:
            task = progress.add_task("wheel", total=wheel.wheel_turns(rounds))
            outcomes = wheel.measure_wheel(
                *(options.wheel, server.hosts, Path(folder), rounds, calls),
                lambda turns: progress.advance(task, turns),
            )
    table = report.speed_table(f"{options.wheel.name}: {rounds} rounds of about {calls:,}", outcomes)
    results = {**report.environment("canned"), "outcomes": [outcome.as_dict() for outcome in outcomes]}
    report.publish("wheel", results, [table], options.results, as_json=options.json)
    return 0


def _run_processes(options: argparse.Namespace) -> int:
    rounds = options.rounds or _PROCESSES[1 if options.quick else 0]
    with _server() as server, report.make_progress() as progress:
        task = progress.add_task("cli", total=None)
        outcomes, absent = processes.measure_processes(
            server.hosts, rounds, lambda turns: progress.advance(task, turns)
        )
        version = _version(server)
    ratio = processes.ratio(outcomes)
    results = {
        **report.environment(version),
        "rounds": rounds,
        "quick": options.quick,
        "outcomes": [{**outcome.as_dict(), "best": processes.best(outcome)} for outcome in outcomes],
        "absent": absent,
        "ratio": ratio,
        "goal": processes.GOAL,
    }
    shown = [tables.processes(f"Whole processes, {rounds} rounds", outcomes, absent, ratio)]
    report.publish("cli", results, shown, options.results, as_json=options.json)
    return 0


def _server() -> ZooKeeperServer:
    return compare.quick_server()


def _version(server: ZooKeeperServer) -> str:
    return ".".join(map(str, server.version))
