"""``zkc metrics``: all that the servers measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli.servers._options import admin_port_option, answers_missing, asker_of

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("pattern", required=False)
@click.option("--server", metavar="SERVER", help="Ask this server only: a host, or host:port.")
@admin_port_option
@pass_app
def command(app: App, pattern: Optional[str], server: Optional[str]) -> int:
    """Print the metrics of the servers.

    They come from AdminServer's monitor, else from the four-letter word mntr. The names are those of monitor: mntr has
    them with the prefix zk_. PATTERN, such as '*latency*', chooses some. In a pipe a line is "server, tab, name, tab,
    value".

    \b
    Examples:
      zkc metrics
      zkc metrics '*watch*'
      zkc metrics --json | jq '.[0].metrics.znode_count'
    """
    from zkc.cli._paths import glob_matcher
    from zkc.cli.servers._ask import AskError
    from zkc.cli.servers._facts import metrics_of

    asker = asker_of(app)
    matches = glob_matcher(pattern) if pattern else None
    only = None if server is None else asker.find(server)
    if only is not None:
        asker.keep(only)
    failed = 0
    answers: dict[str, dict[str, Any]] = {}
    for each, answer in asker.each(lambda each: metrics_of(asker, each)):
        if isinstance(answer, AskError):
            if only is not None:
                raise answer.as_command_error(each)
            failed += 1
            app.out.warn(f"{each.name}: {answer}")
            continue
        answers[each.name] = {name: answer[name] for name in sorted(answer) if matches is None or matches(name)}
    _print(app, answers)
    if failed:
        code = ExitCode.PARTLY if answers else ExitCode.NO_CONNECTION
        return answers_missing(app, code, failed, failed + len(answers))
    return int(ExitCode.DONE if any(answers.values()) else ExitCode.NO)


def _print(app: App, answers: dict[str, dict[str, Any]]) -> None:
    if app.out.is_json:
        app.out.table([], ({"server": name, "metrics": metrics} for name, metrics in answers.items()))
    elif app.out.is_human:
        names = sorted({name for metrics in answers.values() for name in metrics})
        if names:
            app.out.draw(_drawn(names, answers))
    else:
        records = (
            {"server": server, "name": name, "value": value}
            for server, metrics in answers.items()
            for name, value in metrics.items()
        )
        app.out.table(["server", "name", "value"], records)


def _drawn(names: list[str], answers: dict[str, dict[str, Any]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    from zkc.cli._text import shown

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("metric")
    for server in answers:
        table.add_column(Text(shown(server, lines=False)), justify="right", overflow="fold")
    for name in names:
        values = (Text(shown(str(metrics.get(name, "-")), lines=False)) for metrics in answers.values())
        table.add_row(Text(shown(name, lines=False)), *values)
    return table
