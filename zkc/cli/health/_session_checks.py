"""The checks with a session: its timeout, its identity, the chroot, the times of requests, the clocks, the quotas."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional

from zkc.cli._connect import connect
from zkc.cli._text import duration_text, size_text
from zkc.cli.health._load import percentiles

if TYPE_CHECKING:
    from zkc import Client
    from zkc.cli._app import App
    from zkc.cli.health._findings import Report

__all__ = ["check_session"]

_COUNT = 20  # Requests of each kind that are measured.
_SLOW_READ, _SLOW_WRITE = 100.0, 500.0  # Milliseconds at the median, from which it is a warning.
_SKEW = 2.0  # Seconds.


def check_session(app: App, report: Report) -> Optional[Client]:
    """Open a session without the chroot, check what it shows, and return its client; None if there is none."""
    import click

    from zkc.errors import ZooKeeperError

    settings = app.settings
    servers = ",".join(settings.addresses)
    try:
        client = connect(app, dataclasses.replace(settings, servers=servers))
    except (ZooKeeperError, click.ClickException) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        report.problem("session", f"no session: {text}", "mend what was found above, or give the right options")
        return None
    for check in (_check_timeout, _check_identity, _check_chroot, _check_times, _check_quotas):
        try:
            check(app, client, report)
        except ZooKeeperError as error:
            report.problem(check.__name__.strip("_"), str(error), "see the servers' logs")
    return client


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


def _check_times(app: App, client: Client, report: Report) -> None:
    """Measure reads, writes and syncs, and compare the clocks, with an ephemeral znode of our own."""
    from zkc.errors import NoAuthError, NoNodeError, NotReadOnlyError

    chroot = app.settings.chroot
    reads = percentiles(_timed(lambda: client.exists(chroot)))
    _report_times(report, "read", reads, _SLOW_READ, "check the network, and the servers' load and garbage collection")
    if app.settings.read_only:
        report.note("write", "nothing was written, as --read-only wants it")
        return
    try:
        made = client.create(f"{chroot.rstrip('/')}/zkc-doctor-", b"", ephemeral=True, sequential=True)
    except (NoAuthError, NoNodeError, NotReadOnlyError) as error:
        report.note("write", f"writes were not measured: {error}", "authenticate, or give a chroot that may be written")
        return
    try:
        writes = percentiles(_timed(lambda: client.set(made, b"x" * 100)))
        _report_times(report, "write", writes, _SLOW_WRITE, "check the disks of the servers: each write is an fsync")
        syncs = percentiles(_timed(lambda: client.sync(made)))
        _report_times(report, "sync", syncs, _SLOW_WRITE, "check the network between the servers")
        before = time.time()
        stat = client.set(made, b"")
        _report_skew(report, stat.mtime / 1000 - (before + time.time()) / 2)
    finally:
        client.delete(made, missing_ok=True)


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
    """Report quotas that are used up, or nearly so."""
    from zkc.cli.servers._quotas import find_quotas, read_quota
    from zkc.errors import NoAuthError

    try:
        found = [read_quota(app, client, path) for path in find_quotas(app, client)]
    except NoAuthError:
        return
    for quota in found:
        if quota is not None:
            for kind, what in (("count", "znodes"), ("bytes", "bytes")):
                limits = [limit for name, limit in quota.limits.items() if kind in name and limit >= 0]
                _report_quota(report, quota.path, what, quota.used.get(kind, 0), min(limits, default=-1))


def _report_quota(report: Report, path: str, what: str, used: int, limit: int) -> None:
    if limit < 0 or used * 10 < limit * 9:
        return
    shown = f"{used:,} of {limit:,} {what}" if what == "znodes" else f"{size_text(used)} of {size_text(limit)}"
    advice = f"zkc du {path}; zkc quota set {path} raises the quota"
    if used >= limit:
        report.problem("quota", f"the quota of {path} is used up: {shown}", advice, path=path)
    else:
        report.warn("quota", f"the quota of {path} is nearly used up: {shown}", advice, path=path)
