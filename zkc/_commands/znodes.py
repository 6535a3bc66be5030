"""The commands of one request on a znode, and those about the session and the ensemble."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional, Union

from zkc._args import (
    check_auth,
    check_data,
    check_members,
    check_path,
    check_reconfig_version,
    check_version,
    check_watch_type,
    decode_acl,
    encode_acl,
)
from zkc._flow import Flow, Pending, result_of
from zkc._watch.wrappers import Deliver
from zkc._zookeeper import Request, Session
from zkc.constants import WatchType
from zkc.errors import ConnectionLossError, NoWatcherError
from zkc.types import ACL, Data, Identity, Stat, Watch

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient
    from zkc._watch.persistent import ArmedEvents
    from zkc._watch.subscriptions import Subscriptions

Content = tuple[Optional[bytes], Stat]


def get(client: CommandClient, path: str, watch: Optional[Watch]) -> Request[Content]:
    """Read the data of a znode."""
    check_path(path)
    watcher = None if watch is None else client._watches.for_core(watch)
    return (client._session or client.session).get(path, watcher)


def set_(client: CommandClient, path: str, data: Optional[Data], version: int) -> Pending[Stat]:
    """Replace the data of a znode; the client re-creates a kept znode with them."""
    check_path(path)
    check_data(data)
    check_version(version)
    session = client.session
    change = client._kept.changing("set", path, data, session)
    if change is None:
        return session.set(path, data, version)
    return change.result_of(change.send(session.set, path, data, version))


def exists(client: CommandClient, path: str, watch: Optional[Watch]) -> Request[Optional[Stat]]:
    """Return the stat of a znode if it exists."""
    check_path(path)
    watcher = None if watch is None else client._watches.for_core(watch)
    return (client._session or client.session).exists(path, watcher)


def children(client: CommandClient, path: str, watch: Optional[Watch]) -> Request[list[str]]:
    """List the names of a znode's children."""
    check_path(path)
    watcher = None if watch is None else client._watches.for_core(watch)
    return (client._session or client.session).get_children(path, watcher)


def children_with_stat(client: CommandClient, path: str, watch: Optional[Watch]) -> Request[tuple[list[str], Stat]]:
    """List the names of a znode's children, and return the stat of the znode."""
    check_path(path)
    watcher = None if watch is None else client._watches.for_core(watch)
    return (client._session or client.session).get_children_with_stat(path, watcher)


def get_acl(client: CommandClient, path: str) -> Flow[tuple[list[ACL], Stat]]:
    """Read the ACL of a znode."""
    check_path(path)
    return _get_acl(client.session.get_acl(path))


def _get_acl(request: Request[tuple[list[tuple[int, str, str]], Stat]]) -> Flow[tuple[list[ACL], Stat]]:
    entries, stat = yield from result_of(request)
    return decode_acl(entries), stat


def set_acl(client: CommandClient, path: str, acl: Sequence[ACL], version: int) -> Pending[None]:
    """Replace the ACL of a znode; the client re-creates a kept znode with it."""
    check_path(path)
    entries = encode_acl(acl)
    check_version(version)
    session = client.session
    change = client._kept.changing("set_acl", path, entries, session)
    if change is None:
        return session.set_acl(path, entries, version)
    return change.result_of(change.send(session.set_acl, path, entries, version))


def sync(client: CommandClient, path: str) -> Flow[None]:
    """Let the server catch up with the leader."""
    check_path(path)
    return _sync(client.session.sync(path))


def _sync(request: Request[str]) -> Flow[None]:
    yield from result_of(request)


def add_auth(client: CommandClient, scheme: str, credentials: Union[str, bytes]) -> Flow[None]:
    """Add credentials to the session, and to the sessions that follow it."""
    scheme, encoded = check_auth(scheme, credentials)
    return _add_auth(client, scheme, encoded, client.session.add_auth(scheme, encoded))


def _add_auth(client: CommandClient, scheme: str, encoded: bytes, request: Request[None]) -> Flow[None]:
    try:
        yield from result_of(request)
    except ConnectionLossError:
        client._settings.add_auth(scheme, encoded)
        text = (
            "the connection was lost before the reply. The client keeps the credentials, and sends them with each "
            "connection from the next one on. Adding them again is harmless, and shows whether the servers accept them"
        )
        raise ConnectionLossError(ConnectionLossError.describe("add_auth", None, text), operation="add_auth") from None
    except (
        GeneratorExit
    ):  # Timed out or cancelled: libzookeeper has the credentials, and sends them with each connection.
        client._settings.add_auth(scheme, encoded)
        raise
    client._settings.add_auth(scheme, encoded)


def get_config(client: CommandClient, watch: Optional[Watch]) -> Request[Content]:
    """Read the configuration of the ensemble."""
    watcher = client._watches.for_core(watch)
    return client.session.get_config(watcher)


def reconfig(
    client: CommandClient,
    joining: Union[str, Sequence[str], None],
    leaving: Union[str, Sequence[str], None],
    members: Union[str, Sequence[str], None],
    version: int,
) -> Request[Content]:
    """Change the configuration of the ensemble."""
    joining = check_members(joining, "joining")
    leaving = check_members(leaving, "leaving")
    members = check_members(members, "members")
    if members is not None and (joining is not None or leaving is not None):
        raise ValueError("give either members (all servers), or joining and leaving (the changes), not both")
    if joining is None and leaving is None and members is None:
        raise ValueError("there is nothing to change: give joining, leaving or members")
    number = check_reconfig_version(version)
    return client.session.reconfig(joining, leaving, members, number)


def remove_watches(client: CommandClient, path: str, watch: Optional[Watch], watch_type: WatchType) -> Pending[None]:
    """Remove a watch, or all watches, from a znode."""
    check_path(path)
    kinds = check_watch_type(watch_type)
    if watch_type in (WatchType.PERSISTENT, WatchType.RECURSIVE):
        return _cancel_events(client, path, watch, watch_type)
    if watch is None:
        return _remove_all_watches(client.session, path, kinds)
    return client.session.remove_watches(path, client._watches.known(watch, path), kinds)


def _remove_all_watches(session: Session, path: str, kinds: int) -> Pending[None]:
    """Remove the user's one-shot watches; the watches of subscriptions and kept znodes stay."""
    armed = session.watches_on(path, kinds)
    watches = list({id(each): each for each in armed if isinstance(each, Deliver)}.values())
    if not watches:
        raise NoWatcherError(operation="remove_watches", path=path)
    if all(isinstance(each, Deliver) for each in armed):
        return session.remove_all_watches(path, kinds)
    return _remove_each_watch(session, path, kinds, watches)


def _remove_each_watch(session: Session, path: str, kinds: int, watches: list[Deliver]) -> Flow[None]:
    requests = []
    for each in watches:
        with contextlib.suppress(NoWatcherError):  # An event has fired the watch in the meantime.
            requests.append(session.remove_watches(path, each, kinds))
    if not requests:
        raise NoWatcherError(operation="remove_watches", path=path)
    for request in requests:
        yield from result_of(request)


def _cancel_events(client: CommandClient, path: str, watch: Optional[Watch], kind: WatchType) -> Flow[None]:
    """Cancel subscriptions to events; the flow ends when the server has removed their watch."""
    registry = client._subscriptions
    subscriptions = registry.of(path, kind, watch)
    if not subscriptions:
        text = NoWatcherError.describe("remove_watches", path, _no_subscription(kind, watch is not None))
        raise NoWatcherError(text, operation="remove_watches", path=path)
    session = client.session
    armed = [arming for arming in (each._release() for each in subscriptions) if arming is not None]
    return _remove_each_armed(session, registry, [each for each in armed if each.session() is session])


def _no_subscription(kind: WatchType, of_function: bool) -> str:
    function = " with this function" if of_function else ""
    other = WatchType.RECURSIVE if kind is WatchType.PERSISTENT else WatchType.PERSISTENT
    return (
        f"there is no {kind.name} subscription{function} on this path. It was cancelled or has ended, or was made for "
        f"another path, with another function or as {other.name}; an iterator or a cache ends by its own close"
    )


def _remove_each_armed(session: Session, registry: Subscriptions, armed: list[ArmedEvents]) -> Flow[None]:
    """Remove watches; those that remain after a lost connection are left to the next connection."""
    requests = []
    try:
        for arming in armed:
            with contextlib.suppress(NoWatcherError):  # It has ended already.
                requests.append(session.remove_watches(arming.path, arming, arming.kind))
        for request in requests:
            with contextlib.suppress(NoWatcherError):
                yield from result_of(request)
    except BaseException:
        for arming in armed:
            registry.remove(arming)
        raise


def get_ephemerals(client: CommandClient, prefix: str) -> Flow[list[str]]:
    """List the ephemeral znodes of the session."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be str, not {type(prefix).__name__}")
    return _sorted(client.session.get_ephemerals(prefix))


def _sorted(request: Request[list[str]]) -> Flow[list[str]]:
    return sorted((yield from result_of(request)))


def count_descendants(client: CommandClient, path: str) -> Request[int]:
    """Count the znodes below a znode."""
    check_path(path)
    return client.session.count_descendants(path)


def whoami(client: CommandClient) -> Flow[list[Identity]]:
    """List the identities of the connection."""
    return _identities(client.session.whoami())


def _identities(request: Request[list[tuple[str, str]]]) -> Flow[list[Identity]]:
    return [Identity(scheme, user) for scheme, user in (yield from result_of(request))]
