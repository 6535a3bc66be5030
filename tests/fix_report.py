"""The head of pytest's report: the build that is tested, and the server and the Java that it is tested with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import zkc
from zkc.testing import NotInstalledError
from zkc.testing._find import find_class_path, find_java


def pytest_report_header() -> list[str]:
    """Return the lines that pytest prints before the tests."""
    build = zkc.build_info()
    sasl = "/".join(build["sasl_mechanisms"]) if build["sasl"] else "none"
    return [
        f"zkc: {zkc.__version__} in {Path(zkc.__file__).parent}",
        f"libzookeeper: {build['libzookeeper']}, {build['linkage']}; adaptor: {build['adaptor']}",
        f"TLS: {build['openssl'] if build['tls'] else 'none'}; SASL: {sasl}",
        f"ZooKeeper server: {_server()}; Java: {_java()}",
    ]


def _server() -> str:
    try:
        jars = find_class_path()
    except NotInstalledError as error:
        return f"none ({error})"
    for folder in dict.fromkeys(Path(jar).parent for jar in jars.split(":")):
        # Debian's jars have no version in their names, but links beside them do.
        for jar in folder.glob("zookeeper-[0-9]*.jar"):
            return f"{jar.stem.partition('-')[2]} ({folder})"
    return f"unknown version ({jars.partition(':')[0]})"


def _java() -> str:
    try:
        java = find_java()
        run = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (NotInstalledError, subprocess.SubprocessError) as error:
        return f"none ({error})"
    return f"{run.stderr.splitlines()[0]} ({java})"
