"""The word list: what counts as prose in each language, what is forbidden in it, and how it is counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

# After the line above: tools/ is not installed.
from tools import prose  # noqa: E402


def _found(path, text):
    return [(each.line, each.words) for piece in prose.pieces(path, text) for each in prose.check(piece)]


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("zkc/a.py", '"""Nobody waits."""\n', [(1, "Nobody")]),
        ("zkc/a.py", '"""Do it.\n\n    Args:\n        x: for\n            ever.\n    """\n', [(4, "for ever")]),
        ("zkc/a.py", "x = 1  # it is told of the loss\n", [(1, "is told")]),
        ("zkc/a.py", "# The listener is\n# told of the loss.\n", [(1, "is told")]),
        ("zkc/a.py", "# The listener is\n\n# told of the loss.\n", []),
        ("zkc/a.py", 'raise ValueError("the call waits for ever")\n', [(1, "for ever")]),
        ("zkc/a.py", 'raise ValueError(f"nobody {nobody} waits here")\n', [(1, "nobody")]),
        ("zkc/a.py", 'nobody = "somebody"\n', []),
        ("tests/a.py", 'assert str(error) == "the call waits for ever"\n', []),
        ("tests/a.py", '"""Wait for ever."""\n', [(1, "for ever")]),
        ("src/a.pyx", "cdef int f() except? -1 nogil:  # meanwhile\n", [(1, "meanwhile")]),
        ("src/a.c", "/* A watch\n * comes\n * home. */\nint x;\n", [(2, "comes home")]),
        ("src/a.c", "int x; // anew\n", [(1, "anew")]),
        ("src/a.c", 'log("%s: begins anew from %d", s, \'"\');\n', [(1, "anew")]),
        ("docs/a.md", "Anew.\n\n```python\nx = 1  # anew\n```\n\n[T](anew.md) let\ngo\n", [(1, "Anew"), (7, "let go")]),
        ("docs/a.md", "Not `anew`,\n\n    and not anew\n\n- but\n    anew\n", [(6, "anew")]),
        ("zkc/a.py", "# The `anew` of\n# `x\n# y`: anew\n", [(3, "anew")]),
        ("dev", "  x=${a#anew}  # of late\n  say \"built in vain\"\n", [(1, "of late"), (2, "in vain")]),
        ("zkc/a.py", "# The outlet got renewed; a newer one told of it.\n", []),
    ],
)  # fmt: skip
def test_forbidden_words_are_found_in_prose_and_nowhere_else(path, text, found):
    assert _found(path, text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('def f():\n    """Who waits for it."""\n', [(2, "Who")]),
        ('class C:\n    """\n    What a client has.\n    """\n', [(2, "What")]),
        ('def f():\n    """Return what a client has."""\n', []),
        ('"""Whole sentences."""\n', []),
        ("# What a client has.\n", []),
        ('x = """\nWhat a client has.\n"""\n', []),
    ],
)
def test_docstrings_begin_with_a_noun_or_an_imperative(text, found):
    assert _found("zkc/a.py", text) == found


def test_a_word_is_allowed_where_the_list_says_so(monkeypatch):
    monkeypatch.setitem(prose.ALLOWED, "zkc/a.py", {"anew"})
    assert _found("zkc/a.py", "# Anew, meanwhile.\n") == [(1, "meanwhile")]
    assert set(prose.ALLOWED) - {"zkc/a.py"} <= set(prose.files([]))


def test_words_are_counted():
    text = '"""What nobody told."""\n# Told anew, or else: told.\n# ---- who ----\nx = 1  # who sleeps\n'
    assert prose.count(prose.pieces("zkc/a.py", text)) == {
        "words": 11,
        "who/what at the start": 2,
        "nobody/somebody/…": 1,
        "anew/meanwhile/…": 2,
        "tell/told/tells": 3,
    }


def test_long_sentences_are_found():
    words = " ".join(["word"] * 20)
    text = f"# Title {words} {words}\n\nShort {words}.\nAnd {words}:\n\n- {words}\n- {words}; {words}.\n\n"
    text += f"| {words} | {words} |\n"
    found = [each for piece in prose.pieces("docs/a.md", text) for each in prose.long_sentences(piece)]
    assert found == [(40, f"{words}; {words}.")]


def test_every_kind_of_file_is_looked_at():
    found = prose.files([])
    assert {"README.md", "dev", "setup.py", "zkc/types.py", "src/_zookeeper.pyx", "vendor/fetch.py"} <= set(found)
    assert not [name for name in found if name.startswith(("build/", ".venv/", "zkc/_api/_generated/"))]


def test_the_command_lists_and_counts(tmp_path):
    def run(*arguments):
        command = [sys.executable, "tools/prose.py", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    counted = run("--count")
    assert counted.returncode == 0
    assert counted.stdout.splitlines()[1].startswith("docstrings and comments")
    assert run("tools/prose.py").returncode == 0
    assert "sentences have more than 25 words" in run("--long", "tools").stdout.splitlines()[-1]
    wrong = run("no-such-file")
    assert wrong.returncode == 1
    assert "there is no no-such-file" in wrong.stderr
