"""``python -m zkc.legacy check PATH…``: which calls old source makes, whether the drop-ins have them, what to change.

It reads Python 2 and Python 3, follows imports, aliases and simple assignments, and runs nothing. What it knows of each
call stands in :mod:`zkc.legacy.check.rules`.
"""

from __future__ import annotations

from zkc.legacy.check._command import main

__all__ = ["main"]
