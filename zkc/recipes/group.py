"""The group: members that announce themselves with ephemeral znodes, which come back after an expiry."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Optional, cast

from zkc.recipes._group import BaseGroup
from zkc.recipes._members import AsyncMemberships, Member, Membership, Memberships

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc.types import Data

__all__ = ["AsyncGroup", "AsyncMemberships", "Group", "Member", "Memberships"]


class Group(BaseGroup):
    """A group of a synchronous client. :meth:`zkc.Client.group` makes it.

    As a context manager it joins and leaves.

    >>> with client.group("/workers", identifier="host-1") as group:
    ...     print([member.identifier for member in group.members()])

    .. versionadded:: 0.1
    """

    _client: Client

    def join(self, *, timeout: Optional[float] = None) -> None:
        """Join the group: create this member's znode. A further call does nothing while the member is in the group.

        If another session has a member with the same identifier, as that of a killed process has for its timeout, this
        waits until that znode is gone.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The join is then undone.

        Raises:
            OperationTimeoutError: Another session kept the identifier for too long.
            NoAuthError: The ACL of the path does not allow it.

        .. versionadded:: 0.1
        """
        self._client._run(self._join_flow, timeout)

    def leave(self, *, timeout: Optional[float] = None) -> bool:
        """Leave the group. From this call on, the client re-creates the znode no more.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The deletion continues in the
                background until the znode is deleted or the session has ended.

        Returns:
            Whether this call has deleted the znode.

        .. versionadded:: 0.1
        """
        return self._client._run(self._leave_flow, timeout)

    def members(self, *, timeout: Optional[float] = None) -> list[Member]:
        """Return the members, in the order of their identifiers; two znodes with one identifier are two members.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._members_flow, timeout)

    def watch(self) -> Memberships:
        """Iterate over the members: the present ones at once, and then after each change of who is there.

        The iterator reports a member that has joined, left, or came back in another session. New data of a member alone
        are no change. Several quick changes may be one; the last state is always seen.

        Returns:
            An iterator over lists of :class:`Member`. It ends with its client, or by ``close()``, and survives the
            expiry of the session.

        .. versionadded:: 0.1
        """
        return Memberships(self._client, Membership(self._path))

    def set_data(self, data: Data, *, timeout: Optional[float] = None) -> None:
        """Set the data of this member, also for the znodes of later sessions.

        Args:
            data: The data in bytes.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoNodeError: The member's znode was deleted.

        .. versionadded:: 0.1
        """
        self._client._run(self._set_data_flow, timeout, data)

    def __enter__(self) -> Self:
        self.join()
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave_later()


class AsyncGroup(BaseGroup):
    """A group of a client for asyncio, as :class:`Group`. :meth:`zkc.AsyncClient.group` makes it.

    >>> async with client.group("/workers", identifier="host-1") as group:
    ...     print([member.identifier for member in await group.members()])

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def join(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Join the group, as :meth:`Group.join` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._join_flow, timeout))

    def leave(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Leave the group, as :meth:`Group.leave` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._leave_flow, timeout))

    def members(self, *, timeout: Optional[float] = None) -> AsyncFuture[list[Member]]:
        """Return the members, as :meth:`Group.members` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[Member]]", self._client._run(self._members_flow, timeout))

    def watch(self) -> AsyncMemberships:
        """Iterate over the members, as :meth:`Group.watch` does.

        .. versionadded:: 0.1
        """
        return AsyncMemberships(self._client, Membership(self._path))

    def set_data(self, data: Data, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Set the data of this member, as :meth:`Group.set_data` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._set_data_flow, timeout, data))

    async def __aenter__(self) -> Self:
        await self.join()
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave_later()
