"""The checks with a session: its timeout, its identity, the chroot, the times of requests, the clocks, the quotas.

The check that writes comes after all others: a server with a full disk ends at the first write.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional

from zkc.cli._connect import connect
from zkc.cli._errors import for_people
from zkc.cli._exit import ExitCode
from zkc.cli._reach import look
from zkc.cli._text import duration_text
from zkc.cli.health._load import percentiles

if TYPE_CHECKING:
    from zkc import Client
    from zkc.cli._app import App
    from zkc.cli.health._findings import Report
    from zkc.errors import ZooKeeperError

__all__ = ["check_session", "check_writes", "is_lost", "report_error"]

_COUNT = 20  # Reads and syncs that are measured.
_WRITES = 3  # Each is in the log of every server.
_SLOW_READ, _SLOW_WRITE = 100.0, 500.0  # Milliseconds at the median, from which it is a warning.
_SKEW = 2.0  # Seconds.
_ENDING = 2.0  # Seconds that the port of a server may stay open when its process ends.
_QUOTA_OPTIONS = {"count": "-n N", "bytes": "-b SIZE", "hard_count": "-N N", "hard_bytes": "-B SIZE"}


def check_session(app: App, report: Report) -> Optional[Client]:
    """Open a session without the chroot, check what it shows, and return its client; None if there is none."""
    import click

    from zkc.errors import ZooKeeperError

    settings = app.settings
    servers = ",".join(settings.addresses)
    try:
        client = connect(app, dataclasses.replace(settings, servers=servers))
    except (ZooKeeperError, click.ClickException) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else for_people(error)
        report.problem("session", f"no session: {text}", "mend what was found above, or give the right options")
        return None
    for name, check in (("session", _check_timeout), ("identity", _check_identity), ("chroot", _check_chroot),
                        ("read", _check_reads), ("quota", _check_quotas)):  # fmt: skip
        try:
            check(app, client, report)
        except ZooKeeperError as error:
            report_error(report, name, error)
            if is_lost(error):  # Each of the others would wait for the timeout.
                client.close()
                return None
    return client


def is_lost(error: ZooKeeperError) -> bool:
    """Return whether an error says that the connection is lost, or the session."""
    from zkc.cli._errors import exit_code_of

    return exit_code_of(error) in (ExitCode.NO_CONNECTION, ExitCode.SESSION_EXPIRED)


def _loss(error: ZooKeeperError) -> str:
    from zkc.errors import OperationTimeoutError, RequestTimeoutError

    if isinstance(error, (OperationTimeoutError, RequestTimeoutError)):
        return "no reply came in time"
    return "the connection was lost"


def report_error(report: Report, name: str, error: ZooKeeperError) -> None:
    """Report an error that has ended a check."""
    if is_lost(error):
        text = f"{_loss(error)} in the middle of the check"
        report.problem(name, text, "see the servers' logs and disks, and the network")
    else:
        report.problem(name, for_people(error), "see the servers' logs")


def _check_timeout(app: App, client: Client, report: Report) -> None:
    asked, got = app.settings.session_timeout, client.negotiated_timeout
    text = f"a session of {got:g} s at {client.server}"
    if abs(asked - got) > 0.01:
        report.note(
            "timeout",
            f"{text}; {asked:g} s were asked for",
            "the servers allow 2 to 20 ticks: minSessionTimeout, maxSessionTimeout",
        )
    else:
        report.ok("session", text)


def _check_identity(app: App, client: Client, report: Report) -> None:
    from zkc.errors import UnimplementedError

    try:
        identities = ", ".join(f"{each.scheme}:{each.user}" for each in client.whoami())
    except UnimplementedError:
        return
    report.ok("identity", f"the session is {identities}")
    if app.settings.auth and "digest:" not in identities:
        report.problem("identity", "the servers did not take the digest credentials", "check --auth")


def _check_chroot(app: App, client: Client, report: Report) -> None:
    chroot = app.settings.chroot
    if chroot != "/" and client.exists(chroot) is None:
        report.problem(
            "chroot",
            f"the chroot {chroot} does not exist",
            f"zkc -s {app.settings.addresses[0]} create -P {chroot}",
            path=chroot,
        )


def _check_reads(app: App, client: Client, report: Report) -> None:
    reads = percentiles(_timed(lambda: client.exists(app.settings.chroot)))
    _report_times(report, "read", reads, _SLOW_READ, "check the network, and the servers' load and garbage collection")


def check_writes(app: App, client: Client, report: Report) -> None:
    """Measure writes and syncs, and compare the clocks, with an ephemeral znode of our own.

    The end of the session deletes the znode: a call to delete it would be one more write.
    """
    from zkc.errors import NoAuthError, NoNodeError, NotReadOnlyError, ZooKeeperError

    for option, given in (("--read-only", app.settings.read_only), ("--dry-run", app.dry_run)):
        if given:
            report.note("write", f"nothing was written, as {option} wants it")
            return
    server = client.server
    try:
        made = client.create(f"{app.settings.chroot.rstrip('/')}/zkc-doctor-", b"", ephemeral=True, sequential=True)
    except (NoAuthError, NoNodeError, NotReadOnlyError) as error:
        report.note(
            "write",
            f"writes were not measured: {for_people(error)}",
            "authenticate, or give a chroot that may be written",
        )
        return
    except ZooKeeperError as error:
        _report_write_error(app, report, server, error)
        return
    name = "write"
    try:
        writes = []
        for _ in range(_WRITES):
            before, began = time.time(), time.perf_counter()
            stat = client.set(made, b"x" * 100)
            writes.append(time.perf_counter() - began)
            skew = stat.mtime / 1000 - (before + time.time()) / 2
        advice = "check the disks of the servers: each write is an fsync"
        _report_times(report, "write", percentiles(writes), _SLOW_WRITE, advice)
        name = "sync"
        syncs = percentiles(_timed(lambda: client.sync(made)))
        _report_times(report, "sync", syncs, _SLOW_WRITE, "check the network between the servers")
        _report_skew(report, skew)
    except ZooKeeperError as error:
        if name == "write":
            _report_write_error(app, report, server, error)
        else:
            report_error(report, name, error)


def _report_write_error(app: App, report: Report, server: Optional[str], error: ZooKeeperError) -> None:
    """Report a write that failed. A server whose disk is full ends when it writes to its log."""
    if not is_lost(error):
        report.problem("write", f"a write fails: {for_people(error)}", "see the servers' logs")
        return
    text = f"{_loss(error)} during the write check"
    if server is not None:
        end = time.monotonic() + _ENDING
        # With tls=True the port is only tried, which is all that is wanted here.
        while look(server, 1.0, tls=True).reason != "refused" and time.monotonic() < end:
            time.sleep(0.1)
        if time.monotonic() < end:
            text = "the server went away during the write check: no process listens there any more"
    report.problem(
        "write",
        text,
        "see its log and its disk: a server whose disk is full ends at the first write;"
        " zkc doctor --read-only writes nothing",
        server=server,
    )


def _timed(call: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(_COUNT):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return times


def _report_times(report: Report, name: str, times: dict[str, float], slow: float, advice: str) -> None:
    text = f"a {name} takes {times['p50_ms']:.1f} ms at the median, {times['max_ms']:.1f} ms at most"
    if times["p50_ms"] > slow:
        report.warn(name, text, advice)
    else:
        report.ok(name, text)


def _report_skew(report: Report, seconds: float) -> None:
    if abs(seconds) > _SKEW:
        where = "ahead of" if seconds > 0 else "behind"
        report.warn(
            "clock",
            f"the leader's clock is {duration_text(abs(seconds))} {where} this machine's",
            "let NTP set both clocks: the times of znodes, and TTLs, come from the leader's",
        )
    else:
        report.ok("clock", f"the leader's clock is within {_SKEW:g} s of this machine's")


# ---- quotas ---------------------------------------------------------------------------------------------------------


def _check_quotas(app: App, client: Client, report: Report) -> None:
    """Report limits of quotas that are reached, or nearly so."""
    from zkc.cli.servers._quotas import find_quotas, read_quota
    from zkc.errors import NoAuthError

    try:
        found = [read_quota(app, client, path) for path in find_quotas(app, client)]
    except NoAuthError:
        return
    for quota in found:
        if quota is not None:
            for name, limit in quota.limits.items():
                _report_limit(
                    report, quota.path, name, quota.used.get("bytes" if "bytes" in name else "count", 0), limit
                )


def _report_limit(report: Report, path: str, name: str, used: int, limit: int) -> None:
    """Report a limit that is reached or nearly so. The servers refuse what exceeds a hard one, and log a soft one."""
    if limit < 0 or used * 10 < limit * 9:
        return
    unit, look_at = ("bytes", "du") if "bytes" in name else ("znodes", "wide")
    shown = f"{used:,} of {limit:,} {unit}"  # Exact: a rounded size would hide what is left.
    advice = f"zkc {look_at} {path}; zkc quota set {path} {_QUOTA_OPTIONS[name]} raises the limit"
    if name.startswith("hard_"):
        if used >= limit:
            text = f"the hard limit of {path} is reached: {shown}; servers that enforce quotas refuse more"
            report.problem("quota", text, advice, path=path)
        else:
            report.warn("quota", f"the hard limit of {path} is nearly reached: {shown}", advice, path=path)
    elif used > limit:
        text = f"the soft limit of {path} is exceeded: {shown}; the servers log that, and refuse nothing"
        report.warn("quota", text, advice, path=path)
    else:
        report.note("quota", f"the soft limit of {path} is nearly reached: {shown}", advice, path=path)
