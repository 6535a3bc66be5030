"""Apply our patches: unified diffs, exactly at their line numbers or not at all.

Unlike patch(1), it has no fuzz and no offsets: a patch for other source fails the build instead of changing lines
nearby. And a build needs one program less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


class PatchError(Exception):
    """Raised when a patch does not fit the source."""


def apply(patch: Path, tree: Path) -> None:
    """Apply a patch to the files of a tree.

    Args:
        patch: the unified diff; its paths begin with a folder (``a/``, ``b/``) that is left off.
        tree: the folder that the paths are relative to.

    Raises:
        PatchError: a file is missing, or its lines are not those that the patch expects; that file stays unchanged.
    """
    for name, hunks in _files(patch):
        path = tree / name
        if not path.is_file():
            raise PatchError(f"{patch.name} changes {name}, which is not in the source")
        old = path.read_text(encoding="utf-8").splitlines(keepends=True)
        new: list[str] = []
        at = 0
        for start, lines in hunks:
            expected = [line[1:] for line in lines if line[0] in " -"]
            if old[start : start + len(expected)] != expected:
                raise PatchError(
                    f"{patch.name} does not fit {name} at line {start + 1}: the patch was made for another version of "
                    f"the source"
                )
            new += old[at:start]
            new += [line[1:] for line in lines if line[0] in " +"]
            at = start + len(expected)
        path.write_text("".join(new + old[at:]), encoding="utf-8")


def _files(patch: Path) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
    """Yield (path, hunks) for each file; a hunk is (zero-based line, diff lines)."""
    lines = patch.read_text(encoding="utf-8").splitlines(keepends=True)
    name = ""
    hunks: list[tuple[int, list[str]]] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        match = _HUNK.match(line)
        if line.startswith("+++ "):
            if name:
                yield name, hunks
            name, hunks = line[4:].split("\t")[0].strip().partition("/")[2], []
        elif match:
            count = int(match[2] or 1)
            body: list[str] = []
            while at + 1 < len(lines) and lines[at + 1][0] in " -+" and not lines[at + 1].startswith("--- "):
                at += 1
                body.append(lines[at])
            if sum(entry[0] in " -" for entry in body) != count:
                raise PatchError(f"{patch.name} is damaged: a hunk has another number of lines than its header says")
            hunks.append((int(match[1]) - 1, body))
        at += 1
    if name:
        yield name, hunks
