"""The flows of leases: look, take a free or expired one, and withdraw what no caller gets."""

from __future__ import annotations

import contextlib
import json
import math
import uuid
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._args import check_path, check_seconds
from zkc._flow import Await, Flow, Pause, Signal, result_of
from zkc.constants import CreateMode
from zkc.errors import (
    BadVersionError,
    ConnectionLossError,
    NoNodeError,
    SessionLostError,
    ZooKeeperError,
)
from zkc.recipes._granting import Acquiring
from zkc.recipes._holds import boot_time
from zkc.recipes._lasting import begin
from zkc.recipes._lease_hold import BaseLeaseHold, delete_grant, keep
from zkc.recipes._measures import measures_of
from zkc.recipes._parents import bases_of, make_bases
from zkc.recipes._places import remove_surely

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Request

__all__ = ["BaseLease", "LeaseGrant"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_HoldT = TypeVar("_HoldT", bound=BaseLeaseHold)
_ADVICE = "holder() shows who has it, and until when"
_PREFIX = "grant-"
_CLOCK = "clock"  # The znode whose writes show the servers' time.


@dataclass(frozen=True)
class LeaseGrant:
    """A grant of a lease, as the servers show it.

    .. versionadded:: 0.1
    """

    name: str
    """The name of its znode."""
    owner: str
    """The owner."""
    token: int
    """The fencing token."""
    ttl: float
    """For how many seconds it is valid after a renewal."""
    renewed: float
    """When it was renewed last, by the servers' clock, in seconds since the epoch."""
    version: int
    """The version of its znode."""


class _Change:
    """A watch of the grants, which is called once."""

    __slots__ = ("signal",)

    def __init__(self) -> None:
        self.signal = Signal()

    def __call__(self, type_: int, state: int, path: str) -> None:
        self.signal.set()


class BaseLease(Generic[_HoldT]):
    """The base of the leases: their settings, and their flows."""

    _hold_class: type[_HoldT]

    def __init__(self, client: BaseClient, path: str, *, owner: str, ttl: float, renew: bool) -> None:
        check_path(path)
        if path == "/":
            raise ValueError("path must not be the root: a lease needs a znode of its own")
        if not owner:
            raise ValueError("owner must not be empty")
        self._client = client
        self._path = path
        self._owner = owner
        self._ttl = check_seconds(ttl, "ttl")
        self._renew = renew
        self._data = json.dumps({"owner": owner, "ttl": self._ttl}).encode()
        self._acl = client._settings.default_acl

    @property
    def path(self) -> str:
        """The path of the lease.

        .. versionadded:: 0.1
        """
        return self._path

    @property
    def owner(self) -> str:
        """The owner that acquires it with this object.

        .. versionadded:: 0.1
        """
        return self._owner

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self._path} owner={self._owner!r} ttl={self._ttl:g}>"

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _acquire_flow(self, client: CommandClient, wait: bool = True, adopt: bool = False) -> Flow[Optional[_HoldT]]:
        def make(acquiring: Acquiring) -> Flow[Optional[_HoldT]]:
            hold = yield from self._acquire(acquiring, wait, adopt)
            if hold is not None:
                acquiring.undo = hold._release_later
                acquiring.grant(hold)
                if self._renew:
                    begin(self._client, hold, keep(weakref.ref(hold)))
            return hold

        self._client._check_process("acquire")
        measures = measures_of(self._client, "lease")
        return cast("Flow[Optional[_HoldT]]", Acquiring(self._path, make, measures, _ADVICE))

    def _acquire(self, acquiring: Acquiring, wait: bool, adopt: bool) -> Flow[Optional[_HoldT]]:
        client = self._client
        while True:
            change = _Change() if wait and not adopt else None
            try:
                version, grant = yield from self._look(change)
                own = grant is not None and grant.owner == self._owner
                acquiring.advice = f"the owner {self._owner!r} has it: adopt() takes it back" if own else _ADVICE
                left = 0.0
                if grant is not None and not (adopt and own):
                    if adopt:
                        return None
                    left = grant.renewed + grant.ttl - (yield from self._now())
                elif adopt and grant is None:
                    return None
                if left <= 0.0:
                    hold = yield from self._grant(version, grant)
                    if hold is not None:
                        return hold
                elif change is None:
                    return None
                else:
                    yield Await(change.signal, left, "acquire", self._path)
            except NoNodeError:
                yield from make_bases(
                    self._client, bases_of(self._client, f"{self._path}/{_CLOCK}"), "acquire", self._path
                )
            except (ConnectionLossError, SessionLostError):
                if client.closed or client._failure is not None:
                    raise
                yield Pause(_PAUSE, "acquire", self._path)
            finally:
                self._forget(change)

    def _look(self, change: Optional[_Change] = None) -> Flow[tuple[int, Optional[LeaseGrant]]]:
        """Return the version of the lease's znode, and the present grant."""
        session = self._client.session
        reading, listing = session.get(self._path), session.get_children(self._path, change)
        _data, stat = yield from result_of(reading)
        names = yield from result_of(listing)
        for name in names:
            if name.startswith(_PREFIX):
                try:
                    data, found = yield from result_of(session.get(f"{self._path}/{name}"))
                except NoNodeError:
                    return (yield from self._look())
                owner, ttl = _decode(data)
                return stat.version, LeaseGrant(name, owner, found.czxid, ttl, found.mtime / 1000, found.version)
        return stat.version, None

    def _now(self) -> Flow[float]:
        """Return the time of the servers, from the time of a write."""
        stat = yield from result_of(self._client.session.set(f"{self._path}/{_CLOCK}", b""))
        return stat.mtime / 1000

    def _grant(self, version: int, old: Optional[LeaseGrant]) -> Flow[Optional[_HoldT]]:
        """Take the lease, if nothing has changed since the look; None if something has."""
        path = f"{self._path}/{_PREFIX}{uuid.uuid4().hex}"
        operations: list[tuple[Any, ...]] = [("set", self._path, b"", version)]
        if old is not None:
            operations.append(("delete", f"{self._path}/{old.name}", old.version))
        operations.append(("create", path, self._data, self._acl, CreateMode.PERSISTENT))
        sent = boot_time()
        request: Optional[Request[list[Any]]] = None
        try:
            request = self._client.session.multi(operations)
            try:
                yield from result_of(request)
            except (BadVersionError, NoNodeError):
                return None
            except (ConnectionLossError, SessionLostError) as error:
                if not error.maybe_applied:
                    raise
            token = yield from self._token(path)
        except BaseException:  # Also a timeout, a cancellation, a signal handler that raises.
            with contextlib.suppress(ZooKeeperError):
                self._client._background(self._withdraw(path, request))
            raise
        if token is None:
            return None
        return self._hold_class(self._client, path, self._owner, self._ttl, self._data, token, sent)

    def _token(self, path: str) -> Flow[Optional[int]]:
        """Return the token of a grant, also after a lost reply; None if it was not created, or is taken over."""
        while True:
            try:
                session = self._client.session
                synced, looking = session.sync(path), session.exists(path)
                yield from result_of(synced)
                stat = yield from result_of(looking)
                return None if stat is None else stat.czxid
            except (ConnectionLossError, SessionLostError):
                if self._client.closed or self._client._failure is not None:
                    raise
                yield Pause(_PAUSE, "acquire", self._path)

    def _withdraw(self, path: str, request: Optional[Request[list[Any]]]) -> Flow[None]:
        """Delete the grant of a caller that has given up, whatever became of its transaction."""
        if request is not None:
            with contextlib.suppress(ZooKeeperError):
                yield from result_of(request)
        yield from delete_grant(self._client, path)

    def _forget(self, change: Optional[_Change]) -> None:
        """Remove a watch that is no longer needed, without waiting."""
        if change is not None and not change.signal.done():
            with contextlib.suppress(ZooKeeperError):  # There is no session.
                remove_surely(self._client.session, self._path, change)

    def _holder_flow(self, client: CommandClient) -> Flow[Optional[LeaseGrant]]:
        try:
            return (yield from self._look())[1]
        except NoNodeError:
            return None


def _decode(data: Optional[bytes]) -> tuple[str, float]:
    """Return the owner and the ttl of a grant; one that cannot be parsed never ends by itself."""
    try:
        found = json.loads(data or b"{}")
        return str(found["owner"]), float(found["ttl"])
    except (ValueError, TypeError, KeyError):
        return "", math.inf
