"""``zkc quota``: limits for the number of znodes and bytes below a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Group, pass_app
from zkc.cli._paths import PATH
from zkc.cli._types import MOST, SIZE

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["command"]

_COLUMNS = ["path", "used_count", "count", "hard_count", "used_bytes", "bytes", "hard_bytes", "exceeded"]


@click.group(cls=Group)
def command() -> None:
    """Read, set and remove quotas.

    A quota limits the number of znodes, and the bytes of their data, at a path and below it. Above a soft limit the
    servers log a warning. Above a hard limit they refuse creates and sets, if they run 3.7 or later with
    enforceQuota=true. Quotas do not nest.

    \b
    Examples:
      zkc quota set /app --count 10000 --hard-bytes 50MB
      zkc quota ls
      zkc quota rm /app
    """


@command.command("ls")
@click.argument("path", type=PATH, required=False)
@pass_app
def ls(app: App, path: Optional[str]) -> None:
    """List the quotas at a path and below it, or all quotas.

    \b
    Examples:
      zkc quota ls
      zkc quota ls /app --json | jq '.[] | select(.exceeded != [])'
    """
    _list(app, path or app.folder)


@command.command("get")
@click.argument("path", type=PATH, required=False)
@pass_app
def get(app: App, path: Optional[str]) -> None:
    """Print the quota of a path, or all quotas.

    The numbers of znodes count the path itself. Without a quota at PATH the exit code is 3.

    \b
    Examples:
      zkc quota get /app
      zkc quota get --json | jq '.[] | select(.exceeded != [])'
    """
    from zkc.cli.servers._quotas import read_quota, root_client

    if path is None:
        _list(app, "/")
        return
    with root_client(app) as (client, chroot):
        absolute = chroot + (path if path != "/" or not chroot else "")
        quota = read_quota(app, client, absolute)
        if quota is None:
            raise _missing(app, client, path, absolute, chroot)
        app.out.record({**quota.record(), "path": path}, _drawn_one)


def _list(app: App, path: str) -> None:
    """Print the quotas at a path and below it."""
    from zkc.cli.servers._quotas import find_quotas, read_quota, root_client
    from zkc.cli.servers._tables import below

    with root_client(app) as (client, chroot), app.out.rows(_COLUMNS, _drawn) as rows:
        for each in find_quotas(app, client, f"{chroot}{path}".rstrip("/")):
            quota = read_quota(app, client, each)
            if quota is not None:
                rows.add({**quota.record(), "path": below(each, chroot or "/")})


def _missing(app: App, client: Any, path: str, absolute: str, chroot: str) -> CommandError:
    """Return the error of a path without a quota. It names an ancestor that has a quota."""
    from zkc.cli.servers._quotas import no_quota, read_quota

    above = absolute
    while above:
        above = above.rpartition("/")[0]
        if above and read_quota(app, client, above) is not None:
            # One outside of the chroot has no name that this user could use.
            named = above[len(chroot) :] if above.startswith(f"{chroot}/") else f"an ancestor outside of {chroot}"
            text = f"{path} has no quota of its own; that of {named} counts it"
            return CommandError(text, ExitCode.NO_NODE, name="no_quota", path=path)
    return no_quota(path)


@command.command("set")
@click.argument("path", type=PATH)
@click.option("-n", "--count", type=click.IntRange(1, MOST), metavar="N", help="Soft limit of znodes.")
@click.option("-b", "--bytes", "size", type=SIZE, metavar="SIZE", help="Soft limit of bytes, such as 10MB.")
@click.option("-N", "--hard-count", type=click.IntRange(1, MOST), metavar="N", help="Hard limit of znodes.")
@click.option("-B", "--hard-bytes", "hard_size", type=SIZE, metavar="SIZE", help="Hard limit of bytes.")
@pass_app
def set_(
    app: App, path: str, count: Optional[int], size: Optional[int], hard_count: Optional[int], hard_size: Optional[int]
) -> None:
    """Set limits of a path, and keep its others.

    Here -n is --count: a dry run is --dry-run. A warning says which new limits are exceeded already.

    \b
    Examples:
      zkc quota set /app --count 10000
      zkc quota set /app -N 20000 -B 100MB
    """
    from zkc.cli.servers._quotas import check_place, read_quota, root_client, set_quota

    given = {"count": count, "bytes": size, "hard_count": hard_count, "hard_bytes": hard_size}
    limits = {name: value for name, value in given.items() if value is not None}
    if not limits:
        raise CommandError("give a limit: --count, --bytes, --hard-count or --hard-bytes", ExitCode.USAGE, name="usage")
    app.check_writable()
    with root_client(app) as (client, chroot):
        absolute = chroot + (path if path != "/" or not chroot else "")
        _guard(path, absolute)
        if app.dry_run:
            check_place(app, client, absolute)
            message = f"would set the quota of {path}: {_words(limits)}"
            app.out.would([{"action": "set", "path": path, **limits, "message": message}])
            return
        set_quota(app, client, absolute, limits)
        quota = read_quota(app, client, absolute)
        if app.out.is_json:
            app.out.json(None if quota is None else {**quota.record(), "path": path})
        else:
            app.out.note(f"set the quota of {path}: {_words(limits)}")
        exceeded = [] if quota is None else [name for name in quota.exceeded() if name in limits]
        if quota is not None and exceeded:
            app.out.warn(f"{path} has {quota.used.get('count')} znodes and {quota.used.get('bytes')} bytes already:"
                         f" it exceeds {', '.join(exceeded)}")  # fmt: skip


def _words(limits: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in limits.items())


def _guard(path: str, absolute: str) -> None:
    """Refuse paths that the servers keep no quota for."""
    if absolute == "/":
        raise CommandError("the servers keep no quota for the root", ExitCode.REFUSED, name="guarded", path=path)
    if absolute == "/zookeeper" or absolute.startswith("/zookeeper/"):
        raise CommandError(f"{path} belongs to the servers: it gets no quota", ExitCode.REFUSED, name="guarded",
                           path=path)  # fmt: skip


@command.command("rm")
@click.argument("path", type=PATH)
@click.option("--count", is_flag=True, help="Remove the soft limit of znodes only.")
@click.option("-b", "--bytes", "size", is_flag=True, help="Remove the soft limit of bytes only.")
@click.option("-N", "--hard-count", is_flag=True, help="Remove the hard limit of znodes only.")
@click.option("-B", "--hard-bytes", "hard_size", is_flag=True, help="Remove the hard limit of bytes only.")
@pass_app
def rm(app: App, path: str, count: bool, size: bool, hard_count: bool, hard_size: bool) -> None:
    """Remove the quota of a path, or some of its limits.

    Here -n is --dry-run, and not --count as it is in zkCli's delquota.

    \b
    Examples:
      zkc quota rm /app
      zkc quota rm /app --hard-bytes
    """
    from zkc.cli.servers._quotas import no_quota, read_quota, remove_quota, root_client

    given = {"count": count, "bytes": size, "hard_count": hard_count, "hard_bytes": hard_size}
    names = [name for name, flag in given.items() if flag]
    what = ", ".join(name.replace("_", " ") for name in names) or "all limits"
    app.check_writable()
    with root_client(app) as (client, chroot):
        absolute = chroot + (path if path != "/" or not chroot else "")
        if app.dry_run:
            if read_quota(app, client, absolute) is None:
                raise no_quota(path)
            message = f"would remove from the quota of {path}: {what}"
            app.out.would([{"action": "remove", "path": path, "removed": names or list(given), "message": message}])
            return
        remove_quota(app, client, absolute, names)
        if app.out.is_json:
            app.out.json({"path": path, "removed": names or list(given)})
        else:
            app.out.note(f"removed from the quota of {path}: {what}")


def _drawn_one(record: dict[str, Any]) -> RenderableType:
    return _drawn([record])


def _drawn(records: list[dict[str, Any]]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    from zkc.cli._text import shown, size_text

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("path", overflow="fold")
    for title in ("znodes", "soft", "hard", "bytes", "soft", "hard"):
        table.add_column(title, justify="right", no_wrap=True)
    for record in records:
        cells = []
        for name in _COLUMNS[1:-1]:
            value = record[name]
            text = "-" if value is None else f"{value:,}" if "count" in name else size_text(value)
            cells.append(Text(text, style="bold red" if name in record["exceeded"] else ""))
        table.add_row(Text(shown(record["path"], lines=False)), *cells)
    return table
