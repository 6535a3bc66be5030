"""Flows whose timeout has a text of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from zkc._flow import Flow, Undoable
from zkc.errors import OperationTimeoutError

__all__ = ["Late"]


class Late(Undoable):
    """A flow of an operation that says at its timeout what was not reached, and what that means.

    Args:
        operation: The operation that the error names.
        path: The path that the error names.
        missed: What was not reached; the text goes on with "within", and the timeout. The flow may change it.
        advice: What it means, or what to do.
        make: As for Undoable.
        maybe_applied: Whether the operation may still be carried out.
    """

    __slots__ = ("_advice", "_maybe_applied", "missed", "operation", "path")

    def __init__(
        self,
        operation: str,
        path: str,
        missed: str,
        advice: str,
        make: Callable[[Any], Flow[Any]],
        *,
        maybe_applied: bool = False,
    ) -> None:
        super().__init__(make)
        self.operation = operation
        self.path = path
        self.missed = missed
        self._advice = advice
        self._maybe_applied = maybe_applied

    def late(self, limit: Optional[float]) -> OperationTimeoutError:
        """Make the error of a flow that took too long."""
        text = f"{self.missed} within {limit:g} s; {self._advice}"
        return OperationTimeoutError(
            OperationTimeoutError.describe(self.operation, self.path, text),
            operation=self.operation,
            path=self.path,
            maybe_applied=self._maybe_applied,
        )
