"""Parts of the tests of commands under a hold: a script that proves that it is alone, and waits with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zkc.cli.coordination._guardian import Process, descendants

# The kernel frees the lock of file descriptor 9 when the last process that has inherited it is dead: the script's own,
# and a descendant that leaves the process group and the session, and ignores SIGTERM.
ALONE = """
exec 9>>"$0/flock"
flock -n 9 || { echo "$(date +%s.%N) $ZKC_LOCK_PATH $ZKC_FENCING_TOKEN" >>"$0/two"; exit 99; }
echo "$ZKC_FENCING_TOKEN" >>"$0/tokens"
"""
STUBBORN = """
trap '' TERM
setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 0.2; done' &
"""


def alone(folder: Path, *lines: str) -> list[str]:
    """Return the words of a command that proves that it is alone, and then does what the lines say."""
    return ["sh", "-c", "\n".join([ALONE, *lines]), str(folder)]


def tokens(folder: Path) -> list[int]:
    """Return the tokens of the commands that have started, in that order; fail if two were there at a time."""
    assert not (folder / "two").exists(), (folder / "two").read_text()
    file = folder / "tokens"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until a condition is true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("the condition did not become true in time")


def guardian_of(pid: int) -> Process:
    """Return the guardian that a command of zkc has started."""
    return until(lambda: descendants(pid))[0]  # type: ignore[no-any-return]
