"""``zkc sessions``, ``zkc ephemerals`` and ``zkc watches``: clients, and what the servers hold for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

import click

from zkc.cli._app import App
from zkc.cli._exit import ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli.servers._options import admin_port_option, answers_missing, asker_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zkc.cli.servers._ask import Asker, AskError, Server

__all__ = ["ephemerals", "sessions", "watches"]

_T = TypeVar("_T")


class _Session(click.ParamType):
    """A session's id, as the servers write it: ``0x100038b42b40001``."""

    name = "session"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        from zkc.cli._records import hex_text

        try:
            number = int(str(value), 16)
        except ValueError:
            number = 0
        if not 0 < number < 1 << 64:
            self.fail(f"{value!r} is no session id: give it in hex, such as 0x100038b42b40001", param, ctx)
        return hex_text(number)


class _Answers:
    """The answers of all servers, and a warning for each that gave none."""

    def __init__(self, app: App, asker: Asker) -> None:
        self._app, self._asker = app, asker
        self.answered = self.failed = 0
        self.last: Optional[tuple[Server, AskError]] = None

    def of(self, ask: Callable[[Asker, Server], _T]) -> Iterator[tuple[Server, _T]]:
        """Yield the answers."""
        from zkc.cli.servers._ask import AskError

        for server, answer in self._asker.each(lambda server: ask(self._asker, server)):
            if isinstance(answer, AskError):
                self.failed += 1
                self.last = server, answer
            else:
                self.answered += 1
                yield server, answer

    def end(self) -> int:
        """Warn, and return the exit code. Raise when no server answered."""
        if self.last is None:
            return int(ExitCode.DONE)
        server, error = self.last
        if not self.answered:
            raise error.as_command_error(server)
        servers = self.failed + self.answered
        self._app.out.warn(f"{self.failed} of {servers} servers did not answer, such as {server.name}: {error}")
        return answers_missing(self._app, ExitCode.PARTLY, self.failed, servers)


@click.command(cls=Command)
@click.option("--all", "everything", is_flag=True, help="List connections without a session, too.")
@admin_port_option
@pass_app
def sessions(app: App, everything: bool) -> int:
    """List the sessions and connections of the servers.

    A line is a session: its id, its server, its client, the session timeout in ms, when the connection was made, the
    last operation, latency and packets. A session without a connection has no server: its client is gone, or is about
    to connect again. The sessions come from AdminServer, else from the four-letter words cons and dump.

    \b
    Examples:
      zkc sessions
      zkc sessions --json | jq '.[] | select(.outstanding > 10)'
    """
    from zkc.cli.servers._tables import connections_of, dump_of

    asker = asker_of(app)
    answers = _Answers(app, asker)
    found = [each for _, listed in answers.of(connections_of) for each in listed]
    connected = {each["session"] for each in found}
    asker.restart(asker.within)
    # Which sessions are without a connection is extra: without an answer to this question they are left out.
    known = {session for _, (listed, _) in _Answers(app, asker).of(dump_of) for session in listed}
    if not everything:
        found = [each for each in found if each["session"] is not None]
    found.sort(key=lambda each: (each["session"] or "", each["server"]))
    found.extend({**dict.fromkeys(_SESSION), "session": session} for session in sorted(known - connected))
    with app.out.rows(_SESSION, _drawn_sessions) as rows:
        for each in found:
            rows.add(each)
    return answers.end()


_SESSION = ["session", "server", "client", "timeout_ms", "established", "last_operation", "latency_avg", "latency_max",
            "received", "sent", "outstanding"]  # fmt: skip


def _drawn_sessions(records: list[dict[str, Any]]) -> RenderableType:
    from rich.table import Table

    from zkc.cli._draw import cell

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("session", no_wrap=True)
    for title in ("server", "client"):
        table.add_column(title, overflow="fold")
    for title in ("timeout", "last", "avg ms", "requests", "open"):
        table.add_column(title, justify="left" if title == "last" else "right", no_wrap=True)
    names = ("session", "server", "client", "timeout_ms", "last_operation", "latency_avg", "received", "outstanding")
    for record in records:
        timeout = record["timeout_ms"]
        shown = {**record, "timeout_ms": None if timeout is None else f"{timeout / 1000:g} s"}
        table.add_row(*(cell(shown[name]) for name in names))
    return table


@click.command(cls=Command)
@click.argument("path", type=PATH, required=False)
@click.option("--session", type=_Session(), metavar="ID", help="The ephemerals of this session only.")
@admin_port_option
@pass_app
def ephemerals(app: App, path: Optional[str], session: Optional[str]) -> int:
    """List ephemeral znodes and the sessions that own them.

    With PATH only those at it and below it. CLIENT is the address of the session's connection, if a server tells. The
    list comes from AdminServer, else from the four-letter word dump. If both are refused, the whole tree is read
    instead, which takes longer and leaves out what may not be read.

    \b
    Examples:
      zkc ephemerals /app
      zkc ephemerals --session 0x100038b42b40001
    """
    from zkc.cli.servers._tables import clients_of

    asker = asker_of(app)
    owned = _owned(app, asker)
    asker.restart(asker.within)
    clients = clients_of(asker)
    prefix = "" if path in (None, "/") else path
    with app.out.rows(["path", "session", "server", "client"], _drawn_ephemerals) as rows:
        for each, owner in owned:
            if (session is None or owner == session) and (not prefix or f"{each}/".startswith(f"{prefix}/")):
                server_name, client = clients.get(owner, (None, None))
                rows.add({"path": each, "session": owner, "server": server_name, "client": client})
    return int(ExitCode.DONE)


def _drawn_ephemerals(records: list[dict[str, Any]]) -> RenderableType:
    from zkc.cli._draw import table

    return table(["path", "session", "server", "client"], records, ["path", "session", "server", "client"])


def _owned(app: App, asker: Asker) -> list[tuple[str, str]]:
    """Return the ephemerals below the chroot as (path, session), by path."""
    from zkc.cli.servers._tables import below, dump_of

    chroot = app.settings.chroot
    for _, (_, owned) in _Answers(app, asker).of(dump_of):
        found = ((below(path, chroot), session) for session, paths in owned.items() for path in paths)
        return sorted((path, session) for path, session in found if path is not None)
    from zkc.cli._progress import progress
    from zkc.cli._records import hex_text
    from zkc.cli._walk import Unreadable, walk

    app.out.note("no server lists its ephemerals (dump is refused, and AdminServer): reading the tree instead")
    with progress(app, "reading") as done, Unreadable(app) as unreadable:
        return [
            (node.path, hex_text(node.stat.ephemeral_owner))
            for node in unreadable.noted(done.passing(walk(app, "/")))
            if node.stat.ephemeral_owner
        ]


@click.command(cls=Command)
@click.argument("path", type=PATH, required=False)
@click.option("--session", type=_Session(), metavar="ID", help="The watches of this session only.")
@click.option("--summary", is_flag=True, help="Print numbers only, which is cheap for the servers.")
@admin_port_option
@pass_app
def watches(app: App, path: Optional[str], session: Optional[str], summary: bool) -> int:
    """List the watches that the servers hold.

    A line is "server, session, path". With PATH only those at it and below it. Each server holds the watches of its own
    clients. The list comes from AdminServer, else from the four-letter word wchc. A server with very many watches works
    hard to answer: begin with --summary.

    \b
    Examples:
      zkc watches --summary
      zkc watches /app
    """
    from zkc.cli.servers._tables import below, watches_of, watches_summary_of

    answers = _Answers(app, asker_of(app))
    if summary:
        records = [record for _, record in answers.of(watches_summary_of)]
        app.out.table(["server", "connections", "paths", "watches"], records)
        return answers.end()
    prefix = "" if path in (None, "/") else path
    found = []
    for server, listed in answers.of(watches_of):
        for owner, absolute in listed:
            each = below(absolute, app.settings.chroot)
            if each is None or (session is not None and owner != session):
                continue
            if not prefix or f"{each}/".startswith(f"{prefix}/"):
                found.append({"server": server.name, "session": owner, "path": each})
    app.out.table(["server", "session", "path"], found)
    return answers.end()
