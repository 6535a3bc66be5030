"""An instance of ZooKeeper: its folder, its ports, its process."""

from __future__ import annotations

import re
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from . import _wire
from ._config import Options
from ._errors import PortTakenError, ServerStartError, TestingError
from ._find import find_class_path, find_java
from ._folder_lock import FolderLock
from ._ports import LOOPBACK, Port
from ._process import GuardedProcess, OwnedFolder

if TYPE_CHECKING:
    from .certificates import TLSFiles

_POLL = 0.01
_PROBE_SESSION = 5.0  # seconds: one that a slow start leaves behind ends soon
_LOG_HEADER = 16  # bytes
_STOP_TIMEOUT = 10.0
_PORT_TAKEN = re.compile(r"BindException|Address already in use")
# At every start the JVM logs a screenful about itself, which does not explain any failure.
_NOISE = re.compile(r" environment:|ZooKeeperServer - ( .*)?$")


def _remove_logs_without_a_header(data: Path) -> None:
    """Remove the transaction logs that a killed server had created, but not written to: they hold no transaction.

    ZooKeeper up to 3.9.3 does not start with such a file (ZOOKEEPER-2332).
    """
    for log in data.glob("version-2/log.*"):
        if log.stat().st_size < _LOG_HEADER:
            log.unlink()


class Instance:
    """A server over its restarts: one process after the other, with the same data and ports. Not thread-safe."""

    #: The uses of the ports, in the order of ``wanted``.
    port_names: tuple[str, ...] = ("client", "tls", "admin")

    def __init__(self, name: str, options: Options, wanted: tuple[int, ...] = (), data: Optional[Path] = None) -> None:
        """Prepare an instance; :meth:`launch` makes its files and its process.

        :param name: the server's name in messages.
        :param options: the server's options.
        :param wanted: the wanted ports in the order of ``port_names``, 0 for a free one.
        :param data: the folder for the data, None for a temporary one.
        """
        self.name = name
        self.options = options
        self.wanted = dict(zip(self.port_names, wanted))
        self.data = data
        self.folder: Optional[OwnedFolder] = None
        self.ports: dict[str, Port] = {}
        self.process: Optional[GuardedProcess] = None
        self.paused = False
        self.tls_files: Optional[TLSFiles] = None
        #: Whether the data stay after the server was closed, because the caller named their folder.
        self.keeps_data = data is not None
        #: The folder of the ZooKeeper to run from the next launch on, None for the machine's.
        self.release = None if options.home is None else Path(options.home).absolute()
        self._configured = False
        self._log_start = self._log_mark = 0
        self._lock: Optional[FolderLock] = None

    @property
    def home(self) -> Path:
        """The folder of all files; the data may be elsewhere."""
        if self.folder is None:
            raise TestingError(f"{self.name} has no files: start it first.")
        return self.folder.path

    @property
    def log_file(self) -> Path:
        """The log of all its starts."""
        return self.home / "server.log"

    def port(self, name: str) -> Port:
        """Return the port for a use, such as ``"client"``."""
        if name not in self.ports:
            raise TestingError(f"{self.name} has no {name} port: start it first.")
        return self.ports[name]

    @property
    def address(self) -> tuple[str, int]:
        """The address of the plain client port."""
        return LOOPBACK, self.port("client").number

    @property
    def state(self) -> str:
        """One of "new", "running", "paused" and "stopped"."""
        if self.process is None:
            return "new"
        if not self.process.running():
            return "stopped"
        return "paused" if self.paused else "running"

    # ---- Up

    def launch(self) -> None:
        """Start the process; at the first launch, make the folder, the ports and the configuration."""
        java, class_path = find_java(), find_class_path(self.release)
        conf = self.prepare()
        self._log_start = self._log_size()
        command = [java, *self.options.java_arguments(class_path, conf), str(conf / "zoo.cfg")]
        remove = None if self.folder is None else self.folder.path
        inherits = () if self._lock is None else (self._lock.descriptor,)
        self.process = GuardedProcess(command, log=self.log_file, cwd=self.home, remove=remove, inherits=inherits)
        self.paused = False

    def prepare(self) -> Path:
        """Make the files and ports that are missing, and return the folder of the configuration."""
        if self.folder is None:
            self.folder = OwnedFolder("zkc-testing-")
        conf = self.home / "conf"
        conf.mkdir(parents=True, exist_ok=True)
        if self.data is None:
            self.data = self.home / "data"
        self._take_data(self.data)
        _remove_logs_without_a_header(self.data)
        self._make_tls_files()
        if not self._configured:
            self.take_ports()
            # Once only: after a reconfiguration the server rewrites its zoo.cfg, and a restart has to use that one.
            self.options.write_conf(conf, self.zoo_cfg())
            self._configured = True
        return conf

    def _take_data(self, data: Path) -> None:
        """Make the folder for the data, and lock it if it is one that the caller named."""
        try:
            data.mkdir(parents=True, exist_ok=True)
            if self.keeps_data and self._lock is None:
                self._lock = FolderLock(data)
        except OSError as error:
            raise TestingError(
                f"The folder {data} for the data cannot be used: {error.strerror or error}. Choose another folder."
            ) from error

    def release_data(self) -> None:
        """Unlock the folder for the data, when no process runs any more."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def take_ports(self) -> None:
        """Take the ports that the configuration needs and this instance does not have yet."""
        for name in self.port_names:
            needed = {"tls": bool(self.options.tls), "admin": self.options.admin}.get(name, True)
            if name not in self.ports and needed:
                self.ports[name] = Port(self.wanted.get(name, 0))

    def release_ports(self) -> None:
        """Release all ports."""
        for port in self.ports.values():
            port.release()
        self.ports.clear()
        self._configured = False

    def zoo_cfg(self) -> dict[str, str]:
        """Return the entries of zoo.cfg."""
        entries = self.common_cfg()
        entries["clientPort"] = str(self.port("client").number)
        entries["clientPortAddress"] = LOOPBACK
        return entries

    def common_cfg(self) -> dict[str, str]:
        """Return the entries of zoo.cfg that a single server and a member of an ensemble share."""
        if self.data is None:
            raise TestingError(f"{self.name} has no data folder yet: call prepare() or launch() first, or give data")
        entries = self.options.zoo_cfg(self.data)
        if self.tls_files is not None:
            keystore = self.home / "conf" / "server.pem"
            keystore.touch(mode=0o600)
            keystore.write_bytes(self.tls_files.server_cert.read_bytes() + self.tls_files.server_key.read_bytes())
            entries.update(self.options.tls_cfg(keystore, self.tls_files.ca))
            entries["secureClientPort"] = str(self.port("tls").number)
            entries["secureClientPortAddress"] = LOOPBACK
        if self.options.admin:
            entries["admin.enableServer"] = "true"
            entries["admin.serverAddress"] = LOOPBACK
            entries["admin.serverPort"] = str(self.port("admin").number)
        return entries

    def _make_tls_files(self) -> None:
        if not self.options.tls or self.tls_files is not None:
            return
        if self.options.tls is True:
            from .certificates import make_tls_files

            self.tls_files = make_tls_files(self.home / "tls")
        else:
            self.tls_files = self.options.tls

    # ---- Ready

    def wait_ready(self, deadline: float, *, sessions: bool = True) -> None:
        """Wait until the process serves.

        :param deadline: on the clock of :func:`time.monotonic`.
        :param sessions: whether to wait until it serves sessions; False waits for any reply.
        :raises PortTakenError: if another process has one of the ports.
        :raises ServerStartError: if the process ends, or the deadline passes.
        """
        # A server that is starting may accept a connection and never reply: begin with a short timeout, then double it.
        probe_timeout = 0.05
        while True:
            try:
                self._probe(sessions, probe_timeout)
                return
            except socket.timeout as error:
                probe_timeout = min(2 * probe_timeout, 5.0)
                reason: OSError = error
            except OSError as error:
                reason = error
            if self.process is None or not self.process.running():
                raise self._start_error("ended while it was starting")
            if time.monotonic() > deadline:
                raise self._start_error(f"did not serve in time ({reason})")
            time.sleep(_POLL)

    def _probe(self, sessions: bool, timeout: float) -> None:
        """Raise OSError if the server does not serve."""
        # The command first: the server logs a warning for every handshake that comes too early.
        reply = _wire.four_letter_word(self.address, "srvr", timeout)
        if not sessions:
            return
        if "\nMode: " not in reply:
            raise ConnectionError(reply.strip() or "the reply to srvr is empty")
        _wire.WireConnection(self.address, timeout=timeout, session_timeout=_PROBE_SESSION).close()
        if self.tls_files is not None:
            context = self.tls_files.client_context(verify=False)  # a test may use a bad certificate
            address = (LOOPBACK, self.port("tls").number)
            _wire.WireConnection(address, timeout=timeout, session_timeout=_PROBE_SESSION, tls=context).close()

    def _start_error(self, event: str) -> ServerStartError:
        text = self._read_log(self._log_start)
        message = f"{self.name} {event}. The end of its log:\n{shortened(text, 40)}"
        return PortTakenError(message) if _PORT_TAKEN.search(text) else ServerStartError(message)

    # ---- Down

    def stop(self) -> None:
        """End the process with SIGTERM, or with SIGKILL if that takes too long."""
        self.resume()
        if self.process is not None and self.process.running():
            self.process.signal(signal.SIGTERM)
            if not self.process.wait(_STOP_TIMEOUT):
                self.process.kill()

    def kill(self) -> None:
        """End the process with SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.paused = False

    def pause(self) -> None:
        """Stop the process with SIGSTOP."""
        if self.process is not None:
            self.process.suspend()
            self.paused = True

    def resume(self) -> None:
        """Let a paused process continue."""
        if self.process is not None and self.paused:
            self.paused = False
            self.process.resume()

    def remove_files(self) -> None:
        """Remove the temporary folder."""
        if self.folder is not None:
            self.folder.remove()

    def mark_log(self) -> None:
        """Remember the present end of the log for :meth:`log_tail`."""
        self._log_mark = self._log_size()

    def log_tail(self, lines: int, *, since_mark: bool = False) -> str:
        """Return the last lines of the log, empty if there is no log.

        :param lines: the number of lines.
        :param since_mark: whether to return only lines logged since :meth:`mark_log`.
        """
        return shortened(self._read_log(self._log_mark if since_mark else 0), lines)

    def _log_size(self) -> int:
        return self.log_file.stat().st_size if self.folder is not None and self.log_file.exists() else 0

    def _read_log(self, start: int) -> str:
        """Return the log from a position on, but not more than its last 64 KiB."""
        size = self._log_size()
        if not size:
            return ""
        with self.log_file.open("rb") as log:
            log.seek(max(start, size - 64 * 1024))
            return log.read().decode("utf-8", "replace")


def shortened(text: str, lines: int) -> str:
    """Return the last lines of a log, without the lines that every start logs."""
    return "\n".join([line for line in text.splitlines() if not _NOISE.search(line)][-lines:])
