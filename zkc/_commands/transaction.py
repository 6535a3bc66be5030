"""The command of a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zkc._flow import Flow, result_of

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient

# As the core takes it: a name, a path, and the arguments of the operation.
CoreOp = tuple[Any, ...]


def commit(client: CommandClient, operations: Sequence[CoreOp]) -> Flow[list[Any]]:
    """Send a transaction."""
    return _commit(client, operations)


def _commit(client: CommandClient, operations: Sequence[CoreOp]) -> Flow[list[Any]]:
    if not operations:
        return []
    session = client.session
    change = client._kept.transaction(operations, session)
    if change is None:
        return (yield from result_of(session.multi(operations)))
    return (yield from change.result_of(change.send(session.multi, operations)))
