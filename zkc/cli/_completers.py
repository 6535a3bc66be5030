"""The completion of the values of options and arguments, whose modules are imported when it runs."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["complete_file", "complete_profile", "complete_program", "complete_target"]


def complete_profile(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the profiles that begin with what was typed."""
    del ctx, parameter
    from zkc.cli._profiles import profile_names

    return [name for name in profile_names() if name.startswith(incomplete)]


def complete_file(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Let the shell complete a local file."""
    del ctx, parameter
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, "file")]


def complete_program(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Let the shell complete the name of a program, and local files behind it."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, "file" if ctx.params.get(str(parameter.name)) else "program")]


def complete_target(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Return the paths that ``/path`` or ``PROFILE:/path`` begins, or let the shell complete a local file."""
    from zkc.cli.programs import _live_paths

    return _live_paths.complete_target(ctx, parameter, incomplete)
