"""The checks before the screen opens: a command that fails them ends with one sentence, and not with a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkc.cli._connect import connect
from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["check"]


def check(app: App, path: str) -> None:
    """Check that there is a connection, and that the root of the tree exists.

    Raises:
        CommandError: There is no connection, or no such znode.
    """
    client = connect(app, app.settings)
    try:
        if app.read(client.exists, path) is None:
            raise CommandError(f"{path}: there is no such znode; check the path, and the chroot of the servers",
                               ExitCode.NO_NODE, name="no_node", path=path)  # fmt: skip
    finally:
        client.close()
