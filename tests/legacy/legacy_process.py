"""Python processes for the tests of what happens to a whole process: install(), the command, the distribution."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Union


def python(
    *arguments: object, cwd: Union[str, Path], path: Iterable[object] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in the folder *cwd*, with the folders *path* in front of its sys.path, and return how it went."""
    folders = [*map(str, path), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )


def check(script: str, *arguments: object, cwd: Union[str, Path], path: Iterable[object] = ()) -> str:
    """Run a script that is to end well and in silence, warnings being errors, and return what it printed."""
    done = python("-W", "error", "-c", script, *arguments, cwd=cwd, path=path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
