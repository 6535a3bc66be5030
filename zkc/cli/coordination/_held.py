"""The parts that ``lock``, ``elect`` and ``semaphore`` share: acquire a hold, run a command, release the hold."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._completers import complete_program
from zkc.cli._ending import ended_by
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command
from zkc.cli._paths import PATH
from zkc.cli._types import DURATION

if TYPE_CHECKING:
    from zkc import Client
    from zkc.cli._app import App
    from zkc.cli.coordination._guarded import End, Order
    from zkc.recipes import Contender, Hold

__all__ = ["HeldCommand", "Job", "Plan", "held_options", "order_of", "run_held", "split_options"]

_WHAT = {
    "in_doubt": "the servers have not answered, and the session may end before they do",
    "deleted": "its znode was deleted, or the session ended",
    "expired": "the session has expired",
    "closed": "the client was closed",
    "revoked": "another client asked for its release",
    "abandoned": "zkc was ended",
}


def split_options(command: click.Command, ctx: click.Context, args: list[str]) -> tuple[list[str], list[str]]:
    """Return the options of a command at the beginning of its arguments, and the rest, without a ``--`` between them.

    Raises:
        click.UsageError: An option is unknown, or has no value.
    """
    parser = type(command.make_parser(ctx))(ctx)  # click's class of parsers, whose name depends on the version.
    parser.allow_interspersed_args = False
    for parameter in command.get_params(ctx):
        if isinstance(parameter, click.Option):
            parameter.add_to_parser(parser, ctx)
    _, rest, _ = parser.parse_args(list(args))
    options = args[: len(args) - len(rest)]
    return (options[:-1] if options[-1:] == ["--"] else options), rest


class HeldCommand(Command):
    """A command ``NAME [OPTIONS] PATH [OPTIONS] [--] COMMAND…``. What follows the word COMMAND is not parsed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ordered = list(args)
        with contextlib.suppress(click.UsageError):  # The second parse says it, with the usage.
            before, rest = split_options(self, ctx, args)
            if rest:
                between, command = split_options(self, ctx, rest[1:])
                ordered = [*before, *between, "--", rest[0], *command]
        return super().parse_args(ctx, ordered)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", "PATH", "--", "COMMAND..."]


def held_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments and options of the commands that run another command under a hold."""
    for add in (
        click.option("--label", metavar="TEXT", help="What `zkc lock ls` shows of this contender (user@host and pid)."),
        click.option("--grace", type=DURATION, metavar="DURATION",
                     help="The time between SIGTERM and SIGKILL (a sixth of the session timeout)."),
        click.option("--on-lost", type=click.Choice(["term", "kill", "ignore"]), default="term", show_default=True,
                     help="What to do with the command when the hold is lost: SIGTERM and then SIGKILL, SIGKILL at"
                     " once, or nothing."),
        click.option("--wait", type=DURATION, metavar="DURATION", help="The longest wait; 0 tries once (no limit)."),
        click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True, shell_complete=complete_program),
        click.argument("path", type=PATH),
    ):  # fmt: skip
        function = add(function)
    return function


@dataclass(frozen=True)
class Job:
    """The arguments of a command that runs another one under a hold."""

    path: str
    command: tuple[str, ...]
    wait: Optional[float] = None
    on_lost: str = "term"
    grace: Optional[float] = None
    label: Optional[str] = None

    @property
    def identifier(self) -> str:
        """The text that other clients see of this contender."""
        if self.label is not None:
            return self.label
        import getpass
        import socket

        try:
            user = getpass.getuser()
        except (KeyError, OSError, ImportError):  # The user has no name.
            user = str(os.getuid())
        return f"{user}@{socket.gethostname()} pid {os.getpid()}"


@dataclass(frozen=True)
class Plan:
    """How to acquire the hold."""

    name: str
    """The name of the hold in messages, such as the lock."""
    recipe: str
    """The recipe in messages, such as a lock."""
    acquire: Callable[[Client, Optional[float]], AbstractContextManager[Hold]]
    """Waits for a time, or without a limit. The context releases the hold."""
    attempt: Callable[[Client], Optional[AbstractContextManager[Hold]]]
    """Acquires it if it is free."""
    holders: Callable[[Client], list[Contender]]


def run_held(app: App, job: Job, plan: Plan) -> int:
    """Run a command under a hold; return its exit code.

    Raises:
        CommandError: The command does not exist (127) or cannot be executed (126), the hold was not acquired in time
            (124), or it was lost (125).
    """
    from zkc.cli._programs import find_program
    from zkc.cli._safety import guard_recipe

    guard_recipe(app, job.path, plan.recipe)
    file = find_program(job.command[0], "nothing was acquired")
    app.check_writable()
    if app.dry_run:
        what = f"would acquire {plan.name} {job.path} and run {shlex.join(job.command)}"
        app.out.would([{"action": "run", "path": job.path, "command": job.command, "message": what}])
        return int(ExitCode.DONE)
    from zkc.cli.coordination._guarded import Guarded
    from zkc.cli.coordination._signals import Signals
    from zkc.recipes import LockInDoubtError, LockLostError

    def say(**message: Any) -> None:
        if "stuck" in message:
            pids = ", ".join(map(str, message["stuck"]))
            app.out.warn(f"{plan.name} {job.path} is kept until these processes of another user end: {pids}")
        elif message["ending"] != "abandoned":
            app.out.warn(f"{plan.name} {job.path} is about to be lost: {_WHAT[message['ending']]}. Ending the command")

    end: Optional[End] = None
    reason: Optional[str] = "deleted"
    # At its end, the block of a hold says that the hold was lost: this function says it itself.
    with contextlib.suppress(LockLostError, LockInDoubtError), contextlib.ExitStack() as releasing:
        signals = releasing.enter_context(Signals())
        with Guarded(say, in_shell=app.in_shell) as guarded:
            hold = _acquire(app, job, plan, releasing)
            signals.collect()
            timeout = app.client.negotiated_timeout
            order = order_of(app, job, file, hold.token, timeout)
            hold.add_listener(signals.wake)
            if job.on_lost != "ignore":
                hold.on_revoke(lambda: guarded.ask_to_end("revoked"))

            def lost() -> Optional[str]:
                return (hold.reason or "deleted") if hold.lost else None

            end = guarded.run(order, signals, hold.valid_for, lost, min(0.5, max(0.02, timeout / 20)))
        # Nothing of the command is left from here on.
        reason = end.reason or lost()
        held = _release(app, job, plan, hold)
        reason = reason or lost() or (None if held else "deleted")
    return _code_of(app, job, plan, end, reason)


def _code_of(app: App, job: Job, plan: Plan, end: Optional[End], reason: Optional[str]) -> int:
    """Return the exit code of zkc for the end of the command, or raise."""
    if end is None:
        raise _lost(job, plan, None, reason or "deleted")
    if end.error:
        raise CommandError(f"{job.command[0]}: {os.strerror(end.error)}", ExitCode(end.code), name="not_started")
    if end.reason == "guardian_killed":
        app.out.warn("the guardian of the command was killed, so the command was killed, too")
        return end.code
    if reason is not None and job.on_lost != "ignore":
        raise _lost(job, plan, end.code if end.started else None, reason)
    if reason is not None:
        app.out.warn(f"{plan.name} {job.path} was lost while the command ran: {_WHAT.get(reason, reason)}")
    return end.code


def _acquire(app: App, job: Job, plan: Plan, releasing: contextlib.ExitStack) -> Hold:
    """Acquire the hold. The stack releases it."""
    from zkc import ZooKeeperError
    from zkc.recipes import LayoutError, LimitMismatchError, LockTimeoutError

    client = app.client
    began = time.monotonic()
    try:
        if job.wait is None or job.wait > 0:
            return releasing.enter_context(plan.acquire(client, job.wait))  # An election waits when it is entered.
        held: Optional[AbstractContextManager[Hold]] = app.call(lambda: plan.attempt(client))
        if held is not None:
            return releasing.enter_context(held)
    except LockTimeoutError:
        pass
    except KeyboardInterrupt:
        number = ended_by()
        how = "interrupted" if number is None else f"ended by {number.name}"
        raise CommandError(f"{how} while waiting for {plan.name} {job.path}", ExitCode.INTERRUPTED,
                           name="interrupted", path=job.path) from None  # fmt: skip
    except (LayoutError, LimitMismatchError) as error:
        from zkc.cli._errors import for_people

        text = f"{plan.name} {job.path} was not acquired: {for_people(error)}"
        raise CommandError(text, ExitCode.CONFLICT, name="other_use", path=job.path) from None
    except ValueError as error:
        if isinstance(error, ZooKeeperError):
            raise
        from zkc.cli._errors import for_people

        raise CommandError(for_people(error), ExitCode.USAGE, name="usage", path=job.path) from None
    waited = time.monotonic() - began if job.wait else 0.0
    raise _not_acquired(client, job, plan, waited)


def _not_acquired(client: Client, job: Job, plan: Plan, waited: float) -> CommandError:
    from zkc import ZooKeeperError

    holders: list[Contender] = []
    with contextlib.suppress(ZooKeeperError):
        holders = [each for each in plan.holders(client) if each.is_holder]
    names = [(each.data or b"").decode("utf-8", "replace") or f"session 0x{each.session_id:x}" for each in holders]
    held = f"; held by {', '.join(names)}" if names else ""
    text = (
        f"{plan.name} {job.path} was not acquired within {waited:.1f} s{held}. `zkc lock ls {job.path}` shows the queue"
    )
    facts: dict[str, object] = {"holders": names}
    return CommandError(text, ExitCode.NOT_ACQUIRED, name="not_acquired", path=job.path, details=facts)


def order_of(app: App, job: Job, file: str, token: int, timeout: float) -> Order:
    """Return how the command of a job is started and ended.

    Args:
        app: What the command works with.
        job: The arguments.
        file: The path of the program.
        token: The fencing token of the hold.
        timeout: The session timeout in seconds.
    """
    from zkc.cli.coordination._guarded import Order

    # Between two pings the hold is valid for two thirds of the timeout at least, so half of it may be for the end. The
    # client leaves a server that hangs after two thirds: less than a third for the end lets the command survive that.
    grace = timeout / 6 if job.grace is None else min(job.grace, timeout / 2)
    if job.grace is not None and grace < job.grace:
        app.out.warn(
            f"--grace is cut to {grace:g} s, half of the session timeout: a larger --session-timeout allows more"
        )
    environment = {"ZKC_LOCK_PATH": job.path, "ZKC_FENCING_TOKEN": str(token)}
    return Order(file, job.command, environment, job.on_lost, grace, min(1.0, timeout / 8))


def _release(app: App, job: Job, plan: Plan, hold: Hold) -> bool:
    """Release the hold, and say so if the servers do not answer.

    Returns:
        False if the hold had ended before: the notice of that may come after the end of the command.
    """
    from zkc import ZooKeeperError

    if hold.lost:
        return False
    try:
        return hold.release(timeout=min(app.settings.timeout, max(0.1, hold.valid_for())))
    except ZooKeeperError:
        left = app.client.negotiated_timeout
        app.out.warn(
            f"the servers do not answer: {plan.name} {job.path} is free when the session has ended, in {left:g} s"
        )
        return True


def _lost(job: Job, plan: Plan, code: Optional[int], reason: str) -> CommandError:
    done = "the command was not started" if code is None else f"the command has ended with {code}"
    return CommandError(
        f"{plan.name} {job.path} was lost: {_WHAT.get(reason, reason)}; {done}",
        ExitCode.HOLD_LOST, name="hold_lost", path=job.path, details={"reason": reason, "command_exit_code": code},
    )  # fmt: skip
