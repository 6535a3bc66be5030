"""The owners of a hold: the process that has acquired it, and the program that refers to it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Signal
from zkc._zookeeper import Finalized
from zkc.errors import ForkedError
from zkc.recipes._places import HoldState

if TYPE_CHECKING:
    from zkc.recipes._client_holds import Holds
    from zkc.recipes._places import Place

__all__ = ["LIVE", "PARENTS", "LossSignal", "Owned"]

PARENTS = "of the parent process"  # The state that a forked child shows.
LIVE = (HoldState.HELD, HoldState.IN_DOUBT)


class LossSignal(Signal):
    """The signal of a loss. In a child of the process that made it, it is neither set nor waited for.

    Args:
        path: The path that an error names.
    """

    __slots__ = ("_path", "_pid")

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._pid = os.getpid()

    def check_process(self, operation: str) -> None:
        """Raise ForkedError in a child of the process."""
        if self._pid != os.getpid():
            raise ForkedError(operation=operation, path=self._path)

    def done(self) -> bool:
        """Return whether it is set."""
        if super().done():
            return True
        self.check_process("lost")
        return False

    is_set = done

    def __bool__(self) -> bool:
        return self.done()

    def __repr__(self) -> str:
        return super().__repr__() if self._pid == os.getpid() else "<zkc signal of the parent process>"

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until it is set; return whether it is.

        Args:
            timeout: Timeout in seconds; None for no limit.
        """
        return self.done() or super().wait(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        self.check_process("lost")
        return super().__await__()


class Owned(Finalized):
    """The base of a hold: it knows its process, and warns when the program forgets it."""

    _state = HoldState.RELEASED  # Until the constructor is done.
    _ended: LossSignal
    _holds: Holds
    _place: Place

    @property
    def lost(self) -> Signal:
        """A signal that is set when the hold is LOST. It is true then, and ``lost.is_set()`` says the same.

        ``lost.wait(seconds)`` waits for it in a thread, and ``await hold.lost`` in a coroutine.

        Raises:
            ForkedError: The process is a child of the one that holds the lock. The signal raises it there, too.

        .. versionadded:: 0.1
        """
        self._check_process("lost")
        return self._ended

    def _check_process(self, operation: str) -> None:
        """Raise ForkedError in a child of the process that has acquired the hold, unless it had ended before."""
        if self._state in LIVE:
            self._ended.check_process(operation)

    def _describe_state(self) -> str:
        try:
            self._check_process("repr")
        except ForkedError:
            return PARENTS
        return str(self._state)

    def _finalize(self) -> None:
        try:
            if self._place.session.closed:  # Also at the exit of the program.
                return
        except ForkedError:  # It is the parent's.
            return
        # Nothing is released here: a program may rely on a lock that it has acquired and never released.
        if self._holds.keep(self):
            text = f"the hold {self._place.path} was forgotten and not released: use it in a with statement, or call "
            text += "release(). The client keeps it until the session ends"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)
