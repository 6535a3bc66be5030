"""Changes of one znode that survive a lost connection, and what a dry run says about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from zkc import ACL, Client, Stat
    from zkc.cli._app import App

__all__ = [
    "create_or_keep",
    "create_or_set",
    "foretell",
    "missing_above",
    "parent_of",
    "set_version",
    "update",
    "would_create",
    "would_set",
]


def parent_of(path: str) -> str:
    """Return the path of the parent; the root is its own."""
    return path.rpartition("/")[0] or "/"


def foretell(app: App, changes: Sequence[tuple[str, str]]) -> None:
    """Write what a dry run would do: a line "action, tab, path" for each change."""
    app.out.table(["action", "path"], ({"action": action, "path": path} for action, path in changes))


def set_version(app: App, path: str, data: Optional[bytes], version: int) -> Stat:
    """Replace the data of a znode that has a version. A lost reply is resolved by a look at the znode.

    Raises:
        BadVersionError: The znode has another version.
        ZooKeeperError: What ``client.set`` raises.
    """
    from zkc import ZooKeeperError

    client = app.client
    while True:
        try:
            found: Stat = app.change(client.set, path, data, version=version)
            return found
        except ZooKeeperError as error:
            if not error.maybe_applied:
                raise
            now, stat = app.read(client.get, path)
            if stat.version == version + 1 and now == data:
                return stat  # type: ignore[no-any-return]
            if stat.version != version:
                raise


def update(app: App, path: str, make: Callable[[Optional[bytes]], Optional[bytes]]) -> Stat:
    """Replace the data of a znode by what a function makes of them. A change by another client repeats it.

    Raises:
        NoNodeError: There is no such znode.
    """
    from zkc.errors import BadVersionError

    while True:
        data, stat = app.read(app.client.get, path)
        try:
            return set_version(app, path, make(data), stat.version)
        except BadVersionError:
            continue


def create_or_keep(app: App, path: str) -> Optional[Stat]:
    """Create an empty znode and return its stat; None if it is there already."""
    from zkc.errors import NodeExistsError

    try:
        _, stat = app.change(app.client.create_with_stat, path, b"")
    except NodeExistsError:
        return None
    return stat  # type: ignore[no-any-return]


def create_or_set(
    app: App, path: str, data: Optional[bytes], *, acl: Optional[Sequence[ACL]] = None, parents: bool = False
) -> tuple[bool, Stat]:
    """Set a znode, or create it if it is missing, whatever other clients do at the same time.

    Returns:
        Whether it was created, and its stat.
    """
    from zkc.errors import NodeExistsError, NoNodeError

    client = app.client
    while True:
        try:
            return False, app.change(client.set, path, data, idempotent=True)
        except NoNodeError:
            pass
        try:
            # Twice is no harm: the second one fails, and the znode is set to the same data.
            _, stat = app.change(client.create_with_stat, path, data, acl=acl, make_parents=parents, idempotent=True)
            return True, stat
        except NodeExistsError:
            continue


def missing_above(app: App, path: str, *, parents: bool = False, client: Optional[Client] = None) -> list[str]:
    """Return the znodes above a path that a create would have to create, the highest first.

    Args:
        app: What the command works with.
        path: The path.
        parents: Whether the create creates parents.
        client: The client of another ensemble; None for the command's own.

    Raises:
        NoNodeError: The parent does not exist, and the create creates none.
        NoChildrenForEphemeralsError: The nearest znode above that exists is ephemeral.
    """
    from zkc.errors import NoChildrenForEphemeralsError, NoNodeError

    exists = (client or app.client).exists
    missing: list[str] = []
    above = parent_of(path)
    stat: Optional[Stat] = app.read(exists, above)
    while stat is None:
        if not parents:
            raise NoNodeError(path=path, operation="create")
        missing.append(above)
        above = parent_of(above)
        stat = app.read(exists, above)
    if stat.ephemeral_owner:
        raise NoChildrenForEphemeralsError(path=[path, *missing][-1], operation="create")
    missing.reverse()
    return missing


def would_create(app: App, path: str, *, parents: bool = False, sequential: bool = False) -> list[tuple[str, str]]:
    """Return what a create would do. It raises what the create would.

    Raises:
        NodeExistsError: The znode exists.
        NoNodeError: The parent does not exist.
        NoChildrenForEphemeralsError: The parent is ephemeral.
    """
    from zkc.errors import NodeExistsError

    if not sequential and app.read(app.client.exists, path) is not None:
        raise NodeExistsError(path=path, operation="create")
    return [("create", each) for each in [*missing_above(app, path, parents=parents), path]]


def would_set(app: App, path: str, version: Optional[int] = None, operation: str = "set") -> Stat:
    """Return the stat of a znode that would be set or deleted. It raises what the change would.

    Args:
        app: What the command works with.
        path: The path.
        version: The version that the znode must have; None for any.
        operation: The operation that errors name: the first one of the run.

    Raises:
        NoNodeError: There is no such znode.
        BadVersionError: It has another version.
    """
    from zkc.errors import BadVersionError, NoNodeError

    stat: Optional[Stat] = app.read(app.client.exists, path)
    if stat is None:
        raise NoNodeError(path=path, operation=operation)
    if version is not None and stat.version != version:
        raise BadVersionError(path=path, operation=operation)
    return stat
