"""``zkc wait``: wait for a znode to come, go, or have a value."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._types import DURATION

if TYPE_CHECKING:
    from zkc import Stat

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("path", type=PATH)
@click.option("--exists", "what", flag_value="exists", default=True, help="Wait until the znode exists (default).")
@click.option("--gone", "what", flag_value="gone", help="Wait until there is no such znode.")
@click.option("--equals", metavar="TEXT", help="Wait until the znode has these data.")
@click.option("--children", type=click.IntRange(min=0), metavar="N", help="Wait until it has N children or more.")
@click.option("--timeout", type=DURATION, metavar="TIME", help="The longest wait, such as 30 or 5m (no limit).")
@pass_app
def command(
    app: App, path: str, what: str, equals: Optional[str], children: Optional[int], timeout: Optional[float]
) -> None:
    """Wait for a znode to come, go, or have a value.

    The command ends with exit code 0 as soon as it is so, at once if it is so already, and with 6 when --timeout has
    passed. With --timeout 0 it looks once. The time to connect is that of `zkc --timeout SECONDS wait`. Lost
    connections and expired sessions do not end it: it continues with the next connection. It prints nothing.

    \b
    Examples:
      zkc wait /app/ready --timeout 30 && start-app
      zkc wait /jobs/17 --gone
      zkc wait /app/state --equals running
      zkc wait /workers --children 3 --timeout 5m
    """
    given = [name for name, there in (("--gone", what == "gone"), ("--equals", equals is not None),
                                      ("--children", children is not None)) if there]  # fmt: skip
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)}: give one of them")
    deadline = None if timeout is None else time.monotonic() + timeout
    states: queue.SimpleQueue[bool] = queue.SimpleQueue()
    wanted = None if equals is None else equals.encode("utf-8", "surrogateescape")

    def of_data(data: Optional[bytes], stat: Optional[Stat]) -> None:
        states.put(data == wanted if wanted is not None else (stat is None) == (what == "gone"))

    def of_children(names: Optional[list[str]]) -> None:
        states.put(names is not None and len(names) >= (children or 0))

    if children is not None:
        app.at_end(app.read(app.client.watch_children, path, of_children).cancel)
    elif what == "exists" and wanted is None:
        if not _may_be_read(app, path, of_data):
            return  # The server refused to read it: it exists.
    else:
        app.at_end(app.read(app.client.watch_data, path, of_data).cancel)
    if not _is_so(states, deadline, app.settings.timeout):
        if children is not None:
            aim = f"had fewer than {children:,} children"
        elif wanted is not None:
            aim = "did not have the data of --equals"
        else:
            aim = "was still there" if what == "gone" else "did not come"
        raise CommandError(f"{path} {aim} within {timeout:g} s", ExitCode.NO_CONNECTION, name="timeout", path=path)


def _may_be_read(app: App, path: str, of_data: Callable[[Optional[bytes], Optional[Stat]], None]) -> bool:
    """Follow the data of a znode; return whether its ACL allows that."""
    from zkc.errors import NoAuthError

    try:
        app.at_end(app.read(app.client.watch_data, path, of_data).cancel)
    except NoAuthError:
        return False
    return True


def _is_so(states: queue.SimpleQueue[bool], deadline: Optional[float], first_seconds: float) -> bool:
    """Return whether it becomes so before a deadline. The first state counts also after it."""
    try:
        left = None if deadline is None else max(first_seconds, deadline - time.monotonic())
        while not states.get(timeout=left):
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
        return True
    except queue.Empty:
        return False
