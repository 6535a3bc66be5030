"""``zkc version``: what is inside."""

from __future__ import annotations

import platform

import click

from zkc._version import __version__
from zkc.cli._app import App
from zkc.cli._options import Command, pass_app

__all__ = ["command"]


@click.command(cls=Command)
@pass_app
def command(app: App) -> None:
    """Print the versions of zkc and of the libraries inside."""
    from zkc import build_info

    app.out.record({"zkc": __version__, "python": platform.python_version(), **build_info()})
