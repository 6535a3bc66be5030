"""The compared clients: a function for each worker that starts its process, or gives the reason why it is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from benchmarks import java, native, original, peers
from benchmarks.unavailable import Unavailable
from benchmarks.worker_process import WorkerProcess

ROOT = Path(__file__).resolve().parents[1]
WORKERS = Path(__file__).resolve().with_name("workers")

Start = Callable[[str], WorkerProcess]


def _native(build: Callable[[], Path], name: str, *words: str) -> Start:
    return lambda hosts: WorkerProcess(name, [str(build()), hosts, *words])


def _python(name: str, script: str, *words: str, folder: Optional[Callable[[], Path]] = None) -> Start:
    """Return a function that starts a script with this Python, with zkc and the packages in a folder on its path."""

    def start(hosts: str) -> WorkerProcess:
        path = [str(folder())] if folder else []
        environment = {"PYTHONPATH": ":".join([*path, str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"}
        return WorkerProcess(name, [sys.executable, str(WORKERS / script), *words, hosts], environment)

    return start


def _zc(hosts: str) -> WorkerProcess:
    python = original.find_python2()
    if python is None:
        raise Unavailable("there is no Python 2.7: set ZKC_PYTHON27 to one")
    folder = str(original.build_original(python))
    return WorkerProcess("zc", [python, str(WORKERS / "legacy.py"), "original", hosts], {"PYTHONPATH": folder})


def _java(hosts: str) -> WorkerProcess:
    return WorkerProcess("java", [*java.command(), hosts])


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
"""By name, the function that starts a worker and connects it to a server; it raises Unavailable without the client."""
