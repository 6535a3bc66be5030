"""Commands that take several paths: each is done, and a failure of some does not hide the others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["for_each"]


def for_each(app: App, paths: Sequence[str], act: Callable[[str], None]) -> None:
    """Call a function for each path. An error of one path is written to stderr, and the others go on.

    Raises:
        ZooKeeperError: All paths failed: the error of the last one, or of the only one. A lost connection is raised
            at once.
        CommandError: Some paths failed: exit code 8.
    """
    from zkc import ZooKeeperError
    from zkc.cli._errors import describe, exit_code_of

    failed = 0
    for path in paths:
        try:
            act(path)
        except ZooKeeperError as error:
            failed += 1
            lost = exit_code_of(error) in (ExitCode.NO_CONNECTION, ExitCode.SESSION_EXPIRED)
            if lost or failed == len(paths):
                raise
            app.out.flush_quietly()
            print(describe(error, app.out.is_json, app.statement), file=sys.stderr, flush=True)
    if failed:
        raise CommandError(
            f"{failed} of {len(paths)} paths failed", ExitCode.PARTLY, details={"failed": failed, "paths": len(paths)}
        )
