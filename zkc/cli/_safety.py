"""The guards before a dangerous change: roots, questions and dry runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._streams import is_terminal
from zkc.cli._text import shown

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["OF_SERVERS", "ask", "confirm", "guard_recipe", "guard_root"]

OF_SERVERS = ("/zookeeper", "/zookeeper/config", "/zookeeper/quota")
"""The znodes below the root of the ensemble that servers refuse to delete."""


def guard_root(path: str, chroot: str = "/", *, force: bool = False, advice: str = "--force means it") -> None:
    """Refuse to delete or replace the root, the root of a chroot, or what belongs to the servers.

    Args:
        path: The path.
        chroot: The chroot of the client.
        force: Whether --force was given. /zookeeper is refused in any case.
        advice: What to do about the root.

    Raises:
        CommandError: The path is guarded.
    """
    full = path if chroot == "/" else f"{chroot}{path}".rstrip("/")
    if full == "/zookeeper" or full.startswith("/zookeeper/"):
        raise CommandError(f"{path} belongs to the servers: it is never changed as a tree", ExitCode.REFUSED,
                           name="guarded", path=path)  # fmt: skip
    if path == "/" and not force:
        root = "the root" if chroot == "/" else f"the root of the chroot {chroot}"
        raise CommandError(f"{path} is {root}: {advice}", ExitCode.REFUSED, name="guarded", path=path)


def guard_recipe(app: App, path: str, recipe: str) -> None:
    """Refuse the root and what belongs to the servers as the place of a recipe, before anything is sent.

    Args:
        app: What the command works with.
        path: The path.
        recipe: The recipe in messages, such as a lock.

    Raises:
        CommandError: The path is guarded.
    """
    guard_root(path, app.settings.chroot, advice=f"{recipe} needs a znode of its own")


def confirm(app: App, what: str, path: str, *, profile: Optional[str] = None) -> None:
    """Ask before a dangerous change. The caller has said what and how many, and handles a dry run itself.

    On a terminal the command asks; a profile with ``confirm = "name"`` wants the path typed. Without a terminal only
    --yes is an answer.

    Args:
        app: What the command works with.
        what: The change, with its numbers: ``delete 1,204 znodes, 3 ephemeral, 12 MB below /app``.
        path: The path to type.
        profile: The profile that is changed; None for the command's own ensemble.

    Raises:
        CommandError: The answer is no, or there is no terminal to ask on.
    """
    settings = app.settings if profile is None else app.settings_of(profile)
    by_name = settings.confirm == "name"
    if app.yes:
        return
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise CommandError(f"would {what}: nothing was changed; --yes means it", ExitCode.REFUSED,
                           name="unconfirmed", path=path)  # fmt: skip
    question = f"{what[0].upper()}{what[1:]} on {settings.name}?"
    question += f" Type {path} to go on: " if by_name else " [y/N] "
    answer = ask(question).strip()
    if answer != path if by_name else answer.lower() not in ("y", "yes"):
        raise CommandError("nothing was changed", ExitCode.REFUSED, name="unconfirmed", path=path)


def ask(question: str) -> str:
    """Ask on the terminal, and return the line that was typed; an empty text after Ctrl-D."""
    sys.stderr.write(shown(question))
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        print(file=sys.stderr)  # Ctrl-D does not move the cursor.
    return line
