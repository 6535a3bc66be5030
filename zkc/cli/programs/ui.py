"""``zkc ui``: znodes on the full screen, or in a web browser."""

from __future__ import annotations

import os
import sys
from typing import Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._streams import is_terminal

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("path", type=PATH, default="/")
@click.option("--web", is_flag=True, help="Serve the screen to a web browser on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port for --web (a free one).")
@pass_app
def command(app: App, path: str, web: bool, port: Optional[int]) -> int:
    """Browse and change znodes on the full screen or in a web browser.

    A tree that follows the changes of other clients, with the data, the stat and the ACL of the chosen znode, search,
    an editor that does not overwrite what another client has set, and the state of the servers. It works in 80 columns
    and 24 lines, without a mouse and without colours; ? shows the keys. With --read-only nothing can be changed.

    --web listens on the loopback interface only, and prints an address with a random token: a request without it is
    refused. It needs the extra zkc[web], the screen itself zkc[tui].

    \b
    Examples:
      zkc ui
      zkc -p prod ui /app --read-only
      zkc ui --web
    """
    if port is not None and not web:
        raise click.UsageError("--port is for --web")
    if web:
        from zkc.cli.programs._ui.web import serve

        return serve(app, path, port)
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)) and not _in_web_driver():
        raise CommandError("the full screen needs a terminal", ExitCode.USAGE, name="no_terminal")
    if os.environ.get("TERM") == "dumb":
        raise CommandError("the full screen needs a terminal that moves its cursor, and TERM is dumb", ExitCode.USAGE,
                           name="no_terminal")  # fmt: skip
    try:
        from zkc.cli.programs._ui.app import Browser
    except ImportError:
        raise CommandError(
            "the full screen needs textual: pip install 'zkc[tui]'", ExitCode.USAGE, name="not_installed"
        ) from None
    from zkc.cli.programs._ui.begin import check

    check(app, path)
    if app.option("color") == "never":
        os.environ["NO_COLOR"] = "1"  # textual looks there.
    browser = Browser(app.settings, path)
    browser.run()
    return browser.return_code or 0


def _in_web_driver() -> bool:
    """Return whether ``zkc ui --web`` has started this process: the browser is the terminal."""
    return os.environ.get("TEXTUAL_DRIVER", "").startswith("textual.drivers.web_driver")
