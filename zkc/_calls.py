"""The calls on znodes, as the synchronous client has them: each sends, waits and returns the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional, Union, overload

from zkc._base import BaseClient
from zkc._operations import (
    check_auth,
    check_create_path,
    check_data,
    check_flag,
    check_path,
    check_seconds,
    check_version,
    create_mode,
    decode_acl,
    encode_acl,
    encode_watch,
)
from zkc.types import ACL, Data, Stat, Watch

__all__ = ["SyncCalls"]


class SyncCalls(BaseClient):
    """What :class:`zkc.Client` does with znodes."""

    def _limit(self, timeout: Optional[float]) -> Optional[float]:
        return self._request_timeout if timeout is None else check_seconds(timeout)

    @overload
    def create(
        self,
        path: str,
        data: Optional[Data] = b"",
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
        with_stat: Literal[False] = False,
        timeout: Optional[float] = None,
    ) -> str: ...

    @overload
    def create(
        self,
        path: str,
        data: Optional[Data] = b"",
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
        with_stat: Literal[True],
        timeout: Optional[float] = None,
    ) -> tuple[str, Stat]: ...

    @overload
    def create(
        self,
        path: str,
        data: Optional[Data] = b"",
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
        with_stat: bool,
        timeout: Optional[float] = None,
    ) -> Union[str, tuple[str, Stat]]: ...

    def create(
        self,
        path: str,
        data: Optional[Data] = b"",
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
        with_stat: bool = False,
        timeout: Optional[float] = None,
    ) -> Union[str, tuple[str, Stat]]:
        """Create a znode.

        Args:
            path: Path of the znode. Its parent must exist.
            data: What it holds; None is no data at all, which differs from ``b""``. The servers take about one
                megabyte (their ``jute.maxbuffer``) and drop the connection of who sends more.
            acl: Who may do what with it; the client's ``default_acl`` if None.
            ephemeral: Whether it goes with this client's session.
            sequential: Whether a ten-digit counter of the parent is appended to its name.
            container: Whether the servers delete it after its last child was deleted.
            ttl: For how long it stays when it has no children and is not changed, in seconds; None for ever. The
                servers must allow it (``zookeeper.extendedTypesEnabled=true``).
            with_stat: Whether to return the znode's :class:`~zkc.Stat` as well.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The path of the znode as made, with its counter; ``(path, stat)`` with ``with_stat=True``.

        Raises:
            NodeExistsError: There is such a znode.
            NoNodeError: The parent does not exist.
            NoChildrenForEphemeralsError: The parent is ephemeral.
            InvalidACLError: The servers do not take the ACL.
            UnimplementedError: The servers allow no TTL.
            ValueError: Flags that exclude each other.

        .. versionadded:: 0.1
        """
        mode = create_mode(ephemeral, sequential, container, ttl)
        check_create_path(path, sequential)
        check_data(data)
        entries = self._default_acl if acl is None else encode_acl(acl)
        check_flag(with_stat, "with_stat")
        limit = self._limit(timeout)
        if with_stat:
            return self.session.create_with_stat(path, data, entries, mode, ttl).result(limit)
        return self.session.create(path, data, entries, mode, ttl).result(limit)

    def get(
        self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None
    ) -> tuple[Optional[bytes], Stat]:
        """Read the data of a znode.

        Args:
            path: Path of the znode.
            watch: Called once with a :class:`~zkc.WatchedEvent`, on the session's dispatcher thread, when the znode
                is changed or deleted, or when the session ends. Not set when the call fails.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(data, stat)``. The data is None for a znode without any, which differs from ``b""``.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        check_path(path)
        watcher = encode_watch(watch)
        limit = self._limit(timeout)
        return self.session.get(path, watcher).result(limit)

    def set(self, path: str, data: Optional[Data], *, version: int = -1, timeout: Optional[float] = None) -> Stat:
        """Replace the data of a znode.

        Args:
            path: Path of the znode.
            data: What it shall hold; None for no data at all.
            version: The version (``stat.version``) that it must have; -1 for any.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The znode's :class:`~zkc.Stat` afterwards.

        Raises:
            NoNodeError: There is no such znode.
            BadVersionError: It has another version.

        .. versionadded:: 0.1
        """
        check_path(path)
        check_data(data)
        check_version(version)
        limit = self._limit(timeout)
        return self.session.set(path, data, version).result(limit)

    def delete(self, path: str, *, version: int = -1, timeout: Optional[float] = None) -> None:
        """Delete a znode that has no children.

        Args:
            path: Path of the znode.
            version: The version (``stat.version``) that it must have; -1 for any.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoNodeError: There is no such znode.
            NotEmptyError: It has children.
            BadVersionError: It has another version.

        .. versionadded:: 0.1
        """
        check_path(path)
        check_version(version)
        limit = self._limit(timeout)
        self.session.delete(path, version).result(limit)

    def exists(self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None) -> Optional[Stat]:
        """Ask whether there is a znode.

        Args:
            path: Path of the znode.
            watch: Called once with a :class:`~zkc.WatchedEvent`, on the session's dispatcher thread, when the znode
                is created, changed or deleted, or when the session ends.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The znode's :class:`~zkc.Stat`, or None if there is none.

        .. versionadded:: 0.1
        """
        check_path(path)
        watcher = encode_watch(watch)
        limit = self._limit(timeout)
        return self.session.exists(path, watcher).result(limit)

    def children(self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None) -> list[str]:
        """List the names of a znode's children, in no particular order.

        Args:
            path: Path of the znode.
            watch: Called once with a :class:`~zkc.WatchedEvent`, on the session's dispatcher thread, when a child is
                created or deleted, when the znode is deleted, or when the session ends. Not set when the call fails.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The names, without the path.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        check_path(path)
        watcher = encode_watch(watch)
        limit = self._limit(timeout)
        return self.session.get_children(path, watcher).result(limit)

    def children_with_stat(
        self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None
    ) -> tuple[list[str], Stat]:
        """List the names of a znode's children, and describe the znode itself.

        Args:
            path: Path of the znode.
            watch: As in :meth:`children`.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(names, stat)``, where ``stat`` is the parent's.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        check_path(path)
        watcher = encode_watch(watch)
        limit = self._limit(timeout)
        return self.session.get_children_with_stat(path, watcher).result(limit)

    def get_acl(self, path: str, *, timeout: Optional[float] = None) -> tuple[list[ACL], Stat]:
        """Read the ACL of a znode.

        Args:
            path: Path of the znode.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(acl, stat)``.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        check_path(path)
        limit = self._limit(timeout)
        entries, stat = self.session.get_acl(path).result(limit)
        return decode_acl(entries), stat

    def set_acl(self, path: str, acl: Sequence[ACL], *, version: int = -1, timeout: Optional[float] = None) -> None:
        """Replace the ACL of a znode.

        Args:
            path: Path of the znode.
            acl: Who may do what with it.
            version: The version of the ACL (``stat.aversion``) that it must have; -1 for any.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoNodeError: There is no such znode.
            BadVersionError: Its ACL has another version.
            InvalidACLError: The servers do not take the ACL.

        .. versionadded:: 0.1
        """
        check_path(path)
        entries = encode_acl(acl)
        check_version(version)
        limit = self._limit(timeout)
        self.session.set_acl(path, entries, version).result(limit)

    def sync(self, path: str = "/", *, timeout: Optional[float] = None) -> None:
        """Let the server catch up with the leader, so that a read afterwards sees all that was written before.

        Args:
            path: Path of the znode that is read afterwards; servers up to now catch up with everything.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        check_path(path)
        limit = self._limit(timeout)
        self.session.sync(path).result(limit)

    def add_auth(self, scheme: str, credentials: Union[str, bytes], *, timeout: Optional[float] = None) -> None:
        """Add credentials to the session. They go with it.

        Args:
            scheme: How they are checked, such as ``digest``.
            credentials: What the scheme wants; for ``digest`` it is ``user:password``.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Raises:
            AuthFailedError: The servers refused them, and with them the session.

        .. versionadded:: 0.1
        """
        scheme, encoded = check_auth(scheme, credentials)
        limit = self._limit(timeout)
        self.session.add_auth(scheme, encoded).result(limit)
