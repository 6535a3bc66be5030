"""Build one wheel: the extension for a platform and a Python, by setup.py, with zig as the compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.wheels import headers
from tools.wheels.matrix import LIMITED, Platform, Variant

ROOT = Path(__file__).resolve().parents[2]


class WheelError(Exception):
    """Raised when a wheel could not be built or failed a check; the message names the wheel and the reason."""


@dataclass(frozen=True)
class WheelFolders:
    """The folders of a run."""

    cache: Path  # kept between runs: compilers, libraries, other Pythons
    output: Path
    debug: Path  # for stripped debug information

    @property
    def programs(self) -> Path:
        """The folder with the compilers' commands."""
        return self.cache / "bin"

    def compiler(self, platform: Platform) -> str:
        """Write a command that compiles for a platform, and return its name.

        The name has no path, because it gets into the compiled files, which must not depend on the folder. The command
        begins with the flags that make zig act like gcc.
        """
        name = f"zkc-cc-{platform.zig}"
        self._write(name, f"cc -target {platform.zig} -fno-sanitize=undefined -UNDEBUG")
        return name

    def archiver(self) -> str:
        """Write a command that acts like ``ar`` for every platform, and return its name."""
        self._write("zkc-ar", "ar")
        return "zkc-ar"

    def _write(self, name: str, command: str) -> None:
        script = f'#!/bin/sh\nexec "{sys.executable}" -m ziglang {command} "$@"\n'
        path = self.programs / name
        self.programs.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != script:
            path.write_text(script, encoding="utf-8")
            path.chmod(0o755)


def _environment(folders: WheelFolders, variant: Variant) -> dict[str, str]:
    platform = variant.platform
    compiler = folders.compiler(platform)
    # Flags of the caller's environment must not change a wheel.
    kept = {name: value for name, value in os.environ.items() if name not in ("CFLAGS", "LDFLAGS", "CPPFLAGS")}
    return {
        **kept,
        "PATH": os.pathsep.join([str(folders.programs), os.environ.get("PATH", os.defpath)]),
        "CC": compiler,
        "LDSHARED": f"{compiler} -shared",
        "AR": folders.archiver(),
        "ZKC_OPENSSL": "static",
        "ZKC_OPENSSL_TARGET": platform.openssl,
        "ZKC_BUILD_DIR": str(folders.cache),
        "ZKC_CROSS_INCLUDE": str(headers.include(variant.python, folders.cache)),
        "ZKC_CROSS_SUFFIX": variant.suffix,
        "ZKC_LIMITED_API": LIMITED if variant.limited else "",
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or _date_of_commit(),
    }


def _date_of_commit() -> str:
    """Return the time to write into archives, so that the same tree always makes the same bytes."""
    log = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    # Outside a repository: a date that zip can write.
    return log.stdout.strip() or "1704067200"


def build(folders: WheelFolders, variant: Variant) -> Path:
    """Build a wheel.

    Returns:
        Its path in a separate folder; the caller moves it to ``folders.output`` after the checks.

    Raises:
        WheelError: the wheel could not be built.
    """
    environment = _environment(folders, variant)
    # A separate tree for each: setuptools reuses built files by names that do not distinguish Pythons.
    work = folders.cache / "work" / variant.tag
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    command = [
        *(sys.executable, "setup.py", "-q", "build", "--build-base", str(work / "build")),
        *("egg_info", "--egg-base", str(work)),
        *("bdist_wheel", "--dist-dir", str(work), "--bdist-dir", str(work / "bdist")),
        *("--python-tag", variant.interpreter, "--plat-name", PLATFORM_NAME),
    ]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    made = sorted(work.glob("*.whl"))
    if run.returncode != 0 or len(made) != 1:
        raise WheelError(f"{variant.tag} could not be built:\n{(run.stdout + run.stderr)[-4000:]}")
    _strip(folders, variant, made[0], environment)
    return _tagged(variant, made[0], environment)


PLATFORM_NAME = "linux_x86_64"  # for setuptools, until _tagged() sets the platform tag


def _strip(folders: WheelFolders, variant: Variant, wheel: Path, environment: dict[str, str]) -> None:
    """Move the extension's debug information into a separate file."""
    folder = wheel.parent / "unpacked"
    _wheel(["unpack", "-d", str(folder), str(wheel)], environment)
    module = next(folder.glob(f"*/zkc/_zookeeper{variant.suffix}"))
    for path in folder.rglob("*"):  # The same modes for every builder's umask.
        path.chmod(0o755 if path.is_dir() or path == module else 0o644)
    kept = folders.debug / f"{variant.tag}.debug"
    kept.parent.mkdir(parents=True, exist_ok=True)
    objcopy = "objcopy" if variant.platform.machine == "x86_64" else f"{variant.platform.machine}-linux-gnu-objcopy"
    # No debug link between the two: it has a checksum, and the debug file names folders of this machine.
    for arguments in (["--only-keep-debug", str(module), str(kept)], ["--strip-unneeded", str(module)]):
        run = subprocess.run([objcopy, *arguments], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise WheelError(f"{objcopy} {' '.join(arguments)}: {run.stderr.strip()}")
    wheel.unlink()
    _wheel(["pack", "-d", str(wheel.parent), str(next(folder.iterdir()))], environment)


def _tagged(variant: Variant, wheel: Path, environment: dict[str, str]) -> Path:
    """Set the wheel's tags."""
    tags = ["--python-tag", variant.interpreter, "--abi-tag", variant.abi, "--platform-tag", variant.platform.tag]
    _wheel(["tags", "--remove", *tags, str(wheel)], environment)
    shutil.rmtree(wheel.parent / "unpacked", ignore_errors=True)
    return next(wheel.parent.glob("*.whl"))


def _wheel(arguments: list[str], environment: dict[str, str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "wheel", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise WheelError(f"wheel {arguments[0]}: {(run.stdout + run.stderr).strip()}")
