"""``zkc txnlog``: the transaction logs of a server, read without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import hex_text
from zkc.cli._text import encodable, shown, time_text
from zkc.cli.offline._chosen import MOMENT, SESSION, TYPES, Chosen, Moment

if TYPE_CHECKING:
    from zkc.cli.offline._txns import Operation, Txn

__all__ = ["command"]

_WIDTHS = (14, 24, 19, 11, 16)  # Fixed, so that a line can be written before the next is known.
_TITLES = ("zxid", "time", "session", "cxid", "type")


@click.command(cls=Command)
@click.argument("name", metavar="DIR|FILE")
@click.option("-f", "--follow", is_flag=True, help="Wait for more transactions, in new files too; Ctrl-C ends it.")
@click.option("--path", "paths", type=PATH, multiple=True, metavar="PATH",
              help="Only what changes this znode or one below it, or the paths that fit a pattern.")  # fmt: skip
@click.option("--session", "sessions", type=SESSION, multiple=True, metavar="ID", help="Only what this session did.")
@click.option("--type", "types", type=click.Choice(TYPES), multiple=True, metavar="TYPE",
              help=f"Only this type: {', '.join(TYPES)}.")  # fmt: skip
@click.option("--since", type=MOMENT, metavar="ZXID|TIME|AGE", help="Begin with this zxid, or with this time.")
@click.option("--until", type=MOMENT, metavar="ZXID|TIME|AGE", help="End with this zxid, or with this time.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after N transactions.")
@click.option("--data", is_flag=True, help="Show the begin of the data, too. JSON always has them.")
@pass_app
def command(app: App, name: str, follow: bool, paths: tuple[str, ...], sessions: tuple[int, ...],
            types: tuple[str, ...], since: Optional[Moment], until: Optional[Moment], count: Optional[int],
            data: bool) -> None:  # fmt: skip
    """Read a server's transaction logs.

    DIR is the dataLogDir or dataDir of a server, FILE one log. It needs neither a server nor Java, and the server may
    run. Each line has the zxid, the time, the session, the number of the request in its session, the type, the path,
    and what else is known. A multi has a line for each of its operations.

    Damaged records are left out with a warning: exit code 8. So is a last record that is not complete.

    \b
    Examples:
      zkc txnlog /var/lib/zookeeper
      zkc txnlog -f --path /app /var/lib/zookeeper
      zkc txnlog --since 1h --type delete --type multi /var/lib/zookeeper
      zkc txnlog --session 0x1000003a2b10001 --json log.1f
    """
    from zkc.cli.offline._log_files import Logs

    if since is not None and until is not None and since.after(until):
        raise click.UsageError("--since is after --until: no transaction can be between them")
    chosen = Chosen(paths, sessions, types, since, until)
    first = since.zxid if since is not None and since.zxid is not None else 0
    logs = Logs(name, app.out.warn, first=first, follow=follow, wants=chosen.wants, idle=app.out.flush)
    if app.out.is_human:
        titles = _line(_TITLES) + "  path"
        app.out.styled(click.style(titles, bold=True) if app.out.colors else titles)
    left = count
    with app.out.rows(["zxid", "time", "session", "cxid", "type", "path", "detail"]) as rows:
        for file, record in logs:
            if chosen.ended(record.txn):
                break
            if not chosen.takes(record.txn):
                continue
            if app.out.is_json:
                rows.add({**record.txn.record(), "file": file, "offset": record.offset})
            else:
                for row in _rows(record.txn, data):
                    if app.out.is_human:
                        app.out.styled(_human(row))
                    else:
                        rows.add(row)
            if left is not None:
                left -= 1
                if not left:
                    break
    logs.check()


def _rows(txn: Txn, data: bool) -> list[dict[str, Any]]:
    """Return a row for each operation of a transaction."""
    head = {
        "zxid": hex_text(txn.zxid),
        "time": time_text(txn.time),
        "session": hex_text(txn.session),
        "cxid": txn.cxid,
    }
    if not txn.operations:
        return [{**head, "type": txn.type, "path": None, "detail": ""}]
    prefix = "multi/" if txn.type == "multi" else ""
    return [
        {**head, "type": prefix + each.type, "path": each.path, "detail": _detail(each, data)}
        for each in txn.operations
    ]


def _detail(operation: Operation, data: bool) -> str:
    facts = operation.facts
    parts = []
    if facts.get("ephemeral"):
        parts.append("ephemeral")
    if "ttl" in facts:
        parts.append(f"ttl {facts['ttl']:g} s")
    if "timeout" in facts:
        parts.append(f"timeout {facts['timeout']:g} s")
    if "error" in facts:
        parts.append(f"{facts['error']} ({facts['code']})")
    parts += [f"version {facts[name]}" for name in ("version", "aversion") if name in facts]
    if operation.type == "set_acl":
        parts += [f"{each['scheme']}:{each['id']}:{each['perms']}" for each in facts["acl"]]
    if facts.get("paths"):
        parts.append("deletes " + " ".join(facts["paths"]))
    if operation.has_data:
        parts.append("null" if operation.data is None else f"{len(operation.data):,} bytes")
        if data and operation.data:
            from zkc.cli.read.tree import begin_of_data

            parts[-1] += " = " + begin_of_data(operation.data)
    # A line is a record: names and data may have newlines and tabs.
    return ", ".join(parts).replace("\n", "\\n").replace("\t", "\\t")


def _line(cells: Any) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS))


def _human(row: dict[str, Any]) -> str:
    cells = (row["zxid"], row["time"].replace("T", " "), row["session"], row["cxid"], row["type"])
    text = shown(_line(cells), lines=False)
    for more in (row["path"], row["detail"]):
        if more:
            text += "  " + shown(encodable(more), lines=False)
    return text
