"""Compile the C programs of the benchmarks: the canned server, the raw socket client, and the C API on three libraries.

Everything goes to build/bench/native/, under a name with a hash of all inputs, so that a second run compiles nothing.
A run compiles each program once: an edit during the run does not change what it measures.
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

from benchmarks.unavailable import Unavailable

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path(__file__).resolve().with_name("native")
BUILT = ROOT / "build" / "bench" / "native"
_FLAGS = ("-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-pthread")
_DEBIAN = Path("/usr/include/zookeeper/zookeeper.h")


@functools.cache
def build_server() -> Path:
    """Compile the canned server."""
    return _compile("server", ["server.c", "requests.c", "changes.c", "store.c", "watchers.c"])


@functools.cache
def build_floor() -> Path:
    """Compile the client that is a raw socket only."""
    return _compile("floor", ["floor.c", "harness.c"])


@functools.cache
def build_client(library: str) -> Path:
    """Compile the client of the C API.

    Args:
        library: ``stock``, upstream's unchanged source; ``debian``, the distribution's; ``own``, the one inside zkc.

    Raises:
        Unavailable: There is no such library here.
    """
    if library == "debian":
        if not _DEBIAN.exists():
            raise Unavailable("Debian's libzookeeper is not installed: apt-get install libzookeeper-mt-dev")
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
        # Compile beside the target and rename: another run may compile the same at the same time.
        temporary = f"{target}.{os.getpid()}"
        made = subprocess.run(
            [*compiler, *_FLAGS, "-o", temporary, *rest],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if made.returncode != 0:
            raise Unavailable(f"{name} does not compile: {made.stderr.strip()}")
        os.replace(temporary, target)
    return target


def _vendor(name: str) -> Any:
    """Import a module of vendor/, which is not a package."""
    folder = str(ROOT / "vendor")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def _build_own() -> Path:
    """Build the libraries that zkc is linked with, or reuse them if this tree built zkc."""
    wanted = os.environ.get("ZKC_ADAPTOR")
    os.environ["ZKC_ADAPTOR"] = "own"  # whatever zkc itself is built with
    try:
        return _built("build_libraries", "libzookeeper with the own adaptor")
    finally:
        os.environ.pop("ZKC_ADAPTOR")
        if wanted is not None:
            os.environ["ZKC_ADAPTOR"] = wanted


def _build_stock() -> Path:
    """Build upstream's libzookeeper with its own adaptor and none of the patches of vendor/."""
    return _built("build_unpatched", "libzookeeper as upstream released it")


def _built(function: str, what: str) -> Path:
    """Call a public function of vendor/build.py; raise Unavailable if it fails."""
    build = _vendor("build")
    try:
        folder: Path = getattr(build, function)()
    except build.BuildError as error:
        raise Unavailable(f"{what} does not build: {error}") from error
    return folder
