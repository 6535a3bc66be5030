"""The Java client: compile its worker, and return the command that runs it."""

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

SOURCE = Path(__file__).resolve().parent / "workers" / "JavaClient.java"
_BUILT = Path(__file__).resolve().parents[1] / "build" / "bench" / "java"


@functools.cache
def command() -> list[str]:
    """Return the command line without the connection string; compile the worker if needed.

    Raises:
        Unavailable: There is no Java, no compiler or no ZooKeeper.
    """
    try:
        java, jars = find_java(), find_class_path()
    except TestingError as error:
        raise Unavailable(str(error)) from error
    beside = Path(java).with_name("javac")
    compiler = str(beside) if beside.exists() else shutil.which("javac")
    if compiler is None:
        raise Unavailable("there is no javac: install a JDK")
    target = _BUILT / hashlib.sha256(SOURCE.read_bytes() + jars.encode()).hexdigest()[:12]
    if not (target / "JavaClient.class").exists():
        target.mkdir(parents=True, exist_ok=True)
        words = [compiler, "-nowarn", "-cp", jars, "-d", str(target), str(SOURCE)]
        made = subprocess.run(words, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise Unavailable(f"{SOURCE.name} does not compile: {made.stderr.strip()}")
    # By default the Java client refuses 1 MB of data, because the header comes on top.
    options = ["-Xmx512m", "-Djute.maxbuffer=4194304", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    return [java, *options, "-cp", os.pathsep.join([str(target), jars]), "JavaClient"]
