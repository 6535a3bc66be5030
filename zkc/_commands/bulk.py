"""The bulk commands: many requests of one kind, with a window of them in flight."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from zkc import _args as ops
from zkc._commands.window import MOST_WINDOW, STEP, BadItem, FailedRequest, Progress, Sender, run_window
from zkc._flow import Flow
from zkc._session.ephemerals import RecreatedEphemerals
from zkc._zookeeper import ReadGroups, RequestWindow, Session
from zkc.errors import ZooKeeperError
from zkc.types import ACL, Data

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient


def check_window(client: CommandClient, window: object, least: int = 1) -> int:
    """Return how many requests of a call may be in flight, else raise."""
    checked = ops.check_count(window, "window", least, MOST_WINDOW)
    return max(least, min(checked, client._settings.max_in_flight))


def check_progress(progress: Progress) -> Progress:
    """Return the progress callback, else raise."""
    if progress is None or callable(progress):
        return progress
    raise TypeError(f"progress must be callable with the number of finished items, not {type(progress).__name__}")


# ---- senders --------------------------------------------------------------------------------------------------------


class ReadSender:
    """The sender of calls that take only a path: the core checks and sends them, many by one request if it can.

    Args:
        client: Whose call it is.
        operation: ``"get"``, ``"exists"`` or ``"get_children"``.
    """

    def __init__(self, client: CommandClient, operation: str) -> None:
        self.operation = operation
        self.groups: Optional[ReadGroups] = None if operation == "exists" else client._read_groups
        self.alone = -1  # So many reads are still a request each; -1: not known before the first is sent.

    def room(self, session: Session) -> int:
        """Return how many reads may be sent now."""
        if self.groups is None:
            return STEP
        if self.alone < 0:
            # As long as the server has not shown that it knows the others. Few reads are not worth the probe, which
            # closes the connection to a server before 3.6.
            self.alone = STEP if self.groups.of(session) is None else 0
        if self.alone > 0:
            return self.alone
        room = self.groups.room(session, self.operation)
        return STEP if room is None else room

    def send(self, session: Session, paths: Iterable[Any], sent: RequestWindow) -> None:
        """Send no more reads than :meth:`room`."""
        groups, before = None if self.alone > 0 else self.groups, len(sent)
        sent.send_reads(session, self.operation, paths, _check_path, FailedRequest, groups)
        if self.alone > 0:
            self.alone -= len(sent) - before


def _check_path(path: object) -> None:
    try:
        ops.check_path(path)
    except (TypeError, ValueError) as error:
        raise BadItem(error) from None


def send_creates(session: Session, acl: ops.CoreACL, mode: int, ttl: Optional[float], sequential: bool) -> Sender:
    """Make the sender of creates: of a path, or of (path, data)."""
    create = session.create

    def send(items: Iterator[Any], sent: RequestWindow) -> None:
        for item in items:
            try:
                path, data = (item, b"") if isinstance(item, str) else _parts(item, 2, 2, "a path or (path, data)")
                ops.check_create_path(path, sequential)
                ops.check_data(data)
            except (TypeError, ValueError) as error:
                raise BadItem(error) from None
            try:
                sent.append(create(path, data, acl, mode, ttl))
            except ZooKeeperError as error:
                sent.append(FailedRequest(error))
            except ValueError as error:  # More than max_data.
                raise BadItem(error) from None

    return send


def send_sets(session: Session, kept: RecreatedEphemerals) -> Sender:
    """Make the sender of sets: of (path, data) or (path, data, version)."""
    set_ = session.set

    def send(items: Iterator[Any], sent: RequestWindow) -> None:
        for item in items:
            try:
                path, data, *rest = _parts(item, 2, 3, "(path, data) or (path, data, version)")
                ops.check_path(path)
                ops.check_data(data)
                version = ops.check_version(rest[0]) if rest else -1
            except (TypeError, ValueError) as error:
                raise BadItem(error) from None
            try:
                sent.append(kept.send("set", path, data, session, set_, data, version))
            except ZooKeeperError as error:
                sent.append(FailedRequest(error))
            except ValueError as error:  # More than max_data.
                raise BadItem(error) from None

    return send


def send_deletes(session: Session, kept: RecreatedEphemerals) -> Sender:
    """Make the sender of deletes: of a path or (path, version)."""
    delete = session.delete

    def send(items: Iterator[Any], sent: RequestWindow) -> None:
        for item in items:
            try:
                path, version = (item, -1) if isinstance(item, str) else _parts(item, 2, 2, "a path or (path, version)")
                ops.check_path(path)
                ops.check_version(version)
            except (TypeError, ValueError) as error:
                raise BadItem(error) from None
            try:
                sent.append(kept.send("delete", path, None, session, delete, version))
            except ZooKeeperError as error:
                sent.append(FailedRequest(error))

    return send


def _parts(item: object, least: int, most: int, form: str) -> Sequence[Any]:
    if not isinstance(item, (tuple, list)):
        raise TypeError(f"it must be {form}, not {type(item).__name__}")
    if not least <= len(item) <= most:
        raise ValueError(f"it must be {form}, not a tuple of {len(item)} parts")
    return item


def _iterate(items: object, name: str, form: str) -> Iterator[Any]:
    if isinstance(items, (str, bytes, bytearray)) or not isinstance(items, Iterable):
        raise TypeError(f"{name} must be an iterable of {form}, not {type(items).__name__}")
    if isinstance(items, Mapping) and "data" in form:
        raise TypeError(f"{name} must be an iterable of {form}, not a mapping: give its items()")
    return iter(items)


# ---- commands -------------------------------------------------------------------------------------------------------


def _reads(
    client: CommandClient, operation: str, paths: object, window: int, raise_errors: bool, progress: Progress
) -> Flow[list[Any]]:
    session, sender = client.session, ReadSender(client, operation)
    return run_window(
        client,
        session,
        _iterate(paths, "paths", "paths"),
        functools.partial(sender.send, session),
        check_window(client, window),
        name="paths",
        room=functools.partial(sender.room, session),
        raise_errors=ops.check_flag(raise_errors, "raise_errors"),
        progress=check_progress(progress),
    )


def get_many(
    client: CommandClient, paths: Iterable[str], window: int, raise_errors: bool, progress: Progress
) -> Flow[list[Any]]:
    """Read the data of znodes."""
    return _reads(client, "get", paths, window, raise_errors, progress)


def exists_many(
    client: CommandClient, paths: Iterable[str], window: int, raise_errors: bool, progress: Progress
) -> Flow[list[Any]]:
    """Return the stats of the znodes that exist."""
    return _reads(client, "exists", paths, window, raise_errors, progress)


def children_many(
    client: CommandClient, paths: Iterable[str], window: int, raise_errors: bool, progress: Progress
) -> Flow[list[Any]]:
    """List the names of the children of znodes."""
    return _reads(client, "get_children", paths, window, raise_errors, progress)


def get_acls(client: CommandClient, paths: Iterable[str]) -> Flow[list[Union[tuple[ACL, ...], ZooKeeperError]]]:
    """Read the ACLs of znodes, for the command line: each as a tuple, or the error in its place."""
    session = client.session

    def send(paths: Iterator[Any], sent: RequestWindow) -> None:
        for path in paths:
            try:
                sent.append(session.get_acl(path))
            except ZooKeeperError as error:
                sent.append(FailedRequest(error))

    found = yield from run_window(client, session, iter(paths), send, check_window(client, MOST_WINDOW))
    return [each if isinstance(each, ZooKeeperError) else _decoded(tuple(each[0])) for each in found]


@functools.lru_cache(maxsize=256)  # Thousands of znodes have the same ACL.
def _decoded(entries: tuple[tuple[int, str, str], ...]) -> tuple[ACL, ...]:
    return tuple(ops.decode_acl(list(entries)))


def create_many(
    client: CommandClient,
    items: Iterable[Union[str, tuple[str, Optional[Data]]]],
    acl: Optional[Sequence[ACL]],
    ephemeral: bool,
    sequential: bool,
    container: bool,
    ttl: Optional[float],
    window: int,
    raise_errors: bool,
    progress: Progress,
) -> Flow[list[Any]]:
    """Create znodes of the same kind."""
    mode = ops.create_mode(ephemeral, sequential, container, ttl)
    entries = client._settings.default_acl if acl is None else ops.encode_acl(acl)
    session = client.session
    return _writes(
        client,
        session,
        _iterate(items, "items", "paths or (path, data)"),
        send_creates(session, entries, mode, ttl, sequential),
        window,
        raise_errors,
        progress,
    )


def set_many(
    client: CommandClient,
    items: Iterable[Union[tuple[str, Optional[Data]], tuple[str, Optional[Data], int]]],
    window: int,
    raise_errors: bool,
    progress: Progress,
) -> Flow[list[Any]]:
    """Replace the data of znodes."""
    session = client.session
    iterator = _iterate(items, "items", "(path, data) or (path, data, version)")
    return _writes(client, session, iterator, send_sets(session, client._kept), window, raise_errors, progress)


def delete_many(
    client: CommandClient,
    items: Iterable[Union[str, tuple[str, int]]],
    window: int,
    raise_errors: bool,
    progress: Progress,
) -> Flow[list[Any]]:
    """Delete znodes."""
    session = client.session
    iterator = _iterate(items, "items", "paths or (path, version)")
    return _writes(client, session, iterator, send_deletes(session, client._kept), window, raise_errors, progress)


def _writes(
    client: CommandClient,
    session: Session,
    items: Iterator[Any],
    send: Sender,
    window: int,
    raise_errors: bool,
    progress: Progress,
) -> Flow[list[Any]]:
    return run_window(
        client,
        session,
        items,
        send,
        check_window(client, window),
        raise_errors=ops.check_flag(raise_errors, "raise_errors"),
        progress=check_progress(progress),
    )
