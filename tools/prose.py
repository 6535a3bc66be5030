"""Check the project's prose against its word list, and count the words that the prose rules are about.

    python tools/prose.py                  list what the rules forbid; the exit status is 1 if there is any
    python tools/prose.py zkc docs         the same for some files and folders
    python tools/prose.py --count          how often each family of words comes in a thousand words
    python tools/prose.py --long           sentences of more than 25 words, the longest first

Prose is docstrings, comments and messages (Python, Cython, C, shell) and pages (Markdown, without code). The rules
are in CONTRIBUTING.md.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[1]
# Where prose stands. Left out are builds, copies that are made from other files, and samples of others' source.
FOLDERS = (
    ".ci",
    ".github",
    "benchmarks",
    "docs",
    "examples",
    "legacy",
    "newsfragments",
    "src",
    "tests",
    "tools",
    "vendor",
    "zkc",
)
LEFT_OUT = re.compile(
    r"(^|/)(build|dist|results|__pycache__|[^/]*\.egg-info)/|^vendor/archives/|^zkc/_api/_generated/|^tests/legacy/samples/"
    r"|^tools/prose\.py$"  # It names the words.
)
# True technical uses: the words that a file may have, or None for all of them.
ALLOWED: dict[str, Optional[set[str]]] = {
    "tests/packaging/test_prose.py": None,
}

PYTHON = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r"|(?P<prefix>\b[rbuf]{1,2})?(?:"
    r'(?P<triple>"{3}|\'{3})(?P<long>(?:\\.|(?!(?P=triple)).)*)(?P=triple)'
    r"|(?P<quote>[\"'])(?P<short>(?:\\.|(?!(?P=quote))[^\n\\])*)(?P=quote))",
    re.DOTALL | re.IGNORECASE,
)
C = re.compile(r"(?P<comment>/\*.*?\*/|//[^\n]*)|\"(?P<string>(?:\\.|[^\"\\\n])*)\"|'(?:\\.|[^'\\\n])+'", re.DOTALL)
SHELL = re.compile(r"(?:^|(?<=\s))(?P<comment>\#[^\n]*)|\"(?P<string>(?:\\.|[^\"\\])*)\"|'[^']*'", re.MULTILINE)


def _words(pattern: str) -> re.Pattern[str]:
    # The words of a phrase may stand on two lines.
    return re.compile(rf"\b(?:{pattern})\b".replace(" ", r"\s+"), re.IGNORECASE)


# Rule (b): the actor has a name. Rule (d): plain words. What to write instead stands beside each.
FORBIDDEN = [
    (_words("nobody|somebody|anybody|everybody|whoever"), "name the actor: client, server, I/O thread, caller"),
    (_words("anew"), "say again, or re-create"),
    (_words("of late"), "say recently, or since when"),
    (_words("in vain"), "say what failed"),
    (_words("all the same"), "say still, or nevertheless"),
    (_words("for ever"), "say forever, or without a limit"),
    (_words("(?:is|are|was|were|be|been|being) told"), "say which function is called, or what is reported to it"),
    (_words("(?:come|comes|came|coming) home"), "say what is returned to which owner"),
    (_words("to be had"), "say available"),
    (_words("will do"), "say is enough"),
    (_words("as it comes"), "say in the order of arrival, or unchanged"),
    (_words("(?:let|lets|letting) go"), "say release, detach or uncork"),
    (_words("meanwhile"), "leave it out, or say in the meantime"),
]
# Rule (a), for docstrings alone.
HEADLESS = re.compile(r"\s*(?:who|what|whom|whose)\b", re.IGNORECASE)

FAMILIES = {
    "nobody/somebody/…": _words("nobody|somebody|anybody|everybody|whoever"),
    "anew/meanwhile/…": _words(
        "anew|meanwhile|of late|in vain|for ever|all the same|(?:or|who|what|nobody|somebody|anybody|everybody) else"
    ),
    "tell/told/tells": _words("tell|tells|told"),
}


WORD = re.compile(r"[A-Za-z][\w'-]*")
MOST_WORDS = 25  # of a sentence
# Where a sentence ends without a full stop: at an empty line, an entry of a list, a cell of a table, an argument.
_BREAK = re.compile(r"\n\s*\n|^\s*(?:[-*]|\d+\.)\s|\||^#.*$|^\s*\w+:\s", re.MULTILINE)


@dataclass(frozen=True)
class Piece:
    """A piece of prose: a docstring, a block of comments, a message, or a page."""

    path: str
    line: int  # of its first line
    kind: str  # docstring, comment, message, page
    text: str  # with the line breaks of the file, and without its comment signs
    column: int = 0  # of a comment that can go on below


@dataclass(frozen=True)
class Finding:
    """A use of a forbidden word."""

    path: str
    line: int
    words: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.words!r}: {self.advice}"


def pieces(path: str, text: str) -> list[Piece]:
    """Return the pieces of prose of a file.

    Args:
        path: where it is, from the root of the tree; its ending decides how it is read.
        text: what it contains.
    """
    if path.endswith(".md"):
        return [Piece(path, 1, "page", _without_code(text))]
    if path.endswith((".py", ".pyi", ".pyx", ".pxd")):
        return _joined(_python(path, text))
    if path.endswith((".c", ".h")):
        return _joined(_c(path, text))
    return _joined(_shell(path, text))


def _without_code(text: str) -> str:
    """Replace fenced blocks by empty lines, code in backquotes and the targets of links by an ellipsis."""
    text = re.sub(r"^```.*?^```$", lambda found: "\n" * found[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?<=\n\n)(?: {4}.*\n)+", lambda found: "\n" * found[0].count("\n"), text)
    return re.sub(r"\]\([^)\s]*\)", "]", _without_names(text))


def _without_names(text: str) -> str:
    return re.sub(r"(`+)[^`]+\1", lambda found: "…" + "\n" * found[0].count("\n"), text)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _column(text: str, offset: int) -> int:
    return offset - text.rfind("\n", 0, offset)


def _python(path: str, text: str) -> Iterator[Piece]:
    before = ""  # the last thing that is neither space nor comment
    end = 0
    for found in PYTHON.finditer(text):
        before = text[end : found.start()].rstrip()[-1:] or before
        end = found.end()
        line = _line(text, found.start())
        if found["comment"]:
            comment = _without_names(re.sub(r"^#[:!]?", "", found["comment"]))
            yield Piece(path, line, "comment", comment, _column(text, found.start()))
            continue
        body = found["long"] if found["long"] is not None else found["short"]
        first = not text[text.rfind("\n", 0, found.start()) + 1 : found.start()].strip()
        if first and found["long"] is not None and before not in tuple("(,=[{+%"):
            yield Piece(path, line, "docstring", _without_names(body))
        elif _is_message(path, body):
            yield Piece(path, line, "message", re.sub(r"\{[^{}]*\}", "…", body))
        before = '"'


def _is_message(path: str, text: str) -> bool:
    # The strings of tests are what others print, and input.
    return not path.startswith("tests/") and len(re.findall(r"[A-Za-z]{2,}", text)) >= 3 and " " in text


def _c(path: str, text: str) -> Iterator[Piece]:
    for found in C.finditer(text):
        line = _line(text, found.start())
        if found["comment"]:
            inner = re.sub(r"^//|^/\*+|\*+/$", "", found["comment"])
            yield Piece(path, line, "comment", _without_names(re.sub(r"^\s*\*(?=\s|$)", "", inner, flags=re.MULTILINE)))
        elif found["string"] and _is_message(path, found["string"]):
            yield Piece(path, line, "message", found["string"])


def _shell(path: str, text: str) -> Iterator[Piece]:
    for found in SHELL.finditer(text):
        if found["comment"]:
            line, column = _line(text, found.start()), _column(text, found.start())
            yield Piece(path, line, "comment", found["comment"].lstrip("#!"), column)
        elif found["string"] and _is_message(path, found["string"]):
            yield Piece(path, _line(text, found.start()), "message", re.sub(r"\$\{[^}]*\}|\$\w+", "…", found["string"]))


def _joined(found: Iterable[Piece]) -> list[Piece]:
    """Make one piece of comments that stand below each other."""
    blocks: list[Piece] = []
    for piece in found:
        last = blocks[-1] if blocks else None
        if (
            last
            and piece.kind == last.kind == "comment"
            and piece.line == last.line + last.text.count("\n") + 1
            and piece.column == last.column > 0
            and not HEADING.match(piece.text)
        ):
            blocks[-1] = Piece(last.path, last.line, "comment", f"{last.text}\n{piece.text}", last.column)
        else:
            blocks.append(piece)
    return blocks


# A comment that is a line with a title in it.
HEADING = re.compile(r"\s*-{3,}")


def check(piece: Piece) -> list[Finding]:
    """List the forbidden words of a piece of prose that are not allowed in its file."""
    allowed = ALLOWED.get(piece.path, set())
    if allowed is None:
        return []
    found = [
        Finding(piece.path, piece.line + piece.text.count("\n", 0, use.start()), " ".join(use[0].split()), advice)
        for pattern, advice in FORBIDDEN
        for use in pattern.finditer(piece.text)
    ]
    if piece.kind == "docstring" and (use := HEADLESS.match(piece.text)):
        advice = "begin the docstring of a class with a noun, of a function with an imperative"
        found.append(Finding(piece.path, piece.line, use[0].strip(), advice))
    return sorted((each for each in found if each.words.lower() not in allowed), key=lambda each: each.line)


def count(found: Sequence[Piece]) -> dict[str, int]:
    """Count words, and the uses of each family of words.

    Args:
        found: the pieces of prose to count in.
    """
    total: Counter[str] = Counter(words=0)
    for piece in found:
        total["words"] += len(WORD.findall(piece.text))
        total["who/what at the start"] += piece.kind in ("docstring", "comment") and bool(HEADLESS.match(piece.text))
        for name, pattern in FAMILIES.items():
            total[name] += len(pattern.findall(piece.text))
    return dict(total)


def long_sentences(piece: Piece) -> list[tuple[int, str]]:
    """List the sentences of a piece of prose that have too many words, with the number of their words."""
    sentences = [each for part in _BREAK.split(piece.text) for each in re.split(r"(?<=[.!?])\s+", part)]
    counted = [(len(WORD.findall(each)), " ".join(each.split())) for each in sentences]
    return [each for each in counted if each[0] > MOST_WORDS]


def files(names: Sequence[str]) -> list[str]:
    """List the files with prose below the given files and folders, from the root of the tree.

    Args:
        names: what to look at; everything, if it is empty.
    """
    roots = [Path(name).resolve() for name in names] or [ROOT / name for name in FOLDERS] + list(ROOT.glob("*"))
    kinds = (".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".md", ".sh")
    found = set()
    for root in roots:
        for path in [root] if root.is_file() else root.rglob("*") if names or root.name in FOLDERS else []:
            name = path.relative_to(ROOT).as_posix()
            if (path.suffix in kinds or name in ("dev", ".ci/run")) and path.is_file() and not LEFT_OUT.search(name):
                found.add(name)
    return sorted(found)


def _table(found: list[Piece]) -> None:
    groups = {
        "docstrings and comments": [piece for piece in found if piece.kind in ("docstring", "comment")],
        "messages": [piece for piece in found if piece.kind == "message"],
        "pages": [piece for piece in found if piece.kind == "page"],
    }
    code = groups["docstrings and comments"]
    for folder in sorted({piece.path.partition("/")[0] for piece in code}):
        groups[f"  of them in {folder}"] = [piece for piece in code if piece.path.partition("/")[0] == folder]
    columns = ["nobody/somebody/…", "who/what at the start", "anew/meanwhile/…", "tell/told/tells"]
    print(f"{'uses in 1000 words':32}{'words':>8}" + "".join(f"{name:>24}" for name in columns))
    for name, members in groups.items():
        total = count(members)
        cells = [f"{1000 * total.get(each, 0) / max(total['words'], 1):.2f} ({total.get(each, 0)})" for each in columns]
        print(f"{name:32}{total['words']:>8}" + "".join(f"{cell:>24}" for cell in cells))


def main() -> None:
    """Run the check, or count."""
    options = {argument for argument in sys.argv[1:] if argument in ("--count", "--long")}
    names = [argument for argument in sys.argv[1:] if argument not in options]
    if unknown := [name for name in names if name.startswith("-") or not Path(name).exists()]:
        sys.exit(f"usage: tools/prose.py [--count | --long] [FILE OR FOLDER ...]; there is no {unknown[0]}")
    found = [piece for name in files(names) for piece in pieces(name, (ROOT / name).read_text(encoding="utf-8"))]
    if "--count" in options:
        _table(found)
    elif "--long" in options:
        sentences = [(number, piece, text) for piece in found for number, text in long_sentences(piece)]
        for number, piece, text in sorted(sentences, key=lambda each: -each[0]):
            print(f"{number:4} words  {piece.path}:{piece.line}: {text}")
        print(f"{len(sentences)} sentences have more than {MOST_WORDS} words")
    else:
        _check(found)


def _check(found: list[Piece]) -> None:
    findings = [each for piece in found for each in check(piece)]
    for each in findings:
        print(each)
    if findings:
        sys.exit(f"zkc: error: {len(findings)} uses of words that CONTRIBUTING.md (Prose) rules out")


if __name__ == "__main__":
    main()
