"""The options and questions that the commands about servers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, TypeVar

import click

from zkc.cli._app import App
from zkc.cli._exit import ExitCode
from zkc.cli._types import DURATION

if TYPE_CHECKING:
    from zkc.cli.servers._ask import Asker

__all__ = ["admin_port_option", "answers_missing", "asker_of", "within_option"]

_F = TypeVar("_F", bound=Callable[..., Any])


def _take(ctx: click.Context, parameter: click.Parameter, value: Optional[str]) -> None:
    if value is not None and not ctx.resilient_parsing:
        ctx.ensure_object(App).give("admin_port", value)


def admin_port_option(function: _F) -> _F:
    """Give a command the option --admin-port."""
    option = click.option(
        "--admin-port",
        metavar="PORT[,PORT...]",
        expose_value=False,
        callback=_take,
        help="The port of AdminServer (8080): one for all servers, or one for each.",
    )
    return option(function)


def within_option(function: _F) -> _F:
    """Give a command the option --within."""
    option = click.option(
        "--within",
        type=DURATION,
        default="2.5",
        metavar="DURATION",
        help="The time for all answers (2.5 s).",
    )
    return option(function)


def asker_of(app: App, within: Optional[float] = None) -> Asker:
    """Return the asker of a command's servers.

    Args:
        app: What the command works with.
        within: The time for all questions, in seconds; None for that of --timeout.
    """
    from zkc.cli.servers._ask import Asker

    return Asker(app.settings, within=app.settings.timeout if within is None else within)


def answers_missing(app: App, code: ExitCode, failed: int, servers: int) -> int:
    """End a command that has named the servers without an answer in warnings; return its exit code."""
    return app.ends_with(code, f"{failed} of {servers} servers did not answer", failed=failed, servers=servers)
