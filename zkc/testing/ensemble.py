"""Several real ZooKeeper servers that replicate each other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Union

from . import _wire
from ._config import Options
from ._errors import ServerStartError, TestingError
from ._instance import Instance
from ._ports import LOOPBACK, retry_with_new_ports
from ._process import OwnedFolder
from .server import ZooKeeperServer

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._config import ServerOptions
    from .certificates import TLSFiles

_POLL = 0.01
_FOLLOWER_TIMEOUT = 5.0  # seconds for a follower to apply the end of a session


class _MemberInstance(Instance):
    """The instance of one member."""

    port_names = ("client", "tls", "admin", "quorum", "election")

    def __init__(self, number: int, options: Options, peers: list[_MemberInstance], folder: OwnedFolder) -> None:
        super().__init__(f"member {number}", options)
        self.number = number
        #: All members, this one among them.
        self.peers = peers
        # All members share the folder, and the ensemble removes it.
        self.folder = self._shared = folder

    @property
    def home(self) -> Path:
        return self._shared.path / f"member-{self.number}"

    def remove_files(self) -> None:
        pass

    def zoo_cfg(self) -> dict[str, str]:
        entries = self.common_cfg()
        if self.data is not None:
            (self.data / "myid").write_text(f"{self.number}\n")
        # With "true", an ensemble of one member, or reduced to one, would run standalone and could not grow.
        entries["standaloneEnabled"] = "false"
        for peer in self.peers:
            quorum, election, client = (peer.port(name).number for name in ("quorum", "election", "client"))
            address = f"{LOOPBACK}:{quorum}:{election}:participant;{LOOPBACK}:{client}"
            entries[f"server.{peer.number}"] = address
        return entries


class Member(ZooKeeperServer):
    """One server of an :class:`Ensemble`, which makes it.

    :meth:`start` waits until the member serves sessions if enough members run for that, else until it replies at all.

    .. versionadded:: 0.1
    """

    def __init__(self, ensemble: Ensemble, instance: _MemberInstance) -> None:
        self._ensemble = ensemble
        self._adopt(instance)
        #: The number of this member, its ``myid``.
        self.id: int = instance.number

    def _can_serve(self) -> bool:
        running = sum(member is self or member.state == "running" for member in self._ensemble.members)
        return 2 * running > len(self._ensemble.members)


class Ensemble:
    """Several ZooKeeper servers on the loopback interface that form an ensemble, as a context manager.

    Entering starts them and waits until all of them serve sessions; leaving ends them and removes their files.

    >>> with Ensemble(3) as ensemble:
    ...     ensemble.leader.kill()
    ...     print(ensemble.wait_for_leader())
    <Member member 2 127.0.0.1:40123 running>

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        size: int = 3,
        *,
        homes: Optional[Sequence[Union[str, os.PathLike[str], None]]] = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        """Prepare an ensemble; nothing runs until :meth:`start`.

        :param size: the number of members, at least 1.
        :param homes: the option ``home`` of each member, for members of different versions; None for the same for all.
        :param options: the options of every member; see :class:`ServerOptions`.
        :raises TypeError: for an unknown option, or for an option of a wrong type.
        :raises ValueError: for an option outside its range, or if the number of ``homes`` is not *size*.
        """
        if size < 1:
            raise ValueError(f"An ensemble has at least one member, not {size}.")
        if homes is not None and len(homes) != size:
            raise ValueError(f"homes has {len(homes)} entries for {size} members: give one for each member.")
        self._homes = None if homes is None else tuple(homes)
        self._size = size
        self._options = Options(**options)
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._folder: Optional[OwnedFolder] = None
        self._members: tuple[Member, ...] = ()
        self._closed = False

    # ---- Properties

    @property
    def members(self) -> tuple[Member, ...]:
        """The servers in the order of their ids, available from the first start on."""
        if not self._members:
            raise TestingError("The ensemble has no members yet: start it first.")
        return self._members

    @property
    def hosts(self) -> str:
        """The connection string of all members' plain ports."""
        return ",".join(member.hosts for member in self.members)

    @property
    def tls_hosts(self) -> str:
        """The connection string of all members' TLS ports; TestingError without ``tls``."""
        return ",".join(member.tls_hosts for member in self.members)

    @property
    def tls(self) -> TLSFiles:
        """The certificates and keys of the TLS ports, the same for all; TestingError without ``tls``."""
        return self.members[0].tls

    @property
    def super_auth(self) -> bytes:
        """The credentials of the user who passes every ACL: ``user:password`` for the scheme ``digest``."""
        return self.members[0].super_auth

    @property
    def leader(self) -> Optional[Member]:
        """The member that leads now, None if no member leads."""
        return next((member for member in self.members if member.mode == "leader"), None)

    @property
    def followers(self) -> tuple[Member, ...]:
        """The members that follow a leader now."""
        return tuple(member for member in self.members if member.mode == "follower")

    # ---- Control

    def start(self) -> None:
        """Start every member that does not run, and wait until all members serve sessions.

        :raises NotInstalledError: if ZooKeeper or Java is not installed.
        :raises ServerStartError: if a member does not start; the message ends with its log.
        """
        with self._control():
            if self._members:
                self._start_members()
                return
            # The caller has not seen the ports yet, so other ports may replace those that turn out to be taken.
            retry_with_new_ports(self._start_new_members)

    def stop(self) -> None:
        """Stop every member; the data stay."""
        with self._control():
            # All at the same time, because each member takes a while to leave the ensemble.
            threads = [threading.Thread(target=member.stop) for member in self._members]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def kill(self) -> None:
        """Kill every member; the data stay."""
        self._each(Member.kill)

    def pause(self) -> None:
        """Pause every member that runs."""
        self._each(lambda member: member.pause() if member.state == "running" else None)

    def resume(self) -> None:
        """Let every paused member continue."""
        self._each(Member.resume)

    def restart(self) -> None:
        """Stop and start every member; the data and the ports stay."""
        self.stop()
        self.start()

    def wait_for_leader(self, timeout: float = 30.0) -> Member:
        """Wait until a member leads and serves sessions.

        :param timeout: seconds.
        :returns: the leader.
        :raises ServerStartError: if no member leads within *timeout*.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            leader = self.leader
            if leader is not None:
                leader.wait_ready(max(0.0, deadline - time.monotonic()))
                return leader
            time.sleep(_POLL)
        states = ", ".join(map(repr, self.members))
        raise ServerStartError(f"No member became the leader within {timeout} s: {states}.")

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until every member serves sessions, for example after a change of the leader.

        :param timeout: seconds.
        :raises ServerStartError: if a member does not serve in time; the message ends with its log.
        """
        deadline = time.monotonic() + timeout
        for member in self.members:
            member.wait_ready(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """End all members and remove their files. Does nothing the second time, nor in a forked process."""
        if self._owner != os.getpid():
            return
        with self._lock:
            self._closed = True
            self._end_members()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Ensemble {', '.join(map(repr, self._members)) or f'of {self._size}, not started'}>"

    # ---- Helpers for tests

    def expire(self, session_id: int, password: bytes) -> None:
        """End a client's session, and wait until all running members have disconnected the client.

        See :meth:`ZooKeeperServer.expire`.

        :param session_id: the id of the session.
        :param password: its password.
        :raises ValueError: if the id is 0: the client has no session.
        :raises OSError: if the leader does not reply, does not know the session, or has another password for it.
        """
        leader = self.wait_for_leader()
        leader.expire(session_id, password)
        for member in self.members:
            # A follower applies the end a moment later than the leader. A stopped or paused follower does not reply.
            if member is not leader and member.state == "running":
                with suppress(OSError):
                    _wire.wait_cut_off((LOOPBACK, member.port), session_id, _FOLLOWER_TIMEOUT)

    def create(self, path: str, data: bytes = b"") -> None:
        """Create a znode; see :meth:`ZooKeeperServer.create`.

        :param path: the absolute path.
        :param data: the data of the last znode of the path.
        """
        self.wait_for_leader().create(path, data)

    def new_chroot(self, prefix: str = "test") -> str:
        """Create a znode with a new name, and return the connection string of all members with that znode as root.

        :param prefix: the beginning of its name.
        """
        chroot = self.wait_for_leader().new_chroot(prefix)
        return self.hosts + chroot[chroot.index("/") :]

    # ---- Internals

    @contextmanager
    def _control(self) -> Iterator[None]:
        """Hold the lock for a change of state; refuse if the ensemble is closed, or belongs to another process."""
        if self._owner != os.getpid():
            raise TestingError(f"The ensemble belongs to process {self._owner}: a forked process cannot control it.")
        with self._lock:
            if self._closed:
                raise TestingError("The ensemble is closed: make a new one.")
            yield

    def _each(self, action: Callable[[Member], None]) -> None:
        with self._control():
            for member in self._members:
                action(member)

    def _make_members(self) -> None:
        self._folder = OwnedFolder("zkc-testing-")
        options = self._options
        if options.tls is True:
            from .certificates import make_tls_files

            options = replace(options, tls=make_tls_files(self._folder.path / "tls"))
        instances: list[_MemberInstance] = []
        for number in range(1, self._size + 1):
            own = options if self._homes is None else replace(options, home=self._homes[number - 1])
            instance = _MemberInstance(number, own, instances, self._folder)
            instances.append(instance)
            # Before any member is configured, because every configuration names the ports of all members.
            instance.take_ports()
        self._members = tuple(Member(self, instance) for instance in instances)

    def _start_new_members(self) -> None:
        try:
            self._make_members()
            self._start_members()
        except BaseException:
            self._end_members()
            self._members = ()
            raise

    def _start_members(self) -> None:
        # Launch all before waiting for any: a single member cannot serve.
        for member in self._members:
            member.start(wait=False)
        deadline = time.monotonic() + self._options.start_timeout
        for member in self._members:
            # Not member.wait_ready(): this thread holds the lock, so a member that has ended failed to start.
            member._instance.wait_ready(deadline)

    def _end_members(self) -> None:
        for member in self._members:
            member.close()
        if self._folder is not None:
            self._folder.remove()
