"""``zkc elect``: a command on the leader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import ExitCode
from zkc.cli._options import pass_app
from zkc.cli.coordination._held import HeldCommand, Job, Plan, held_options, run_held

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from zkc import Client
    from zkc.recipes import Election, Hold

__all__ = ["command"]


@click.command(cls=HeldCommand)
@held_options
@click.option("--data", metavar="TEXT", help="What observers see of the leader, such as its address (the label).")
@click.option("--again", is_flag=True, help="Campaign again when the leadership is lost, instead of ending with 125.")
@click.option("--layout", type=click.Choice(["curator", "curator-selector", "kazoo"]), default="curator",
              show_default=True,
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
    data: Optional[str],
    again: bool,
    layout: str,
) -> int:
    """Run a command on the elected leader only.

    Start the same on several hosts: one of them leads and runs the command, the others wait. When the leader's host or
    session ends, all processes of its command are ended first, and then the next one leads. When the command ends by
    itself, its zkc ends with its exit code, and the next one leads.

    The exit codes, signals and variables are those of `zkc lock`. `zkc lock ls PATH` shows the contenders.

    \b
    Examples:
      zkc elect /app/leader -- scheduler --config /etc/scheduler.conf
      zkc elect --again --data http://host-1:8080 /app/leader -- scheduler
    """
    from zkc.cli._exit import CommandError

    job = Job(path, command, wait, on_lost, grace, label)

    def election_of(client: Client) -> Election:
        return client.election(path, identifier=job.identifier, data=(data or "").encode(), layout=layout)

    def lead(client: Client, limit: Optional[float]) -> AbstractContextManager[Hold]:
        return election_of(client).lead(timeout=limit)

    def attempt(client: Client) -> Optional[AbstractContextManager[Hold]]:
        leads = election_of(client).leader() is not None
        return None if leads else lead(client, app.settings.timeout)

    plan = Plan("the leadership of", "an election", lead, attempt, lambda client: election_of(client).contenders())
    while True:
        try:
            return run_held(app, job, plan)
        except CommandError as error:
            if not again or error.exit_code != ExitCode.HOLD_LOST:
                raise
            app.out.warn(f"{error.format_message()}. Campaigning again")
