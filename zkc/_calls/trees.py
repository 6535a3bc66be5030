"""The calls on whole trees."""

from __future__ import annotations

from zkc._calls.runner import Runner

__all__ = ["TreeCalls"]


class TreeCalls(Runner):
    """One call for a znode and all below it."""
