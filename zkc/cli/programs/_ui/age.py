"""The age of what the screen shows: after a lost connection it is old until all of it was read again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from zkc import AsyncClient, ClientState
    from zkc.cli.programs._ui.reader import Reader

__all__ = ["Age"]


class Age:
    """The moment that the screen shows, while it is not the present one.

    Args:
        client: The screen's client.
        current: Called when all was read again.
    """

    def __init__(self, client: AsyncClient, current: Callable[[], object]) -> None:
        self._client, self._current = client, current
        self._since: Optional[float] = None
        self._due: dict[tuple[Reader, str], object] = {}

    @property
    def is_old(self) -> bool:
        """Whether changes since a lost connection are not shown yet."""
        return self._since is not None

    @property
    def text(self) -> str:
        """The mark for what is shown; empty if that is current."""
        return "" if self._since is None else time.strftime("shown as of %H:%M:%S", time.localtime(self._since))

    def note(self, state: ClientState) -> None:
        """Note a state of the client."""
        if not state.connected and self._since is None:
            self._since = time.time()

    def ask(self, reader: Reader, paths: Sequence[str]) -> None:
        """Have paths read again. The screen is old until each has had a reading that begins after this call."""
        for path in paths:
            self._due[reader, path] = object()
            reader.ask(path)

    def begin(self, reader: Reader, path: str) -> object:
        """Return what a reading that begins now gives to :meth:`end`."""
        return self._due.get((reader, path))

    def end(self, reader: Reader, path: str, begun: object) -> None:
        """Note that a reading has succeeded. One of an earlier connection does not count."""
        if begun is not None and self._due.get((reader, path)) is begun:
            del self._due[reader, path]
            self.look()

    def look(self) -> None:
        """End the mark if all was read again."""
        if self.is_old and self._client.connected and not self._due:
            self._since = None
            self._current()
