"""Quotas as the servers keep them: znodes below /zookeeper/quota, with texts of a fixed form.

The quota of /app is two znodes: /zookeeper/quota/app/zookeeper_limits has the limits, zookeeper_stats what is used. The
servers count when the second one exists. This module changes them as zkCli does, but each step all or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc import Client
    from zkc.cli._app import App

__all__ = ["LIMITS", "Quota", "find_quotas", "format_limits", "parse_limits", "read_quota", "remove_quota",
           "root_client", "set_quota"]  # fmt: skip

ROOT = "/zookeeper/quota"
LIMITS = {"count": "count", "bytes": "bytes", "hard_count": "countHardLimit", "hard_bytes": "byteHardLimit"}
"""The limits by their names in a record, and in the text of the servers."""
_UNLIMITED = -1
_ATTEMPTS = 20


class Quota(NamedTuple):
    """The quota of one path. A limit of -1 is none."""

    path: str
    limits: dict[str, int]
    used: dict[str, int]

    def record(self) -> dict[str, Any]:
        """Return the quota as a record. No limit is None."""
        limits = {name: None if value == _UNLIMITED else value for name, value in self.limits.items()}
        return {
            "path": self.path,
            "used_count": self.used.get("count"),
            "used_bytes": self.used.get("bytes"),
            **limits,
            "exceeded": self.exceeded(),
        }

    def exceeded(self) -> list[str]:
        """Return the names of the limits that are exceeded."""
        return [
            name
            for name, limit in self.limits.items()
            if limit != _UNLIMITED and self.used.get("bytes" if "bytes" in name else "count", 0) > limit
        ]


def parse_limits(data: Optional[bytes]) -> dict[str, int]:
    """Return the numbers in the text of a quota's znode, by the servers' names."""
    found: dict[str, int] = {}
    for pair in (data or b"").decode("utf-8", "replace").replace(";", ",").split(","):
        name, _, value = pair.strip().partition("=")
        try:
            # A number before other ones ends with another "=": "count=4,bytes=5=;byteHardLimit=10".
            found[name] = int(value.rstrip("="))
        except ValueError:
            continue
    return found


def format_limits(numbers: dict[str, int]) -> bytes:
    """Return the text of a quota's znode, as Java's class StatsTrack writes it.

    Servers before 3.7 read the first two numbers only. The second "=" behind them keeps those servers from failing.
    """
    text = f"count={numbers.get('count', _UNLIMITED)},bytes={numbers.get('bytes', _UNLIMITED)}"
    more = sorted(name for name in numbers if name not in ("count", "bytes"))
    return (text + ("=" if more else "") + "".join(f";{name}={numbers[name]}" for name in more)).encode()


@contextmanager
def root_client(app: App) -> Iterator[tuple[Client, str]]:
    """Give a client without a chroot, and the chroot: /zookeeper is at the root of the ensemble."""
    chroot = app.settings.chroot
    if chroot == "/":
        yield app.client, ""
        return
    import dataclasses

    from zkc.cli._connect import connect

    client = connect(app, dataclasses.replace(app.settings, servers=",".join(app.settings.addresses)))
    try:
        yield client, chroot
    finally:
        client.close()


def _znode(path: str, name: str) -> str:
    return f"{ROOT}{path}/{name}"


def read_quota(app: App, client: Client, path: str) -> Optional[Quota]:
    """Return the quota of a path, None if it has none."""
    from zkc.errors import NoNodeError

    try:
        limits, _ = app.read(client.get, _znode(path, "zookeeper_limits"))
    except NoNodeError:
        return None
    try:
        used, _ = app.read(client.get, _znode(path, "zookeeper_stats"))
    except NoNodeError:
        used = b""
    numbers = parse_limits(limits)
    return Quota(path, {name: numbers.get(key, _UNLIMITED) for name, key in LIMITS.items()}, parse_limits(used))


def find_quotas(app: App, client: Client, path: str = "") -> list[str]:
    """Return the paths with a quota at a path and below it, sorted."""
    from zkc.cli._walk import walk
    from zkc.errors import NoNodeError

    try:
        limits = [node.path for node in walk(app, ROOT + path, client=client) if node.name == "zookeeper_limits"]
    except NoNodeError:
        return []
    return [each[len(ROOT) :].rpartition("/")[0] for each in limits]


def set_quota(app: App, client: Client, path: str, limits: dict[str, int]) -> None:
    """Set limits of a path, and keep its others.

    Args:
        app: What the command works with.
        client: A client without a chroot.
        path: The absolute path.
        limits: The limits by their names in a record.

    Raises:
        NoNodeError: The path does not exist.
        CommandError: An ancestor or a descendant has a quota, or other clients keep changing this one.
    """
    from zkc.errors import BadVersionError, NodeExistsError, NoNodeError

    new = {LIMITS[name]: value for name, value in limits.items()}
    for _ in range(_ATTEMPTS):
        check_place(app, client, path)
        try:
            data, stat = app.read(client.get, _znode(path, "zookeeper_limits"))
        except NoNodeError:
            try:
                _create(app, client, path, new)
                return
            except (NodeExistsError, NoNodeError):
                continue
        numbers = {**dict.fromkeys(LIMITS.values(), _UNLIMITED), **parse_limits(data), **new}
        try:
            client.set(_znode(path, "zookeeper_limits"), format_limits(numbers), version=stat.version)
            return
        except (BadVersionError, NoNodeError):
            continue
    raise _contended(path)


def check_place(app: App, client: Client, path: str) -> None:
    """Raise when a path cannot have a quota, since it does not exist, or since another one is above or below it."""
    from zkc.errors import NoNodeError

    if app.read(client.exists, path) is None:
        raise NoNodeError(path=path, operation="exists")
    parts = path.split("/")
    above = [parent for parent in ("/".join(parts[:end]) for end in range(2, len(parts)))
             if app.read(client.exists, _znode(parent, "zookeeper_limits")) is not None]  # fmt: skip
    nested = above or [each for each in find_quotas(app, client, path) if each != path]
    if nested:
        place = "above" if above else "below"
        text = f"{nested[0]}, {place} {path}, has a quota, and quotas do not nest: zkc quota rm {nested[0]}"
        raise CommandError(text,
                           ExitCode.CONFLICT, name="nested_quota", path=path)  # fmt: skip


def _create(app: App, client: Client, path: str, new: dict[str, int]) -> None:
    parts = path.split("/")
    parents = [ROOT + "/".join(parts[:end]) for end in range(2, len(parts) + 1)]
    with client.transaction() as transaction:
        for parent in parents:
            if app.read(client.exists, parent) is None:
                transaction.create(parent)
        numbers = {**dict.fromkeys(LIMITS.values(), _UNLIMITED), **new}
        transaction.create(_znode(path, "zookeeper_limits"), format_limits(numbers))
        # From this znode on the servers count: it comes after the limits.
        transaction.create(_znode(path, "zookeeper_stats"), b"count=0,bytes=0")


def remove_quota(app: App, client: Client, path: str, names: list[str]) -> None:
    """Remove limits of a path; without names the whole quota, and its empty ancestors below /zookeeper/quota.

    Raises:
        CommandError: The path has no quota, or other clients keep changing it.
    """
    from zkc.errors import BadVersionError, NoNodeError, NotEmptyError

    if names:
        for _ in range(_ATTEMPTS):
            try:
                data, stat = app.read(client.get, _znode(path, "zookeeper_limits"))
                numbers = {**parse_limits(data), **{LIMITS[name]: _UNLIMITED for name in names}}
                client.set(_znode(path, "zookeeper_limits"), format_limits(numbers), version=stat.version)
                return
            except BadVersionError:
                continue
            except NoNodeError:
                raise no_quota(path) from None
        raise _contended(path)
    if app.read(client.exists, _znode(path, "zookeeper_limits")) is None:
        raise no_quota(path)
    with client.transaction() as transaction:
        for name in ("zookeeper_stats", "zookeeper_limits"):
            if app.read(client.exists, _znode(path, name)) is not None:
                transaction.delete(_znode(path, name))
    parent = ROOT + path
    while parent != ROOT:
        try:
            client.delete(parent)
        except (NotEmptyError, NoNodeError):
            break
        parent = parent.rpartition("/")[0]


def no_quota(path: str) -> CommandError:
    """Return the error of a path without a quota."""
    return CommandError(f"{path} has no quota", ExitCode.NO_NODE, name="no_quota", path=path)


def _contended(path: str) -> CommandError:
    return CommandError(f"other clients keep changing the quota of {path}: try again", ExitCode.CONFLICT,
                        name="conflict", path=path)  # fmt: skip
