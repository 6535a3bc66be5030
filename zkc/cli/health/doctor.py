"""``zkc doctor``: what is wrong, and what to do."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from zkc.cli._app import App
from zkc.cli._exit import ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._types import DURATION

if TYPE_CHECKING:
    from zkc.cli.health._findings import Report

__all__ = ["command"]


@click.command(cls=Command)
@click.option("--deep", is_flag=True, help="Look at the whole tree, however long that takes.")
@click.option("--no-tree", is_flag=True, help="Do not look at the tree.")
@click.option("--lock-age", type=DURATION, default="10m", show_default=True, metavar="DURATION",
              help="A lock that others wait for is a warning from this age on; a younger one is a note.")  # fmt: skip
@pass_app
def command(app: App, deep: bool, no_tree: bool, lock_age: float) -> int:
    """Find out what is wrong, and say what to do.

    The command looks at each server (its name, port, certificate, mode, version), at what the servers tell together
    (leader, quorum, versions, zxids), opens a session (timeout, identity, chroot, times of requests, clocks, quotas),
    and looks through the tree for three seconds (very wide znodes, large data, znodes that may not be read, locks that
    others wait for: a warning if they are certainly held for longer than --lock-age).

    At the end it writes four times to one ephemeral znode of its own: a create and three sets. A server whose disk is
    full ends at such a write. With --read-only or --dry-run the command writes nothing but its session.

    The exit code is 0 if nothing is wrong, and 1 if there are warnings or problems.

    \b
    Examples:
      zkc doctor
      zkc doctor --json | jq '.[] | select(.level == "problem")'
    """
    from zkc.cli.health._findings import Report
    from zkc.cli.health._quorum_checks import check_quorum
    from zkc.cli.health._server_checks import check_servers
    from zkc.cli.health._session_checks import check_session, check_writes, is_lost, report_error
    from zkc.cli.health._tree_checks import check_tree
    from zkc.errors import ZooKeeperError

    report = Report()
    modes = check_servers(app.settings, report)
    if modes.serving:
        client = check_session(app, report)
        check_quorum(app, client, modes, report)
        if client is not None:
            writes = True
            with contextlib.closing(client):
                try:
                    if not no_tree and not report.has(["chroot"]):
                        check_tree(app, client, report, 1e9 if deep else 3.0, lock_age)
                except ZooKeeperError as error:
                    report_error(report, "tree", error)
                    writes = not is_lost(error)
                if writes:
                    check_writes(app, client, report)
    else:
        report.problem("ensemble", "no server serves", "mend what was found above")
    _print(app, report)
    return int(ExitCode.DONE if report.is_well else ExitCode.NO)


_STYLES = {"ok": ("✓", "green"), "note": ("·", "cyan"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def _print(app: App, report: Report) -> None:
    if not app.out.is_human:
        app.out.table(["level", "check", "server", "text", "advice"], (each.record() for each in report.findings))
        return
    from rich.text import Text

    from zkc.cli._text import shown

    for each in report.findings:
        mark, style = _STYLES[each.level]
        where = f"{each.server}: " if each.server else ""
        app.out.draw(Text.assemble((f"{mark} ", style), shown(where + each.text, lines=False)))
        if each.advice and each.level != "ok":
            app.out.draw(Text(f"  → {shown(each.advice, lines=False)}", "bold" if each.level == "problem" else ""))
    bad = sum(each.level in ("warning", "problem") for each in report.findings)
    app.out.note("nothing is wrong" if not bad else f"{bad} finding{'s' if bad != 1 else ''}")
