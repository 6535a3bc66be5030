"""The Java clients: compile their workers, and return the commands that run them."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.unavailable import Unavailable
from zkc.testing import TestingError
from zkc.testing._find import find_class_path, find_java

_WORKERS = Path(__file__).resolve().parent / "workers"
SOURCE = _WORKERS / "JavaClient.java"
_BUILT = Path(__file__).resolve().parents[1] / "build" / "bench" / "java"
_JARS = Path("/usr/share/java")  # Debian's folder of libcurator-*-java and libguava-java.
_CURATOR = ("curator-client", "curator-framework", "curator-recipes", "guava")
_DISCOVERY = ("curator-x-discovery", "jackson-annotations", "jackson-core", "jackson-databind")
# By default the Java client refuses 1 MB of data, because the header comes on top.
_OPTIONS = ["-Xmx512m", "-Djute.maxbuffer=4194304", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]


@functools.cache
def command() -> list[str]:
    """Return the command line of the Java client without the connection string; compile its worker if needed.

    Raises:
        Unavailable: There is no Java, no compiler or no ZooKeeper.
    """
    return _command(SOURCE, [])


@functools.cache
def curator_command(source: Path = _WORKERS / "CuratorRecipes.java", *, discovery: bool = False) -> list[str]:
    """Return the command line of a program with Curator, without the connection string; compile it if needed.

    Args:
        source: The Java file, whose class has its name.
        discovery: Whether it needs Curator's service discovery, too.

    Raises:
        Unavailable: There is no Java, no compiler, no ZooKeeper or no Curator.
    """
    jars = [_JARS / f"{name}.jar" for name in (*_CURATOR, *(_DISCOVERY if discovery else ()))]
    missing = [jar.name for jar in jars if not jar.exists()]
    if missing:
        package = "libcurator-discovery-java" if discovery else "libcurator-recipes-java"
        raise Unavailable(f"there is no {missing[0]} in {_JARS}: install {package}")
    return _command(source, [str(jar) for jar in jars])


def _command(source: Path, more: list[str]) -> list[str]:
    try:
        java, server_jars = find_java(), find_class_path()
    except TestingError as error:
        raise Unavailable(str(error)) from error
    jars = os.pathsep.join([*more, server_jars])
    beside = Path(java).with_name("javac")
    compiler = str(beside) if beside.exists() else shutil.which("javac")
    if compiler is None:
        raise Unavailable("there is no javac: install a JDK")
    target = _BUILT / hashlib.sha256(source.read_bytes() + jars.encode()).hexdigest()[:12]
    if not (target / f"{source.stem}.class").exists():
        target.mkdir(parents=True, exist_ok=True)
        words = [compiler, "-nowarn", "-cp", jars, "-d", str(target), str(source)]
        made = subprocess.run(words, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise Unavailable(f"{source.name} does not compile: {made.stderr.strip()}")
    return [java, *_OPTIONS, "-cp", os.pathsep.join([str(target), jars]), source.stem]
