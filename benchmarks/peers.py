"""Install other clients and matplotlib with pip, into build/bench/peers/: none of them is a dependency of zkc."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.unavailable import Unavailable

PEERS = Path(__file__).resolve().parents[1] / "build" / "bench" / "peers"
_REQUIREMENTS = {
    "kazoo": "kazoo==2.11.0",
    "aiozk": "aiozk==0.32.0",
    "matplotlib": "matplotlib",
    "zk-shell": "zk-shell==1.3.4",
}

_SHORT_WAIT = ("--retries", "1", "--timeout", "15")  # without a network, fail soon


def folder(name: str) -> Path:
    """Return the folder of a package, for PYTHONPATH; install the package if needed.

    Raises:
        Unavailable: pip cannot install it.
    """
    requirement = _REQUIREMENTS[name]
    target = PEERS / f"{sys.implementation.cache_tag}-{requirement}"
    if target.is_dir():
        return target
    PEERS.mkdir(parents=True, exist_ok=True)
    working = tempfile.mkdtemp(prefix=".installing-", dir=PEERS)
    try:
        print(f"./dev bench: installing {requirement} into {os.path.relpath(PEERS)}", file=sys.stderr)
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            *_SHORT_WAIT,
            "--target",
            working,
        ]
        installed = subprocess.run([*command, requirement], capture_output=True, text=True, timeout=300, check=False)
        if installed.returncode != 0:
            raise Unavailable(f"pip cannot install {requirement}: {installed.stderr.strip().splitlines()[-1:]}")
        Path(working).chmod(0o755)
        Path(working).rename(target)
    except (OSError, subprocess.TimeoutExpired) as error:
        if not target.is_dir():  # another run may have installed it in the meantime
            raise Unavailable(f"{requirement} cannot be installed: {error}") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return target
