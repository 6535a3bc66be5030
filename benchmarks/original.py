"""The original of the old module, zc-zookeeper-static 3.4.4, for Python 2.7 if that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Optional

from benchmarks.unavailable import Unavailable

ROOT = Path(__file__).resolve().parents[1]
ORIGINAL = "zc-zookeeper-static==3.4.4"


def find_python2() -> Optional[str]:
    """Find a Python 2.7 that runs: that of ``ZKC_PYTHON27``, on the path, or in pyenv's folder."""
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob("2.7*/bin/python2.7"))
    for candidate in [os.environ.get("ZKC_PYTHON27"), shutil.which("python2.7"), *map(str, pyenv)]:
        # -E: a PYTHONPATH of this Python would keep that one from starting.
        if candidate and subprocess.run([candidate, "-E", "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def build_original(python: str) -> Path:
    """Build the original for a Python 2.7, or reuse an earlier build.

    Returns:
        The folder with the module.

    Raises:
        Unavailable: It does not build.
    """
    folder = ROOT / "build" / "bench" / "original"
    if list(folder.glob("zookeeper*.so")):
        return folder
    # Compilers have become stricter since its C client was written.
    flags = "-O2 -fcommon -w -Wno-error"
    command = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-binary", ":all:", "--target", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    built = subprocess.run(
        [*command, ORIGINAL],
        env={**environment, "CFLAGS": flags, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        raise Unavailable(f"{ORIGINAL} does not build: {built.stderr.strip().splitlines()[-1:]}")
    return folder
