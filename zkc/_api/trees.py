"""The calls on whole trees.

None of these calls is atomic: other clients see the changes znode by znode, and the call may see or miss what other
clients change in the meantime. When a call fails, its changes so far stay.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import IO, Literal, Optional, Union

from zkc._api.runner import Runner
from zkc._commands import export, trees
from zkc._commands.trees import TreeNode

__all__ = ["TreeCalls"]


class TreeCalls(Runner):
    """The calls of a client on a znode and its descendants."""

    def tree(
        self,
        path: str = "/",
        *,
        with_data: bool = True,
        with_acl: bool = False,
        system: bool = False,
        window: int = 1000,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[TreeNode]:
        """Read a znode and its descendants.

        The result is no snapshot: the client reads one znode after the other. Znodes that are deleted during the call
        are left out. For a tree that is too large for a list, use :meth:`walk`.

        >>> for node in client.tree("/app"):
        ...     print(node.path, node.data)

        Args:
            path: The root of the tree.
            with_data: Whether to read the data of each znode.
            with_acl: Whether to read the ACL of each znode.
            system: Whether to read /zookeeper as well, where the servers keep their own znodes. A tree that begins
                there is read in any case.
            window: Most requests of this call without a reply at a time, from 1 to 16384, and never more than the
                client's ``max_in_flight``.
            progress: A callback that is called now and then with the number of finished znodes. An exception of the
                callback ends the call.
            timeout: How long the whole call may take, in seconds; the client's ``request_timeout`` if None.

        Returns:
            A :class:`~zkc.TreeNode` for each znode, breadth first: parents before their children, children by name.

        Raises:
            NoNodeError: There is no such znode.
            NoAuthError: The ACL of a znode does not allow to read it.

        .. versionadded:: 0.1
        """
        return self._run(trees.tree, timeout, path, with_data, with_acl, system, window, progress)

    def delete_tree(
        self,
        path: str,
        *,
        window: int = 1000,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """Delete a znode and its descendants, children before their parents.

        When other clients add znodes at the same time, the call continues until no znode is left. Given the root, it
        deletes all znodes below the root, except /zookeeper, which belongs to the servers.

        Args:
            path: Path of the znode.
            window, progress, timeout: As in :meth:`tree`.

        Returns:
            The number of deleted znodes; 0 if there is no such znode.

        Raises:
            NoAuthError: An ACL does not allow to delete a znode. Other znodes are deleted by then.
            ValueError: ``path`` is /zookeeper or below it.

        .. versionadded:: 0.1
        """
        return self._run(trees.delete_tree, timeout, path, window, progress)

    def copy_tree(
        self,
        source: str,
        target: str,
        *,
        with_acl: bool = True,
        exist_ok: bool = False,
        window: int = 1000,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """Copy a znode and its descendants, with data and ACLs.

        The call leaves out ephemeral znodes: they belong to a session. Containers and znodes with a TTL look like
        persistent znodes to clients, and their copies are persistent.

        Args:
            source: Path of the znode to copy.
            target: Path of the copy. Its parent must exist.
            with_acl: Whether each copy gets the ACL of its original; with False, all get the client's ``default_acl``.
            exist_ok: Whether znodes of the copy may exist. They then get the data and the ACL of the source, and keep
                their other descendants.
            window: As in :meth:`tree`, but at least 2.
            progress, timeout: As in :meth:`tree`.

        Returns:
            The number of created or replaced znodes.

        Raises:
            NoNodeError: There is no source, or no parent of the target.
            NodeExistsError: The target exists, and ``exist_ok`` was not given.
            NoAuthError: An ACL does not allow to read or to create a znode; a copied ACL may forbid to create children.
                Or the servers hide the password hashes of an ACL: they show them only to clients with ADMIN permission.
            ValueError: One of the two paths is inside the other.

        .. versionadded:: 0.1
        """
        return self._run(trees.copy_tree, timeout, source, target, with_acl, exist_ok, window, progress)

    def export(
        self,
        path: str,
        file: Union[str, PathLike[str], IO[str]],
        *,
        system: bool = False,
        window: int = 1000,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """Write a znode and its descendants to a file: a line of JSON for each, with ACL and stat.

        Containers and znodes with a TTL look like persistent znodes to clients, and the file says so. The servers show
        the password hashes of an ACL only to clients with ADMIN permission; :meth:`import_` refuses an ACL without
        them. However large the tree is, the call holds at most a window of it in memory, besides the paths that are
        still to come. It writes where the replies arrive: for :class:`~zkc.AsyncClient` in the event loop.

        Args:
            path: The root of the tree.
            file: A path, or a file that is open for writing text. A file at the path is replaced when the whole tree is
                written, and left as it is when the call fails.
            system: Whether to write /zookeeper as well.
            window, progress, timeout: As in :meth:`tree`.

        Returns:
            The number of written znodes.

        Raises:
            NoNodeError: There is no such znode.
            NoAuthError: The ACL of a znode does not allow to read it.
            OSError: The file cannot be written.

        .. versionadded:: 0.1
        """
        return self._run(export.export, timeout, path, file, system, window, progress)

    def import_(
        self,
        path: str,
        file: Union[str, PathLike[str], IO[str]],
        *,
        on_existing: Literal["fail", "skip", "replace"] = "fail",
        with_acl: bool = True,
        with_ephemerals: bool = False,
        system: bool = False,
        window: int = 1000,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """Create the znodes that :meth:`export` has written to a file.

        Args:
            path: The path to create the exported znode at, which may differ from its old path. The parent must exist.
            file: A path, or a file that is open for reading text.
            on_existing: What to do about a znode that exists: fail, skip it, or replace its data and ACL.
            with_acl: Whether each znode gets the ACL from the file; with False, all get the client's ``default_acl``.
            with_ephemerals: Whether to create ephemeral znodes as well, as ephemerals of this client's session.
            system: Whether to create znodes below /zookeeper as well.
            window, progress, timeout: As in :meth:`tree`.

        Returns:
            The number of created or replaced znodes.

        Raises:
            ValueError: The file is malformed; the message names the line. Znodes of earlier lines may exist by then.
            NodeExistsError: A znode exists, with ``on_existing="fail"``.
            NoNodeError: There is no parent of the path.
            NoAuthError: An ACL does not allow to create a znode; an imported ACL may forbid to create children.
            OSError: The file cannot be read.

        .. versionadded:: 0.1
        """
        options = (on_existing, with_acl, with_ephemerals, system, window, progress)
        return self._run(export.import_, timeout, path, file, *options)
