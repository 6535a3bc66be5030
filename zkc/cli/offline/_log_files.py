"""The transactions of all logs of a server, one file after the other, and the new ones when they come."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli.offline._log import LogFile, LogRecord
from zkc.cli.offline._open import files_of
from zkc.cli.offline._reader import DamagedError, TruncatedError
from zkc.cli.offline._txns import Head

__all__ = ["Logs", "zxid_of"]

_PATIENCE = 1.0  # Seconds that a server may take to complete a record, unless the logs are followed.
_PERIOD = 0.1  # Seconds between two looks at a log that is followed.


def zxid_of(file: str) -> int:
    """Return the zxid in the name of a log, of its first transaction; -1 without one."""
    name, dot, number = os.path.basename(file).partition(".")
    try:
        return int(number, 16) if name == "log" and dot else -1
    except ValueError:
        return -1


class Logs:
    """The logs of a folder, or one log.

    Args:
        name: The file; or the folder, a server's dataDir or dataLogDir, or its folder ``version-2``.
        warn: Called with the text of each damage that is passed over.
        first: The zxid of interest: files that end before it are left out.
        follow: Whether to wait for more transactions, in the last file and in new ones. It never ends.
        wants: Returns whether a transaction is wanted, by its header; None for all.
        idle: Called before each wait.
    """

    def __init__(
        self, name: str, warn: Callable[[str], None], *, first: int = 0, follow: bool = False,
        wants: Optional[Callable[[Head], bool]] = None, idle: Optional[Callable[[], None]] = None,
    ) -> None:  # fmt: skip
        self._warn, self._follow, self._idle, self._wants = warn, follow, idle, wants
        self._is_folder = os.path.isdir(name)
        self._folder = name if self._is_folder else os.path.dirname(os.path.abspath(name))
        self._name = name
        self._files = files_of(name, "log") if self._is_folder else [name]
        while len(self._files) > 1 and zxid_of(self._files[1]) <= first:
            self._files.pop(0)
        if not self._files and not follow:
            raise CommandError(f"{name} has no transaction logs of a server", ExitCode.OTHER, name="file")
        self._damage: Optional[CommandError] = None
        self._damages = 0

    def __iter__(self) -> Iterator[tuple[str, LogRecord]]:
        """Yield the file and the record of each transaction. :meth:`check` tells afterwards what could not be read."""
        last: Optional[str] = None
        while True:
            for index, file in enumerate(self._files):
                last = file
                with ExitStack() as stack:
                    try:
                        log = stack.enter_context(LogFile(file))
                    except CommandError as error:
                        if not self._is_folder:
                            raise
                        self._note(error)  # The server has removed it since.
                        continue
                    yield from self._records(log, newest=index == len(self._files) - 1)
            if not self._follow:
                break
            self._files = self._newer(last)
            if not self._files:
                self._wait()

    def check(self) -> None:
        """Raise if a part could not be read.

        Raises:
            CommandError: What could not be read.
        """
        if self._damage is not None:
            raise self._damage

    def _newer(self, file: Optional[str]) -> list[str]:
        """Return the logs that the server has begun after a file."""
        after = -1 if file is None else zxid_of(file)
        # A log without a zxid in its name has been copied: no server writes another one.
        if file is not None and after < 0:
            return []
        return [each for each in files_of(self._folder, "log") if zxid_of(each) > after]

    def _records(self, log: LogFile, *, newest: bool) -> Iterator[tuple[str, LogRecord]]:
        """Yield the records of a file; of the newest one, if the logs are followed, until there is a newer one."""
        patience = time.monotonic() + _PATIENCE
        if self._wants is not None:
            log.wants = self._wants
        log.check_end = not (newest and self._follow)  # A log that is followed has zeros of any size, at each look.
        over = False  # Whether a newer file is there: then the server has ended this one.
        while not log.lost:
            problem: Optional[CommandError] = None
            try:
                record = log.next()
                if record is not None:
                    patience = time.monotonic() + _PATIENCE
                    yield log.file, record
                    continue
            except TruncatedError as error:
                problem = error
            except DamagedError as error:
                self._note(error)
                continue
            except CommandError as error:
                if not self._is_folder:
                    raise
                self._note(error)
                return
            # The end, for now.
            if newest and self._follow and not over:
                over = bool(self._newer(log.file))  # Then read once more what was written before.
                if not over:
                    self._wait()
            elif problem is not None and newest and not over and time.monotonic() < patience:
                time.sleep(_PERIOD / 2)
            else:
                if problem is not None:
                    self._note(problem)
                return
            log.again()

    def _note(self, problem: CommandError) -> None:
        """Warn of a part that cannot be read, and keep the error for the end."""
        self._damages += 1
        if self._damage is None:
            self._damage = problem
            problem.exit_code = int(ExitCode.PARTLY)
        else:
            parts = f"{self._damages:,} parts of {self._name} could not be read: see the warnings"
            self._damage = CommandError(parts, ExitCode.PARTLY, name="damaged", details={"damages": self._damages})
        self._warn(problem.message)

    def _wait(self) -> None:
        if self._idle is not None:
            self._idle()
        time.sleep(_PERIOD)
