"""The command ``zkc``: its options, and its commands, which are imported when they are used."""

from __future__ import annotations

import importlib
import os
from typing import Any, Optional

import click
from click.shell_completion import CompletionItem

from zkc._version import __version__
from zkc.cli._app import App
from zkc.cli._options import Group, add_global_options
from zkc.cli._table import COMMANDS, SECTIONS, SHELL_WORDS

__all__ = ["root"]


class Root(Group):
    """The group of all commands. It lists them from the table, and imports only the one that runs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and {"-V", "--version"}.intersection(args):
            ctx.ensure_object(App).take_form(args)  # The version is printed before other options are looked at.
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (EOFError, KeyboardInterrupt) as error:
            raise click.Abort from error  # click itself would also write an empty line, before an error as JSON.

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"zkc.cli.{entry.section}.{entry.module}")
        found: click.Command = getattr(module, entry.attribute)
        found.name = cmd_name
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[Optional[str], Optional[click.Command], list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(_unknown(args[0], in_shell=ctx.ensure_object(App).in_shell), ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [
            CompletionItem(name, help=entry.help) for name, entry in COMMANDS.items() if name.startswith(incomplete)
        ]
        # The options; a group's own method would import all commands.
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def _main_shell_completion(self, *arguments: Any, **options: Any) -> None:
        if "_ZKC_COMPLETE" in os.environ:  # Imported for a completion only.
            from zkc.cli.programs._complete import register

            register()
        super()._main_shell_completion(*arguments, **options)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, title in SECTIONS.items():
            rows = [(name, entry.help) for name, entry in COMMANDS.items() if entry.section == section]
            with formatter.section(title):
                formatter.write_dl(rows)


def _unknown(name: str, *, in_shell: bool) -> str:
    import difflib

    from zkc.cli._zkcli import advice_about

    advice = advice_about(name, in_shell=in_shell)
    if advice is not None:
        return advice
    if name in SHELL_WORDS:
        return f"{name!r} is a command of zkc shell only"
    close = difflib.get_close_matches(name, [*COMMANDS, *SHELL_WORDS] if in_shell else COMMANDS, 1)
    see = "help lists all" if in_shell else "see zkc --help"
    return f"there is no command {name!r}: " + (f"did you mean {close[0]!r}?" if close else see)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    out = ctx.ensure_object(App).out
    if out.is_json:
        out.json({"name": "zkc", "version": __version__})
    else:
        out.line(f"zkc {__version__}")
    ctx.exit()


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Show the version and exit.")  # fmt: skip
def root(**_: Any) -> None:
    """Read, change, watch and mend ZooKeeper.

    Paths are absolute: /app/config. The servers come from --servers, the environment variable ZKC_SERVERS, the profile,
    or are localhost:2181. `zkc COMMAND --help` explains a command; `zkc serve` starts a server to try things out.
    """


add_global_options(root)
