"""``zkc admin``: the commands of AdminServer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli.servers._options import admin_port_option, asker_of

if TYPE_CHECKING:
    from zkc.cli.servers._ask import Asker, AskError, Server

__all__ = ["command"]

# The commands that change something, by all their names; every POST does, too.
CHANGING = {
    "connection_stat_reset", "crst", "observer_connection_stat_reset", "orst", "set_trace_mask", "stmk", "stat_reset",
    "srst", "restore", "rest",
}  # fmt: skip


@click.command(cls=Command)
@click.argument("name", metavar="[COMMAND]", required=False)
@click.argument("server", required=False)
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the URL; repeatable.")
@click.option("--post", "body", type=click.File("rb"), metavar="FILE", help="POST the content of FILE; - for stdin.")
@click.option("--allow-http", is_flag=True, help="Send a password over http, too, where others can read it.")
@admin_port_option
@pass_app
def command(
    app: App,
    name: Optional[str],
    server: Optional[str],
    parameters: tuple[str, ...],
    body: Optional[BinaryIO],
    allow_http: bool,
) -> None:
    """Ask the AdminServer for a command's answer.

    Without COMMAND the commands are listed. The answer is that of /commands/COMMAND, of the first server unless SERVER
    is given. Commands such as snapshot and restore want credentials: --auth digest:USER:FILE. They are sent over https,
    over http to this machine, and over http elsewhere with --allow-http only.

    \b
    Examples:
      zkc admin
      zkc admin watch_summary zk2:2181
      zkc admin set_trace_mask --param traceMask=306
      zkc admin restore --post snapshot.zk --auth digest:super:FILE
    """
    from zkc.cli.servers._ask import AskError

    asker = asker_of(app)
    one = asker.find(server)
    pairs = _pairs(parameters)
    try:
        if name is None:
            _list(app, asker, one)
            return
        if body is not None or name in CHANGING:
            app.check_writable()
            what = f"{'POST to ' if body is not None else 'run '}{name} of {one.name}"
            if app.dry_run:
                app.out.would([{"action": name, "server": one.name, "message": f"would {what}"}])
                return
            if body is not None:
                from zkc.cli._safety import confirm

                confirm(app, what, name)
        answer = _ask(app, asker, one, name, pairs, body, allow_http)
    except AskError as error:
        if name is not None and error.reason == "unknown_command":
            error = _unknown(asker, one, name, error)
        raise error.as_command_error(one) from None
    app.out.record({key: _flat(app, value) for key, value in answer.items() if key != "error"})


def _pairs(parameters: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in parameters:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise CommandError(f"--param {text!r} must be NAME=VALUE", ExitCode.USAGE, name="usage")
        pairs[key] = value
    return pairs


def _flat(app: App, value: Any) -> Any:
    """Return a member as a line shows it: JSON text for lists and objects."""
    return json.dumps(value) if isinstance(value, (dict, list)) and not app.out.is_json else value


def _unknown(asker: Asker, server: Server, name: str, error: AskError) -> AskError:
    """Return the error of a command that AdminServer does not have, with the names that are close to it."""
    import difflib

    from zkc.cli.servers._ask import AskError

    try:
        close = difflib.get_close_matches(name, _names(asker, server), 3)
    except AskError:
        return error
    advice = f"Did you mean {' or '.join(map(repr, close))}?" if close else "`zkc admin` lists its commands"
    return AskError(error.reason, f"AdminServer has no command {name!r}", advice=advice)


def _list(app: App, asker: Asker, server: Server) -> None:
    app.out.table(["command"], ({"command": each} for each in _names(asker, server)))


def _names(asker: Asker, server: Server) -> list[str]:
    """Return the names of AdminServer's commands."""
    from zkc.cli.servers._ask import AskError
    from zkc.cli.servers._http import check_status, read_all

    with asker.request(server, "") as response:
        page = read_all(response, asker.left).decode("utf-8", "replace")
        check_status(response, "the list of commands", None)
    names = re.findall(r'<a href="[^"]*">([^<]+)</a>', page)
    if not names:
        raise AskError("not_admin", "the port answers HTTP, and not as AdminServer: see --admin-port")
    return names


def _ask(
    app: App,
    asker: Asker,
    server: Server,
    name: str,
    pairs: dict[str, str],
    body: Optional[BinaryIO],
    allow_http: bool,
) -> dict[str, Any]:
    """Ask without credentials first, unless a body is sent: not every command gets to see a password."""
    from zkc.cli.servers._ask import AskError
    from zkc.cli.servers._credentials import headers_for

    method = "GET" if body is None else "POST"
    if body is None:
        try:
            with asker.request(server, name, pairs) as response:
                return asker.answer(response, name)
        except AskError as error:
            if error.reason != "unauthorized" or not app.settings.auth:
                raise
    headers, secure_only = headers_for(app, server, allow_http) if app.settings.auth else ({}, False)
    with asker.request(
        server, name, pairs, body=body, headers=headers, method=method, secure_only=secure_only
    ) as response:
        return asker.answer(response, name)
