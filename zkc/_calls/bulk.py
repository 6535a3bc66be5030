"""The calls on many znodes at once."""

from __future__ import annotations

from zkc._calls.runner import Runner

__all__ = ["BulkCalls"]


class BulkCalls(Runner):
    """One call for many znodes."""
