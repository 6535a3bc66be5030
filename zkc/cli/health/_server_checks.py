"""The checks of each server by itself: its name, its port, what answers there, its mode, version and certificate."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from zkc.cli._reach import ADVICE, look
from zkc.cli._text import duration_text
from zkc.cli.health._quorum_checks import Modes
from zkc.cli.servers._ask import Asker, AskError, Server
from zkc.cli.servers._reach import connect_to, secure

if TYPE_CHECKING:
    from zkc.cli._settings import Settings
    from zkc.cli.health._findings import Report

__all__ = ["check_servers"]

_WITHIN = 4.0  # Seconds for all servers together.
_SOON = 14  # Days: a certificate that ends earlier is a warning.
_FAR = 10_000  # Transactions that a follower may be behind the leader at the moment of the question.

_Facts = dict[str, str]


class _Answer(NamedTuple):
    """The answer of a server."""

    taken: float
    """The time of a connection, in seconds."""
    text: str
    """The answer to srvr."""
    days: Optional[float]
    """The days until the certificate ends."""
    doubt: Optional[AskError]
    """Why the certificate would be refused, if --insecure did not accept all."""


def check_servers(settings: Settings, report: Report) -> Modes:
    """Check each server, all at the same time, and what they tell together; return the modes of those that serve."""
    asker = Asker(settings, within=_WITHIN)
    serving: list[tuple[Server, _Facts]] = []
    for server, answer in asker.each(lambda server: _ask(asker, server, settings)):
        facts = _report_answer(server, answer, report, settings)
        if facts is not None:
            serving.append((server, facts))
    _compare(serving, len(asker.servers), report)
    if serving:
        asker.restart(_WITHIN)
        _check_words(asker, {server for server, _ in serving}, report)
    return Modes(len(asker.servers), [(server.name, facts.get("Mode", "")) for server, facts in serving])


def _ask(asker: Asker, server: Server, settings: Settings) -> _Answer:
    """Ask a server, after a look at its certificate."""
    began = time.monotonic()
    days, doubt = None, None
    with contextlib.closing(connect_to(server, server.port, asker.left)) as plain:
        taken = time.monotonic() - began
        if settings.tls is not None:
            with contextlib.closing(secure(plain, server, settings.tls, asker.left)) as connection:
                days = _days_left(connection.getpeercert())
            if not settings.tls.verify:
                doubt = _doubt(asker, server, settings)
    return _Answer(taken, asker.word(server, "srvr"), days, doubt)


def _doubt(asker: Asker, server: Server, settings: Settings) -> Optional[AskError]:
    """Return why a certificate would be refused that --insecure accepts."""
    with contextlib.closing(connect_to(server, server.port, asker.left)) as plain:
        try:
            secure(plain, server, settings.tls, asker.left, verify=True).close()
        except AskError as error:
            return error if error.reason == "tls" else None
    return None


def _days_left(certificate: Any) -> Optional[float]:
    import ssl

    end = certificate.get("notAfter") if certificate else None
    return None if not end else (ssl.cert_time_to_seconds(end) - time.time()) / 86400


def _report_answer(
    server: Server, answer: Union[_Answer, AskError], report: Report, settings: Settings
) -> Optional[_Facts]:
    """Report what a server has answered; return its facts if it serves."""
    name = server.name
    if isinstance(answer, AskError):
        if answer.reason == "not_whitelisted":
            report.warn(
                "srvr",
                "the server does not answer the word srvr",
                "add srvr to 4lw.commands.whitelist in zoo.cfg: it tells the server's mode",
                server=name,
            )
            return {}
        _report_failure(server, answer, report, settings)
        return None
    taken, text, days, doubt = answer
    if taken > 0.5:
        report.warn("connect", f"a connection takes {duration_text(taken)}", "check the network to it", server=name)
    if days is not None and days < _SOON:
        report.warn("certificate", f"the certificate ends in {days:.0f} days", "have it renewed", server=name)
    if doubt is not None:
        what = f"the certificate is not verified, as --insecure wants it; it would be refused: {doubt.text}"
        report.warn("certificate", what, doubt.advice or "have it replaced", server=name)
    elif settings.tls is not None and not settings.tls.verify:
        what = "the certificate is not verified, as --insecure wants it, and would not be refused"
        report.note("certificate", what, "leave --insecure out", server=name)
    facts = dict(line.partition(": ")[::2] for line in text.splitlines())
    mode = facts.get("Mode", "")
    version = re.search(r"version: (\d+\.\d+\.\d+)", text)
    facts["version"] = version[1] if version else ""
    if mode == "read-only":
        report.problem(
            "read_only",
            "the server has no quorum, and answers only reads",
            "start more servers of the ensemble, and see why they do not reach each other",
            server=name,
        )
        return facts
    report.ok("server", f"{mode}, ZooKeeper {facts['version']}, connected in {duration_text(taken)}", server=name)
    return facts


def _report_failure(server: Server, error: AskError, report: Report, settings: Settings) -> None:
    """Report why a server does not answer, after a closer look at its port."""
    reason, text, name = error.reason, error.text, server.name
    advice = error.advice or ADVICE.get(reason, "")
    if reason in ("closed", "timeout", "failed", "not_tls", "wants_tls", "http") and settings.tls is None:
        found = look(f"{server.host}:{server.port}", 1.0)
        if found.reason not in ("zookeeper", "no_answer"):
            reason, text, advice = found.reason, found.text, ADVICE[found.reason]
        if reason == "closed":
            text += ": so does a server at its limit of connections from one address (maxClientCnxns)"
    if reason == "not_serving":
        reason, advice = "no_quorum", ADVICE["no_quorum"]
        text = "the server runs, and serves no clients: it has no quorum, or is about to start"
    if reason == "refused":
        advice += "; if it has ended by itself, see its log: a server ends when its disk is full"
    if reason == "not_tls":
        advice = "give the servers' secure port (secureClientPort), or leave the TLS options out"
    report.problem(reason, text, advice or "see the server's log", server=name)


def _compare(serving: list[tuple[Server, _Facts]], count: int, report: Report) -> None:
    """Report what several servers tell together: leaders, versions, and how far they are apart."""
    known = [(server, facts) for server, facts in serving if facts.get("Mode")]
    modes = [facts["Mode"] for _, facts in known]
    if modes.count("leader") > 1:
        report.problem(
            "leaders",
            "more than one server says that it leads: they are of different ensembles",
            "check --servers, and the server.N lines in zoo.cfg",
        )
    if count > 1 and "standalone" in modes:
        report.problem(
            "standalone",
            f"{modes.count('standalone')} of {count} servers run alone, each with data of its own",
            "give one server, or set up server.N lines in zoo.cfg for an ensemble",
        )
    versions = sorted({facts["version"] for _, facts in known if facts.get("version")})
    if len(versions) > 1:
        report.note(
            "versions",
            f"the servers have different versions: {', '.join(versions)}",
            "that is right for the time of an upgrade only",
        )
    zxids = {server.name: int(facts["Zxid"], 16) for server, facts in known if facts.get("Zxid", "").startswith("0x")}
    if len(zxids) > 1:
        newest = max(zxids.values())
        for name, zxid in zxids.items():
            if newest >> 32 != zxid >> 32 or newest - zxid > _FAR:
                report.warn(
                    "lag",
                    f"the server is at zxid {zxid:#x}, and another at {newest:#x}",
                    "look again; if it stays so, see the server's log and its disk",
                    server=name,
                )


def _check_words(asker: Asker, serving: set[Server], report: Report) -> None:
    """Report whether the servers tell enough to be watched: by mntr, or by AdminServer."""

    def ask(server: Server) -> Optional[str]:
        if server not in serving:
            return None
        try:
            asker.word(server, "mntr")
        except AskError as error:
            if error.reason != "not_whitelisted":
                raise
            asker.admin(server, "monitor")
        return None

    for server, answer in asker.each(ask):
        if isinstance(answer, AskError):
            report.warn(
                "monitoring",
                "the server tells no metrics: mntr is not in its 4lw.commands.whitelist, and its"
                f" AdminServer does not answer at port {server.admin_port}",
                "set 4lw.commands.whitelist=srvr,mntr,cons in zoo.cfg, or give --admin-port",
                server=server.name,
            )
