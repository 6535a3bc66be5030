"""The command line of zkc: ``zkc``, or ``python -m zkc``.

This package is a program, and no library: its modules may change with any release. Scripts use the commands, their exit
codes and their JSON, which docs/cli describes.

A command imports what it needs when it runs: click for all of them, rich for a person who looks, prompt_toolkit for the
shell, textual for the full screen.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Optional

__all__ = ["main"]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments; None for those of the process.

    Returns:
        The exit code: see :class:`zkc.cli._exit.ExitCode`.
    """
    if arguments is not None:
        return _begin(list(arguments), leaves=False)
    try:
        from zkc.cli._ending import give_back_signals, take_signals

        take_signals()
        try:
            return _begin(sys.argv[1:], leaves=True)
        finally:
            give_back_signals()
    except KeyboardInterrupt as error:  # Before the command began, or after its end.
        return 128 + getattr(error, "signum", 2)


def _begin(arguments: list[str], *, leaves: bool) -> int:
    try:
        import click  # noqa: F401
    except ImportError:
        print("zkc: error: the command line needs click and rich: pip install 'zkc[cli]'", file=sys.stderr)
        return 2
    from zkc.cli._run import run
    from zkc.cli._streams import prepare

    if leaves:
        prepare()
    return run(arguments, leaves=leaves)
