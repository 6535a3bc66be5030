"""``zkc digest``: the id of a user for a digest ACL."""

from __future__ import annotations

from typing import Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._secrets import read_secret

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("user")
@click.option("--password-file", metavar="FILE", help="The password is the first line of FILE; without it, a question.")
@pass_app
def command(app: App, user: str, password_file: Optional[str]) -> None:
    """Make the id of a user for a digest ACL.

    The command prints USER:HASH, which an ACL takes as digest:USER:HASH:cdrwa. The server sees the hash only, but it
    hashes without a salt: use a password that is long and random. Nothing is sent.

    \b
    Examples:
      zkc digest alice
      zkc acl set /app "digest:$(zkc digest alice --password-file alice.secret):cdrwa"
    """
    if not user or ":" in user:
        raise CommandError(
            f"the name of a user must not be empty or have a colon: {user!r}", ExitCode.USAGE, name="usage"
        )
    from zkc import ACL

    entry = ACL.digest(user, read_secret(password_file or "-", f"Password of {user}"))
    if app.out.is_json:
        app.out.json({"scheme": "digest", "id": entry.id})
    else:
        app.out.line(entry.id)
