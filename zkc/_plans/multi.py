"""Transactions: several operations of which all are carried out, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zkc._plans.flow import Flow, answer

if TYPE_CHECKING:
    from zkc._base import BaseClient

# As the core takes it: a name, a path, and what the operation wants.
CoreOp = tuple[Any, ...]


def commit(client: BaseClient, operations: Sequence[CoreOp]) -> Flow[list[Any]]:
    """Send a transaction."""
    return _commit(client, operations)


def _commit(client: BaseClient, operations: Sequence[CoreOp]) -> Flow[list[Any]]:
    if not operations:
        return []
    results = yield from answer(client.session.multi(operations))
    for operation in operations:
        if operation[0] == "delete":
            client._kept.forget(operation[1])
        elif operation[0] == "set":
            client._kept.changed(operation[1], operation[2])
    return results
