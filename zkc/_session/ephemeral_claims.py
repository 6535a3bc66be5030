"""Claims: the attempts to create one re-created ephemeral znode in a session, whichever znode has its path."""

from __future__ import annotations

import contextlib
import logging
import weakref
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Flow, Pause, result_of
from zkc._session.losses import MAX_LARGE_LOSSES
from zkc._zookeeper import Session
from zkc.constants import CreateMode, EventType, KeptState
from zkc.errors import (
    BadVersionError,
    ConnectionLossError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    SessionLostError,
    ZooKeeperError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zkc._session.ephemeral_changes import Znode
    from zkc._session.ephemerals import RecreatedEphemerals
    from zkc.types import Stat

__all__ = ["claim", "delete_unwanted", "run_concurrently"]

_log = logging.getLogger("zkc.client")
_PAUSE = 0.05  # Pause in seconds before another attempt, after the znode at the path was deleted during the claim.


def run_concurrently(flows: Sequence[Flow[None]]) -> Flow[None]:
    """Drive flows concurrently, so that their requests are in flight together."""
    left = list(flows)
    try:
        waiting = [(flow, step) for flow in left for step in _next_step(flow)]
        while waiting:
            following = []
            for flow, step in waiting:
                yield step
                following += [(flow, step) for step in _next_step(flow)]
            waiting = following
    finally:
        for flow in left:
            flow.close()


def _next_step(flow: Flow[None]) -> list[Any]:
    """Return the next step of a flow in a list, or an empty list at its end."""
    try:
        return [next(flow)]
    except StopIteration:
        return []


def claim(kept: RecreatedEphemerals, session: Session, znode: Znode) -> Flow[None]:
    """Create a znode in a session, or find out why that is impossible, and note the result in ``kept``.

    Raises:
        ConnectionLossError: The connection was lost during the claim.
        SessionLostError: The session ended during the claim.
    """
    owner = session.client_id[0]
    try:
        if znode.is_held(owner) or znode.losses >= MAX_LARGE_LOSSES:
            return
        # The watch on the path has fired: _is_taken sets it again, unless the path is free.
        if znode.watched is not None and znode.watched[0] == owner and (yield from _is_taken(kept, session, znode)):
            return
        while kept.wants(znode) and not (yield from _create(kept, session, znode)):
            yield Pause(_PAUSE)
    except (ConnectionLossError, SessionLostError):
        raise
    except (ZooKeeperError, ValueError) as error:  # ValueError: too large for a create, with its ACL.
        kept.note(znode, KeptState.FAILED, owner, error)


def _create(kept: RecreatedEphemerals, session: Session, znode: Znode) -> Flow[bool]:
    """Make one attempt; return whether the claim is finished."""
    data, acl = znode.data.latest(session), znode.acl.latest(session)
    request = session.create_with_stat(znode.path, data, acl, CreateMode.EPHEMERAL)
    deleted = _note_deleted(kept, znode)
    made = None
    try:
        with contextlib.suppress(NodeExistsError):
            made = yield from result_of(request)
    except ConnectionLossError as error:
        if error.request_size is not None:
            znode.losses += 1
            # The servers close each connection that this large request is sent over: give up, keep the client running.
            if znode.losses >= MAX_LARGE_LOSSES:
                kept.note(znode, KeptState.FAILED, session.client_id[0], error)
        raise
    if made is None:
        kept.unwanted.pop(znode.path, None)
        return (yield from _act_on_owner(kept, session, znode))
    yield from _created(kept, session, znode, deleted, made[1])
    return True


def _created(
    kept: RecreatedEphemerals, session: Session, znode: Znode, deleted: bool, stat: Optional[Stat]
) -> Flow[None]:
    if not deleted:
        kept.note(znode, KeptState.HELD, session.client_id[0])
        return
    kept.unwanted[znode.path] = 0 if stat is None else stat.czxid
    yield from delete_unwanted(kept, session, znode.path)


def _note_deleted(kept: RecreatedEphemerals, znode: Znode) -> bool:
    """Return whether another thread has deleted a znode between the decision to create it and the create.

    A delete that is noted after this check is sent after the create, so the server carries it out after the create.
    """
    if kept.wants(znode):
        return False
    kept.unwanted[znode.path] = 0
    return True


def delete_unwanted(kept: RecreatedEphemerals, session: Session, path: str) -> Flow[None]:
    """Delete a znode that was created after the user had asked to delete it, if this session owns it."""
    stat = yield from result_of(session.exists(path))
    czxid = kept.unwanted.pop(path, 0)
    if stat is None or stat.ephemeral_owner != session.client_id[0] or path in kept or czxid not in (0, stat.czxid):
        return  # The delete came after the create; the user may have created another znode since.
    try:
        yield from result_of(session.delete(path))
    except NoNodeError:
        pass
    except ConnectionLossError:
        kept.unwanted[path] = stat.czxid
        raise
    except SessionLostError:
        raise
    except ZooKeeperError as error:
        _log.error(
            "znode %s was re-created while another thread deleted it, and could not be deleted again: %s", path, error
        )


def _act_on_owner(kept: RecreatedEphemerals, session: Session, znode: Znode) -> Flow[bool]:
    """Act on the owner of the znode at the path; return whether the claim is finished."""
    path, own = znode.path, session.client_id[0]
    synced, looked = (
        session.sync(path),
        session.exists(path),
    )  # sync: this connection's server may lag behind the leader.
    yield from result_of(synced)
    stat = yield from result_of(looked)
    if stat is None:
        return False
    if stat.ephemeral_owner == own:
        kept.note(znode, KeptState.HELD, own)
        return True
    if stat.ephemeral_owner in kept.former:
        replaced = yield from _replace(kept, session, znode, stat.ephemeral_owner)
        if replaced is not None:
            return replaced
    return (yield from _is_taken(kept, session, znode))


def _replace(kept: RecreatedEphemerals, session: Session, znode: Znode, owner: int) -> Flow[Optional[bool]]:
    """Replace the znode of a former session of this client, in one transaction.

    The new znode gets the data that the servers have, which may be newer than the data this client knows. Its ACL is
    the one that this client gave last: servers show the ids of an ACL only to clients that may change it.

    Returns:
        Whether the claim is finished; None if this client may not delete the znode, so that it waits for its end.
    """
    path = znode.path
    try:
        data, stat = yield from result_of(session.get(path))
        if stat.ephemeral_owner != owner:
            return False
        znode.data.found(data, stat.mzxid)
        version = stat.version
    except NoNodeError:
        return False
    except NoAuthError:  # This client may not read it: exists gives the version.
        looked = yield from result_of(session.exists(path))
        if looked is None or looked.ephemeral_owner != owner:
            return False
        version = looked.version
    if not kept.wants(znode):
        return True
    operations = [
        ("delete", path, version),
        ("create_with_stat", path, znode.data.latest(session), znode.acl.latest(session), CreateMode.EPHEMERAL),
    ]
    request = session.multi(operations)
    deleted = _note_deleted(kept, znode)
    try:
        results = yield from result_of(request)
    except (NoNodeError, BadVersionError, NoAuthError) as error:
        kept.unwanted.pop(path, None)
        if isinstance(error, NoAuthError) and error.index == 0:
            return None
        if error.index == 0:
            return False  # The znode was deleted or changed in between.
        raise
    _log.info("re-created ephemeral znode %s: replaced the one of the former session 0x%x", path, owner & (2**64 - 1))
    yield from _created(kept, session, znode, deleted, results[1][1])
    return True


def _is_taken(kept: RecreatedEphemerals, session: Session, znode: Znode) -> Flow[bool]:
    """Watch the znode at the path; return False if there is none, or if the present session owns it."""
    own = session.client_id[0]
    watched = znode.watched
    if watched is None or watched[0] != own:
        watched = (own, _PathWatch(kept, znode, own))
    stat = yield from result_of(session.exists(znode.path, watched[1]))
    if stat is None or stat.ephemeral_owner == own:
        return False
    znode.watched = watched
    if stat.ephemeral_owner in kept.former:
        whose = "a former session of this client has it, and this client may not delete it"
    elif stat.ephemeral_owner:
        whose = f"the session 0x{stat.ephemeral_owner & (2**64 - 1):x} has a znode there"
    else:
        whose = "there is a persistent znode"
    text = NodeExistsError.describe(
        "create", znode.path, f"{whose}; the client creates its own when that one is deleted"
    )
    kept.note(znode, KeptState.TAKEN, own, NodeExistsError(text, operation="create", path=znode.path))
    return True


class _PathWatch:
    """The watch on another owner's znode at the path. The session holds it, so it must not hold the client."""

    __slots__ = ("kept", "session", "znode")

    def __init__(self, kept: RecreatedEphemerals, znode: Znode, session: int) -> None:
        self.kept = weakref.ref(kept)
        self.znode = znode
        self.session = session

    def __call__(self, type_: int, state: int, path: str) -> None:
        kept = self.kept()
        if kept is None or type_ == EventType.SESSION or self.znode.is_held(self.session):
            return
        kept.pursue(self.znode)
