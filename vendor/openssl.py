"""Build OpenSSL from the archive that lock.json pins, as static libraries for wheels, which cannot rely on a system's.

Chosen with ``ZKC_OPENSSL=static``. Other builds link the machine's OpenSSL, which gets the machine's security fixes.
OpenSSL's own build needs perl and make.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import fetch
from staging import publish, staging_folder
from toolchain import BuildError, Toolchain

# Features that a client of ZooKeeper never uses are left out. Providers and engines are files that a wheel cannot find.
_OPTIONS = (
    *("no-shared", "no-tests", "no-apps", "no-docs", "no-module", "no-engine", "no-legacy", "no-dso"),
    *("no-comp", "no-zlib", "no-ssl3", "no-dtls", "no-quic", "no-psk", "no-srp", "no-srtp", "no-cmp", "no-cms"),
    *("no-ts", "no-ct", "no-ocsp", "no-rfc3779", "no-gost", "no-idea", "no-seed", "no-rc2", "no-rc5", "no-mdc2"),
    *("no-whirlpool", "no-bf", "no-cast", "no-camellia", "no-aria", "no-sm2", "no-sm3", "no-sm4", "no-ui-console"),
    # OpenSSL's default folder for authorities. Distributions differ: zkc/errors/_system_ca.py knows the other folders.
    "--openssldir=/etc/ssl",
    # The prefix is written into the library, and must not differ between builds.
    "--prefix=/usr",
    "--libdir=lib",
)
_RECIPE = 1  # as in build.py


def is_static() -> bool:
    """Return whether to build OpenSSL, instead of using the machine's.

    Raises:
        BuildError: ``ZKC_OPENSSL`` has another value.
    """
    wanted = os.environ.get("ZKC_OPENSSL", "system")
    if wanted not in ("static", "system"):
        raise BuildError(f"ZKC_OPENSSL={wanted!r} is neither 'system' (the default) nor 'static'")
    return wanted == "static"


def target() -> str:
    """Return OpenSSL's name of the machine to build for: ``ZKC_OPENSSL_TARGET``, or this machine's."""
    given = os.environ.get("ZKC_OPENSSL_TARGET")
    if given:
        return given
    machine = platform.machine().lower()
    if sys.platform == "darwin":
        return f"darwin64-{machine}-cc"
    return {"x86_64": "linux-x86_64", "amd64": "linux-x86_64", "aarch64": "linux-aarch64"}.get(
        machine, "linux-generic64"
    )


def build(tools: Toolchain, lock: dict[str, Any], base: Path) -> Path:
    """Build the static libraries, or reuse a build with the same inputs.

    Args:
        tools: the compiler.
        lock: the contents of lock.json.
        base: the folder that keeps builds.

    Returns:
        A folder with ``include/`` and ``lib/``.

    Raises:
        BuildError: perl or make is missing, the source cannot be fetched, or it does not compile.
    """
    version = lock["openssl"]["version"]
    inputs = [_RECIPE, tools.identity, tools.flags, target(), _OPTIONS, lock["openssl"]]
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
    done = base / f"openssl-{version}-{key}"
    if done.is_dir():
        return done
    for program in ("perl", "make"):
        if shutil.which(program) is None:
            raise BuildError(
                f"ZKC_OPENSSL=static needs {program} to build OpenSSL: install it (Debian and Ubuntu: apt-get install "
                f"{program}), or link the machine's OpenSSL with ZKC_OPENSSL=system"
            )
    try:
        with staging_folder(base) as working:
            archive = fetch.Fetcher(lock).fetch("openssl")
            fetch.say(f"building openssl {version} for {target()}: some minutes")
            tree = _unpacked(archive, working / "src")
            _compile(tools, tree, working / "staging")
            shutil.copy(tree / "LICENSE.txt", working)
            shutil.rmtree(working / "src")
            for folder in ("include", "lib"):
                (working / "staging" / "usr" / folder).rename(working / folder)
            shutil.rmtree(working / "staging")
            publish(working, done)
    except fetch.FetchError as error:
        raise BuildError(str(error)) from error
    return done


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        for member in tar:
            # Links and demos are not needed, and no member may leave the folder.
            parts = Path(member.name).parts
            if member.isfile() and ".." not in parts and not Path(member.name).is_absolute() and parts[1] != "demos":
                tar.extract(member, folder)
    return next(folder.iterdir())


def _compile(tools: Toolchain, tree: Path, staging: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        "CC": shlex.join(tools.cc),
        "AR": shlex.join(tools.ar),
        "RANLIB": "true",  # `ar s` does it
        # No path of this machine: the compiler command and the date are written into the library.
        "CFLAGS": shlex.join(tools.flags),
        "SOURCE_DATE_EPOCH": "1704067200",
        "LC_ALL": "C",
    }
    steps = (
        ["perl", "Configure", target(), *_OPTIONS],
        ["make", f"-j{os.cpu_count() or 1}", "build_libs"],
        ["make", "install_dev", f"DESTDIR={staging}"],
    )
    for step in steps:
        run = subprocess.run(step, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            output = "\n".join((run.stdout + run.stderr).splitlines()[-30:])
            raise BuildError(
                f"OpenSSL could not be built: `{shlex.join(step[:2])}` failed; the end of its output:\n{output}"
            )
