"""The build of the static libraries and what the extension is linked with."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import build as vendor_build
import components
import fetch
import patching
import staging
from toolchain import BuildError, Toolchain

ROOT = Path(__file__).resolve().parents[2]
SYSTEM_HEADER = Path("/usr/include/zookeeper/zookeeper.h")


def settings_of(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Any:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return vendor_build.prepare()


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_changes_with_every_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tools, lock = Toolchain.from_environment(), fetch.read_lock()
    first = vendor_build.build_key(tools, lock)
    assert vendor_build.build_key(Toolchain.from_environment(), fetch.read_lock()) == first
    keys = {first}

    def changed(key: str) -> None:
        assert key not in keys
        keys.add(key)

    changed(vendor_build.build_key(dataclasses.replace(tools, flags=(*tools.flags, "-DX")), lock))
    changed(vendor_build.build_key(dataclasses.replace(tools, identity="another compiler"), lock))
    other = {"own": "stock", "stock": "own"}[vendor_build.adaptor()]
    with monkeypatch.context() as patched:
        patched.setenv("ZKC_ADAPTOR", other)
        changed(vendor_build.build_key(tools, lock))
    monkeypatch.setenv("ZKC_SANITIZE", "address")
    changed(vendor_build.build_key(Toolchain.from_environment(), lock))
    lock["zookeeper"]["files"][0]["sha256"] = "0" * 64
    changed(vendor_build.build_key(tools, lock))
    patches = tmp_path / "patches"
    patches.mkdir()
    monkeypatch.setattr(components, "PATCHES", patches)
    monkeypatch.setattr(vendor_build, "HERE", tmp_path)
    monkeypatch.setattr(components, "CONFIG", tmp_path / "config")
    for name in ("jute.py", "components.py"):
        (tmp_path / name).touch()
    changed(vendor_build.build_key(tools, fetch.read_lock()))
    (patches / "1.patch").write_text("a change", encoding="utf-8")
    changed(vendor_build.build_key(tools, fetch.read_lock()))


def test_the_key_changes_with_our_part_of_libzookeeper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZKC_ADAPTOR", "own")
    tools, lock = Toolchain.from_environment(), fetch.read_lock()
    shutil.copytree(ROOT / "src" / "adaptor", tmp_path / "adaptor")
    monkeypatch.setattr(vendor_build, "ADAPTOR", tmp_path / "adaptor")
    names = ("adaptor.c", "adaptor.h", "locks.c", "thread_attributes.h", "wakeup.c", "zkc_adaptor.h")
    keys = {vendor_build.build_key(tools, lock)}
    for name in (*names, "transport.c", "transport.h", "transport_hooks.h"):
        with (tmp_path / "adaptor" / name).open("a", encoding="utf-8") as file:
            file.write("\n")
        key = vendor_build.build_key(tools, lock)
        assert key not in keys, name
        keys.add(key)


@pytest.mark.parametrize("adaptor", ["own", "stock"])
def test_whose_adaptor_is_built(monkeypatch: pytest.MonkeyPatch, adaptor: str) -> None:
    settings = settings_of(monkeypatch, ZKC_ADAPTOR=adaptor)
    assert dict(settings.define_macros)["ZKC_ADAPTOR"] == f'"{adaptor}"'
    library = next(name for name in settings.extra_objects if name.endswith("libzookeeper_mt.a"))
    symbols = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout
    assert (" T do_completion" in symbols, " T zkc_hook_send" in symbols) == (adaptor == "stock", adaptor == "own")


def test_an_adaptor_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BuildError, match=r"ZKC_ADAPTOR='mine' is neither 'own' \(the default\) nor 'stock'"):
        settings_of(monkeypatch, ZKC_ADAPTOR="mine")


def test_a_second_build_is_the_first_ones_result(libraries: Callable[[], Path]) -> None:
    made = libraries()
    before = (made / "lib" / "libzookeeper_mt.a").stat().st_mtime_ns
    assert vendor_build.build_libraries() == made
    assert (made / "lib" / "libzookeeper_mt.a").stat().st_mtime_ns == before


# --- the folder a build is made in ------------------------------------------------------------------------------------


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    script = """
import os, pathlib, signal, staging
with staging.staging_folder(pathlib.Path(%r)):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "vendor")}
    killed = subprocess.run([sys.executable, "-c", script % str(tmp_path)], env=environment, check=False)
    left = list(tmp_path.iterdir())
    assert (killed.returncode, len(left)) == (-9, 1)
    with staging.staging_folder(tmp_path) as working:
        assert list(tmp_path.iterdir()) == [working]
    assert list(tmp_path.iterdir()) == []


def test_where_no_folder_can_be_locked_it_is_built_and_nothing_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, how: int) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(staging.fcntl, "flock", refuse)
    (tmp_path / ".building-perhaps-somebody-else").mkdir()
    with staging.staging_folder(tmp_path) as working:
        staging.publish(working, tmp_path / "done")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".building-perhaps-somebody-else", "done"]


def test_builds_at_the_same_time_have_folders_of_their_own(tmp_path: Path) -> None:
    with staging.staging_folder(tmp_path) as first, staging.staging_folder(tmp_path) as second:
        assert first.is_dir()
        assert second.is_dir()
        staging.publish(first, tmp_path / "done")
        (tmp_path / "done" / "library").touch()
        staging.publish(second, tmp_path / "done")  # It came second: the first's stays.
    assert list(tmp_path.iterdir()) == [tmp_path / "done"]
    assert (tmp_path / "done" / "library").is_file()


# --- the libraries ----------------------------------------------------------------------------------------------------


def test_mechanisms_are_built_in_and_nothing_is_loaded(link_program: Callable[..., Path]) -> None:
    run = subprocess.run([link_program("mechanisms.c")], capture_output=True, text=True, check=True)
    assert sorted(run.stdout.split()) == vendor_build.MECHANISMS.split()


def test_cyrus_sasl_cannot_load_plugins(libraries: Callable[[], Path]) -> None:
    archive = libraries() / "lib" / "libsasl2.a"
    run = subprocess.run(["nm", "--undefined-only", str(archive)], capture_output=True, text=True, check=True)
    assert "dlopen" not in [line.split()[-1] for line in run.stdout.splitlines() if line.startswith(" ")]


def test_headers_are_complete(libraries: Callable[[], Path], tmp_path: Path) -> None:
    include = libraries() / "include"
    source = tmp_path / "all.c"
    names = sorted(path.relative_to(include).as_posix() for path in include.rglob("*.h"))
    assert {"zookeeper/zookeeper.h", "zookeeper/zookeeper.jute.h", "zookeeper/recordio.h", "sasl/sasl.h"} <= set(names)
    source.write_text("#include <stdio.h>\n" + "".join(f"#include <{name}>\n" for name in names), encoding="utf-8")
    flags = [f"-D{feature}" for feature in components.FEATURES]
    subprocess.run(
        ["gcc", "-Wall", "-Werror", "-fsyntax-only", *flags, f"-I{include}", f"-I{include / 'zookeeper'}", str(source)],
        check=True,
    )


def test_the_extension_shows_one_symbol() -> None:
    extension = importlib.util.find_spec("zkc._zookeeper")
    assert extension is not None
    run = subprocess.run(
        ["nm", "-D", "--defined-only", str(extension.origin)], capture_output=True, text=True, check=True
    )
    assert [line.split()[-1] for line in run.stdout.splitlines()] == ["PyInit__zookeeper"]


def test_every_assertion_left_is_out_of_a_servers_reach(libraries: Callable[[], Path]) -> None:
    # These hold the library's own lists and arguments together. A release that brings another one asks for a look: can
    # a server reach it?
    (source,) = libraries().glob("src/zookeeper-*/zookeeper-client/zookeeper-client-c/src/zookeeper.c")
    found = set(re.findall(r"\bassert\((.*)\);", source.read_text(encoding="utf-8")))
    assert found == {
        "b == list->last",
        "list->last",
        "!list->head",
        "list->head",
        "bptr",
        "list->last == cptr",
        "clist",
        "cptr->c.void_result",
        "path_out",
        "req",
        "result",
        "op",
    }


# --- patches ----------------------------------------------------------------------------------------------------------


PATCH = "Why.\n\n--- a/f.c\n+++ b/f.c\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n@@ -5 +5,2 @@\n five\n+six\n"


def test_a_patch_is_applied_where_it_says(tmp_path: Path) -> None:
    (tmp_path / "1.patch").write_text(PATCH, encoding="utf-8")
    (tmp_path / "f.c").write_text("one\ntwo\nthree\nfour\nfive\n", encoding="utf-8")
    patching.apply(tmp_path / "1.patch", tmp_path)
    assert (tmp_path / "f.c").read_text(encoding="utf-8") == "one\nzwei\nthree\nfour\nfive\nsix\n"


@pytest.mark.parametrize("text", ["one\nTWO\nthree\nfour\nfive\n", "nought\none\ntwo\nthree\nfour\nfive\n", ""])
def test_a_patch_for_other_source_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "1.patch").write_text(PATCH, encoding="utf-8")
    (tmp_path / "f.c").write_text(text, encoding="utf-8")
    with pytest.raises(patching.PatchError, match=r"1\.patch does not fit f\.c at line 1"):
        patching.apply(tmp_path / "1.patch", tmp_path)
    assert (tmp_path / "f.c").read_text(encoding="utf-8") == text


def test_a_patch_for_a_missing_file_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.patch").write_text(PATCH, encoding="utf-8")
    with pytest.raises(patching.PatchError, match="which is not in the source"):
        patching.apply(tmp_path / "1.patch", tmp_path)
    (tmp_path / "1.patch").write_text(PATCH.replace("-1,3", "-1,4"), encoding="utf-8")
    with pytest.raises(patching.PatchError, match="damaged"):
        patching.apply(tmp_path / "1.patch", tmp_path)


# --- settings and errors ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("libraries")
def test_static_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch)
    macros = dict(settings.define_macros)
    assert settings.linkage == "static"
    assert macros["ZKC_LINKAGE"] == '"static"'
    assert {"THREADED", "HAVE_OPENSSL_H", "HAVE_CYRUS_SASL_H"} <= set(macros)
    assert "ZKC_SYSTEM_LIBZOOKEEPER" not in macros
    assert all(Path(name).is_file() for name in settings.extra_objects)


def test_system_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    if not SYSTEM_HEADER.is_file():
        pytest.skip("no libzookeeper here: install Debian's package libzookeeper-mt-dev to build against it")
    settings = settings_of(monkeypatch, ZKC_LIBZOOKEEPER="system")
    macros = dict(settings.define_macros)
    assert settings.linkage == "system"
    assert macros["ZKC_LINKAGE"] == '"system"'
    assert macros["ZKC_SYSTEM_LIBZOOKEEPER"] == "1"
    assert not {"HAVE_OPENSSL_H", "HAVE_CYRUS_SASL_H"} & set(macros)
    assert "zookeeper_mt" in settings.libraries
    assert settings.extra_objects == []


def test_unknown_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BuildError, match=r"neither 'static' .* nor 'system'"):
        settings_of(monkeypatch, ZKC_LIBZOOKEEPER="both")
    monkeypatch.delenv("ZKC_LIBZOOKEEPER")
    with pytest.raises(BuildError, match="is not one of address, thread, undefined"):
        settings_of(monkeypatch, ZKC_SANITIZE="everything")


def fake_compiler(folder: Path, refuse: str) -> str:
    """Write a compiler that is gcc, except that what mentions *refuse* does not compile."""
    script = folder / ("cc-without-" + Path(refuse).stem)
    script.write_text(
        "#!/bin/sh\n"
        "for a; do case $a in *.c)\n"
        f'grep -q "{refuse}" "$a" && {{ echo "{refuse}: error: no such thing" >&2; exit 1; }};;\n'
        "esac; done\n"
        'exec gcc "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("compiler", "there is no C compiler '/nonexistent/cc' on this machine: install one"),
        ("libc", "cannot build a small program"),
        ("openssl", "OpenSSL's development files (1.1.1 or later) are missing"),
        ("library", "no libzookeeper_mt of 3.5 or later can be linked"),
        ("source", "cannot be fetched"),
    ],
)
def test_what_is_missing_is_reported_in_one_sentence(tmp_path: Path, case: str, sentence: str) -> None:
    nowhere = {
        "ZKC_CACHE_DIR": str(tmp_path / "cache"),
        "ZKC_BUILD_DIR": str(tmp_path / "build"),
        "PATH": "/usr/bin:/bin",
    }
    changes = {
        "compiler": {"CC": "/nonexistent/cc"},
        "libc": {"CC": fake_compiler(tmp_path, "stdio.h")},
        "openssl": {"CC": fake_compiler(tmp_path, "openssl/ssl.h")},
        "library": {"CC": fake_compiler(tmp_path, "zookeeper_init"), "ZKC_LIBZOOKEEPER": "system"},
        # A proxy that refuses stands for no network; without apt-get there is no distribution to ask.
        "source": {**nowhere, "https_proxy": "http://127.0.0.1:9", "PATH": str(only_a_compiler(tmp_path))},
    }[case]
    environment = {name: value for name, value in os.environ.items() if name.lower() not in ("https_proxy", "no_proxy")}
    run = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(tmp_path), "--build-temp", str(tmp_path)],
        cwd=ROOT,
        env={**environment, **changes},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("zkc: error: ")
    assert sentence in last


def only_a_compiler(folder: Path) -> Path:
    """Make a folder for PATH with a compiler and nothing else."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    for name in ("gcc", "cc", "as", "ld", "ar"):
        if not (tools / name).exists():
            (tools / name).symlink_to(f"/usr/bin/{name}")
    return tools
