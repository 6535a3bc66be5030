"""The C compiler and its flags, and one clear sentence when the compiler or a header is missing."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

SANITIZERS = ("address", "thread", "undefined")

# For a library inside a process: no exported names, position-independent code, and readable traces.
_BASE_FLAGS = ("-O2", "-g", "-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections")


class BuildError(Exception):
    """Raised when the build cannot continue; the message names the remedy."""


@dataclass(frozen=True)
class Toolchain:
    """A compiler command with the flags that apply to everything that is compiled."""

    cc: tuple[str, ...]
    ar: tuple[str, ...]
    flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    sanitizer: str
    identity: str

    @classmethod
    def from_environment(cls) -> Toolchain:
        """Find the compiler that CC, CPPFLAGS, CFLAGS and ZKC_SANITIZE ask for.

        Raises:
            BuildError: there is no such compiler, or ZKC_SANITIZE names no sanitizer.
        """
        cc = tuple(shlex.split(os.environ.get("CC") or _default_compiler()))
        if not cc or shutil.which(cc[0]) is None:
            raise BuildError(
                f"there is no C compiler {cc[0] if cc else 'in CC'!r} on this machine: install one (Debian and "
                f"Ubuntu: apt-get install gcc libc6-dev; "
                "Fedora: dnf install gcc) or set CC to another compiler"
            )
        sanitizer = os.environ.get("ZKC_SANITIZE", "")
        if sanitizer and sanitizer not in SANITIZERS:
            raise BuildError(f"ZKC_SANITIZE={sanitizer!r} is not one of {', '.join(SANITIZERS)}")
        # Sanitizers need frames for their traces, and code that is not optimised away.
        extra = (f"-fsanitize={sanitizer}", "-fno-omit-frame-pointer", "-O1") if sanitizer else ()
        version = subprocess.run(
            [*cc, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if version.returncode != 0:
            raise BuildError(
                f"the C compiler does not work: `{shlex.join(cc)} --version` fails with {version.stdout.strip()!r}; "
                "set CC to another"
            )
        return cls(
            cc=cc,
            ar=tuple(shlex.split(os.environ.get("AR") or "ar")),
            flags=(
                *_BASE_FLAGS,
                *extra,
                *shlex.split(os.environ.get("CPPFLAGS", "")),
                *shlex.split(os.environ.get("CFLAGS", "")),
            ),
            link_flags=(f"-fsanitize={sanitizer}",) if sanitizer else (),
            sanitizer=sanitizer,
            identity=shlex.join(cc) + "\n" + version.stdout,
        )

    def compiles(self, code: str, *flags: str, link: tuple[str, ...] = ()) -> Optional[str]:
        """Try to compile (and with *link*, to link) a few lines of C; return None, or the compiler's message."""
        with tempfile.TemporaryDirectory(prefix="zkc-probe-") as folder:
            source = Path(folder, "probe.c")
            source.write_text(code, encoding="utf-8")
            goal = [*link, "-o", str(source.with_suffix(""))] if link else ["-c", "-o", str(source.with_suffix(".o"))]
            run = subprocess.run(
                [*self.cc, *self.flags, *self.link_flags, *flags, str(source), *goal],
                capture_output=True,
                text=True,
                check=False,
            )
            return run.stderr.strip() or f"status {run.returncode}" if run.returncode else None

    def require(self) -> None:
        """Check for the compiler and the headers that every build needs.

        Raises:
            BuildError: something is missing; the message names it and the package to install.
        """
        complaint = self.compiles(
            "#include <stdio.h>\n#include <pthread.h>\nint main(void) { return 0; }\n", link=("-pthread",)
        )
        if complaint is not None:
            raise BuildError(
                f"the C compiler `{shlex.join(self.cc)}` cannot build a small program "
                f"({_first_error(complaint)}): install the C library's headers "
                "(Debian and Ubuntu: apt-get install gcc libc6-dev; Fedora: dnf install gcc glibc-devel) or "
                "check CC and CFLAGS"
            )
        if not Path(sysconfig.get_path("include"), "Python.h").is_file():
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise BuildError(
                f"Python.h of Python {version} is missing: install Python's development files (Debian and Ubuntu: "
                f"apt-get install python3-dev; "
                "Fedora: dnf install python3-devel)"
            )

    def require_openssl(self) -> None:
        """Check for OpenSSL's headers and libraries.

        Raises:
            BuildError: they are missing or too old.
        """
        probe = (
            "#include <openssl/ssl.h>\n#if OPENSSL_VERSION_NUMBER < 0x10101000L\n#error OpenSSL is older than "
            "1.1.1\n#endif\n"
            "int main(void) { return SSL_CTX_new(TLS_client_method()) == 0; }\n"
        )
        complaint = self.compiles(probe, link=("-lssl", "-lcrypto"))
        if complaint is not None:
            raise BuildError(
                f"OpenSSL's development files (1.1.1 or later) are missing ({_first_error(complaint)}): install "
                f"them (Debian and Ubuntu: "
                "apt-get install libssl-dev; Fedora: dnf install openssl-devel), or build without TLS and SASL "
                "against an installed "
                "libzookeeper with ZKC_LIBZOOKEEPER=system"
            )

    def compile_all(self, jobs: list[tuple[list[str], Path, Path]]) -> None:
        """Compile (flags, source, object) triples, two at a time.

        Raises:
            BuildError: a file does not compile; the message includes the compiler's.
        """

        def compile_one(job: tuple[list[str], Path, Path]) -> None:
            flags, source, target = job
            run = subprocess.run(
                [*self.cc, *self.flags, *flags, "-c", str(source), "-o", str(target)],
                capture_output=True,
                text=True,
                check=False,
            )
            if run.returncode != 0:
                raise BuildError(f"{source.name} does not compile with `{shlex.join(self.cc)}`:\n{run.stderr.strip()}")

        with ThreadPoolExecutor(max_workers=min(len(jobs), 2)) as pool:
            for _ in pool.map(compile_one, jobs):
                pass

    def archive(self, target: Path, objects: list[Path]) -> None:
        """Put objects into a static library.

        Raises:
            BuildError: there is no archiver, or the archiver failed.
        """
        if not self.ar or shutil.which(self.ar[0]) is None:
            raise BuildError(
                "there is no archiver `ar` on this machine: install binutils (apt-get install binutils) or set "
                "AR to another archiver"
            )
        run = subprocess.run(
            [*self.ar, "rcs", str(target), *map(str, objects)], capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            raise BuildError(f"`{self.ar[0]}` could not make {target.name}: {run.stderr.strip()}")


def _default_compiler() -> str:
    configured = str(sysconfig.get_config_var("CC") or "cc")
    # The compiler that built this Python may not exist here: then use the system's own.
    return configured if shutil.which(shlex.split(configured)[0]) else "cc"


def _first_error(complaint: str) -> str:
    lines = [line for line in complaint.splitlines() if "error" in line or "cannot find" in line]
    return (lines or complaint.splitlines() or ["the compiler printed no message"])[0].strip()
