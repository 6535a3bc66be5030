"""The members of a group, as observers see them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from zkc._flow import Flow, sub_result_of
from zkc.errors import NoAuthError, NoNodeError
from zkc.recipes._observing import AsyncObserver, Observation, Observer, OnceWatch, watched

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Session

__all__ = ["AsyncMemberships", "Member", "Membership", "Memberships", "read_members"]

_WINDOW = 1000  # The reads in flight at a time.
_PARTY = re.compile(r"[0-9a-f]{32}__party__$")
_SHALLOW_PARTY = re.compile(r"[0-9a-f]{32}-(.+)$", re.DOTALL)


@dataclass(frozen=True)
class Member:
    """A member of a group, as the servers show it.

    .. versionadded:: 0.1
    """

    identifier: str
    """The identifier that the member gave."""
    data: Optional[bytes]
    """The data of its znode; None if the ACL does not allow to read them."""
    name: str
    """The name of its znode."""
    session_id: int
    """The session that owns its znode."""
    since: float
    """When its znode was created, by the server's clock, in seconds since the epoch."""
    is_mine: bool
    """Whether this client's session owns it."""


def _identifier_of(name: str, data: Optional[bytes]) -> str:
    """Return the identifier of a member: kazoo has it in the data, or behind the marker in the name."""
    if _PARTY.match(name):
        return (data or b"").decode(errors="replace")
    shallow = _SHALLOW_PARTY.match(name)
    return shallow[1] if shallow else name


def read_members(session: Session, path: str, names: Sequence[str], operation: str) -> Flow[list[Member]]:
    """Read members, and return those that are still there, in the order of their identifiers."""
    members, own = [], session.client_id[0]
    for start in range(0, len(names), _WINDOW):
        window = names[start : start + _WINDOW]
        for name, request in zip(window, [session.get(f"{path}/{name}") for name in window]):
            data: Optional[bytes] = None
            try:
                data, stat = yield from sub_result_of(request, operation, path)
            except NoNodeError:
                continue  # It has left in the meantime.
            except NoAuthError:
                found = yield from sub_result_of(session.exists(f"{path}/{name}"), operation, path)
                if found is None:
                    continue
                stat = found
            owner = stat.ephemeral_owner
            members.append(Member(_identifier_of(name, data), data, name, owner, stat.ctime / 1000, owner == own))
    return sorted(members, key=lambda member: (member.identifier, member.name))


class Membership(Observation[list[Member]]):
    """The members that an observer has seen."""

    operation = "watch"

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self._seen: Optional[list[Member]] = None

    def _look(self, client: BaseClient, watch: OnceWatch) -> Flow[list[Member]]:
        session = client.session
        while True:
            try:
                names = yield from watched(session, "get_children", self.path, self.operation, watch)
                return (yield from read_members(session, self.path, names, self.operation))
            except NoNodeError:
                if (yield from watched(session, "exists", self.path, self.operation, watch)) is None:
                    return []
                watch.forget()

    def _note(self, found: list[Member]) -> list[list[Member]]:
        seen, self._seen = self._seen, found
        return [] if found == seen else [list(found)]


class Memberships(Observer[list[Member]]):
    """An iterator over the members of a group, which :meth:`Group.watch` returns.

    .. versionadded:: 0.1
    """


class AsyncMemberships(AsyncObserver[list[Member]]):
    """An asynchronous iterator over the members of a group, which :meth:`AsyncGroup.watch` returns.

    .. versionadded:: 0.1
    """
