"""A CPython for musl, built with zig, to try wheels with: no distribution that is available everywhere has one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tools.wheels.extension import ROOT, WheelError, Workshop
from tools.wheels.matrix import Platform
from tools.wheels.vendored import fetch

_OPTIONS = ("--prefix=/usr", "--without-ensurepip", "--disable-test-modules", "OPT=-O1")
_RECIPE = 2  # Another number is another build.


def root(shop: Workshop, platform: Platform, base: Path) -> Path:
    """Return a folder with an installed CPython in ``usr/``, after building it if need be.

    Args:
        shop: where it is kept.
        platform: the machine that it is for.
        base: a Python of this machine of the same version, which takes part in the build.

    Raises:
        LookupError: it could not be built; the message says why.
    """
    version = fetch.read_lock()["cpython"]["version"]
    done = shop.folder / "roots" / f"{platform.zig}-{version}-{_RECIPE}"
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
        _build(shop, platform, base, tree, working / "root")
        (working / "root").rename(done)
    except (fetch.FetchError, WheelError) as error:
        raise LookupError(f"no Python for musl: {error}") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return done


def _keep_order(script: Path) -> None:
    """Keep CPython's own build from naming the compiler's folders of headers once more, the other way round.

    zig's folder for all machines would come before that for this one, and define what only machines of 32 bits have.
    """
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("self.add_cross_compiling_paths()", "pass"), encoding="utf-8")


def _build(shop: Workshop, platform: Platform, base: Path, tree: Path, target: Path) -> None:
    compiler = shop.compiler(platform)
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("CFLAGS", "LDFLAGS", "CPPFLAGS")},
        "PATH": os.pathsep.join([str(shop.programs), os.environ.get("PATH", os.defpath)]),
        # Without -fPIC the program would have copies of musl's variables, and zig puts several of them in one place.
        # musl's threads have little stack; who builds Python for it gives them more, and so does this.
        "CC": f"{compiler} -Wno-date-time -fPIC -DTHREAD_STACK_SIZE=0x100000",
        "AR": shop.archiver(),
        # zig links with musl statically by default, and such a program loads no extension modules.
        "LDFLAGS": "-dynamic",
        "RANLIB": "true",
        "PKG_CONFIG": "false",  # It would find this machine's libraries.
        # By its path: configure takes the bare name for one that reads this machine's files only.
        "READELF": shutil.which("readelf") or "readelf",
        # What configure cannot find out about a machine that it does not run on.
        "ac_cv_file__dev_ptmx": "yes",
        "ac_cv_file__dev_ptc": "no",
        "ac_cv_buggy_getaddrinfo": "no",
        # zig's musl has these, and the one that it is to run with, Debian's, does not yet.
        "ac_cv_func_preadv2": "no",
        "ac_cv_func_pwritev2": "no",
    }
    tls = _openssl(platform, shop, {**environment, "CC": compiler})
    configure = [
        # By the machine that it is built on Python decides how its modules are called: as if that had musl, too.
        *("./configure", "-q", f"--build={os.uname().machine}-build-linux-musl"),
        f"--host={platform.machine}-pc-linux-musl",
        *(f"--with-build-python={base}", f"--with-openssl={tls}", *_OPTIONS),
    ]
    for command in (
        configure,
        ["make", "-s", f"-j{os.cpu_count() or 1}"],
        ["make", "-s", "install", f"DESTDIR={target}"],
    ):
        _said(command, tree, environment)


def _openssl(platform: Platform, shop: Workshop, environment: dict[str, str]) -> str:
    """Return the folder with the OpenSSL that wheels for this machine have inside: the tests need certificates made."""
    settings = {
        "ZKC_OPENSSL": "static",
        "ZKC_OPENSSL_TARGET": platform.openssl,
        "ZKC_BUILD_DIR": str(shop.folder),
    }
    return _said([sys.executable, "vendor/build.py", "openssl"], ROOT, {**environment, **settings}).splitlines()[-1]


def _said(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise WheelError(f"`{' '.join(command[:2])}` says {(run.stdout + run.stderr).strip()[-2000:]}")
    return run.stdout
