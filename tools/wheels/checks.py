"""Checks of a finished wheel: files, licences, size, libraries, symbols, and the usual packaging tools."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tools.wheels.extension import WheelError
from tools.wheels.matrix import Variant

LARGEST = 5 * 1024 * 1024
"""Largest size of a wheel, in bytes."""

# The libraries of the system that a wheel may need: libc and its parts.
_LIBC = re.compile(
    r"(libc|libpthread|libdl|libm|librt)\.so\.\d+|libc\.musl-\w+\.so\.1|libc\.so|ld-linux-[\w-]+\.so\.\d+"
)
_LICENCES = (
    "LICENSE",
    *(
        f"bundled/{name}"
        for name in (
            *("zookeeper/LICENSE.txt", "zookeeper/NOTICE.txt", "zookeeper/hashtable/LICENSE.txt"),
            *("cyrus-sasl/COPYING", "cyrus-sasl/md5/LICENSE.txt", "openssl/LICENSE.txt"),
        )
    ),
)


@dataclass(frozen=True)
class Facts:
    """Facts that the checks found about a wheel."""

    size: int  # in bytes
    glibc: str  # the newest version of a symbol of glibc; "" for musl
    needed: tuple[str, ...]
    bundled: tuple[str, ...]  # "openssl 3.5.7"


def check(wheel: Path, variant: Variant, scratch: Path) -> Facts:
    """Check a wheel.

    Args:
        wheel: the wheel.
        variant: the variant that it was built as.
        scratch: a folder to unpack into.

    Raises:
        WheelError: a check failed; the message names the wheel and the difference.
    """

    def demand(holds: object, complaint: str) -> None:
        if not holds:
            raise WheelError(f"{wheel.name}: {complaint}")

    size = wheel.stat().st_size
    demand(size < LARGEST, f"it has {size} bytes, and the limit is {LARGEST}")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(scratch)
    info = next(name.split("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
    for licence in _LICENCES:
        demand(f"{info}/licenses/{licence}" in names, f"the licence {licence} is not inside")
    demand("zkc/py.typed" in names and "zkc/_zookeeper.pyi" in names, "zkc/py.typed or zkc/_zookeeper.pyi is missing")
    modules = [name for name in names if name.endswith(".so")]
    demand(modules == [f"zkc/_zookeeper{variant.suffix}"], f"its extension modules are {modules}")
    module = scratch / modules[0]
    bill = json.loads((scratch / info / "sboms" / "zkc.cdx.json").read_text(encoding="utf-8"))
    dynamic = _output("readelf", "-dW", str(module))
    needed = tuple(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    foreign = [name for name in needed if not _LIBC.fullmatch(name)]
    demand(not foreign, f"it needs {', '.join(foreign)}, beside libc")
    demand(not re.search(r"\((RPATH|RUNPATH)\)", dynamic), "it has a path to libraries of the machine that built it")
    exported = _exported(module)
    demand(exported == ["PyInit__zookeeper"], f"it exports {', '.join(exported)}, not PyInit__zookeeper alone")
    demand(" __stack_chk_fail" in _output("readelf", "--dyn-syms", "-W", str(module)), "its stack is not guarded")
    demand(".debug_info" not in _output("readelf", "-SW", str(module)), "it is not stripped")
    versions = [
        tuple(map(int, found.split(".")))
        for found in re.findall(r"GLIBC_([\d.]+)", _output("readelf", "-VW", str(module)))
    ]
    newest = ".".join(map(str, max(versions))) if versions else ""
    if variant.platform.glibc:
        limit = tuple(map(int, variant.platform.glibc.split(".")))
        demand(versions and max(versions) <= limit, f"it needs glibc {newest}, later than {variant.platform.glibc}")
    else:
        demand(not versions, f"it needs glibc {newest}, but is for musl")
    _run_tools(wheel, variant)
    bundled = tuple(f"{component['name']} {component['version']}" for component in bill["components"])
    return Facts(size, newest, needed, bundled)


def _exported(module: Path) -> list[str]:
    found = []
    for line in _output("readelf", "--dyn-syms", "-W", str(module)).splitlines():
        columns = line.split()
        if len(columns) == 8 and columns[4] in ("GLOBAL", "WEAK") and columns[6] not in ("UND", "ABS"):
            found.append(columns[7].split("@")[0])
    return sorted(found)


def _run_tools(wheel: Path, variant: Variant) -> None:
    """Run the usual tools that check wheels."""
    commands = [
        # W002: zkc and ZooKeeper have the same licence text.
        ["twine", "check", "--strict", str(wheel)],
        ["check_wheel_contents", "--ignore", "W002", str(wheel)],
    ]
    if variant.limited:
        commands.append(["abi3audit", "--strict", str(wheel)])
    for command in commands:
        run = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise WheelError(f"{wheel.name}: {command[0]} failed: {(run.stdout + run.stderr).strip()}")
    if variant.platform.libc == "glibc":
        run = subprocess.run(
            [sys.executable, "-m", "auditwheel", "show", str(wheel)], capture_output=True, text=True, check=False
        )
        wanted = f"manylinux_{variant.platform.glibc.replace('.', '_')}_{variant.platform.machine}"
        if wanted not in run.stdout:
            raise WheelError(f"{wheel.name}: auditwheel found no {wanted}: {(run.stdout + run.stderr).strip()}")


def _output(*command: str) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise WheelError(f"{' '.join(command)}: {run.stderr.strip()}")
    return run.stdout
