"""The options that every command takes, before the command's name or after it, and the classes of commands.

Every command of zkc.cli is made with ``@click.command(cls=Command)``, and every group with ``@click.group(cls=Group)``.
"""

from __future__ import annotations

import copy
import functools
from typing import Any, Optional

import click

from zkc.cli._app import OF_CONNECTIONS, App
from zkc.cli._completers import complete_file, complete_profile
from zkc.cli._ending import raise_deferred
from zkc.cli._streams import FORMS
from zkc.cli._types import FiniteRange

__all__ = ["Command", "Group", "add_global_options", "pass_app"]

pass_app = click.make_pass_decorator(App)


def _take(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Store a given option. One after the command's name replaces one before it."""
    if value == "" and not ctx.resilient_parsing:
        raise click.BadParameter("it is empty", ctx, parameter)
    if value is not None and (not ctx.resilient_parsing or (value and parameter.name in OF_CONNECTIONS)):
        # Of a completion only what a connection is made with: the paths are those of the ensemble on the line.
        ctx.ensure_object(App).give(str(parameter.name), value)


def _option(*names: str, **attributes: Any) -> click.Option:
    attributes.setdefault("default", None)
    return click.Option(list(names), expose_value=False, callback=_take, **attributes)


def _flag(*names: str, help: str) -> click.Option:  # noqa: A002 - click's name
    return _option(*names, is_flag=True, flag_value=True, help=help)


GLOBAL = (
    _option("-s", "--servers", metavar="HOSTS", help="The servers, host:port,host:port, and a chroot: …/app."),
    _option("-p", "--profile", metavar="NAME", shell_complete=complete_profile, help="The profile to use."),
    _option("--auth", multiple=False, metavar="digest:USER:FILE",
            help="Authenticate with the password in the first line of FILE (never the password); - for a question."),
    _flag("--tls", help="Encrypt the connection."),
    _option("--ca", metavar="FILE", shell_complete=complete_file,
            help="The certificates of the authorities to trust; implies --tls."),
    _option("--cert", metavar="FILE", shell_complete=complete_file, help="The client's certificate; implies --tls."),
    _option("--key", metavar="FILE", shell_complete=complete_file, help="The private key of --cert."),
    _option("--key-password-file", metavar="FILE", shell_complete=complete_file,
            help="The file with the password of --key."),
    _option("--tls-server-name", metavar="NAME", help="The name in the servers' certificates."),
    _flag("--insecure", help="Do not verify the servers' certificates. For tests only."),
    _option("--sasl", metavar="MECHANISM", help="Authenticate with SASL, such as DIGEST-MD5."),
    _option("--user", metavar="NAME", help="The user for --sasl."),
    _option("--password-file", metavar="FILE", shell_complete=complete_file,
            help="The file with the password for --sasl; - for a question."),
    _option("--timeout", type=FiniteRange(min=0, min_open=True), metavar="SECONDS",
            help="The longest wait for a connection, and for each reply (10)."),
    _option("--session-timeout", type=FiniteRange(min=0, min_open=True), metavar="SECONDS",
            help="The session timeout to ask for (10)."),
    _flag("--fresh", help="Let the server catch up with the leader first, as a sync does."),
    _flag("--read-only", help="Refuse every change of the ensemble. A server without a quorum is enough."),
    _option("-o", "--output", type=click.Choice(FORMS),
            help="The form of the result: human on a terminal, else plain."),
    _flag("--json", help="The same as --output json."),
    _option("--color", type=click.Choice(["auto", "always", "never"]), help="Whether to use colours (auto)."),
    _option("--progress", type=click.Choice(["auto", "never", "json"]), help="The progress of long work (auto)."),
    _flag("-q", "--quiet", help="No notes on stderr, only errors."),
    _flag("-v", "--verbose", help="Log what the client and libzookeeper do, to stderr."),
    _flag("-y", "--yes", help="Answer every question with yes."),
    _flag("-n", "--dry-run", help="Say what a change would do, and change nothing."),
)  # fmt: skip


def add_global_options(group: click.Group) -> None:
    """Give the root its options, visible in its help."""
    group.params = [*GLOBAL, *group.params]


class _WithGlobalOptions(click.Command):
    """A command that takes the global options too. An own option of a command wins over a global short one."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        if ctx.parent is None:
            return own
        taken = frozenset(name for parameter in own for name in (*parameter.opts, *parameter.secondary_opts))
        return [*own, *(option for option in (_without(each, taken) for each in GLOBAL) if option is not None)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            given = list(args)
            rest = super().parse_args(ctx, args)
            if not ctx.resilient_parsing:
                self._check_alternatives(ctx, given)
            return rest
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click's parser names no context for an option without its value.
            raise

    def _check_alternatives(self, ctx: click.Context, args: list[str]) -> None:
        """Refuse two flags for the same parameter, as --hex and --base64 are: click takes the last one silently."""
        names = [each.name for each in self.params if isinstance(each, click.Option)]
        if len(set(names)) == len(names):
            return
        given: dict[Optional[str], click.Parameter] = {}
        for each in self.make_parser(ctx).parse_args(args)[2]:
            other = given.setdefault(each.name, each)
            if other is not each:
                raise click.UsageError(f"{other.opts[-1]} and {each.opts[-1]} exclude each other", ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        if ctx.parent is not None:
            formatter.write_paragraph()
            formatter.write_text("The options of `zkc --help`, such as --servers, --json and --yes, may follow, too.")


@functools.cache  # The same copy each time: click knows the order of options by their identity.
def _without(option: click.Option, taken: frozenset[str]) -> Optional[click.Option]:
    """Return a hidden copy of a global option without the names that a command has itself."""
    names = [name for name in option.opts if name not in taken]
    if not names or option.name in {name.lstrip("-").replace("-", "_") for name in taken if name.startswith("--")}:
        return None
    hidden = copy.copy(option)
    hidden.opts, hidden.hidden = names, True
    return hidden


class Command(_WithGlobalOptions, click.Command):
    """A command of zkc."""

    def invoke(self, ctx: click.Context) -> Any:
        raise_deferred()
        ctx.ensure_object(App).is_parsed = True
        return super().invoke(ctx)


class Group(_WithGlobalOptions, click.Group):
    """A command of zkc that has commands itself. Without arguments it prints its help."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            # Not left to click: since 8.2 it raises an error with the help as its message.
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[Optional[str], Optional[click.Command], list[str]]:
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            raise click.UsageError(_no_such(name, ctx.command_path, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)


# Words for the same in other programs.
_ALIKE = (
    ("ls", "list", "show", "get", "print", "read"),
    ("rm", "remove", "delete", "del", "unset", "clear"),
    ("set", "put", "add", "create", "new", "update", "edit"),
)


def _no_such(name: str, group: str, names: list[str]) -> str:
    """Return the message about a command that a group has not."""
    import difflib

    names = [each for each in names if each != "run"]
    close = difflib.get_close_matches(name.lower(), names, 1)
    alike = [each for words in _ALIKE if name.lower() in words for each in words if each in names]
    best = (close + alike)[:1]
    more = f"did you mean {best[0]!r}?" if best else f"it has {', '.join(names)}"
    return f"{group} has no command {name!r}: {more}"
