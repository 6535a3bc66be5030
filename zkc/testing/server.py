"""A real ZooKeeper server in a separate process."""

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
from ._ports import retry_with_new_ports

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._config import ServerOptions
    from .certificates import TLSFiles

_WRITE_TIMEOUT = 10.0  # Seconds: an ensemble that has just started may be slow on a busy machine.


class ZooKeeperServer:
    """A real ZooKeeper server on the loopback interface, as a context manager.

    Entering starts the server and waits until it serves sessions; leaving ends it and removes its files. The server
    ends with this Python process, however that ends. A forked process can use the server, but not control it.

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
        :param data_dir: the folder for the data, which :meth:`close` keeps; None for a temporary one. The first start
            locks it until :meth:`close`, by the file ``zkc.lock``: it serves one server at a time.
        :param options: the options of the server; see :class:`ServerOptions`.
        :raises TypeError: for an unknown option, or for an option of a wrong type.
        :raises ValueError: for an option outside its range.
        """
        for name, number in (("port", port), ("tls_port", tls_port)):
            if not 0 <= number <= 65535:
                raise ValueError(f"{name} must be from 0 to 65535, not {number!r}.")
        data = None if data_dir is None else Path(data_dir).absolute()
        self._adopt(Instance("zookeeper", Options(**options), (port, tls_port), data))

    def _adopt(self, instance: Instance) -> None:
        """Become the owner of an instance."""
        self._instance = instance
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._closed = False
        self._final_log = ""
        _registry.opened(self)

    # ---- Properties

    @property
    def name(self) -> str:
        """The server's name in messages."""
        return self._instance.name

    @property
    def hosts(self) -> str:
        """The connection string of the plain port, such as ``"127.0.0.1:41325"``.

        It is available from the first start on and never changes.
        """
        return str(self._instance.port("client"))

    @property
    def tls_hosts(self) -> str:
        """The connection string of the TLS port; TestingError without ``tls``."""
        if not self._instance.options.tls:
            raise TestingError(f"{self.name} does not serve TLS: make it with tls=True.")
        return str(self._instance.port("tls"))

    @property
    def port(self) -> int:
        """The number of the plain port."""
        return self._instance.port("client").number

    @property
    def admin_port(self) -> int:
        """The number of the port of AdminServer; TestingError without ``admin``.

        The server starts AdminServer before it serves sessions. It answers at ``http://127.0.0.1:PORT/commands/…``.

        .. versionadded:: 0.1
        """
        if not self._instance.options.admin:
            raise TestingError(f"{self.name} has no AdminServer: make it with admin=True.")
        return self._instance.port("admin").number

    @property
    def tls(self) -> TLSFiles:
        """The certificates and keys of the TLS port; TestingError without ``tls``."""
        if self._instance.tls_files is None:
            raise TestingError(f"{self.name} has no certificates: make it with tls=True, and start it.")
        return self._instance.tls_files

    @property
    def super_auth(self) -> bytes:
        """The credentials of the user who passes every ACL: ``user:password`` for the scheme ``digest``."""
        return f"super:{self._instance.options.super_password}".encode()

    @property
    def state(self) -> str:
        """One of ``"new"``, ``"running"``, ``"paused"``, ``"stopped"`` and ``"closed"``."""
        return "closed" if self._closed else self._instance.state

    @property
    def pid(self) -> Optional[int]:
        """The process id of the JVM, None if the server does not run."""
        process = self._instance.process
        return process.pid if process is not None and process.running() else None

    @property
    def mode(self) -> Optional[str]:
        """The server's mode: ``"standalone"``, ``"leader"``, ``"follower"``, ``"observer"`` or ``"read-only"``.

        None if the server does not serve clients now.
        """
        if self.state != "running":
            return None
        try:
            found = re.search(r"^Mode: (\S+)", self.four_letter_word("srvr"), re.MULTILINE)
        except OSError:
            return None
        return found.group(1) if found else None

    @property
    def home(self) -> Optional[Path]:
        """The folder of the ZooKeeper that the next start runs, None for the machine's own.

        Assigning another folder and restarting the server changes its version; the data and the ports stay. A server
        of the older version reads the data of the newer one if neither the format nor a used feature is new.
        """
        return self._instance.release

    @home.setter
    def home(self, home: Union[str, os.PathLike[str], None]) -> None:
        with self._control():
            self._instance.release = None if home is None else Path(home).absolute()

    @property
    def version(self) -> tuple[int, ...]:
        """The version of ZooKeeper that runs, such as ``(3, 8, 0)``."""
        found = re.search(r"version: (\d+)\.(\d+)\.(\d+)", self.four_letter_word("srvr"))
        if found is None:
            raise TestingError(
                f"{self.name} did not report its version, since it does not serve clients now: call wait_ready() first."
            )
        return tuple(int(part) for part in found.groups())

    @property
    def log_file(self) -> Path:
        """The file with the log of all starts of the server. :meth:`close` removes it."""
        return self._instance.log_file

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of the log, also after :meth:`close`.

        :param lines: the number of lines.
        """
        if self._closed:
            return "\n".join(self._final_log.splitlines()[-lines:])
        return self._instance.log_tail(lines)

    # ---- Control

    def start(self, *, wait: bool = True) -> None:
        """Start the server and wait until it serves sessions; a paused server continues.

        Does nothing if the server runs. A restarted server has the same data and ports.

        :param wait: False to return as soon as the process is started; see :meth:`wait_ready`.
        :raises NotInstalledError: if ZooKeeper or Java is not installed.
        :raises PortTakenError: if the wanted port is taken.
        :raises ServerStartError: if the server does not start; the message ends with its log.
        :raises TestingError: if another server works on the folder of ``data_dir``, or the folder cannot be made.
        """
        with self._control():
            self._instance.resume()
            if self.state == "running":
                return
            if self._instance.ports or any(self._instance.wanted.values()):
                self._launch(wait, release_ports=not self._instance.ports)
            else:
                # The caller has not seen the ports yet, so other ports may replace those that turn out to be taken.
                retry_with_new_ports(lambda: self._launch(wait, release_ports=True))

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until the server serves sessions.

        :param timeout: seconds.
        :raises ServerStartError: if it does not serve in time; the message ends with its log.
        """
        if self.state != "running":
            raise TestingError(f"{self.name} is {self.state}: start or resume it first.")
        self._instance.wait_ready(time.monotonic() + timeout)

    def stop(self) -> None:
        """End the server in order (SIGTERM) and wait for its end. The data stay. Does nothing if it does not run."""
        with self._control():
            self._instance.stop()

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would. The data stay. Does nothing if it does not run."""
        with self._control():
            self._instance.kill()

    def pause(self) -> None:
        """Pause the server (SIGSTOP): connections stay open without replies. Does nothing if it is paused.

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
                # The data stay, so the server ends in order.
                instance.stop()
            instance.kill()
            self._final_log = instance.log_tail(200)
            self._closed = True
            _registry.closed(self, repr(self), instance.log_tail(200, since_mark=True))
            instance.remove_files()
            instance.release_data()
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

    # ---- Helpers for tests

    def four_letter_word(self, word: str, timeout: float = 10.0) -> str:
        """Send an administrative command, such as ``"srvr"``, ``"cons"`` or ``"dump"``.

        :param word: the command.
        :param timeout: longest time for each step, in seconds.
        :returns: the reply.
        :raises OSError: if the server does not reply.
        """
        return _wire.four_letter_word(self._instance.address, word, timeout)

    def expire(self, session_id: int, password: bytes) -> None:
        """End a client's session and disconnect the client, so that it sees its session expire.

        A second connection takes the session over and closes it; to the server this is a real end. When this returns,
        the session is over and the server has closed its connection. When the client connects again, the server replies
        that the session has expired.

        :param session_id: the id of the session.
        :param password: its password.
        :raises ValueError: if the id is 0: the client has no session.
        :raises OSError: if the server does not reply, does not know the session, or has another password for it.
        """
        _wire.end_session(self._instance.address, session_id, password)

    def create(self, path: str, data: bytes = b"") -> None:
        """Create a znode and its missing parents, without a client. An existing znode stays as it is.

        :param path: the absolute path.
        :param data: the data of the last znode of the path.
        :raises OSError: if the server does not reply, or refuses.
        """
        with _wire.WireConnection(self._instance.address, timeout=_WRITE_TIMEOUT) as connection:
            parts = path.strip("/").split("/")
            for depth in range(1, len(parts)):
                connection.create("/" + "/".join(parts[:depth]))
            connection.create(path, data)

    def new_chroot(self, prefix: str = "test") -> str:
        """Create a znode with a new name, and return the connection string with that znode as root.

        :param prefix: the beginning of its name.
        :returns: a connection string such as ``"127.0.0.1:41325/test-0c95e2f1"``.
        """
        path = f"/{prefix}-{secrets.token_hex(4)}"
        self.create(path)
        return self.hosts + path

    # ---- Internals

    @contextmanager
    def _control(self) -> Iterator[None]:
        """Hold the lock for a change of state; refuse if the server is closed, or belongs to another process."""
        if self._owner != os.getpid():
            raise TestingError(f"{self.name} belongs to process {self._owner}: a forked process cannot control it.")
        with self._lock:
            if self._closed:
                raise TestingError(f"{self.name} is closed: make a new server.")
            yield

    def _can_serve(self) -> bool:
        """Return whether this server can serve sessions without a start of other members."""
        return True

    def _launch(self, wait: bool, *, release_ports: bool) -> None:
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
