"""The exit codes, and the errors that the command line itself raises."""

from __future__ import annotations

import enum
from typing import Optional

from click import ClickException

__all__ = ["CommandError", "ExitCode"]


class ExitCode(enum.IntEnum):
    """The exit codes of all commands. Scripts depend on them: a number never changes its meaning."""

    DONE = 0
    NO = 1
    """The answer is no: a difference, no match, no such znode for ``exists``, findings of ``doctor``."""
    USAGE = 2
    NO_NODE = 3
    CONFLICT = 4
    """The znode exists, is not empty, or has another version."""
    NOT_ALLOWED = 5
    """An ACL, the authentication or a certificate."""
    NO_CONNECTION = 6
    """No connection, or no reply within the timeout."""
    SESSION_EXPIRED = 7
    PARTLY = 8
    """A part is done. The message says how much."""
    REFUSED = 9
    """Refused for safety: a question without an answer, a root, a read-only profile."""
    OTHER = 10
    NOT_ACQUIRED = 124
    """``lock``: not acquired in time."""
    HOLD_LOST = 125
    """``lock`` and ``elect``: the hold was lost, and the command was ended."""
    NOT_EXECUTABLE = 126
    """``lock``, ``elect``, ``semaphore`` and ``--exec``: the command cannot be executed."""
    COMMAND_NOT_FOUND = 127
    """``lock``, ``elect``, ``semaphore`` and ``--exec``: there is no such command."""
    HUNG_UP = 129
    """SIGHUP. Clean-up and counts are those of Ctrl-C."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM. Clean-up and counts are those of Ctrl-C."""


class CommandError(ClickException):
    """A command that cannot go on.

    Args:
        message: What happened, and what to do.
        exit_code: The exit code of the process, one of :class:`ExitCode`. Another one needs a name.
        name: The error's name in JSON, such as ``no_node``.
        path: The path of the znode concerned, if any.
        details: More members of the JSON object.
    """

    def __init__(
        self,
        message: str,
        exit_code: int = ExitCode.OTHER,
        *,
        name: Optional[str] = None,
        path: Optional[str] = None,
        details: Optional[dict[str, object]] = None,
    ) -> None:
        super().__init__(message)
        self.exit_code = int(exit_code)
        self.name = name or ExitCode(exit_code).name.lower()
        self.path = path
        self.details = details or {}
