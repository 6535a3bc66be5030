"""``zkc semaphore``: a command under one of several leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._options import pass_app
from zkc.cli.coordination._held import HeldCommand, Job, Plan, held_options, run_held

if TYPE_CHECKING:
    from zkc import Client
    from zkc.recipes import Semaphore

__all__ = ["command"]


@click.command(cls=HeldCommand)
@held_options
@click.option("-n", "--limit", type=click.IntRange(min=1), required=True, metavar="N",
              help="The number of slots; the same for all that use the path.")  # fmt: skip
@click.option("--slots", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="The number of slots that the command takes: all or none.")  # fmt: skip
@click.option("--layout", type=click.Choice(["curator", "kazoo"]), default="curator", show_default=True,
              help="The names of the znodes, as the other programs on the path have them.")  # fmt: skip
@pass_app
def command(
    app: App,
    path: str,
    command: tuple[str, ...],
    wait: Optional[float],
    on_lost: str,
    grace: Optional[float],
    label: Optional[str],
    limit: int,
    slots: int,
    layout: str,
) -> int:
    """Run a command when a slot of a semaphore is free.

    At most N commands run at the same time on all hosts. The exit codes, signals and variables are those of `zkc lock`.
    `zkc lock ls PATH` shows the contenders.

    \b
    Examples:
      zkc semaphore -n 3 /slots/import -- import.sh
      zkc semaphore -n 3 --wait 10m /slots/import -- import.sh
    """
    if slots > limit:
        raise click.UsageError(f"--slots must not be larger than the limit: {slots} of {limit}")
    job = Job(path, command, wait, on_lost, grace, label)

    def semaphore_of(client: Client) -> Semaphore:
        return client.semaphore(path, limit, identifier=job.identifier, layout=layout)

    plan = Plan(
        "a slot of",
        "a semaphore",
        lambda client, seconds: semaphore_of(client).acquire(slots, timeout=seconds),
        lambda client: semaphore_of(client).try_acquire(slots),
        lambda client: semaphore_of(client).holders(),
    )
    return run_held(app, job, plan)
