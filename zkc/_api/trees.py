"""The calls on whole trees.

None of them is one step for the servers: others see what they do znode by znode, and what others change meanwhile is
seen or not. When one fails, what it has done until then stays.
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
    """One call for a znode and all below it."""

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
        """Read a znode and all below it.

        It is no snapshot: the znodes are read one after the other. One that goes meanwhile is left out. For a tree
        that is too large for a list there is :meth:`walk`.

        >>> for node in client.tree("/app"):
        ...     print(node.path, node.data)

        Args:
            path: Where to begin.
            with_data: Whether to read the data of each.
            with_acl: Whether to read the ACL of each.
            system: Whether to read /zookeeper as well, where the servers keep what is theirs. A tree that begins there
                is read in any case.
            window: Most requests of this call without an answer at a time, from 1 to 16384, and never more than the
                client's ``max_in_flight``.
            progress: Called with the number of znodes done so far, now and then. What it raises ends the call.
            timeout: How long the whole call may take, in seconds; the client's ``request_timeout`` if None.

        Returns:
            A :class:`~zkc.TreeNode` for each, breadth first: parents before their children, children by name.

        Raises:
            NoNodeError: There is no such znode.
            NoAuthError: One of them may not be read.

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
        """Delete a znode and all below it, children before their parents.

        When others add znodes at the same time, it goes on until there is nothing left. Of the root it deletes all
        that is below, but for /zookeeper, which belongs to the servers.

        Args:
            path: The znode.
            window, progress, timeout: As in :meth:`tree`.

        Returns:
            How many znodes it has deleted; 0 if there is no such znode.

        Raises:
            NoAuthError: One of them may not be deleted. Others are gone by then.
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
        """Copy a znode and all below it, with data and ACLs.

        Ephemeral znodes are left out: they belong to a session. Containers and znodes with a TTL look like persistent
        ones to clients, and become such.

        Args:
            source: The znode to copy.
            target: Path of the copy. Its parent must exist.
            with_acl: Whether to give each its ACL before the copy; with False all get the client's ``default_acl``.
            exist_ok: Whether znodes may be there already. They get the data, and the ACL, of the source then, and keep
                what else is below them.
            window: As in :meth:`tree`, but at least 2.
            progress, timeout: As in :meth:`tree`.

        Returns:
            How many znodes were made or replaced.

        Raises:
            NoNodeError: There is no source, or no parent of the target.
            NodeExistsError: The target is there, and ``exist_ok`` was not given.
            NoAuthError: One of them may not be read, or not be made; an ACL that is copied may be what forbids to make
                children. Or the servers hide password hashes of its ACL, as they do from who has no ADMIN permission.
            ValueError: One of the two is inside the other.

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
        """Write a znode and all below it to a file, one line of JSON for each, with ACL and stat.

        Containers and znodes with a TTL look like persistent ones to clients, and are written as such. Password hashes
        in ACLs are shown only to who has ADMIN permission; without them :meth:`import_` does not take the ACL.
        However large the tree is, no more than a window of it is held at a time, besides the paths to come.
        It is written where the answers come in: for :class:`~zkc.AsyncClient` in the event loop.

        Args:
            path: Where to begin.
            file: A path, or a file that is open for writing text. A file at the path is replaced when all is written,
                and left as it is when something fails.
            system: Whether to write /zookeeper as well.
            window, progress, timeout: As in :meth:`tree`.

        Returns:
            How many znodes were written.

        Raises:
            NoNodeError: There is no such znode.
            NoAuthError: One of them may not be read.
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
        """Make the znodes that :meth:`export` has written to a file.

        Args:
            path: Where the exported znode shall be; another place than it came from will do. Its parent must exist.
            file: A path, or a file that is open for reading text.
            on_existing: What to do about a znode that is there already: fail, skip it, or replace its data and ACL.
            with_acl: Whether to give each the ACL that it had; with False all get the client's ``default_acl``.
            with_ephemerals: Whether to make the ephemeral ones as well, as ephemeral znodes of this client's session.
            system: Whether to make what goes below /zookeeper as well.
            window, progress, timeout: As in :meth:`tree`.

        Returns:
            How many znodes were made or replaced.

        Raises:
            ValueError: The file is malformed; the message tells the line. What stands before it may have been made.
            NodeExistsError: A znode is there already, with ``on_existing="fail"``.
            NoNodeError: There is no parent of the path.
            NoAuthError: One of them may not be made; an ACL that is imported may be what forbids to make children.
            OSError: The file cannot be read.

        .. versionadded:: 0.1
        """
        options = (on_existing, with_acl, with_ephemerals, system, window, progress)
        return self._run(export.import_, timeout, path, file, *options)
