"""The options and questions that the commands about servers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, TypeVar

import click

from zkc.cli._app import App

if TYPE_CHECKING:
    from zkc.cli.servers._ask import Asker

__all__ = ["admin_port_option", "asker_of"]

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


def asker_of(app: App, at_most: Optional[float] = None) -> Asker:
    """Return what asks the servers of a command.

    Args:
        app: What the command works with.
        at_most: The time for all questions, in seconds, if it is shorter than --timeout.
    """
    from zkc.cli.servers._ask import Asker

    timeout = app.settings.timeout
    return Asker(app.settings, within=timeout if at_most is None else min(timeout, at_most))
