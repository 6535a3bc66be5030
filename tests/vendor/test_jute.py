"""The generator of libzookeeper's serialisation code."""

from __future__ import annotations

import difflib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import jute

JAVA_GENERATOR = Path("/usr/share/java/zookeeper-jute.jar")

SMALL = """
// a comment
module a.b {
    class Item { int number; ustring name; /* another */ buffer data; }
    class Box { vector<a.b.Item>items; vector< ustring > names; long when; boolean open; }
}
"""


@pytest.fixture(scope="module")
def interface(libraries: Callable[[], Path]) -> Path:
    """zookeeper.jute as it was unpacked for the build."""
    (found,) = libraries().glob("src/zookeeper-*/zookeeper-jute/src/main/resources/zookeeper.jute")
    return found


def test_same_bytes_as_the_java_generator(interface: Path, tmp_path: Path) -> None:
    if shutil.which("java") is None or not JAVA_GENERATOR.is_file():
        pytest.skip("no Java generator here: install java and Debian's package zookeeper to compare with it")
    main = "org.apache.jute.compiler.generated.Rcc"
    subprocess.run(
        ["java", "-cp", str(JAVA_GENERATOR), main, "-l", "c", str(interface)],
        cwd=tmp_path,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for name, ours in jute.generate(interface.read_text(encoding="utf-8")).items():
        assert ours == (tmp_path / name).read_text(encoding="utf-8"), name


def test_hardened_code_differs_only_in_what_it_reads(interface: Path) -> None:
    text = interface.read_text(encoding="utf-8")
    plain, hardened = jute.generate(text), jute.generate(text, hardened=True)
    assert plain["zookeeper.jute.h"] == hardened["zookeeper.jute.h"]
    before, after = (files["zookeeper.jute.c"].splitlines() for files in (plain, hardened))
    changed = {line[2:].strip() for line in difflib.ndiff(before, after) if line[:2] in ("+ ", "- ")}
    assert "memset(v, 0, sizeof(*v));" in changed
    assert not [line for line in changed if "serialize_" in line and "deserialize_" not in line]
    assert after.count("    memset(v, 0, sizeof(*v));") == len(jute.parse(text))


def test_vectors_stand_before_their_first_use_once() -> None:
    header = jute.generate(SMALL, "small.jute")["small.jute.h"]
    assert header.index("struct Item {") < header.index("struct Item_vector {") < header.index("struct String_vector {")
    assert header.index("struct String_vector {") < header.index("struct Box {")
    assert header.count("struct Item_vector {") == 1
    assert "#ifndef __SMALL_JUTE__" in header


def test_the_output_compiles_without_warnings(libraries: Callable[[], Path], tmp_path: Path) -> None:
    for hardened in (False, True):
        for name, text in jute.generate(SMALL, "small.jute", hardened=hardened).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        include = libraries() / "include" / "zookeeper"
        subprocess.run(
            ["gcc", "-Wall", "-Werror", f"-I{include}", "-fsyntax-only", str(tmp_path / "small.jute.c")], check=True
        )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("module m { class A { int x } }", "line 1: expected ';', found '}'"),
        ("module m {\n class A { Unknown x; } }", r"A\.x has the unknown type 'Unknown'"),
        ("module m { class A { vector<vector<int>> x; } }", "a vector of vectors is not supported"),
        ("module m { class A { map x; } }", "the C library has no type for 'map'"),
        ("module m { class A { int x; }", "ends in the middle"),
        ("module m {\n\n ? }", "line 3: unexpected '\\?'"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(jute.JuteError, match=complaint):
        jute.generate(text)
