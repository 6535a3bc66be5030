"""The command: which benchmark, how much of it, and what becomes of the results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from rich.table import Table

from benchmarks import bulk, leaks, legacy, measure, report, speed
from zkc.testing import TestingError, ZooKeeperServer

# (rounds, calls in a round), in full and quick.
_LATENCY = ((5, 2_000), (3, 200))
_THROUGHPUT = ((5, 20_000), (3, 5_000))
_BULK = ((5, 20_000), (3, 5_000))
_LEGACY = ((7, 2_000), (3, 400))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run what the arguments ask for.

    Args:
        arguments: Those of the command line if None.

    Returns:
        The exit status: 1 when something grew that must not, or when there is no server.
    """
    options = _parser().parse_args(arguments)
    if options.verb == "leaks":
        measure.use_one_arena()
    try:
        # Later arguments win over those for a short start: here peak speed counts.
        with ZooKeeperServer(log_level="WARN", heap="1g", jvm_args=["-XX:TieredStopAtLevel=4"]) as server:
            version = ".".join(map(str, server.version))
            return int(options.run(options, server, report.environment(version)))
    except TestingError as error:
        print(f"./dev bench: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print JSON instead of a table")
    shared.add_argument("--results", type=Path, default=report.RESULTS, metavar="DIR", help="where JSON files are kept")
    shared.add_argument("--quick", action="store_true", help="a small run, under a minute, to see whether all works")
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Benchmarks of zkc against a real server of its own. Results are also kept in benchmarks/results/.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = verbs.add_parser("leaks", parents=[shared], help="a million gets and more: does anything grow?")
    verb.add_argument("--scale", type=_scale, default=None, help="part of the full counts, such as 0.01")
    verb.set_defaults(run=_run_leaks)
    for name, run, text in (
        ("latency", _run_latency, "single calls: how long they take"),
        ("throughput", _run_throughput, "pipelined gets, and gets from several threads: how many a second"),
        ("bulk", _run_bulk, "many znodes read one by one, in bulk, with asyncio: how many a second"),
        ("legacy", _run_legacy, "the drop-in for zkpython, beside the original on Python 2.7 where there is one"),
    ):
        verb = verbs.add_parser(name, parents=[shared], help=text)
        verb.add_argument("--rounds", type=_positive, default=None, help="how often each client gets its turn")
        verb.add_argument("--calls", type=_positive, default=None, help="calls in a turn")
        verb.set_defaults(run=run)
    return parser


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10:
        raise argparse.ArgumentTypeError("the scale must be more than 0 and at most 10")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return value


def _run_leaks(options: argparse.Namespace, server: ZooKeeperServer, about: dict[str, Any]) -> int:
    scale = options.scale or (0.01 if options.quick else 1.0)
    phases = leaks.phases(scale)
    with report.make_progress() as progress:
        for phase in phases:
            task = progress.add_task(phase.name, total=phase.count)
            # mypy cannot infer a lambda with a default that binds the loop's variable.
            phase.measure(server.new_chroot("leaks"), lambda size, task=task: progress.advance(task, size))  # type: ignore[misc]
    grown = [f"{phase.name}: {text}" for phase in phases for text in phase.grown()]
    results = {**about, "scale": scale, "phases": [phase.as_dict() for phase in phases], "grown": grown}
    report.publish("leaks", results, report.leaks_table(phases), options.results, as_json=options.json)
    for text in grown:
        print(f"./dev bench: grew: {text}", file=sys.stderr)
    return 1 if grown else 0


def _run_latency(options: argparse.Namespace, server: ZooKeeperServer, about: dict[str, Any]) -> int:
    rounds, calls = _amount(options, _LATENCY)
    with report.make_progress() as progress:
        task = progress.add_task("latency", total=speed.latency_turns(rounds))
        outcomes = speed.measure_latency(
            server.new_chroot("latency"), rounds, calls, lambda turns: progress.advance(task, turns)
        )
    table = report.speed_table(f"One call at a time: {rounds} rounds of {calls:,}", "latency", outcomes)
    return _publish_speed("latency", options, about, table, outcomes)


def _run_throughput(options: argparse.Namespace, server: ZooKeeperServer, about: dict[str, Any]) -> int:
    rounds, calls = _amount(options, _THROUGHPUT)
    with report.make_progress() as progress:
        task = progress.add_task("throughput", total=speed.throughput_turns(rounds))
        outcomes = speed.measure_throughput(
            server.new_chroot("throughput"), rounds, calls, lambda turns: progress.advance(task, turns)
        )
    table = report.speed_table(f"Many calls at once: {rounds} rounds of {calls:,}", "throughput", outcomes)
    return _publish_speed("throughput", options, about, table, outcomes)


def _run_bulk(options: argparse.Namespace, server: ZooKeeperServer, about: dict[str, Any]) -> int:
    rounds, calls = _amount(options, _BULK)
    with report.make_progress() as progress:
        task = progress.add_task("bulk", total=bulk.bulk_turns(rounds))
        outcomes = bulk.measure_bulk(
            server.new_chroot("bulk"), rounds, calls, lambda turns: progress.advance(task, turns)
        )
    table = report.speed_table(f"Many znodes: {rounds} rounds of {calls:,}", "throughput", outcomes)
    return _publish_speed("bulk", options, about, table, outcomes)


def _run_legacy(options: argparse.Namespace, server: ZooKeeperServer, about: dict[str, Any]) -> int:
    rounds, calls = _amount(options, _LEGACY)
    python = legacy.find_python2()
    original = None
    try:
        original = None if python is None else legacy.build_original(python)
    except legacy.OriginalMissing as why:
        print(f"./dev bench: {why}", file=sys.stderr)
    with report.make_progress() as progress:
        task = progress.add_task("legacy", total=legacy.legacy_turns(rounds, original))
        outcomes = legacy.measure_legacy(
            server.new_chroot("legacy"), rounds, calls, original, lambda turns: progress.advance(task, turns)
        )
    table = report.speed_table(f"The old module: {rounds} rounds of about {calls:,}", "throughput", outcomes)
    results = {**about, "outcomes": [outcome.as_dict() for outcome in outcomes]}
    report.publish("legacy", results, table, options.results, as_json=options.json)
    if python is None:
        print("there is no Python 2.7: set ZKC_PYTHON27 to one to compare with the original", file=sys.stderr)
    return 0


def _amount(options: argparse.Namespace, amounts: tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
    rounds, calls = amounts[1 if options.quick else 0]
    return options.rounds or rounds, options.calls or calls


def _publish_speed(
    verb: str, options: argparse.Namespace, about: dict[str, Any], table: Table, outcomes: list[speed.Outcome]
) -> int:
    results = {**about, "outcomes": [outcome.as_dict() for outcome in outcomes]}
    report.publish(verb, results, table, options.results, as_json=options.json)
    if not speed.has_kazoo():
        print("kazoo is not installed: `.venv/bin/pip install kazoo` compares with it too.", file=sys.stderr)
    return 0
