"""The head of pytest's report: the build that is tested, and the server and the Java that it is tested with."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import zkc
from zkc.testing import NotInstalledError
from zkc.testing._find import find_class_path, find_java


def pytest_report_header() -> list[str]:
    """Return the lines that pytest prints before the tests."""
    build = dict(zkc.build_info())
    features = ", ".join(f"{name} {value}" for name, value in sorted(build.items()))
    return [
        f"zkc: {zkc.__version__} in {Path(zkc.__file__).parent}",
        f"zkc build: {features}",
        f"ZooKeeper server: {_server()}; Java: {_java()}",
    ]


def _server() -> str:
    try:
        jars = find_class_path()
    except NotInstalledError as error:
        return f"none ({error})"
    found = re.search(r"[^:]*/zookeeper-(\d[\w.]*)\.jar", jars)
    return f"{found[1]} ({found[0]})" if found else f"of unknown version ({jars.partition(':')[0]})"


def _java() -> str:
    try:
        java = find_java()
        run = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (NotInstalledError, subprocess.SubprocessError) as error:
        return f"none ({error})"
    return f"{run.stderr.splitlines()[0]} ({java})"
