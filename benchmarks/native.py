"""Compiles what of the benchmarks is C: the canned server, the raw socket client, and the C API on three libraries.

Everything goes to build/bench/native/, under a name that is a hash of what went in: a second run compiles nothing.
Within a run each is made once: what is measured does not change while somebody edits it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.absent import Absent

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path(__file__).resolve().with_name("native")
BUILT = ROOT / "build" / "bench" / "native"
_FLAGS = ("-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-pthread")
_DEBIAN = Path("/usr/include/zookeeper/zookeeper.h")


@functools.cache
def build_server() -> Path:
    """Compile the canned server."""
    return _compile("server", ["server.c", "requests.c", "store.c"])


@functools.cache
def build_floor() -> Path:
    """Compile the client that is a raw socket and nothing else."""
    return _compile("floor", ["floor.c", "harness.c"])


@functools.cache
def build_client(library: str) -> Path:
    """Compile the client of the C API.

    Args:
        library: ``stock``, upstream's source as it is; ``debian``, the distribution's; ``own``, what zkc has in it.

    Raises:
        Absent: There is no such library here.
    """
    if library == "debian":
        if not _DEBIAN.exists():
            raise Absent("Debian's libzookeeper is not installed: apt-get install libzookeeper-mt-dev")
        flags, libraries = [f"-I{_DEBIAN.parent}"], ["-lzookeeper_mt"]
    else:
        folder = _build_stock() if library == "stock" else _build_own()
        archives = [str(path) for name in ("zookeeper_mt", "sasl2") for path in folder.glob(f"lib/lib{name}.a")]
        flags, libraries = [f"-I{folder / 'include' / 'zookeeper'}"], [*archives, "-lssl", "-lcrypto"]
    return _compile(f"client-{library}", ["client.c", "harness.c"], ["-DTHREADED", *flags], libraries)


def _compile(name: str, sources: list[str], flags: Any = (), libraries: Any = ()) -> Path:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    rest = [*flags, *(str(SOURCES / source) for source in sources), *libraries, "-lm"]
    sha = hashlib.sha256(repr([compiler, _FLAGS, rest]).encode())
    for path in [*sorted(SOURCES.glob("*.[ch]")), *(Path(word) for word in libraries if word.endswith(".a"))]:
        sha.update(path.read_bytes())
    target = BUILT / f"{name}-{sha.hexdigest()[:12]}"
    if not target.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        # Aside and renamed when whole: somebody else may be at it too.
        aside = f"{target}.{os.getpid()}"
        made = subprocess.run(
            [*compiler, *_FLAGS, "-o", aside, *rest],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if made.returncode != 0:
            raise Absent(f"{name} does not compile: {made.stderr.strip()}")
        os.replace(aside, target)
    return target


def _vendor(name: str) -> Any:
    """Import a module of vendor/, which is no package."""
    folder = str(ROOT / "vendor")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def _build_own() -> Path:
    """Build the libraries that zkc is linked with; done before, unless zkc came from elsewhere."""
    asked = os.environ.get("ZKC_ADAPTOR")
    os.environ["ZKC_ADAPTOR"] = "own"  # whatever zkc itself is built with
    try:
        return _built("build_libraries", "libzookeeper with the own adaptor")
    finally:
        os.environ.pop("ZKC_ADAPTOR")
        if asked is not None:
            os.environ["ZKC_ADAPTOR"] = asked


def _build_stock() -> Path:
    """Build upstream's libzookeeper with its own adaptor and none of the patches of vendor/."""
    return _built("build_unpatched", "libzookeeper as upstream released it")


def _built(function: str, what: str) -> Path:
    """Call a public function of vendor/build.py, and have the comparison know of it when that fails."""
    build = _vendor("build")
    try:
        folder: Path = getattr(build, function)()
    except build.BuildError as error:
        raise Absent(f"{what} does not build: {error}") from error
    return folder
