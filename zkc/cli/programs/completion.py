"""``zkc completion``: the completion script for a shell."""

from __future__ import annotations

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_app
def command(app: App, shell: str) -> None:
    """Print the completion script for bash, zsh or fish.

    The script completes commands, options, profiles, and paths of the live server. A path is looked up for 0.3 s at
    most; without a server nothing is offered. Names are quoted for the shell. bash must be 4.4 or later.

    \b
    Examples:
      source <(zkc completion bash)                                  # in ~/.bashrc
      zkc completion zsh > ~/.zfunc/_zkc                             # a folder of $fpath
      zkc completion fish > ~/.config/fish/completions/zkc.fish
    """
    from zkc.cli.programs._complete import script_of

    app.out.data(script_of(shell).encode())
