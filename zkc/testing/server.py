"""A real ZooKeeper server, in a process of its own."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Union

from . import _registry, _wire
from ._config import Options
from ._errors import TestingError
from ._instance import Instance
from ._ports import with_other_ports

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._config import ServerOptions
    from .certificates import TLSFiles


class ZooKeeperServer:
    """A real ZooKeeper server on the loopback interface, as a context manager.

    Entering starts the server and waits until it serves sessions; leaving ends it and removes its files. It dies with
    this Python process, however that ends. A process forked from this one can use the server, but not control it.

    >>> with ZooKeeperServer() as server:
    ...     print(server.hosts)
    127.0.0.1:41325

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tls_port: int = 0,
        data_dir: Union[str, os.PathLike[str], None] = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        """Prepare a server; nothing runs until :meth:`start`.

        :param port: the client port, 0 for a free one.
        :param tls_port: the client port for TLS, 0 for a free one; used only with ``tls``.
        :param data_dir: the folder for the data, which is kept; None for a temporary one.
        :param options: see :class:`ServerOptions`.
        :raises TypeError: for an unknown option, or one of a wrong type.
        :raises ValueError: for an option that makes no sense.
        """
        for name, number in (("port", port), ("tls_port", tls_port)):
            if not 0 <= number <= 65535:
                raise ValueError(f"{name} is from 0 to 65535, not {number!r}.")
        data = None if data_dir is None else Path(data_dir).absolute()
        self._adopt(Instance("zookeeper", Options(**options), (port, tls_port), data))

    def _adopt(self, instance: Instance) -> None:
        """Become the owner of what stands behind this server."""
        self._instance = instance
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._closed = False
        self._final_log = ""
        _registry.opened(self)

    # ---- What it is

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._instance.name

    @property
    def hosts(self) -> str:
        """The connection string of the plain port, such as ``"127.0.0.1:41325"``.

        It is known from the first start on and never changes.
        """
        return str(self._instance.port("client"))

    @property
    def tls_hosts(self) -> str:
        """The connection string of the TLS port; TestingError without ``tls``."""
        if not self._instance.options.tls:
            raise TestingError(f"{self.name} serves no TLS: make it with tls=True.")
        return str(self._instance.port("tls"))

    @property
    def port(self) -> int:
        """The number of the plain port."""
        return self._instance.port("client").number

    @property
    def tls(self) -> TLSFiles:
        """The certificates and keys of the TLS port; TestingError without ``tls``."""
        if self._instance.tls_files is None:
            raise TestingError(f"{self.name} has no certificates: make it with tls=True, and start it.")
        return self._instance.tls_files

    @property
    def super_auth(self) -> bytes:
        """The credentials, ``user:password`` for the scheme ``digest``, of the user who passes every ACL."""
        return f"super:{self._instance.options.super_password}".encode()

    @property
    def state(self) -> str:
        """One of ``"new"``, ``"running"``, ``"paused"``, ``"stopped"`` and ``"closed"``."""
        return "closed" if self._closed else self._instance.state

    @property
    def pid(self) -> Optional[int]:
        """The process id of the JVM, None if there is none."""
        process = self._instance.process
        return process.pid if process is not None and process.running() else None

    @property
    def mode(self) -> Optional[str]:
        """What it is: ``"standalone"``, ``"leader"``, ``"follower"``, ``"observer"`` or ``"read-only"``.

        None if it serves nobody now.
        """
        if self.state != "running":
            return None
        try:
            found = re.search(r"^Mode: (\S+)", self.four_letter_word("srvr"), re.MULTILINE)
        except OSError:
            return None
        return found.group(1) if found else None

    @property
    def version(self) -> tuple[int, ...]:
        """The version of ZooKeeper that runs, such as ``(3, 8, 0)``."""
        found = re.search(r"version: (\d+)\.(\d+)\.(\d+)", self.four_letter_word("srvr"))
        if found is None:
            raise TestingError(f"{self.name} did not say its version: it serves nobody now.")
        return tuple(int(part) for part in found.groups())

    @property
    def log_file(self) -> Path:
        """The file that the server logs to, over all its starts. It is removed by :meth:`close`."""
        return self._instance.log_file

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of the log, also after :meth:`close`.

        :param lines: how many.
        """
        if self._closed:
            return "\n".join(self._final_log.splitlines()[-lines:])
        return self._instance.log_tail(lines)

    # ---- What it does

    def start(self, *, wait: bool = True) -> None:
        """Start the server and wait until it serves sessions; a paused one continues.

        Does nothing if it runs. The data and the ports are those of before.

        :param wait: False to return as soon as the process is there; see :meth:`wait_ready`.
        :raises NotInstalledError: if there is no ZooKeeper or no Java.
        :raises PortTakenError: if the wanted port is taken.
        :raises ServerStartError: if the server does not come up; the message ends with its log.
        """
        with self._control():
            self._instance.resume()
            if self.state == "running":
                return
            if self._instance.ports or any(self._instance.wanted.values()):
                self._come_up(wait, release_ports=not self._instance.ports)
            else:
                # Nobody has seen the ports yet, so others will do if these turn out to be taken.
                with_other_ports(lambda: self._come_up(wait, release_ports=True))

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until the server serves sessions.

        :param timeout: seconds.
        :raises ServerStartError: if it does not in time; the message ends with its log.
        """
        if self.state != "running":
            raise TestingError(f"{self.name} is {self.state}: start or resume it first.")
        self._instance.wait_ready(time.monotonic() + timeout)

    def stop(self) -> None:
        """Ask the server to end (SIGTERM) and wait for it. The data stay. Does nothing if it does not run."""
        with self._control():
            self._instance.stop()

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would. The data stay. Does nothing if it does not run."""
        with self._control():
            self._instance.kill()

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay open and nothing answers. Does nothing if it is paused.

        :raises TestingError: if it does not run.
        """
        with self._control():
            if self.state == "paused":
                return
            if self.state != "running":
                raise TestingError(f"{self.name} is {self.state}: only a running server can be paused.")
            self._instance.pause()

    def resume(self) -> None:
        """Let a paused server continue (SIGCONT). Does nothing if it is not paused."""
        with self._control():
            self._instance.resume()

    def restart(self) -> None:
        """Stop and start the server; the data and the ports stay."""
        with self._control():
            self.stop()
            self.start()

    def close(self) -> None:
        """End the server and remove its files. Does nothing the second time, nor in a forked process."""
        if self._owner != os.getpid():
            return
        with self._lock:
            if self._closed:
                return
            instance = self._instance
            if instance.keeps_data:
                # Data that stay deserve an orderly end.
                instance.stop()
            instance.kill()
            self._final_log = instance.log_tail(200)
            self._closed = True
            _registry.closed(self, repr(self), instance.log_tail(200, since_mark=True))
            instance.remove_files()
            instance.release_ports()

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
        port = self._instance.ports.get("client")
        return f"<{type(self).__name__} {self.name} {port or 'no port yet'} {self.state}>"

    # ---- What tests ask of it

    def four_letter_word(self, word: str, timeout: float = 2.0) -> str:
        """Send an administrative command, such as ``"srvr"``, ``"cons"`` or ``"dump"``.

        :param word: the command.
        :param timeout: how long each step may take, in seconds.
        :returns: the answer.
        :raises OSError: if the server does not answer.
        """
        return _wire.four_letter_word(self._instance.address, word, timeout)

    def expire(self, session_id: int, password: bytes) -> None:
        """End a session of a client, and cut the client off, so that it learns that its session has expired.

        Another connection takes the session over and closes it, which is how the server sees a real end. When this
        returns, the session is over and the server has cut its connection off: a client that connects again gets the
        answer that its session has expired.

        :param session_id: the id of the session.
        :param password: its password.
        :raises ValueError: if the id is 0: the client has no session.
        :raises OSError: if the server does not answer, or knows no such session, or has it with another password.
        """
        _wire.end_session(self._instance.address, session_id, password)

    def create(self, path: str, data: bytes = b"") -> None:
        """Create a znode, and those above it, without a client; one that exists is left as it is.

        :param path: the absolute path.
        :param data: the data of the last one.
        :raises OSError: if the server does not answer or refuses.
        """
        with _wire.WireConnection(self._instance.address) as connection:
            parts = path.strip("/").split("/")
            for depth in range(1, len(parts)):
                connection.create("/" + "/".join(parts[:depth]))
            connection.create(path, data)

    def new_chroot(self, prefix: str = "test") -> str:
        """Create a znode of a new name, and return the connection string that has it as its root.

        :param prefix: what its name begins with.
        :returns: such as ``"127.0.0.1:41325/test-0c95e2f1"``.
        """
        path = f"/{prefix}-{secrets.token_hex(4)}"
        self.create(path)
        return self.hosts + path

    # ---- Inside

    @contextmanager
    def _control(self) -> Iterator[None]:
        """Let one thread at a time, of the process that made this object, change its state."""
        if self._owner != os.getpid():
            raise TestingError(f"{self.name} belongs to process {self._owner}: a forked process cannot control it.")
        with self._lock:
            if self._closed:
                raise TestingError(f"{self.name} is closed.")
            yield

    def _can_serve(self) -> bool:
        """Tell whether a start of this server alone is enough for it to serve sessions."""
        return True

    def _come_up(self, wait: bool, *, release_ports: bool) -> None:
        """Launch the server and wait for it; if that fails, leave nothing running."""
        deadline = time.monotonic() + self._instance.options.start_timeout
        try:
            self._instance.launch()
            if wait:
                self._instance.wait_ready(deadline, sessions=self._can_serve())
        except BaseException:
            self._instance.kill()
            if release_ports:
                self._instance.release_ports()
            raise
