"""Who is compared: for each worker, how its process is started, and why it may be missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from benchmarks import java, native, original, peers
from benchmarks.absent import Absent
from benchmarks.side import Side

ROOT = Path(__file__).resolve().parents[1]
WORKERS = Path(__file__).resolve().with_name("workers")

Start = Callable[[str], Side]


def _native(build: Callable[[], Path], name: str, *words: str) -> Start:
    return lambda hosts: Side(name, [str(build()), hosts, *words])


def _python(name: str, script: str, *words: str, folder: Optional[Callable[[], Path]] = None) -> Start:
    """Start a script with this Python; it finds zkc, and what pip put into the folder."""

    def start(hosts: str) -> Side:
        path = [str(folder())] if folder else []
        environment = {"PYTHONPATH": ":".join([*path, str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"}
        return Side(name, [sys.executable, str(WORKERS / script), *words, hosts], environment)

    return start


def _zc(hosts: str) -> Side:
    python = original.find_python2()
    if python is None:
        raise Absent("there is no Python 2.7: set ZKC_PYTHON27 to one")
    folder = str(original.build_original(python))
    return Side("zc", [python, str(WORKERS / "legacy.py"), "original", hosts], {"PYTHONPATH": folder})


def _java(hosts: str) -> Side:
    return Side("java", [*java.command(), hosts])


STARTS: dict[str, Start] = {
    "floor": _native(native.build_floor, "floor"),
    "c": _native(lambda: native.build_client("stock"), "c"),
    "debian": _native(lambda: native.build_client("debian"), "debian"),
    "tuned": _native(lambda: native.build_client("stock"), "tuned", "tuned"),
    "own": _native(lambda: native.build_client("own"), "own", "tuned"),
    "zkc": _python("zkc", "zkc_client.py"),
    "zkc-async": _python("zkc-async", "zkc_async.py"),
    "zkc-legacy": _python("zkc-legacy", "legacy.py", "zkc"),
    "kazoo": _python("kazoo", "kazoo_client.py", folder=lambda: peers.folder("kazoo")),
    "aiozk": _python("aiozk", "aiozk_client.py", folder=lambda: peers.folder("aiozk")),
    "zc": _zc,
    "java": _java,
}
"""By name, what starts a worker that is connected to a server; it raises Absent where there is no such client."""
