"""The members of a group, as observers see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from zkc._flow import Flow, sub_result_of
from zkc.errors import ConnectionLossError, NoAuthError, NoNodeError, SessionExpiredError
from zkc.recipes._memory import Memory, MemoryObservation
from zkc.recipes._observing import AsyncObserver, Observer

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Session, Stat

__all__ = ["AsyncMemberships", "Member", "Membership", "Memberships", "read_members", "sorted_members"]

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


def _member(name: str, data: Optional[bytes], stat: Stat, own: int) -> Member:
    owner = stat.ephemeral_owner
    return Member(_identifier_of(name, data), data, name, owner, stat.ctime / 1000, owner == own)


def sorted_members(members: Iterable[Member]) -> list[Member]:
    """Return members in the order of their identifiers."""
    return sorted(members, key=lambda member: (member.identifier, member.name))


def read_members(session: Session, path: str, names: Sequence[str], operation: str) -> Flow[list[Member]]:
    """Read members, and return those that are still there."""
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
            members.append(_member(name, data, stat, own))
    return members


class Membership(MemoryObservation[list[Member]]):
    """The members that an observer has seen."""

    operation = "watch"

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self._kept: Optional[Memory] = None
        self._seen: Optional[list[tuple[str, int, float]]] = None

    def _memory(self, client: BaseClient) -> Memory:
        memory = self._kept
        if memory is None:
            memory = self._kept = Memory(client, self.path, jitter=0.0)
            memory.start()
        return memory

    def _news(self, client: BaseClient) -> Flow[Optional[list[Member]]]:
        nodes = self._memory(client).children()
        own, hidden, members = 0, [], []
        try:
            own = client.session.client_id[0]
            for name, node in nodes.items():
                if node.stat is None:
                    hidden.append(name)
                else:
                    members.append(_member(name, node.data, node.stat, own))
            members += yield from read_members(client.session, self.path, hidden, self.operation)
        except (ConnectionLossError, SessionExpiredError):
            if client._failure is not None:
                raise
            return None  # The next connection is a change.
        members = sorted_members(members)
        seen, self._seen = self._seen, [(member.name, member.session_id, member.since) for member in members]
        return None if self._seen == seen else members

    def close(self) -> None:
        """End the observation. A flow that waits ends, too."""
        super().close()
        if self._kept is not None:
            self._kept.cancel()


class Memberships(Observer[list[Member]]):
    """An iterator over the members of a group, which :meth:`Group.watch` returns.

    .. versionadded:: 0.1
    """


class AsyncMemberships(AsyncObserver[list[Member]]):
    """An asynchronous iterator over the members of a group, which :meth:`AsyncGroup.watch` returns.

    .. versionadded:: 0.1
    """
