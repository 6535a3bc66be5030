"""Retries of requests after a lost connection: their pauses, and the number after which the request is the cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from zkc._flow import Pause

if TYPE_CHECKING:
    from zkc._session.protocol import SessionClient
    from zkc.errors import ConnectionLossError

__all__ = ["MAX_LARGE_LOSSES", "LossCounter"]

# Losses of a large request, and of a small one, after which the request counts as the cause of the lost connections.
MAX_LARGE_LOSSES = 4
_MAX_LOSSES = 8
_LONGEST = 2.0  # The longest pause, in seconds.


class LossCounter:
    """Counts the losses of one request, each with a connection of its own.

    A request made without a connection is lost with each attempt to connect: all of these losses count as one.

    Args:
        client: The client that sends the request.
        operation: Operation that a timeout error names, if the deadline ends a pause.
        path: Path that this error names.
        most: Number of losses after which a small request counts as their cause.
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
        self._last_connection = -1  # Number of the connection that was lost last.
        self.count = 0

    def note(self, error: ConnectionLossError) -> bool:
        """Note a loss; return whether the request counts as the cause, so that no other attempt makes sense."""
        connection = self._client._connections
        if connection != self._last_connection:
            self._last_connection = connection
            self.count += 1
        return self.count >= (self._most if error.request_size is None else MAX_LARGE_LOSSES)

    def pause(self, shortest: float) -> Pause:
        """Return the pause before the next attempt: twice as long after each loss, from ``shortest`` seconds on.

        A random part spreads the retries of clients that failed at the same time.
        """
        import random  # Here, as most programs lose no request: it takes a millisecond.

        longest = max(shortest, _LONGEST)
        seconds = min(shortest * 2.0 ** max(0, self.count - 1), longest)
        return Pause(seconds * (1.0 - 0.25 * random.random()), self._operation, self._path)
