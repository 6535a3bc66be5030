"""``zkc lock``: a command under a lock; the queue of a lock, and its end by force."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._options import Command, Group, pass_app
from zkc.cli._paths import PATH
from zkc.cli._types import DURATION
from zkc.cli.coordination._held import HeldCommand, Job, Plan, held_options, run_held, split_options
from zkc.cli.servers._options import admin_port_option, asker_of

if TYPE_CHECKING:
    from zkc import Client
    from zkc.recipes import Lock

__all__ = ["command"]

_LAYOUT = click.option("--layout", type=click.Choice(["curator", "kazoo"]), default="curator", show_default=True,
                       help="The names of the znodes, as the other programs on the path have them.")  # fmt: skip
_ASK_SECONDS = 2.5  # For the addresses of clients: a server that does not answer must not hold up the list.


class _LockGroup(Group):
    """The group: without the name of one of its commands, the arguments are those of ``run``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._with_name(ctx, args))

    def _with_name(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the command in front, also if options come before it."""
        if args[:1] in (["-h"], ["--help"]):
            return args
        with contextlib.suppress(click.UsageError):
            before, rest = split_options(self.commands["run"], ctx, args)
            if rest and rest[0] in self.commands:
                return [rest[0], *before, *rest[1:]]
        return ["run", *args]

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return self.commands["run"].collect_usage_pieces(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of ``run``, and the other commands."""
        click.Command.format_options(self.commands["run"], ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=_LockGroup, no_args_is_help=False)
def command() -> None:
    """Run a command under a lock, or list and break locks.

    The command gets a process group of its own, and the fencing token of its hold in ZKC_FENCING_TOKEN. All processes
    that it has started are ended before the lock is released, and before another client can have it when the session
    is lost. SIGHUP, SIGINT and SIGTERM reach the command.

    The exit code is the command's, or 128 and the number of the signal that has ended it; 124 if the lock was not
    acquired in time; 125 if it was lost; 126 or 127 if the command cannot be executed or does not exist.

    \b
    Examples:
      zkc lock /locks/backup -- backup.sh --all
      zkc lock --wait 0 /locks/cron/report -- report.sh
      zkc lock --shared /locks/data -- read.sh
      zkc lock ls /locks/backup
      zkc lock break /locks/backup
    """


class _RunContext(click.Context):
    """The context of ``run``, which users know as the command of the group itself."""

    @property
    def command_path(self) -> str:
        return super().command_path if self.parent is None else self.parent.command_path


class _RunCommand(HeldCommand):
    context_class = _RunContext


@command.command("run", cls=_RunCommand, hidden=True)
@held_options
@click.option("--shared", "side", flag_value="read", help="Share the lock with others that give --shared.")
@click.option("--exclusive", "side", flag_value="write", help="Exclude those that give --shared, too.")
@_LAYOUT
@pass_app
def run(
    app: App,
    path: str,
    command: tuple[str, ...],
    wait: Optional[float],
    on_lost: str,
    grace: Optional[float],
    label: Optional[str],
    side: Optional[str],
    layout: str,
) -> int:
    """Run a command under a lock.

    --shared and --exclusive are the sides of a read-write lock. Without them the lock is a plain one, which does not
    work together with a read-write lock on the same path: the later of the two fails, and says so.
    """
    job = Job(path, command, wait, on_lost, grace, label)

    def lock_of(client: Client) -> Lock:
        options: dict[str, Any] = {"identifier": job.identifier, "layout": layout}
        if side is None:
            return client.lock(path, **options)
        both = client.rwlock(path, **options)
        return both.read if side == "read" else both.write

    plan = Plan(
        "the lock",
        "a lock",
        lambda client, limit: lock_of(client).acquire(timeout=limit),
        lambda client: lock_of(client).try_acquire(),
        lambda client: lock_of(client).contenders(),
    )
    return run_held(app, job, plan)


@command.command("ls")
@click.argument("path", type=PATH)
@admin_port_option
@pass_app
def ls(app: App, path: str) -> None:
    """List the contenders of a lock, an election or a semaphore.

    Those that hold it come first, then those that wait, in the order of the queue. Queued is the time when a contender
    came to the queue: the servers do not store since when it holds. Client is the address of the session's connection,
    if a server tells, by AdminServer or by the four-letter word cons. The label of a contender is what its program says
    of itself; zkc writes the user, the host and the process.
    """
    from zkc.cli.coordination._contenders import list_contenders, record_of

    entries = list_contenders(app, path)
    clients = _clients(app) if entries else {}
    columns = ["state", "kind", "queued", "session", "client", "label"]
    app.out.table(columns, (record_of(each, clients) for each in entries))


def _clients(app: App) -> dict[Optional[str], tuple[str, Any]]:
    """Return the servers and the addresses of the sessions, as far as the servers tell them."""
    from zkc.cli.servers._tables import clients_of

    return clients_of(asker_of(app, min(_ASK_SECONDS, app.settings.timeout)))


@command.command("break", cls=Command)
@click.argument("path", type=PATH)
@click.option("--name", metavar="NAME", help="The contender, as --json of `zkc lock ls` shows its name (the holders).")
@click.option("--wait", type=DURATION, default="5s", show_default=True, metavar="DURATION",
              help="How long a holder has to release the lock by itself; 0 does not ask.")  # fmt: skip
@pass_app
def break_(app: App, path: str, name: Optional[str], wait: float) -> int:
    """Take a lock away from its holder.

    The holder is asked to release it first: zkc lock then ends its command in good order. After that time the znode of
    the holder is deleted, and the next contender has the lock at once, whatever the old holder still does.
    """
    from zkc.cli.coordination._contenders import break_holders

    return break_holders(app, path, name, wait)
