"""``zkc whoami``: the identities of the session."""

from __future__ import annotations

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app

__all__ = ["command"]


@click.command(cls=Command)
@pass_app
def command(app: App) -> None:
    """Print the identities of this session.

    The servers check ACLs against them. Servers before 3.7 do not tell.
    """
    identities = app.read(app.client.whoami)
    app.out.table(["scheme", "user"], ({"scheme": each.scheme, "user": each.user} for each in identities))
