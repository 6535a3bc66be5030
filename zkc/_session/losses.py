"""Requests that are sent again after a lost connection: how often, after which pauses, and when that is no accident."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Optional

from zkc._flow import Pause

if TYPE_CHECKING:
    from zkc._session.protocol import SessionClient
    from zkc.errors import ConnectionLossError

__all__ = ["MAX_LARGE_LOSSES", "LossCounter"]

# How often a large request is lost with a connection before that counts as the server's answer to it, and a small one.
MAX_LARGE_LOSSES = 4
_MAX_LOSSES = 8
_LONGEST = 2.0  # The longest pause, in seconds.


class LossCounter:
    """Counts the losses of one request, each with a connection of its own.

    A request that is made while there is no connection is lost with each attempt to connect: all of these count as one.

    Args:
        client: Whose request it is.
        operation: What an error of time names, if it comes in a pause.
        path: The path that it names.
        most: How many losses of a small request are no accident any more.
    """

    __slots__ = ("_client", "_last_connection", "_most", "_operation", "_path", "count")

    def __init__(
        self,
        client: SessionClient,
        operation: Optional[str] = None,
        path: Optional[str] = None,
        most: int = _MAX_LOSSES,
    ) -> None:
        self._client = client
        self._operation = operation
        self._path = path
        self._most = most
        self._last_connection = -1  # The number of the connection that was lost last.
        self.count = 0

    def note(self, error: ConnectionLossError) -> bool:
        """Note a loss, and tell whether it is no accident: the request breaks the connections that it is sent over."""
        connection = self._client._connections
        if connection != self._last_connection:
            self._last_connection = connection
            self.count += 1
        return self.count >= (self._most if error.request_size is None else MAX_LARGE_LOSSES)

    def pause(self, shortest: float) -> Pause:
        """Return the pause before the next attempt: twice as long after each loss, from ``shortest`` seconds on.

        A part of it is left to chance, because those who failed together must not come again together.
        """
        longest = max(shortest, _LONGEST)
        seconds = min(shortest * 2.0 ** max(0, self.count - 1), longest)
        return Pause(seconds * (1.0 - 0.25 * random.random()), self._operation, self._path)
