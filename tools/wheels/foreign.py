"""Pythons of other machines, to try a wheel with: Debian's for its processor, one of our own for musl.

Each is a folder with a root of its own and a command in it that runs its Python here: under qemu if the processor is
another, by its own loader if only the C library is. Environments made with that command run the same way.
"""

from __future__ import annotations

import platform as this
import shlex
import shutil
import subprocess
from pathlib import Path

from tools.wheels import headers, musl
from tools.wheels.extension import Workshop
from tools.wheels.matrix import Platform
from tools.wheels.vendored import apt_source

VERSION = "3.11"
"""The one that is to be had for all machines."""

_SUITE = "bookworm"
# What the interpreter, its standard library and its extension modules need to run.
_PACKAGES = (
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libc6", "libgcc-s1", "zlib1g"),
    *("libexpat1", "libffi8", "libssl3", "libbz2-1.0", "liblzma5", "libuuid1"),
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def python(shop: Workshop, platform: Platform, version: str) -> Path:
    """Return a command that runs a Python of another machine here, after getting that Python if need be.

    Args:
        shop: where it is kept.
        platform: the machine.
        version: ``"3.11"``.

    Raises:
        LookupError: there is none; the message says why.
    """
    if version != VERSION:
        raise LookupError(f"no Python {version} for {platform.short} here")
    if this.system() != "Linux" or platform.machine not in _ARCHITECTURES:
        raise LookupError(f"nothing here runs {platform.short}")
    if platform.libc == "musl":
        root = musl.root(shop, platform, _base_python())
        _get(platform, root, ("musl",))
    else:
        root = shop.folder / "roots" / platform.zig
        _get(platform, root, _PACKAGES)
    return _command(platform, root)


def way(platform: Platform) -> str:
    """Say what makes a Python of another machine run here."""
    return "qemu" if platform.machine != this.machine() else "musl"


def _base_python() -> Path:
    found = headers.pythons().get(VERSION)
    if found is None:
        raise LookupError(f"a Python {VERSION} of this machine is needed to build one for musl")
    return found


def _get(platform: Platform, root: Path, packages: tuple[str, ...]) -> None:
    """Unpack packages of Debian for another processor, unless they are there."""
    done = root / f".{packages[0]}"
    if done.is_file():
        return
    debs = root / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    try:
        for package in packages:
            fetched = apt_source.binary(_SUITE, package, debs, _ARCHITECTURES[platform.machine])
            subprocess.run(["dpkg", "-x", fetched, root], check=True)
    except apt_source.AptError as error:
        raise LookupError(f"no {packages[0]} of Debian for {platform.short}: {error}") from error
    finally:
        shutil.rmtree(debs, ignore_errors=True)
    done.touch()


def _command(platform: Platform, root: Path) -> Path:
    """Write the command that runs the Python in a root.

    It hands on the name that it was called by: that is how Python knows in which environment it is, and how it calls
    itself.
    """
    program = root / "usr" / "bin" / f"python{VERSION}"
    if platform.machine != this.machine():
        emulator = shutil.which(f"qemu-{platform.machine}-static") or shutil.which(f"qemu-{platform.machine}")
        if emulator is None:
            raise LookupError(f"no qemu-{platform.machine} here: install qemu-user-static")
        launcher = f'{shlex.join([emulator, "-L", str(root)])} -0 "$0"'
    else:
        loader = next(root.glob("lib/ld-musl-*.so.1"))
        launcher = f'{shlex.quote(str(loader))} --argv0 "$0"'
    command = program.with_name(f"{program.name}-{way(platform)}")
    command.write_text(f'#!/bin/sh\nexec {launcher} {shlex.quote(str(program))} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return command
