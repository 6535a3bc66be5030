"""Pythons of other suites, processors and C libraries, to try a wheel with: Debian's, and our own build for musl.

Each is a folder with a separate root and a command in it that runs its Python here: under qemu for another processor,
else by its own loader. Environments made with that command run the same way.
"""

from __future__ import annotations

import platform as this
import shlex
import shutil
import subprocess
from pathlib import Path

from tools.wheels import headers, musl
from tools.wheels.extension import WheelFolders
from tools.wheels.matrix import Platform
from tools.wheels.vendored import apt_source

OLDEST = "3.11"
"""The version that exists for all machines. An emulator may lack system calls that a newer system needs."""

# The suite of Debian for each Python, and the name of its OpenSSL package there.
_SUITES = {"3.11": ("bookworm", "libssl3"), "3.13": ("trixie", "libssl3t64"), "3.14": ("forky", "libssl3t64")}
# The packages that the interpreter and its standard library need.
_LIBRARIES = ("libc6", "libgcc-s1", "zlib1g", "libexpat1", "libffi8", "libbz2-1.0", "liblzma5", "libuuid1", "libzstd1")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def python(folders: WheelFolders, platform: Platform, version: str) -> Path:
    """Return a command that runs a Python of another machine or suite here; fetch or build that Python if needed.

    Args:
        folders: the folders of the run, which keep the Python.
        platform: the machine.
        version: for example ``"3.11"``.

    Raises:
        LookupError: there is no such Python; the message gives the reason.
    """
    emulated = platform.machine != this.machine()
    if version not in _SUITES or ((emulated or platform.libc == "musl") and version != OLDEST):
        raise LookupError(f"no Python {version} for {platform.short} here")
    if this.system() != "Linux" or platform.machine not in _ARCHITECTURES:
        raise LookupError(f"nothing here runs {platform.short}")
    if platform.libc == "musl":
        root = musl.root(folders, platform, _base_python())
        _get(platform, root, _SUITES[OLDEST][0], ("musl",))
    else:
        suite, ssl = _SUITES[version]
        root = folders.cache / "roots" / f"{platform.zig}-{version}"
        own = (f"python{version}-minimal", f"libpython{version}-minimal", f"libpython{version}-stdlib")
        _get(platform, root, suite, (*own, ssl, *_LIBRARIES))
    return _command(platform, root, version)


def runner_name(platform: Platform) -> str:
    """Return the name of the program or system that runs a Python of another machine here."""
    if platform.machine != this.machine():
        return "qemu"
    return "musl" if platform.libc == "musl" else "Debian"


def _base_python() -> Path:
    found = headers.pythons().get(OLDEST)
    if found is None:
        raise LookupError(f"building a Python for musl needs Python {OLDEST} on this machine: install it")
    return found


def _get(platform: Platform, root: Path, suite: str, packages: tuple[str, ...]) -> None:
    """Unpack packages of Debian, unless that was done before."""
    done = root / f".{packages[0]}"
    if done.is_file():
        return
    debs = root / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    try:
        for package in packages:
            fetched = apt_source.binary(suite, package, debs, _ARCHITECTURES[platform.machine])
            subprocess.run(["dpkg", "-x", fetched, root], check=True)
    except apt_source.AptError as error:
        raise LookupError(f"no {packages[0]} of Debian for {platform.short}: {error}") from error
    finally:
        shutil.rmtree(debs, ignore_errors=True)
    done.touch()


def _command(platform: Platform, root: Path, version: str) -> Path:
    """Write the command that runs the Python in a root.

    The command passes on the name that it was called by: Python derives its environment and ``sys.executable`` from it.
    """
    program = root / "usr" / "bin" / f"python{version}"
    if platform.machine != this.machine():
        emulator = shutil.which(f"qemu-{platform.machine}-static") or shutil.which(f"qemu-{platform.machine}")
        if emulator is None:
            raise LookupError(f"no qemu-{platform.machine} here: install qemu-user-static")
        launcher = [emulator, "-L", str(root), "-0"]
    elif platform.libc == "musl":
        launcher = [str(next(root.glob("lib/ld-musl-*.so.1"))), "--argv0"]
    else:
        folders = ":".join(str(root / place / f"{platform.machine}-linux-gnu") for place in ("usr/lib", "lib"))
        loader = next(path for place in ("lib64", "usr/lib64") for path in (root / place).glob("ld-linux-*.so.*"))
        launcher = [str(loader), "--library-path", folders, "--argv0"]
    command = program.with_name(f"{program.name}-{runner_name(platform)}")
    line = f'exec {shlex.join(launcher)} "$0" {shlex.quote(str(program))} "$@"'
    command.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    command.chmod(0o755)
    return command
