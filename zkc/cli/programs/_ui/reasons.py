"""The words of the screen for an error: advice in terms of commands, and one sentence for a lost connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkc import ConnectionLossError, OperationTimeoutError, RequestTimeoutError, SessionLostError
from zkc.cli._errors import for_people

if TYPE_CHECKING:
    from zkc import AsyncClient

__all__ = ["UNCONNECTED", "reason"]

UNCONNECTED = "there is no connection: the client looks for a server. Try again when the top line says connected"
_OF_CONNECTIONS = (OperationTimeoutError, RequestTimeoutError, SessionLostError)


def reason(client: AsyncClient, error: BaseException) -> str:
    """Return what to say of an error.

    Args:
        client: The screen's client, which may be connected again since.
        error: The error of a request.
    """
    if not isinstance(error, ConnectionLossError) and (client.connected or not isinstance(error, _OF_CONNECTIONS)):
        return for_people(error)
    if getattr(error, "maybe_applied", False):
        return f"{UNCONNECTED}. The change may have been made: look before you make it again"
    return UNCONNECTED
