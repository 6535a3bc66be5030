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
            data: What it holds; None is no data at all, which differs from ``b""``. A request larger
                than the client's ``max_data`` is refused with ValueError.
            acl: Who may do what with it; the client's ``default_acl`` if None.
            ephemeral: Whether it goes with this client's session.
            sequential: Whether a ten-digit counter of the parent is appended to its name.
            container: Whether the servers delete it after its last child was deleted.
            ttl: For how long it stays when it has no children and is not changed, in seconds; None for ever. The
                servers must allow it (``zookeeper.extendedTypesEnabled=true``).
            make_parents: Whether to create what is missing above it: persistent, empty, with the ``default_acl``.
            protected: Whether to find the znode again when the connection breaks before the answer comes, so that
                none is left over and none is made twice. Its name gets a marker for that, unique to this call, in
                front (:func:`zkc.unprotected_name` takes it off). For ephemeral or sequential znodes. The call then
                goes on through lost connections, until ``timeout`` or the end of the session.
            keep: Whether to create the znode again, under the same path, in the session that follows an expired one.
                For ephemeral znodes. It gets what this client has set last; one that this client has deleted is not
                created. When this call times out or is cancelled, the znode may be there, owned by this client's
                session, but it is not kept. See :attr:`kept_znodes` and :meth:`add_kept_listener`.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The path of the created znode, with its counter.

        Raises:
            NodeExistsError: There is such a znode.
            NoNodeError: The parent does not exist.
            NoChildrenForEphemeralsError: The parent is ephemeral.
            InvalidACLError: The servers do not take the ACL.
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
        """Create a znode and all above it, as far as they are missing.

        They are persistent and empty. One that is there already is left as it is.

        Args:
            path: Path of the lowest znode.
            acl: Who may do what with those that are made; the client's ``default_acl`` if None.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoChildrenForEphemeralsError: One of them is ephemeral.

        .. versionadded:: 0.1
        """
        return self._run(create.ensure_path, timeout, path, acl)

    def get(
        self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None
    ) -> tuple[Optional[bytes], Stat]:
        """Read the data of a znode.

        Args:
            path: Path of the znode.
            watch: Called once with a :class:`~zkc.WatchedEvent`, where callbacks run, when the znode
                is changed or deleted, or when the session ends. Not set when the call fails.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(data, stat)``. The data is None for a znode without any, which differs from ``b""``.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        return self._run(znodes.get, timeout, path, watch)

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
            version: The version (``stat.version``) that it must have; -1 for any.
            recursive: Whether to delete all that is below it first, see :meth:`delete_tree`. It is not one step: others
                see the znodes go one by one, and some may be gone when it fails.
            missing_ok: Whether it is all the same if there is no such znode.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoNodeError: There is no such znode.
            NotEmptyError: It has children.
            BadVersionError: It has another version.
            ValueError: ``recursive`` with a version, or with the root.

        .. versionadded:: 0.1
        """
        return self._run(delete.delete, timeout, path, version, recursive, missing_ok)

    def exists(self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None) -> Optional[Stat]:
        """Ask whether there is a znode.

        Args:
            path: Path of the znode.
            watch: Called once with a :class:`~zkc.WatchedEvent`, where callbacks run, when the znode
                is created, changed or deleted, or when the session ends.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The znode's :class:`~zkc.Stat`, or None if there is none.

        .. versionadded:: 0.1
        """
        return self._run(znodes.exists, timeout, path, watch)

    def children(self, path: str, *, watch: Optional[Watch] = None, timeout: Optional[float] = None) -> list[str]:
        """List the names of a znode's children, in no particular order.

        Args:
            path: Path of the znode.
            watch: Called once with a :class:`~zkc.WatchedEvent`, where callbacks run, when a child is
                created or deleted, when the znode is deleted, or when the session ends. Not set when the call fails.
            timeout: How long to wait for the answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The names, without the path.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        return self._run(znodes.children, timeout, path, watch)

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
        return self._run(znodes.children_with_stat, timeout, path, watch)
