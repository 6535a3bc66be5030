"""The calls about access, the session and the ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

from zkc._api.runner import Runner
from zkc._commands import znodes
from zkc.constants import WatchType
from zkc.types import ACL, Identity, Stat, Watch

__all__ = ["AdminCalls"]


class AdminCalls(Runner):
    """The calls of a client about access, the session and the ensemble."""

    def get_acl(self, path: str, *, timeout: Optional[float] = None) -> tuple[list[ACL], Stat]:
        """Read the ACL of a znode.

        Args:
            path: Path of the znode.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(acl, stat)``.

        Raises:
            NoNodeError: There is no such znode.

        .. versionadded:: 0.1
        """
        return self._run(znodes.get_acl, timeout, path)

    def set_acl(self, path: str, acl: Sequence[ACL], *, version: int = -1, timeout: Optional[float] = None) -> None:
        """Replace the ACL of a znode.

        Args:
            path: Path of the znode.
            acl: The new access control list.
            version: The version of the ACL (``stat.aversion``) that the znode must have; -1 for any version.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoNodeError: There is no such znode.
            BadVersionError: The ACL of the znode has another version.
            InvalidACLError: The servers refused the ACL.

        .. versionadded:: 0.1
        """
        return self._run(znodes.set_acl, timeout, path, acl, version)

    def sync(self, path: str = "/", *, timeout: Optional[float] = None) -> None:
        """Let the server catch up with the leader, so that a later read sees all earlier changes.

        Args:
            path: Path of the znode to read afterwards; all servers up to now catch up with every znode.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._run(znodes.sync, timeout, path)

    def add_auth(self, scheme: str, credentials: Union[str, bytes], *, timeout: Optional[float] = None) -> None:
        """Add credentials to the session, and to the sessions that follow it after an expiry.

        Args:
            scheme: The authentication scheme, such as ``digest``.
            credentials: The credentials in the form of the scheme; for ``digest`` it is ``user:password``.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Raises:
            AuthFailedError: The servers refused the credentials, and ended the session.
            ConnectionLossError: The connection broke before the reply, or there is no connection. The client keeps the
                credentials, and sends them over the next connection.

        .. versionadded:: 0.1
        """
        return self._run(znodes.add_auth, timeout, scheme, credentials)

    def get_config(
        self, *, watch: Optional[Watch] = None, timeout: Optional[float] = None
    ) -> tuple[Optional[bytes], Stat]:
        """Read the configuration of the ensemble, as the servers keep it in ``/zookeeper/config``.

        Under a chroot, :meth:`remove_watches` cannot remove this watch: its path is outside of the chroot.

        Args:
            watch: A callback that is called once with a :class:`~zkc.WatchedEvent`, where callbacks run: when the
                configuration changes or the session ends.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(data, stat)``. The data has lines such as ``server.1=host:2888:3888:participant;0.0.0.0:2181``. The last
            line is ``version=``, with a hexadecimal number.

        .. versionadded:: 0.1
        """
        return self._run(znodes.get_config, timeout, watch)

    def reconfig(
        self,
        *,
        joining: Union[str, Sequence[str], None] = None,
        leaving: Union[str, Sequence[str], None] = None,
        members: Union[str, Sequence[str], None] = None,
        version: int = -1,
        timeout: Optional[float] = None,
    ) -> tuple[Optional[bytes], Stat]:
        """Change the servers of the ensemble.

        The servers must allow it (``reconfigEnabled=true``), and this client needs the permission: by default only the
        super user has it.

        Args:
            joining: Servers to add or change, as ``server.ID=host:port:port[:role];[address:]port``.
            leaving: Ids of servers to remove.
            members: All servers of the new ensemble, instead of ``joining`` and ``leaving``.
            version: The version (last line) that the present configuration must have; -1 for any version.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(data, stat)`` of the new configuration, as :meth:`get_config` does.

        Raises:
            NewConfigNoQuorumError: Too few servers of the new configuration are up to date.
            ReconfigDisabledError: The servers do not allow it.
            ReconfigInProgressError: Another change is in progress.
            BadVersionError: The configuration has another version.
            BadArgumentsError: The servers do not understand an entry.

        .. versionadded:: 0.1
        """
        return self._run(znodes.reconfig, timeout, joining, leaving, members, version)

    def get_ephemerals(self, prefix: str = "", *, timeout: Optional[float] = None) -> list[str]:
        """List the ephemeral znodes of this client's session; servers of 3.6 and later.

        Args:
            prefix: A text that their paths begin with: ``"/a"`` also stands for ``"/ab"``. Empty for all.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The paths, sorted; under a chroot only those below it.

        Raises:
            UnimplementedError: The server is older than 3.6 (its refusal costs the connection), or this build uses the
                system's libzookeeper.

        .. versionadded:: 0.1
        """
        return self._run(znodes.get_ephemerals, timeout, prefix)

    def count_descendants(self, path: str, *, timeout: Optional[float] = None) -> int:
        """Count the znodes below a znode, on all levels; servers of 3.6 and later.

        For any path but ``"/"`` the server compares every path that it has, on all its cores: do not ask it often on
        an ensemble with millions of znodes.

        Args:
            path: Path of the znode.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The number of znodes, without the znode itself. For ``"/"`` it includes those below ``/zookeeper``.

        Raises:
            NoNodeError: There is no such znode.
            NoAuthError: The ACL does not allow to read the znode.
            UnimplementedError: The server is older than 3.6 (its refusal costs the connection), or this build uses the
                system's libzookeeper.

        .. versionadded:: 0.1
        """
        return self._run(znodes.count_descendants, timeout, path)

    def whoami(self, *, timeout: Optional[float] = None) -> list[Identity]:
        """List the identities that this connection has at the server; servers of 3.7 and later.

        Args:
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            The identities, among them always one with the scheme ``"ip"``.

        Raises:
            UnimplementedError: The server is older than 3.7 (its refusal costs the connection), or this build uses the
                system's libzookeeper.

        .. versionadded:: 0.1
        """
        return self._run(znodes.whoami, timeout)

    def remove_watches(
        self,
        path: str,
        watch: Optional[Watch] = None,
        *,
        watch_type: WatchType = WatchType.ANY,
        timeout: Optional[float] = None,
    ) -> None:
        """Remove watches from a znode; each gets a last event, NOT_WATCHING.

        Args:
            path: Path of the znode.
            watch: The callback that was given to :meth:`get`, :meth:`exists` or :meth:`children`; None for all
                one-shot watches of this client. For PERSISTENT and RECURSIVE the function of :meth:`watch_events`.
            watch_type: The type of the watches. DATA, CHILDREN and ANY mean one-shot watches only. PERSISTENT and
                RECURSIVE cancel subscriptions of :meth:`watch_events`, which get no last event. Iterators of
                :meth:`watch` and caches stay, whatever the type: close them.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Raises:
            NoWatcherError: There is no such watch. That of an iterator or of a cache is none.

        .. versionadded:: 0.1
        """
        return self._run(znodes.remove_watches, timeout, path, watch, watch_type)
