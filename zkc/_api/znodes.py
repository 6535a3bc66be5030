"""The calls on one znode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from zkc._api.runner import Runner
from zkc._commands import create, delete, znodes
from zkc.types import ACL, Data, Stat, Watch

__all__ = ["ZnodeCalls"]


class ZnodeCalls(Runner):
    """Create, read, change and delete znodes."""

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
        make_parents: bool = False,
        protected: bool = False,
        keep: bool = False,
        timeout: Optional[float] = None,
    ) -> str:
        """Create a znode.

        Args:
            path: Path of the znode. Its parent must exist, unless ``make_parents`` is given.
            data: The znode's data in bytes; None for no data at all, which differs from ``b""``. The client refuses a
                request larger than its ``max_data`` with ValueError.
            acl: The access control list of the znode; the client's ``default_acl`` if None.
            ephemeral: Whether the znode ends with this client's session.
            sequential: Whether the servers append a ten-digit counter of the parent to the name.
            container: Whether the servers delete the znode after its last child was deleted.
            ttl: The seconds after which the servers delete the znode if it has no children and is not changed; None
                for no limit. The servers must allow it (``zookeeper.extendedTypesEnabled=true``).
            make_parents: Whether to create missing parents: persistent, empty, with the ``default_acl``.
            protected: Whether to find the znode after a connection that broke before the reply, so that the call
                neither leaves a znode behind nor creates it twice. For ephemeral or sequential znodes. The name gets
                a marker in front, unique to this call; :func:`zkc.unprotected_name` removes it. The call continues
                through lost connections, until ``timeout`` or the end of the session.
            keep: Whether to re-create the znode, under the same path, in the session that follows an expired one. For
                ephemeral znodes. It gets the data that this client has set last. The client does not re-create a
                znode that it has deleted. When this call times out or is cancelled, the znode may exist, owned by
                this client's session, but it is not kept. See :attr:`kept_znodes` and :meth:`add_kept_listener`.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The path of the created znode, with its counter.

        Raises:
            NodeExistsError: The znode exists.
            NoNodeError: The parent does not exist.
            NoChildrenForEphemeralsError: The parent is ephemeral.
            InvalidACLError: The servers refused the ACL.
            UnimplementedError: The servers allow no TTL.
            ValueError: Flags that exclude each other, or more data than ``max_data`` allows.

        .. versionadded:: 0.1
        """
        options = create.Options(ephemeral, sequential, container, ttl, make_parents, protected, keep)
        return self._run(create.create, timeout, path, data, acl, options)

    def create_with_stat(
        self,
        path: str,
        data: Optional[Data] = b"",
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
        make_parents: bool = False,
        protected: bool = False,
        keep: bool = False,
        timeout: Optional[float] = None,
    ) -> tuple[str, Stat]:
        """Create a znode, and return its :class:`~zkc.Stat` as well.

        Args:
            path: Path of the znode, as in :meth:`create`.
            data: Its data, as in :meth:`create`.
            acl, ephemeral, sequential, container, ttl, make_parents, protected, keep, timeout: As in :meth:`create`.

        Returns:
            ``(path, stat)`` of the created znode.

        Raises:
            ZooKeeperError: What :meth:`create` raises.

        .. versionadded:: 0.1
        """
        options = create.Options(ephemeral, sequential, container, ttl, make_parents, protected, keep)
        return self._run(create.create_with_stat, timeout, path, data, acl, options)

    def ensure_path(self, path: str, *, acl: Optional[Sequence[ACL]] = None, timeout: Optional[float] = None) -> None:
        """Create a znode and its parents, as far as they are missing.

        The created znodes are persistent and empty. Existing znodes stay as they are.

        Args:
            path: Path of the lowest znode.
            acl: The access control list of the created znodes; the client's ``default_acl`` if None.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoChildrenForEphemeralsError: One of the parents is ephemeral.

        .. versionadded:: 0.1
        """
        return self._run(create.ensure_path, timeout, path, acl)

    def get(
        self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None
    ) -> tuple[Optional[bytes], Stat]:
        """Read the data of a znode.

        Args:
            path: Path of the znode.
            watch: A callback that is called once with a :class:`~zkc.WatchedEvent`, where callbacks run: when the znode
                is changed or deleted, or when the session ends. It is not set when the call fails.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(data, stat)``. The data is None for a znode without data, which differs from ``b""``.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        return self._run(znodes.get, timeout, path, watch)

    def set(self, path: str, data: Optional[Data], *, version: int = -1, timeout: Optional[float] = None) -> Stat:
        """Replace the data of a znode.

        Args:
            path: Path of the znode.
            data: The new data in bytes; None for no data at all.
            version: The version (``stat.version``) that the znode must have; -1 for any version.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The :class:`~zkc.Stat` of the znode after the change.

        Raises:
            NoNodeError: There is no such znode.
            BadVersionError: The znode has another version.

        .. versionadded:: 0.1
        """
        return self._run(znodes.set_, timeout, path, data, version)

    def delete(
        self,
        path: str,
        *,
        version: int = -1,
        recursive: bool = False,
        missing_ok: bool = False,
        timeout: Optional[float] = None,
    ) -> None:
        """Delete a znode.

        Args:
            path: Path of the znode.
            version: The version (``stat.version``) that the znode must have; -1 for any version.
            recursive: Whether to delete its descendants first, see :meth:`delete_tree`. The deletion is not atomic:
                other clients see the znodes go one by one, and some may be deleted when the call fails.
            missing_ok: Whether to succeed if there is no such znode.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoNodeError: There is no such znode.
            NotEmptyError: The znode has children.
            BadVersionError: The znode has another version.
            ValueError: ``recursive`` with a version, or with the root.

        .. versionadded:: 0.1
        """
        return self._run(delete.delete, timeout, path, version, recursive, missing_ok)

    def exists(self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None) -> Optional[Stat]:
        """Return the stat of a znode if it exists.

        Args:
            path: Path of the znode.
            watch: A callback that is called once with a :class:`~zkc.WatchedEvent`, where callbacks run: when the znode
                is created, changed or deleted, or when the session ends.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The :class:`~zkc.Stat` of the znode, or None if it does not exist.

        Raises:
            NoAuthError: The znode exists, its ACL does not allow READ, and the server checks that, as those since 3.8.4
                and 3.9.2 do. No watch is set.

        .. versionadded:: 0.1
        """
        return self._run(znodes.exists, timeout, path, watch)

    def children(self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None) -> list[str]:
        """List the names of a znode's children, in no particular order.

        Args:
            path: Path of the znode.
            watch: A callback that is called once with a :class:`~zkc.WatchedEvent`, where callbacks run: when a child
                is created or deleted, when the znode is deleted, or when the session ends. It is not set when the
                call fails.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The names of the children, without the path of the znode.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        return self._run(znodes.children, timeout, path, watch)

    def children_with_stat(
        self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None
    ) -> tuple[list[str], Stat]:
        """List the names of a znode's children, and return the stat of the znode.

        Args:
            path: Path of the znode.
            watch: As in :meth:`children`.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(names, stat)``. The :class:`~zkc.Stat` is that of the znode, the parent of the children.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        return self._run(znodes.children_with_stat, timeout, path, watch)
