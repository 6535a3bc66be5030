"""The layers of the C side, read from the object files: a file calls only files of lower layers, in no cycle."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

# From top to bottom. Files of one layer do not call each other.
BRIDGE_LAYERS = (
    ("gil_hold",),
    ("reply_wait",),
    ("session", "completions"),
    ("tls",),
    ("request",),
    ("session_events",),
    ("slots", "queue", "watches", "metrics", "log"),
    ("futex",),
    ("sleepers",),
    ("process", "notifier", "text", "sasl"),
)
ADAPTOR_LAYERS = (("adaptor",), ("inline_io",), ("wakeup",), ("locks", "transport"))

ASK_VENDOR = """
import dataclasses, json, sys
sys.path.insert(0, sys.argv[1])
import build, toolchain
print(json.dumps([toolchain.Toolchain.from_environment().cc, dataclasses.asdict(build.prepare())]))
"""


def symbols(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (file, kind, name) for the symbols of an object file or of the members of a library."""
    listed = subprocess.run(["nm", "-A", "-P", str(path)], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        where, name, kind = line.split(maxsplit=3)[:3]
        member = re.search(r"([\w-]+)\.o\]?:?$", where)
        assert member, line
        yield member[1], kind, name.lstrip("_") if sys.platform == "darwin" else name


def calls_between(objects: dict[str, list[tuple[str, str]]]) -> dict[str, dict[str, set[str]]]:
    """Return for each file the files that it calls, and the functions called."""
    owner = {name: file for file, found in objects.items() for kind, name in found if kind in "TDBRC"}
    calls: dict[str, dict[str, set[str]]] = {file: {} for file in objects}
    for file, found in objects.items():
        for kind, name in found:
            if kind == "U" and owner.get(name, file) != file:
                calls[file].setdefault(owner[name], set()).add(name)
    return calls


def violations(objects: dict[str, list[tuple[str, str]]], layers: tuple[tuple[str, ...], ...]) -> list[str]:
    """List the calls that do not go to a lower layer."""
    depth = {file: number for number, layer in enumerate(layers) for file in layer}
    return [
        f"{file}.c calls {', '.join(sorted(names))} of {other}.c"
        for file, called in sorted(calls_between(objects).items())
        for other, names in sorted(called.items())
        if depth[other] <= depth[file]
    ]


@pytest.fixture(scope="module")
def settings() -> tuple[list[str], dict[str, Any]]:
    """Return the compiler's command, and what setup.py compiles the extension with."""
    if shutil.which("nm") is None:
        pytest.skip("there is no nm")
    environment = {name: value for name, value in os.environ.items() if name not in ("ZKC_SANITIZE", "LD_PRELOAD")}
    command = [sys.executable, "-c", ASK_VENDOR, str(ROOT / "vendor")]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    compiler, found = json.loads(done.stdout)
    return compiler, found


@pytest.fixture(scope="module")
def bridge(
    settings: tuple[list[str], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[tuple[str, str]]]:
    """Return the symbols of each file of the bridge."""
    compiler, found = settings
    folder = tmp_path_factory.mktemp("objects")
    flags = [f"-D{name}={value}" for name, value in found["define_macros"]]
    flags += [f"-I{path}" for path in (*found["include_dirs"], SRC, SRC / "bridge")]
    sources = [str(path) for path in sorted((SRC / "bridge").glob("*.c"))]
    done = subprocess.run([*compiler, *flags, "-c", *sources], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    objects: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.glob("*.o")):
        objects[path.stem] = [(kind, name) for _, kind, name in symbols(path)]
    return objects


@pytest.fixture(scope="module")
def adaptor(settings: tuple[list[str], dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """Return the symbols of each file of the adaptor: members of libzookeeper's library."""
    library = next((name for name in settings[1]["extra_objects"] if name.endswith("libzookeeper_mt.a")), None)
    objects: dict[str, list[tuple[str, str]]] = {}
    for member, kind, name in symbols(Path(library)) if library is not None else ():
        if member.startswith("own-"):
            objects.setdefault(member[len("own-") :], []).append((kind, name))
    if not objects:
        pytest.skip("this build has libzookeeper's own adaptor")
    return objects


def test_each_file_of_the_bridge_has_a_layer() -> None:
    assert sorted(name for layer in BRIDGE_LAYERS for name in layer) == sorted(
        path.stem for path in (SRC / "bridge").glob("*.c")
    )


def test_each_file_of_the_adaptor_has_a_layer() -> None:
    assert sorted(name for layer in ADAPTOR_LAYERS for name in layer) == sorted(
        path.stem for path in (SRC / "adaptor").glob("*.c")
    )


def test_the_bridge_calls_downwards_only(bridge: dict[str, list[tuple[str, str]]]) -> None:
    assert violations(bridge, BRIDGE_LAYERS) == []
    assert calls_between(bridge)["session"]["request"]  # calls are seen at all


def test_the_adaptor_calls_downwards_only(adaptor: dict[str, list[tuple[str, str]]]) -> None:
    assert violations(adaptor, ADAPTOR_LAYERS) == []
    assert calls_between(adaptor)["adaptor"]["inline_io"]


def test_an_upward_call_is_found() -> None:
    objects = {"session": [("T", "up"), ("U", "down")], "request": [("T", "down"), ("U", "up")]}
    assert violations(objects, (("session",), ("request",))) == ["request.c calls up of session.c"]


def test_the_adaptor_is_known_by_one_header(
    bridge: dict[str, list[tuple[str, str]]], adaptor: dict[str, list[tuple[str, str]]]
) -> None:
    header = (SRC / "adaptor" / "zkc_adaptor.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"\b(zkc_adaptor_\w+)\(", header))
    exported = {name for found in adaptor.values() for kind, name in found if kind in "TDBRC"}
    used = {name for found in bridge.values() for kind, name in found if kind == "U"} & exported
    assert used
    assert used <= declared
    own = {name for found in bridge.values() for kind, name in found if kind in "TDBRC"}
    assert own & {name for found in adaptor.values() for kind, name in found if kind == "U"} == set()
    for path in sorted((SRC / "bridge").glob("*.[ch]")):
        included = re.findall(r'#include "(adaptor/[\w.]+)"', path.read_text(encoding="utf-8"))
        assert set(included) <= {"adaptor/zkc_adaptor.h"}, path.name
