"""Where ZooKeeper's jars and the Java command are on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Optional

from ._errors import NotInstalledError

HOME_VARIABLE = "ZKC_ZOOKEEPER_HOME"
DEBIAN_JARS = Path("/usr/share/java")

_HOW_TO_INSTALL = (
    f"Install Debian's package (apt-get install zookeeper), or unpack a release of Apache ZooKeeper and set "
    f"{HOME_VARIABLE} to its folder (the one that has lib/zookeeper-*.jar)."
)

# The jars that Debian's zookeeper.jar needs. Its manifest names most of them by absolute path. The manifest leaves out
# any logging backend, and netty-codec and netty-resolver, without which the TLS port drops every connection.
_DEBIAN_NAMES = (
    "zookeeper-jute",
    "zookeeper",
    "netty-codec",
    "netty-resolver",
    "netty-buffer",
    "netty-common",
    "netty-handler",
    "netty-transport",
    "netty-transport-native-unix-common",
    "netty-transport-native-epoll",
    "metrics-core",
    "snappy-java",
    "commons-cli",
    "commons-io",
    "slf4j-api",
    "slf4j-simple",
    # AdminServer's. The manifest names the others of Jetty.
    "servlet-api",
)


def find_java() -> str:
    """Find the Java command.

    :returns: the path of ``java``, from ``JAVA_HOME`` if that is set, else from ``PATH``.
    :raises NotInstalledError: if there is no such command.

    .. versionadded:: 0.1
    """
    home = os.environ.get("JAVA_HOME")
    if home:
        java = Path(home, "bin", "java")
        if os.access(java, os.X_OK):
            return str(java)
        raise NotInstalledError(f"JAVA_HOME is {home!r}, but there is no {java}. Correct it, or unset it to use PATH.")
    found = shutil.which("java")
    if found is None:
        raise NotInstalledError(
            "There is no java command on PATH, and ZooKeeper runs on Java. Install a Java runtime, 11 or newer "
            "(apt-get install default-jre-headless), or set JAVA_HOME to one."
        )
    return found


def find_class_path(home: Optional[Path] = None) -> str:
    """Find ZooKeeper's jars.

    :param home: the folder of a release; None for the one in ``ZKC_ZOOKEEPER_HOME`` if set, else Debian's package.
    :returns: the value for Java's ``-cp``.
    :raises NotInstalledError: if there is no ZooKeeper; the message says how to install it.

    .. versionadded:: 0.1
    """
    name = "home"
    if home is None and os.environ.get(HOME_VARIABLE):
        name, home = HOME_VARIABLE, Path(os.environ[HOME_VARIABLE])
    if home is not None:
        jars = _release_jars(home) or _debian_jars(home / "usr/share/java") or _debian_jars(home)
        if jars is None:
            raise NotInstalledError(f"{name} is {str(home)!r}, but no ZooKeeper is there. {_HOW_TO_INSTALL}")
    else:
        jars = _debian_jars(DEBIAN_JARS)
        if jars is None:
            raise NotInstalledError(f"ZooKeeper is not installed. {_HOW_TO_INSTALL}")
    return os.pathsep.join(map(str, jars))


def _release_jars(home: Path) -> Optional[list[Path]]:
    """List the jars of an unpacked Apache release, None if *home* is not one."""
    jars = sorted(home.glob("lib/*.jar"))
    # Up to 3.4, zookeeper-*.jar is beside lib/, not in it.
    jars = sorted(home.glob("zookeeper-*.jar")) + jars
    return jars if any(jar.name.startswith("zookeeper-") for jar in jars) else None


def _debian_jars(folder: Path) -> Optional[list[Path]]:
    """List the jars of Debian's package in *folder*, None if it is not there.

    A package of another version, unpacked elsewhere, takes missing jars from the installed packages. Its own jars come
    first: the absolute paths in the manifest would otherwise mix two versions of ZooKeeper.
    """
    if not (folder / "zookeeper.jar").exists():
        return None
    found = []
    for name in _DEBIAN_NAMES:
        for jars in (folder, DEBIAN_JARS):
            jar = jars / f"{name}.jar"
            if jar.exists():
                found.append(jar)
                break
    return found
