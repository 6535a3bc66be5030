"""The check of the quorum: which server leads, how many of the voting ones serve, and how many more may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from zkc import Client
    from zkc.cli._app import App
    from zkc.cli.health._findings import Report

__all__ = ["Modes", "check_quorum"]


class Modes(NamedTuple):
    """The modes that the servers of the connection string have."""

    asked: int
    """The number of servers that were asked."""
    serving: list[tuple[str, str]]
    """The names of those that serve, each with its mode; an empty mode is unknown."""


def check_quorum(app: App, client: Optional[Client], modes: Modes, report: Report) -> None:
    """Report the leader, and how many voting servers serve. A server alone has neither.

    Args:
        app: What the command works with.
        client: A client without a chroot; None if there is no session.
        modes: What the servers have told.
        report: Takes the findings.
    """
    voting = [name for name, mode in modes.serving if mode in ("leader", "follower")]
    if not voting:
        return
    voters = None if client is None else _voters(app, client)
    observers = sum(mode == "observer" for _, mode in modes.serving)
    unknown = sum(not mode for _, mode in modes.serving)
    asked = modes.asked - observers
    leaders = [name for name, mode in modes.serving if mode == "leader"]
    if len(leaders) == 1:
        report.ok("leader", "the server leads", server=leaders[0])
    if voters is None:
        voters = asked
    if voters == 0:
        report.note("quorum", f"{len(voting)} voting servers serve; their votes have weights", "see zkc config --raw")
        return
    if asked < voters or unknown:
        what = f"{asked} of {voters} voting servers" if asked < voters else "servers that do not tell their mode"
        report.note(
            "quorum",
            f"--servers names {what}: it is not known how many more may be lost",
            "give all servers, as zkc config --connection-string prints them, and add srvr to 4lw.commands.whitelist",
        )
        return
    if not leaders and len(voting) == voters:
        report.note("leader", "no server says that it leads", "look again: maybe they elect one")
    _report_quorum(report, len(voting), voters)


def _report_quorum(report: Report, serving: int, voters: int) -> None:
    spare = serving - (voters // 2 + 1)
    text = f"{serving} of {voters} servers serve"
    if spare > 0:
        loss = f"the loss of {spare} more" if serving < voters else f"the loss of {spare}"
        text = f"{text}: the ensemble goes on after {loss}"
        if serving == voters:
            report.ok("quorum", text)
        else:
            report.warn("quorum", text, "start the others: what was found there is above")
    elif serving < voters:
        report.warn(
            "quorum", f"{text}: one more loss stops the ensemble", "start the others: what was found there is above"
        )
    else:
        report.note(
            "quorum", f"{text}: the loss of one stops the ensemble", "an ensemble of three servers goes on after a loss"
        )


def _voters(app: App, client: Client) -> Optional[int]:
    """Return the number of voting servers in the ensemble's configuration.

    Returns:
        None if it cannot be read or names no server, and 0 if the votes have weights.
    """
    from zkc.cli.servers.config import parse_config
    from zkc.errors import ZooKeeperError

    try:
        data, _ = app.read(client.get_config)
    except ZooKeeperError:
        return None
    if b"weight." in (data or b""):
        return 0
    members, _ = parse_config((data or b"").decode("utf-8", "replace"))
    return sum(each["role"] == "participant" for each in members) or None
