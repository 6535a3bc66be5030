"""The create commands: with missing parents, protected by a marker in the name, and kept after an expiry."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union, cast

from zkc._args import CoreACL, check_create_path, check_data, check_flag, check_path, create_mode, encode_acl
from zkc._flow import Flow, Pause, Pending, Undoable, result_of, sub_result_of
from zkc._session.losses import LossCounter
from zkc._zookeeper import Request, Session
from zkc.errors import (
    MAX_BUFFER,
    ConnectionLossError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    SessionExpiredError,
    SessionLostError,
    ZooKeeperError,
)
from zkc.types import ACL, Data, Stat

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient

Made = Union[str, tuple[str, Stat]]
Send = Callable[[Session], Request[Made]]
# The marker in front of the name of a protected znode: the form that Curator and kazoo use as well.
_MARKER = "_c_{}-"
_MARKER_LENGTH = len(_MARKER.format("")) + 36  # A UUID has 36 characters.
_LOOKS = 30  # The search is given up after so many lost connections in a row.
_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.


class Options(NamedTuple):
    """The options of a create."""

    ephemeral: bool
    sequential: bool
    container: bool
    ttl: Optional[float]
    make_parents: bool
    protected: bool
    keep: bool


def create(
    client: CommandClient, path: str, data: Optional[Data], acl: Optional[Sequence[ACL]], options: Options
) -> Pending[str]:
    """Create a znode."""
    return cast("Pending[str]", _begin(client, path, data, acl, options, with_stat=False))


def create_with_stat(
    client: CommandClient, path: str, data: Optional[Data], acl: Optional[Sequence[ACL]], options: Options
) -> Pending[tuple[str, Stat]]:
    """Create a znode, and return its stat with its path."""
    return cast("Pending[tuple[str, Stat]]", _begin(client, path, data, acl, options, with_stat=True))


def _begin(
    client: CommandClient,
    path: str,
    data: Optional[Data],
    acl: Optional[Sequence[ACL]],
    options: Options,
    *,
    with_stat: bool,
) -> Pending[Made]:
    mode = create_mode(options.ephemeral, options.sequential, options.container, options.ttl)
    check_create_path(path, options.sequential)
    check_data(data)
    entries = client._settings.default_acl if acl is None else encode_acl(acl)
    for name in ("make_parents", "protected", "keep"):
        check_flag(getattr(options, name), name)
    if options.keep and not options.ephemeral:
        raise ValueError("keep is only for ephemeral znodes: other znodes stay by themselves")
    if options.protected and not (options.ephemeral or options.sequential):
        raise ValueError(
            "protected is only for ephemeral or sequential znodes: give one of these flags, or leave protected out"
        )
    marker, given = "", path
    if options.protected:
        import uuid  # Here and below, as few programs need it: it takes some milliseconds.

        marker = _MARKER.format(uuid.uuid4())
        parent, _, name = path.rpartition("/")
        path = f"{parent}/{marker}{name}"

    def send(session: Session) -> Request[Made]:
        made: Any = session.create_with_stat if with_stat else session.create
        return cast("Request[Made]", made(path, data, entries, mode, options.ttl))

    if not (options.make_parents or options.protected or options.keep):
        return send(client.session)
    if not marker:
        return _create(client, path, given, data, entries, options, send, None)

    def protected(undoable: Undoable) -> Flow[Made]:
        def attempt(send: Send) -> Flow[Made]:
            return _protected(client, path, given, options, marker, send, undoable, with_stat=with_stat)

        return _create(client, path, given, data, entries, options, send, attempt)

    return cast("Flow[Made]", Undoable(protected))


def _create(
    client: CommandClient,
    path: str,
    given: str,
    data: Optional[Data],
    entries: CoreACL,
    options: Options,
    send: Send,
    attempt: Optional[Callable[[Send], Flow[Made]]],
) -> Flow[Made]:
    creation = client._kept.creating(path, data, entries, known=not options.sequential) if options.keep else None
    if creation is not None:
        send = creation.sender(send)
    try:
        while True:
            try:
                # A create that fails because of its parents has changed nothing.
                made = yield from (
                    sub_result_of(send(client.session), "create", path) if attempt is None else attempt(send)
                )
                break
            except NoNodeError:
                if not options.make_parents or path.count("/") == 1:
                    raise
            yield from _ensure(client, path.rpartition("/")[0], client._settings.default_acl, "create", given)
        if creation is not None:
            creation.made(made if isinstance(made, str) else made[0])
        return made
    finally:
        if creation is not None:
            creation.end()


# ---- protected ------------------------------------------------------------------------------------------------------


def _protected(
    client: CommandClient,
    path: str,
    given: str,
    options: Options,
    marker: str,
    send: Send,
    undoable: Undoable,
    *,
    with_stat: bool,
) -> Flow[Made]:
    """Create, and after a lost reply search for the znode, until it is known whether it was created.

    Errors name the path that the user gave: only this call knows the path with the marker.

    Raises:
        ConnectionLossError: One connection after the other was lost with the request, so the request causes it.
    """
    request = None
    sent = False
    losses = LossCounter(client, "create", given)

    def undo() -> None:
        client._background(_clean(client, path, marker, request))

    try:
        while True:
            session = client.session
            lost = None
            try:
                sent = True  # In front of the send: a signal handler may raise between the send and the next line.
                request = send(session)
                made = yield from sub_result_of(request, "create", given)
                undoable.undo = undo  # From here on, a signal handler that raises or a cancellation undoes the create.
                return made
            except ConnectionLossError as error:
                if not error.maybe_applied:  # It was never sent.
                    yield Pause(_PAUSE, "create", given)
                    continue
                lost = error.with_traceback(None)  # Its frames refer to this frame.
            except SessionExpiredError:
                if options.ephemeral:  # If the znode was created, it ended with the session.
                    raise
            try:
                found = yield from _find(client, path, given, marker, session if options.ephemeral else None)
            except ConnectionLossError:
                client._background(_clean(client, path, marker, request))
                raise
            if found is not None:
                undoable.undo = undo
                return found if with_stat else found[0]
            if lost is not None:
                if losses.note(lost):
                    raise _refused(lost, losses.count)
                yield losses.pause(_PAUSE)
    except (ZooKeeperError, TypeError, ValueError) as error:  # A reply, or the request was never sent.
        if isinstance(error, SessionExpiredError) and options.ephemeral:
            error.maybe_applied = False  # If the znode was created, it ended with the session.
        if isinstance(error, ZooKeeperError):
            error.path = given
        error.args = (str(error).replace(repr(path), repr(given)),)
        raise
    except BaseException:  # Timed out, interrupted or cancelled: no caller learns the name, so the znode must not stay.
        if sent:
            undo()
        raise


def _refused(lost: ConnectionLossError, count: int) -> ConnectionLossError:
    """Make the error of a create that the servers refuse, as it seems, by closing the connection."""
    size = lost.request_size
    if size is None:
        cause = "the servers seem to refuse the request: see their logs"
    else:
        cause = (
            f"the request has {size:,} bytes, and servers close the connection of a client that sends more than "
            f"jute.maxbuffer ({MAX_BUFFER:,} bytes by default): store less, or set jute.maxbuffer on the servers"
        )
    text = f"{count} connections in a row were lost with this request, and no znode was created; {cause}"
    error = ConnectionLossError(
        ConnectionLossError.describe("create", lost.path, text), operation="create", path=lost.path
    )
    error.request_size = size
    return error


def _find(
    client: CommandClient, path: str, given: str, marker: str, owner: Optional[Session]
) -> Flow[Optional[tuple[str, Stat]]]:
    """Search for a znode by the marker in its name, until there is a reply.

    Args:
        given: The path that errors name.
        owner: The session of an ephemeral znode: the znode ends with it, and so does the search. None for other znodes.

    Raises:
        SessionExpiredError: ``owner`` has ended.
        ConnectionLossError: One connection after the other was lost before the reply.
    """
    parent = path.rpartition("/")[0]
    losses = LossCounter(client, "create", given, _LOOKS)
    while True:
        try:
            session = client.session
            if owner is not None and session is not owner:  # The session has expired between two looks.
                raise SessionExpiredError(operation="create", path=given)
            # The server of the new connection may be behind; after the sync it knows all changes of the old server.
            sync, listing = session.sync(parent or "/"), session.get_children(parent or "/")
            yield from sub_result_of(sync, "create", given)
            for name in (yield from sub_result_of(listing, "create", given)):
                if name.startswith(marker):
                    stat = yield from sub_result_of(session.exists(f"{parent}/{name}"), "create", given)
                    return None if stat is None else (f"{parent}/{name}", stat)
            return None
        except NoNodeError:
            return None  # There is no parent, so there is no znode below it.
        except SessionExpiredError:
            if owner is not None:
                raise SessionExpiredError(operation="create", path=given) from None
            yield Pause(_PAUSE, "create", given)
        except ConnectionLossError as error:
            if losses.note(error):
                text = f"{losses.count} connections in a row were lost before the client could search for the znode"
                raise ConnectionLossError(
                    ConnectionLossError.describe("create", given, text), operation="create", path=given
                ) from None
            yield losses.pause(_PAUSE)
        except SessionLostError as error:  # Closed: it is not known whether the znode was created.
            ended = type(error)
            raise ended(operation="create", path=given, maybe_applied=True) from None
        except ZooKeeperError as error:
            text = f"the reply was lost with the connection, and the search for the znode failed: {error}"
            kind = type(error)
            raise kind(
                kind.describe("create", given, text), operation="create", path=given, maybe_applied=True
            ) from error


def _clean(client: CommandClient, path: str, marker: str, request: Optional[Request[Made]]) -> Flow[None]:
    """Delete the znode of a protected create that has no caller any more.

    Args:
        request: The create request; None if a signal handler raised during its send.
    """
    found = None
    if request is not None:
        with contextlib.suppress(ConnectionLossError, SessionExpiredError):
            made = yield from result_of(request)
            found = made if isinstance(made, str) else made[0]
    if found is None:
        looked = yield from _find(client, path, path, marker, owner=None)
        if looked is None:
            return
        found = looked[0]
    losses = LossCounter(client)
    while True:
        try:
            session = client.session
            change = client._kept.changing("delete", found, None, session)
            if change is None:
                yield from result_of(session.delete(found))
            else:  # The znode was to be kept.
                yield from change.result_of(change.send(session.delete, found))
            return
        except ConnectionLossError as error:
            if losses.note(error):
                raise
            yield losses.pause(_PAUSE)
        except SessionExpiredError:
            yield Pause(_PAUSE)
        except NoNodeError:
            return


def unprotected_name(name: str) -> str:
    """Remove the marker of a protected create from a name.

    Args:
        name: Name or path of a znode.

    Returns:
        The name or path without the marker; unchanged if it has none.

    .. versionadded:: 0.1
    """
    parent, slash, last = name.rpartition("/")
    if last.startswith("_c_") and last[_MARKER_LENGTH - 1 : _MARKER_LENGTH] == "-":
        import uuid

        try:
            uuid.UUID(last[3 : _MARKER_LENGTH - 1])
        except ValueError:
            return name
        return f"{parent}{slash}{last[_MARKER_LENGTH:]}"
    return name


# ---- parents --------------------------------------------------------------------------------------------------------


def ensure_path(client: CommandClient, path: str, acl: Optional[Sequence[ACL]]) -> Flow[None]:
    """Create a znode and its parents, as far as they are missing."""
    check_path(path)
    entries = client._settings.default_acl if acl is None else encode_acl(acl)
    return _ensure(client, path, entries, "ensure_path", path)


def _ensure(client: CommandClient, path: str, entries: CoreACL, operation: str, wanted: str) -> Flow[None]:
    """Create the missing znodes of a path; an error about the chroot names the operation and path of the caller."""
    names = path.split("/")[1:] if path != "/" else []
    paths = ["/", *("/" + "/".join(names[: depth + 1]) for depth in range(len(names)))]
    while True:
        session = client.session
        # Look first: without CREATE permission in the parent, a server refuses even a znode that exists.
        looks = [session.exists(ancestor) for ancestor in reversed(paths)]
        existing = 0
        for depth, look in zip(range(len(paths), 0, -1), looks):
            try:
                found = (yield from result_of(look)) is not None
            except NoAuthError:  # It exists, and newer servers tell its stat to readers only.
                found = True
            if found:
                existing = max(existing, depth)
        if existing == len(paths):
            return
        creates = [session.create(missing, b"", entries) for missing in paths[existing:]]
        try:
            for create_ in creates:
                with contextlib.suppress(NodeExistsError):
                    yield from result_of(create_)
            return
        except (
            NoNodeError
        ) as error:  # Another client deletes at the same time. The chroot itself is not this client's to create.
            if error.path == "/":
                raise _no_chroot(client, operation, wanted) from None


def _no_chroot(client: CommandClient, operation: str, path: str) -> NoNodeError:
    chroot = "".join(client.hosts.partition("/")[1:])
    text = (
        f"the chroot {chroot} and its parent do not exist, and a client creates nothing above its chroot. Create "
        f"the chroot with a client without one (ensure_path({chroot!r})), or check the hosts"
    )
    error = NoNodeError(NoNodeError.describe(operation, path, text), operation=operation, path=path)
    error.maybe_applied = False
    return error
