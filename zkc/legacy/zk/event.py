"""The receiver of :class:`zc.zk.RegisteringServer`: ``zope.event`` if it is installed, else a no-op.

An application may put a function of its own in the place of ``zc.zk.event.notify``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

__all__ = ["notify"]


def _noop(event: object) -> None:
    """Do nothing."""


def _find() -> Callable[[object], object]:
    try:
        found: Callable[[object], object] = importlib.import_module("zope.event").notify
    except ImportError:
        return _noop
    return found


notify: Callable[[object], object] = _find()
