"""The znodes of registered instances: how each kind is created, written and deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._args import encode_acl
from zkc._flow import Flow, Pause, SubRequest, Undoable, sub_result_of
from zkc._session.ephemeral_changes import Creation, Znode
from zkc.constants import CreateMode, KeptState
from zkc.errors import (
    BadVersionError,
    ConnectionLossError,
    NodeExistsError,
    NoNodeError,
    SessionExpiredError,
    ZooKeeperError,
)
from zkc.recipes._group import BaseGroup
from zkc.recipes._instance import ServiceType
from zkc.recipes._parents import bases_of, make_bases
from zkc.recipes._places import delete_surely

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Request, Session
    from zkc.types import ACL

__all__ = ["Entry", "make_entry"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_REGISTER, _UPDATE, _UNREGISTER = "register", "update", "unregister"


def _make_parents(client: BaseClient, service: str, acl: CoreACL) -> Flow[None]:
    """Create the path of a service: it and the base are containers, as Curator has them."""
    bases = bases_of(client, service)
    bases[-2:] = [base._replace(mode=CreateMode.CONTAINER) for base in bases[-2:]]
    bases[-1] = bases[-1]._replace(acl=acl)
    yield from make_bases(client, bases, _REGISTER, service)


class Entry:
    """The znode of an instance that is registered. This one is persistent.

    Args:
        client: The client.
        service: Path of the service.
        name: The name of the znode.
        data: Its data.
        acl: The access control list of created znodes; the client's ``default_acl`` if None.
    """

    def __init__(self, client: BaseClient, service: str, name: str, data: bytes, acl: Optional[Sequence[ACL]]) -> None:
        self._client = client
        self._service = service
        self._own = f"{service}/{name}"
        self._data = data
        self._entries: CoreACL = client._settings.default_acl if acl is None else encode_acl(acl)
        self._wanted = True
        self._there = False
        self._written = False  # Whether this client has written the znode, or may have.

    @property
    def path(self) -> str:
        return self._own

    @property
    def listed(self) -> bool:
        return self._there and self._wanted

    def join(self) -> Flow[None]:
        """Create the znode, or write its data if it exists."""
        return self.put(_REGISTER)

    def set_data(self, data: bytes) -> None:
        """Note the data that :meth:`put` writes."""
        self._data = data

    def put(self, operation: str = _UPDATE) -> Flow[None]:
        """Write the data, and repeat that until it is known."""
        while self._wanted:
            data, written = self._data, self._written
            try:
                session = self._client.session
                self._written = True
                yield from self._write(session, data, operation)
                self._there = True
                if self._is_dropped():  # Another thread has unregistered it, and this came behind its delete.
                    yield from self.delete()
                elif self._data is data:
                    return
            except NoNodeError:
                self._written = written
                yield from self._parents()
            except (ConnectionLossError, SessionExpiredError):
                self._raise_if_over()
                yield Pause(_PAUSE, operation, self._own)
            except ZooKeeperError:
                self._written = written
                raise

    def _is_dropped(self) -> bool:  # Another thread may drop it at any time.
        return not self._wanted

    def _parents(self) -> Flow[None]:
        yield from _make_parents(self._client, self._service, self._entries)

    def _write(self, session: Session, data: bytes, operation: str) -> Flow[None]:
        request: Request[Any] = session.create(self._own, data, self._entries, CreateMode.PERSISTENT)
        try:
            yield SubRequest(request, operation, self._own)
            request.result()
        except NodeExistsError:
            yield from sub_result_of(session.set(self._own, data), operation, self._own)

    def _raise_if_over(self) -> None:
        """Raise the error that is handled if the client opens no further session."""
        if self._client._failure is not None or self._client.closed:
            raise

    def drop(self) -> bool:
        """Want the znode no longer; return whether it was wanted."""
        wanted, self._wanted = self._wanted, False
        return wanted

    def delete(self) -> Flow[bool]:
        """Delete the znode, and repeat that until it is known; return whether this has deleted it."""
        lost = False
        while self._written:
            try:
                yield from sub_result_of(self._client.session.delete(self._own), _UNREGISTER, self._own)
                return True
            except NoNodeError:
                return lost
            except (ConnectionLossError, SessionExpiredError) as error:
                lost = lost or error.maybe_applied is True
                self._raise_if_over()
                yield Pause(_PAUSE, _UNREGISTER, self._own)
        return False


class _KeptMember(BaseGroup):
    """The member of a group that an ephemeral instance is."""

    _joins, _leaves = _REGISTER, _UNREGISTER
    replaces = False  # Whether a znode of another session at the path is deleted first.

    def _make_parent(self) -> Flow[None]:
        yield from _make_parents(self._client, self._path, self._acl)

    def _find_parent(self) -> Flow[None]:
        yield from super()._find_parent()
        while self.replaces:
            try:
                session = self._client.session
                stat = yield from sub_result_of(session.exists(self._own), _REGISTER, self._own)
                if stat is not None and stat.ephemeral_owner != session.client_id[0]:
                    yield from sub_result_of(session.delete(self._own, stat.version), _REGISTER, self._own)
                return
            except NoNodeError:
                return
            except (ConnectionLossError, SessionExpiredError):
                if self._client._failure is not None or self._client.closed:
                    raise
                yield Pause(_PAUSE, _REGISTER, self._own)

    def put(self) -> Flow[None]:
        """Write the data to the znode, or create that with them, and repeat that until it is known."""
        kept = self._client._kept
        while True:
            data, znode = self._data, self._znode
            if znode is None:
                return
            try:
                session = self._client.session
                if not znode.is_held(session.client_id[0]):
                    with kept.lock:
                        znode.data.found(data, 0)
                    yield from self._claim(znode)
                    session = self._client.session
                stat = yield from sub_result_of(session.exists(self._own), _UPDATE, self._own)
                if stat is None or stat.ephemeral_owner != session.client_id[0]:
                    raise NoNodeError(operation=_UPDATE, path=self._own)
                change = kept.changing("set", self._own, data, session)
                if change is not None:
                    yield from self._settled(change, change.send(session.set, self._own, data, stat.version))
                if self._data is data:
                    return
            except BadVersionError:
                continue
            except NoNodeError:  # Another program has deleted it, or another session has one there: claim it again.
                with kept.lock:
                    if znode.state is KeptState.HELD:
                        znode.state = KeptState.MISSING
            except (ConnectionLossError, SessionExpiredError):
                if self._client._failure is not None or self._client.closed:
                    raise
                yield Pause(_PAUSE, _UPDATE, self._own)

    def _settled(self, change: Any, request: Request[Any]) -> Flow[None]:
        yield SubRequest(request, _UPDATE, self._own)
        change.settle_by(request)  # The done callback may run later.
        request.result()


class _SequentialMember(_KeptMember):
    """The same, whose name the servers end with a counter. Later sessions keep that name."""

    def _join(self, undoable: Undoable) -> Flow[None]:
        client, kept, prefix, data = self._client, self._client._kept, self._own, self._data
        yield from self._find_parent()
        while True:
            creation = Creation(kept, Znode(prefix, data, self._acl), known=False)

            def create(session: Session) -> Request[str]:
                return session.create(prefix, data, self._acl, CreateMode.EPHEMERAL_SEQUENTIAL)

            try:
                session = client.session
                path = yield from self._created(session, creation.sender(create)(session))
                if path is not None:
                    break
            except NoNodeError:
                yield from self._make_parent()
            except (ConnectionLossError, SessionExpiredError):
                if client._failure is not None or client.closed:
                    raise
                yield Pause(_PAUSE, _REGISTER, prefix)
        with kept.lock:
            self._own, self._znode = path, creation._znode
        creation.made(path)
        kept.listeners.add(self._listener)
        undoable.undo = self._leave_later

    def _created(self, session: Session, request: Request[str]) -> Flow[Optional[str]]:
        """Return the path of a created znode; None if the reply was lost, and the znode was not created."""
        try:
            return (yield from sub_result_of(request, _REGISTER, self._own))
        except ConnectionLossError as error:
            if not error.maybe_applied:
                raise
        except GeneratorExit:  # The caller gives up: no znode is left.
            self._client._background(self._withdraw(session, request))
            raise
        return (yield from self._find(session))

    def _withdraw(self, session: Session, request: Request[str]) -> Flow[None]:
        path: Optional[str] = None
        try:
            path = yield from sub_result_of(request, _UNREGISTER, self._own)
        except ConnectionLossError as error:
            if error.maybe_applied:
                path = yield from self._find(session)
        if path is not None:
            yield from delete_surely(session, path)

    def _find(self, session: Session) -> Flow[Optional[str]]:
        """Search for the znode of a lost reply, in the session that created it."""
        name = self._own.rpartition("/")[2]
        while self._client._session is session:
            try:
                synced, listing = session.sync(self._path), session.get_children(self._path)
                yield from sub_result_of(synced, _REGISTER, self._own)
                names = yield from sub_result_of(listing, _REGISTER, self._own)
                for found in sorted(each for each in names if re.fullmatch(re.escape(name) + r"-?\d{9,10}", each)):
                    path = f"{self._path}/{found}"
                    if path not in self._client._kept:
                        stat = yield from sub_result_of(session.exists(path), _REGISTER, self._own)
                        if stat is not None and stat.ephemeral_owner == session.client_id[0]:
                            return path
                return None
            except NoNodeError:
                return None
            except ConnectionLossError:
                yield Pause(_PAUSE, _REGISTER, self._own)
        return None


class _KeptEntry(Entry):
    """The znode of an instance that ends with its client."""

    def __init__(self, member: _KeptMember) -> None:
        self._member = member

    @property
    def path(self) -> str:
        return self._member._own

    @property
    def listed(self) -> bool:
        return self._member.listed

    def join(self) -> Flow[None]:
        return self._member._join_flow(cast("CommandClient", self._member._client))

    def set_data(self, data: bytes) -> None:
        self._member._data = data

    def put(self, operation: str = _UPDATE) -> Flow[None]:
        return self._member.put()

    def drop(self) -> bool:
        return self._member._drop()

    def delete(self) -> Flow[bool]:
        return self._member._delete()


def make_entry(
    client: BaseClient,
    service: str,
    name: str,
    data: bytes,
    type_: ServiceType,
    acl: Optional[Sequence[ACL]],
    *,
    replaces: bool,
) -> Entry:
    """Make the entry of an instance."""
    if not type_.is_dynamic:
        return Entry(client, service, name, data, acl)
    make: Callable[..., _KeptMember] = _KeptMember if type_ is ServiceType.DYNAMIC else _SequentialMember
    member = make(client, service, identifier=name, data=data, keep=True, layout="curator", acl=acl)
    member.replaces = replaces and type_ is ServiceType.DYNAMIC
    return _KeptEntry(member)
