"""``zkc bench`` and ``zkc latency``: how quick an ensemble is."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._connect import connect
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._safety import confirm
from zkc.cli._types import DURATION, SIZE
from zkc.cli.health._load import Load, Plan, percentiles

if TYPE_CHECKING:
    from zkc import Client

__all__ = ["bench", "latency"]

_LOOPBACK = ("localhost", "127.", "[::1]", "::1")


@click.command(cls=Command)
@click.option("--read", "read_percent", type=click.IntRange(0, 100), default=80, show_default=True, metavar="PERCENT",
              help="The share of reads; the others set data.")  # fmt: skip
@click.option("--size", type=SIZE, default="100", show_default=True, help="The bytes of data of each znode.")
@click.option("--clients", type=click.IntRange(1, 200), default=1, show_default=True, help="The number of sessions.")
@click.option("--in-flight", type=click.IntRange(1, 10_000), default=100, show_default=True,
              help="The requests without a reply of each session.")  # fmt: skip
@click.option("--time", "seconds", type=DURATION, default="5", show_default=True, help="The time of the measurement.")
@click.option("--znodes", type=click.IntRange(1, 100_000), default=100, show_default=True,
              help="The number of znodes of each session.")  # fmt: skip
@click.option("--path", type=PATH, default="/", show_default=True, help="The znode to make the znodes below.")
@pass_app
def bench(
    app: App, read_percent: int, size: int, clients: int, in_flight: int, seconds: float, znodes: int, path: str
) -> None:
    """Measure reads and writes of this ensemble.

    The command makes znodes below a znode zkc-bench-… of its own, reads and sets them for some seconds, and removes
    them. It loads the servers: it asks before it does so, unless all of them are on this machine.

    \b
    Examples:
      zkc bench
      zkc bench --read 0 --size 1k --clients 10 --time 30
    """
    if not seconds:
        raise click.UsageError("--time is 0: give the time of the measurement, such as 5 or 500ms")
    app.check_writable()
    if app.dry_run:
        what = f"would make {clients * znodes:,} znodes below {path} and load the servers for {seconds:g} s"
        app.out.would([{"action": "bench", "path": path, "message": what}])
        return
    if not all(address.startswith(_LOOPBACK) for address in app.settings.addresses):
        confirm(app, f"load {', '.join(app.settings.addresses)} for {seconds:g} s", path)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(contextlib.closing(connect(app, app.settings))) for _ in range(clients)]
        root = stack.enter_context(_scratch(opened[0], path))
        loads = [_prepare(client, root, number, Plan([], size, read_percent, in_flight, seconds), znodes)
                 for number, client in enumerate(opened)]  # fmt: skip
        try:
            _run(app, loads, seconds)
        finally:
            for load in loads:
                load.stop()
            for load in loads:
                load.join(app.settings.timeout)
        _report(app, loads)


@contextlib.contextmanager
def _scratch(client: Client, path: str) -> Iterator[str]:
    """Make a znode of an own name, and remove it with all below it in the end."""
    from zkc.cli._errors import exit_code_of, for_people, name_of
    from zkc.cli._exit import CommandError
    from zkc.errors import ZooKeeperError

    # A name that is known before the creation: Ctrl-C may come between the creation and the reply.
    root = f"{path.rstrip('/')}/zkc-bench-{secrets.token_hex(5)}"
    try:
        client.create(root, b"")
        yield root
    finally:
        # Also after Ctrl-C: this is quick, and what is left would be in the way of the users.
        try:
            client.retry(client.delete_tree, root)
        except ZooKeeperError as error:
            text = f"{root} may still be there: zkc rm -r {root} deletes it. {for_people(error)}"
            raise CommandError(text, exit_code_of(error), name=name_of(error), path=root) from None


def _prepare(client: Client, root: str, number: int, plan: Plan, znodes: int) -> Load:
    paths = [f"{root}/{number}-{each}" for each in range(znodes)]
    client.create_many([(each, bytes(plan.size)) for each in paths])
    return Load(client, plan._replace(paths=paths), seed=number)


def _run(app: App, loads: list[Load], seconds: float) -> None:
    from zkc.cli._progress import progress

    for load in loads:
        load.start()
    with progress(app, "measuring") as shown:
        while not all(load.join(0.1) for load in loads):
            shown.at(sum(sum(load.counts.values()) for load in loads))


def _report(app: App, loads: list[Load]) -> None:
    errors = sum((load.errors for load in loads), Counter[str]())
    seconds = max(load.seconds for load in loads)
    records: list[dict[str, Any]] = []
    for kind in ("read", "write"):
        count = sum(load.counts[kind] for load in loads)
        if count:
            times = [each for load in loads for each in load.times[kind]]
            records.append(
                {"operation": kind, "count": count, "per_second": round(count / seconds), **percentiles(times)}
            )
    if app.out.is_json:
        app.out.json({"seconds": round(seconds, 3), "operations": records, "errors": dict(errors)})
        return
    app.out.table(
        ["operation", "count", "per_second", "p50_ms", "p95_ms", "p99_ms", "max_ms"],
        records,
        ["operation", "count", "per second", "p50 ms", "p95 ms", "p99 ms", "max ms"],
    )
    for name, count in errors.items():
        app.out.warn(f"{count:,} requests failed: {name}")


@click.command(cls=Command)
@click.option("--count", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Requests of each kind.")
@click.option("--write", is_flag=True, help="Measure writes, too, to an ephemeral znode of its own.")
@click.option("--path", type=PATH, default="/", show_default=True, help="The znode to read, and to write below.")
@pass_app
def latency(app: App, count: int, write: bool, path: str) -> Optional[int]:
    """Measure the time of single requests, one after the other.

    Each server is measured by a session of its own, in the order of the list. A server that cannot be reached is a
    line with the reason, and the exit code is then 8. With --dry-run there are no writes.

    \b
    Examples:
      zkc latency
      zkc latency --write --count 1000 --json
    """
    from zkc.cli._errors import for_people
    from zkc.cli._exit import CommandError, ExitCode
    from zkc.errors import ZooKeeperError

    if write:
        app.check_writable()
    if write and app.dry_run:
        app.out.note("writes are not measured: --dry-run changes nothing")
        write = False
    failed = 0
    columns = ["server", "operation", "p50_ms", "p95_ms", "p99_ms", "max_ms", "error"]
    records: list[dict[str, Any]] = []
    for address in app.settings.addresses:
        servers = address if app.settings.chroot == "/" else f"{address}{app.settings.chroot}"
        try:
            with contextlib.closing(connect(app, dataclasses.replace(app.settings, servers=servers))) as client:
                records += [{"server": address, **each} for each in _measure(client, path, count, write)]
        except (CommandError, ZooKeeperError) as error:
            if isinstance(error, CommandError) and error.exit_code == ExitCode.USAGE:
                raise  # A mistake in the options is not the server's.
            failed += 1
            records.append({"server": address, "operation": None, "error": for_people(error)})
    app.out.table(columns, records)
    if not failed:
        return None
    asked = len(app.settings.addresses)
    message = f"{failed} of {asked} servers {'was' if failed == 1 else 'were'} not measured"
    return app.ends_with(ExitCode.PARTLY, message, failed=failed, servers=asked)


def _measure(client: Client, path: str, count: int, write: bool) -> list[dict[str, Any]]:
    def timed(call: Any, *arguments: Any) -> list[float]:
        times = []
        for _ in range(count):
            began = time.perf_counter()
            call(*arguments)
            times.append(time.perf_counter() - began)
        return times

    found = [{"operation": "read", **percentiles(timed(client.exists, path))}]
    if write:
        made = client.create(f"{path.rstrip('/')}/zkc-latency-", b"", ephemeral=True, sequential=True)
        found.append({"operation": "write", **percentiles(timed(client.set, made, b"x" * 100))})
    return found
