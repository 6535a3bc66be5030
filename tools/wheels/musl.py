"""A CPython for musl, built with zig, to try wheels with: Debian has none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tools.wheels.extension import ROOT, WheelError, WheelFolders
from tools.wheels.matrix import Platform
from tools.wheels.vendored import fetch

_OPTIONS = ("--prefix=/usr", "--without-ensurepip", "--disable-test-modules", "OPT=-O1")
_RECIPE = 2  # A new number makes a new build.


def root(folders: WheelFolders, platform: Platform, base: Path) -> Path:
    """Return a folder with an installed CPython in ``usr/``; build it if needed.

    Args:
        folders: the folders of the run, which keep it.
        platform: the machine that it is for.
        base: a Python of this machine of the same version, which takes part in the build.

    Raises:
        LookupError: it could not be built; the message gives the reason.
    """
    version = fetch.read_lock()["cpython"]["version"]
    done = folders.cache / "roots" / f"{platform.zig}-{version}-{_RECIPE}"
    if done.is_dir():
        return done
    working = done.with_name(done.name + ".building")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    try:
        with tarfile.open(fetch.Fetcher().fetch("cpython")) as tar:
            tar.extractall(working / "src")
        tree = next((working / "src").iterdir())
        _keep_order(tree / "setup.py")
        _build(folders, platform, base, tree, working / "root")
        (working / "root").rename(done)
    except (fetch.FetchError, WheelError) as error:
        raise LookupError(f"no Python for musl: {error}") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return done


def _keep_order(script: Path) -> None:
    """Keep CPython's build from adding the compiler's header folders a second time, in the opposite order.

    zig's folder for all machines would come before that for this machine, and define names of 32-bit machines.
    """
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("self.add_cross_compiling_paths()", "pass"), encoding="utf-8")


def _build(folders: WheelFolders, platform: Platform, base: Path, tree: Path, target: Path) -> None:
    compiler = folders.compiler(platform)
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("CFLAGS", "LDFLAGS", "CPPFLAGS")},
        "PATH": os.pathsep.join([str(folders.programs), os.environ.get("PATH", os.defpath)]),
        # Without -fPIC the program would have copies of musl's variables, and zig places several at one address.
        # musl's threads have small stacks; like other builds of Python for musl, this one enlarges them.
        "CC": f"{compiler} -Wno-date-time -fPIC -DTHREAD_STACK_SIZE=0x100000",
        "AR": folders.archiver(),
        # By default zig links musl statically, and such a program cannot load extension modules.
        "LDFLAGS": "-dynamic",
        "RANLIB": "true",
        "PKG_CONFIG": "false",  # It would find this machine's libraries.
        # By its path: configure takes the bare name for a program that reads only this machine's files.
        "READELF": shutil.which("readelf") or "readelf",
        # Values that configure cannot find out when cross-compiling.
        "ac_cv_file__dev_ptmx": "yes",
        "ac_cv_file__dev_ptc": "no",
        "ac_cv_buggy_getaddrinfo": "no",
        # zig's musl has these functions, but Debian's musl, which runs the program, does not yet.
        "ac_cv_func_preadv2": "no",
        "ac_cv_func_pwritev2": "no",
    }
    tls = _openssl(platform, folders, {**environment, "CC": compiler})
    configure = [
        # Python derives the names of its modules from the build machine: name it as if that had musl, too.
        *("./configure", "-q", f"--build={os.uname().machine}-build-linux-musl"),
        f"--host={platform.machine}-pc-linux-musl",
        *(f"--with-build-python={base}", f"--with-openssl={tls}", *_OPTIONS),
    ]
    for command in (
        configure,
        ["make", "-s", f"-j{os.cpu_count() or 1}"],
        ["make", "-s", "install", f"DESTDIR={target}"],
    ):
        _run(command, tree, environment)


def _openssl(platform: Platform, folders: WheelFolders, environment: dict[str, str]) -> str:
    """Return the folder of the wheels' OpenSSL for this machine, which Python's ssl module needs in the tests."""
    settings = {
        "ZKC_OPENSSL": "static",
        "ZKC_OPENSSL_TARGET": platform.openssl,
        "ZKC_BUILD_DIR": str(folders.cache),
    }
    return _run([sys.executable, "vendor/build.py", "openssl"], ROOT, {**environment, **settings}).splitlines()[-1]


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise WheelError(f"`{' '.join(command[:2])}` failed: {(run.stdout + run.stderr).strip()[-2000:]}")
    return run.stdout
