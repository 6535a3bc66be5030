"""``zkc status``: the state of every server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zkc.cli._app import App
from zkc.cli._exit import ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli.servers._options import admin_port_option, asker_of, within_option

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["command"]

_COLUMNS = ["server", "mode", "version", "zxid", "lag", "connections", "latency_avg", "latency_max", "outstanding",
            "znodes", "watches", "via", "error", "message"]  # fmt: skip


@click.command(cls=Command)
@within_option
@admin_port_option
@pass_app
def command(app: App, within: float) -> int:
    """Print the mode, version and load of each server.

    Every server of the connection string is asked, not only the one that a session would find. AdminServer comes first,
    then the four-letter words srvr and mntr; the answer says which of them refused. A server that is down is a row with
    the reason. Lag is the number of transactions behind the leader. Latency is in milliseconds, since the server's
    start.

    The exit code is 0 when all servers serve, 8 when some do not, and 6 when none does.

    \b
    Examples:
      zkc status
      zkc status --admin-port 8081
      zkc status --json | jq '.[] | select(.error)'
    """
    from zkc.cli.servers._ask import AskError
    from zkc.cli.servers._facts import add_lags, down_record, facts_of

    asker = asker_of(app, within)
    answers = asker.each(lambda server: facts_of(asker, server))
    records = [down_record(server, answer) if isinstance(answer, AskError) else answer for server, answer in answers]
    add_lags(records)
    with app.out.rows(_COLUMNS, _drawn) as rows:
        for record in records:
            record.pop("counters", None)
            rows.add(record)
    down = [record for record in records if record["error"]]
    if not down:
        return int(ExitCode.DONE)
    if not app.out.is_json:  # Else the error says it.
        app.out.note(not_serving(records))
    code = ExitCode.NO_CONNECTION if len(down) == len(records) else ExitCode.PARTLY
    return app.ends_with(code, not_serving(records), failed=len(down), servers=len(records))


def not_serving(records: list[dict[str, Any]]) -> str:
    """Return how many of the servers do not serve."""
    down = sum(bool(record["error"]) for record in records)
    return f"{down} of {len(records)} servers {'does' if down == 1 else 'do'} not serve"


def _drawn(records: list[dict[str, Any]]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from zkc.cli._text import shown

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for title in ("server", "mode", "version"):
        table.add_column(title, no_wrap=title != "server", overflow="fold")
    for title in ("zxid", "lag", "conns", "avg/max ms", "znodes", "watches"):
        table.add_column(title, justify="right", no_wrap=True)
    lines: list[Text] = []
    for record in records:
        name = Text(shown(record["server"], lines=False))
        if record["error"]:
            mode = Text(record["error"].replace("_", " "), style="bold red")
            table.add_row(name, mode, *["-"] * 7)
            told = shown(record["message"], lines=False)
            lines.append(Text.assemble(("! ", "bold red"), told if told.startswith(str(name)) else f"{name}: {told}"))
            continue
        style = {"leader": "bold green", "standalone": "green", "read-only": "yellow"}.get(record["mode"], "")
        table.add_row(name, Text(str(record["mode"]), style=style), *map(_text, (
            record["version"], record["zxid"], record["lag"], record["connections"], latency_text(record),
            record["znodes"], record["watches"])))  # fmt: skip
    lines.extend(refusals(records))
    return Group(table, *([Text(), *lines] if lines else []))


def _text(value: object) -> str:
    from zkc.cli._text import shown

    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else shown(str(value), lines=False)


def latency_text(record: dict[str, Any]) -> str:
    """Return the average and the maximum latency of a record, in milliseconds."""
    if record["latency_avg"] is None:
        return "-"
    return f"{record['latency_avg']:.1f}/{record['latency_max']:.0f}"


def refusals(records: list[dict[str, Any]]) -> list[Any]:
    """Return what refused to answer, a line for each kind of reason."""
    from rich.text import Text

    from zkc.cli._text import shown

    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        for refusal in record["refused"]:
            groups.setdefault((refusal["what"], refusal["reason"]), []).append({**refusal, "server": record["server"]})
    lines = []
    for (what, reason), group in groups.items():
        where = "all servers" if len(group) == len(records) > 1 else ", ".join(each["server"] for each in group)
        text = group[0]["message"] if len(group) == 1 else reason.replace("_", " ")
        lines.append(Text(shown(f"{what} on {where}: {text}", lines=False), style="dim"))
    return lines
