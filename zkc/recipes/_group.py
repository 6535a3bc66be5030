"""The base of the groups of both clients: how a member joins, stays and leaves."""

from __future__ import annotations

import contextlib
import uuid
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Optional, cast

from zkc._args import check_data, check_flag, check_identifier, check_path, encode_acl
from zkc._flow import Await, Flow, Pause, Signal, Undoable, sub_result_of
from zkc._session.ephemeral_changes import Znode
from zkc._session.ephemeral_claims import claim
from zkc.constants import KeptState
from zkc.errors import (
    ConnectionLossError,
    NoNodeError,
    SessionExpiredError,
    SessionLostError,
)
from zkc.recipes._late import Late
from zkc.recipes._members import Member, read_members, sorted_members
from zkc.recipes._owned import PARENTS
from zkc.recipes._parents import bases_of, make_bases

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Session
    from zkc.types import ACL, Data, KeptZnode

__all__ = ["BaseGroup"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_LAYOUTS = ("curator", "kazoo")


class BaseGroup:
    """The base of the groups: their settings, and their flows."""

    _joins, _leaves = "join", "leave"  # The operations that errors name.

    def __init__(
        self,
        client: BaseClient,
        path: str,
        *,
        identifier: str,
        data: Data,
        keep: bool,
        layout: str,
        acl: Optional[Sequence[ACL]],
    ) -> None:
        check_path(path)
        check_flag(keep, "keep")
        if layout not in _LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(map(repr, _LAYOUTS))}, not {layout!r}")
        check_identifier(identifier)
        if not identifier or "/" in identifier:
            raise ValueError(f"identifier must be a non-empty str without a slash, not {identifier!r}")
        checked = bytes(check_data(data) or b"")
        name = identifier
        if layout == "kazoo":
            if checked:
                raise ValueError("data must be empty in kazoo's layout: its znodes have the identifier there")
            name, checked = f"{uuid.uuid4().hex}__party__", identifier.encode()
        parent = "" if path == "/" else path
        check_path(f"{parent}/{name}")
        self._client = client
        self._path = path
        self._own = f"{parent}/{name}"
        self._identifier = identifier
        self._layout = layout
        self._keep = keep
        self._data = checked
        self._acl: CoreACL = client._settings.default_acl if acl is None else encode_acl(acl)
        self._znode: Optional[Znode] = None  # What the client keeps, from the begin of a join to the leave.
        self._joining = False
        self._leaving: Optional[Signal] = None  # Set when the deletion of the znode is over.
        self._changed = Signal()  # Set when the state of the kept znode changes.
        self._listener: Callable[[KeptZnode], object] = _Listener(self)

    @property
    def path(self) -> str:
        """The path of the group, the parent of its members.

        .. versionadded:: 0.1
        """
        return self._path

    @property
    def identifier(self) -> str:
        """The identifier of this member.

        .. versionadded:: 0.1
        """
        return self._identifier

    @property
    def listed(self) -> bool:
        """Whether the present session has the znode of this member, as far as the client knows.

        .. versionadded:: 0.1
        """
        self._client._check_process("listed")
        znode, session = self._znode, self._client._session
        try:
            return znode is not None and session is not None and znode.is_held(session.client_id[0])
        except SessionLostError:
            return False

    def __repr__(self) -> str:
        state = f" {PARENTS}" if self._client._is_forked() else " listed" if self.listed else ""
        return f"<zkc.{type(self).__name__} {self._path} {self._identifier!r}{state}>"

    # ---- joining ----------------------------------------------------------------------------------------------------

    def _join_flow(self, client: CommandClient) -> Flow[None]:
        self._client._check_process("join")
        missed, advice = "the member was not listed", "another session may have its identifier"
        return cast("Flow[None]", Late(self._joins, self._own, missed, advice, self._join))

    def _join(self, undoable: Undoable) -> Flow[None]:
        kept = self._client._kept
        self._client.session  # noqa: B018 - raises for a client that was not started
        while self._leaving is not None and not self._leaving.done():  # That deletion would meet the new znode.
            yield Await(self._leaving, None, self._joins, self._own)
        with kept.lock:
            joined = self._znode
            if joined is not None and (not joined.dropped or self.listed):
                return
            self._joining = True
            znode = self._znode = Znode(self._own, self._data, self._acl)
            kept.put(znode)
        kept.listeners.add(self._listener)
        try:
            yield from self._find_parent()
            yield from self._claim(znode)
            if not self._keep:
                with kept.lock:
                    kept.drop(znode)
        except BaseException:
            self._leave_later()
            raise
        finally:
            self._joining = False
        undoable.undo = self._leave_later

    def _claim(self, znode: Znode) -> Flow[None]:
        client, kept = self._client, self._client._kept
        while True:
            changed = self._changed = Signal()
            session = client.session
            try:
                yield from claim(kept, session, znode)
                if znode.is_held(session.client_id[0]) or znode.dropped:
                    return
                if znode.state is KeptState.TAKEN:  # A watch continues when that znode is deleted.
                    yield Await(changed, None, self._joins, self._own)
                elif isinstance(znode.error, NoNodeError):
                    yield from self._make_parent()
                elif znode.state is KeptState.FAILED and znode.error is not None:
                    raise znode.error
            except ConnectionLossError:
                yield Pause(_PAUSE, self._joins, self._own)
            except SessionExpiredError:
                if client._failure is not None or client.closed:
                    raise
                yield Pause(_PAUSE, self._joins, self._own)

    def _find_parent(self) -> Flow[None]:
        # Before the claim: the client would log a failure of it.
        with contextlib.suppress(ConnectionLossError, SessionExpiredError):
            session = self._client.session
            if (yield from sub_result_of(session.exists(self._path), self._joins, self._own)) is None:
                yield from self._make_parent()

    def _make_parent(self) -> Flow[None]:
        bases = bases_of(self._client, self._path)
        bases[-1] = bases[-1]._replace(acl=self._acl)
        yield from make_bases(self._client, bases, self._joins, self._own)

    def _kept_changed(self, kept: KeptZnode) -> None:
        """Hear of the kept znode's state: its parent may be gone, and a join may wait for it."""
        znode = self._znode
        if kept.path != self._own or znode is None:
            return
        self._changed.set()
        if kept.state is KeptState.FAILED and isinstance(kept.error, NoNodeError) and not self._joining:
            with contextlib.suppress(SessionLostError):
                self._client._background(self._recreate(self._client.session, znode))

    def _recreate(self, session: Session, znode: Znode) -> Flow[None]:
        yield from self._make_parent()
        self._client._kept.pursue(znode)

    # ---- leaving ----------------------------------------------------------------------------------------------------

    def _drop(self) -> bool:
        """Keep the znode no longer. From here on no session creates it."""
        kept = self._client._kept
        kept.listeners.remove(self._listener)
        with kept.lock:
            znode, self._znode = self._znode, None
            if znode is None:
                return False
            kept.drop(znode)
        self._changed.set()
        return True

    def _leave_flow(self, client: CommandClient) -> Flow[bool]:
        self._client._check_process("leave")
        if not self._drop():
            return False
        done = self._leaving = Signal()
        try:
            found = yield from self._delete()
        except GeneratorExit:  # Timed out or cancelled: the deletion continues without a caller.
            self._client._background(self._delete_quietly(done))
            raise
        except BaseException:
            done.set()
            raise
        done.set()
        return found

    def _leave_later(self) -> None:
        if not self._client._is_forked() and self._drop():
            done = self._leaving = Signal()
            self._client._background(self._delete_quietly(done))

    def _delete_quietly(self, done: Signal) -> Flow[None]:
        try:
            with contextlib.suppress(SessionLostError):
                yield from self._delete()
        finally:
            done.set()

    def _delete(self) -> Flow[bool]:
        """Delete the znode if it is this client's, until that is known."""
        lost = False
        while True:
            session = self._client.session
            try:
                stat = yield from sub_result_of(session.exists(self._own), self._leaves, self._own)
                if stat is None or stat.ephemeral_owner != session.client_id[0]:
                    return lost
                yield from sub_result_of(session.delete(self._own), self._leaves, self._own)
                return True
            except NoNodeError:
                return lost
            except ConnectionLossError as error:
                lost = lost or (error.operation == "delete" and error.maybe_applied is True)
                yield Pause(_PAUSE, self._leaves, self._own)
            except SessionExpiredError:  # The znode has ended with its session.
                if self._client._failure is not None or self._client.closed:
                    raise
                yield Pause(_PAUSE, self._leaves, self._own)

    # ---- the rest ---------------------------------------------------------------------------------------------------

    def _members_flow(self, client: CommandClient) -> Flow[list[Member]]:
        session = client.session
        try:
            names = yield from sub_result_of(session.get_children(self._path), "members", self._path)
        except NoNodeError:
            return []
        return sorted_members((yield from read_members(session, self._path, names, "members")))

    def _set_data_flow(self, client: CommandClient, data: Data) -> Flow[None]:
        if self._layout == "kazoo":
            raise ValueError("a member in kazoo's layout has no data of its own")
        self._client._check_process("set_data")
        self._data = bytes(check_data(data) or b"")
        session = client.session
        if self._znode is None:
            return
        change = client._kept.changing("set", self._own, self._data, session)
        if change is None:
            yield from sub_result_of(session.set(self._own, self._data), "set_data", self._own)
        else:
            yield from change.result_of(change.send(session.set, self._own, self._data))


class _Listener:
    """The listener for the kept znode of a group, which it does not keep alive."""

    def __init__(self, group: BaseGroup) -> None:
        self._group = weakref.ref(group)

    def __call__(self, kept: KeptZnode) -> None:
        group = self._group()
        if group is not None:
            group._kept_changed(kept)
