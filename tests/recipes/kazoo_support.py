"""Programs that are written with kazoo, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.peers import folder
from benchmarks.unavailable import Unavailable

_BEFORE = """
import sys
from kazoo.client import KazooClient
zk = KazooClient(sys.argv[1], timeout=30.0)
zk.start()
"""
_AFTER = """
zk.stop()
zk.close()
"""


def start_kazoo(hosts: str, program: str) -> subprocess.Popen[str]:
    """Start a program that has a started client of kazoo, named ``zk``.

    Args:
        hosts: The servers and the chroot.
        program: The lines of the program. What they print is the process's output.
    """
    try:
        path = str(folder("kazoo"))
    except Unavailable as error:
        pytest.skip(str(error))
    return subprocess.Popen(
        [sys.executable, "-c", f"{_BEFORE}{program}{_AFTER}", hosts],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def run_kazoo(hosts: str, program: str) -> str:
    """Run such a program to its end, and return what it prints."""
    with start_kazoo(hosts, program) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output.strip()
