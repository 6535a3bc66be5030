"""``zkc barrier``: hold programs up, and let them pass."""

from __future__ import annotations

from typing import Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Group, pass_app
from zkc.cli._paths import PATH
from zkc.cli._safety import guard_recipe
from zkc.cli._types import DURATION

__all__ = ["command"]


@click.group(cls=Group)
def command() -> None:
    """Create, open and wait for a barrier.

    A barrier is a znode: programs wait as long as it exists. kazoo's Barrier and Curator's DistributedBarrier use the
    same znode.

    \b
    Examples:
      zkc barrier create /app/maintenance
      zkc barrier wait /app/maintenance --timeout 10m && start.sh
      zkc barrier open /app/maintenance
    """


@command.command("create")
@click.argument("path", type=PATH)
@pass_app
def create(app: App, path: str) -> int:
    """Create a barrier, which stays until it is opened.

    The exit code is 0, or 4 if the barrier was there before.
    """
    from zkc.cli.write._changes import would_create

    app.check_writable()
    guard_recipe(app, path, "a barrier")
    if app.dry_run:
        if app.read(app.client.exists, path) is not None:
            raise _there(path)
        would_create(app, path, parents=True)
        app.out.would([{"action": "create", "path": path, "message": f"would create the barrier {path}"}])
    elif not app.client.barrier(path).set():
        raise _there(path)
    elif app.out.is_json:
        app.out.json({"path": path, "open": False})
    return int(ExitCode.DONE)


@command.command("open")
@click.argument("path", type=PATH)
@pass_app
def open_(app: App, path: str) -> int:
    """Open a barrier: all programs that wait for it pass.

    The exit code is 0, or 3 if there is no barrier.
    """
    from zkc.errors import NotEmptyError

    app.check_writable()
    guard_recipe(app, path, "a barrier")
    if app.dry_run:
        stat = app.read(app.client.exists, path)
        if stat is None:
            raise _missing(path)
        if stat.num_children:
            raise NotEmptyError(path=path, operation="delete")
        app.out.would([{"action": "delete", "path": path, "message": f"would open the barrier {path}"}])
    elif not app.client.barrier(path).remove():
        raise _missing(path)
    elif app.out.is_json:
        app.out.json({"path": path, "open": True})
    return int(ExitCode.DONE)


def _there(path: str) -> CommandError:
    return CommandError(f"the barrier {path} is there already", ExitCode.CONFLICT, name="node_exists", path=path)


def _missing(path: str) -> CommandError:
    return CommandError(f"there is no barrier {path}", ExitCode.NO_NODE, name="no_node", path=path)


@command.command("wait")
@click.argument("path", type=PATH)
@click.option("--timeout", type=DURATION, metavar="DURATION", help="The longest wait (no limit).")
@pass_app
def wait(app: App, path: str, timeout: Optional[float]) -> int:
    """Wait until a barrier is open; at once if there is none.

    The wait continues after a lost connection and an expired session. The exit code is 0, or 6 after the time.
    """
    guard_recipe(app, path, "a barrier")
    barrier = app.client.barrier(path)
    passed = not app.call(barrier.is_set) if timeout == 0 else barrier.wait(timeout=timeout)
    if not passed:
        raise CommandError(f"the barrier {path} was not opened within {timeout:g} s", ExitCode.NO_CONNECTION,
                           name="timeout", path=path)  # fmt: skip
    if app.out.is_json:
        app.out.json({"path": path, "open": True})
    return int(ExitCode.DONE)
