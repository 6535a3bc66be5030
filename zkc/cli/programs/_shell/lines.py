"""A line of the shell: its words, and the command behind its first pipe."""

from __future__ import annotations

import shlex
from typing import NamedTuple, Optional

__all__ = ["Line", "parse", "statements"]


class Line(NamedTuple):
    """A parsed line: ``words | pipe``, in the background if it ended with ``&``."""

    words: list[str]
    pipe: Optional[str] = None
    background: bool = False


def parse(text: str) -> Line:
    """Return the words of a line.

    Quotes and backslashes are those of a POSIX shell; there are no variables. A ``#`` at the beginning of a word begins
    a comment. Everything behind the first ``|`` outside of quotes is for the system's shell, and so is a redirection.

    Raises:
        ValueError: A quote is not closed.
    """
    end, _ = _outside_quotes(text, "#")
    cut, pipe = _outside_quotes(text[:end], "|>")
    words = shlex.split(text[:cut], comments=False)
    background = pipe is None and bool(words) and words[-1] == "&"
    if pipe is not None:
        pipe = pipe[1:] if pipe.startswith("|") else f"cat {pipe}"
    return Line(words[:-1] if background else words, pipe, background)


def _outside_quotes(text: str, wanted: str) -> tuple[int, Optional[str]]:
    """Return where one of some characters stands outside of quotes, and the text from there; the length if nowhere."""
    quote, index = "", 0
    while index < len(text):
        character = text[index]
        if character == "\\" and quote != "'":
            index += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in wanted and (character != "#" or index == 0 or text[index - 1].isspace()):
            return index, text[index:]
        index += 1
    return len(text), None


def statements(text: str) -> list[str]:
    """Return the statements of a script: a line each, or more than one separated by ``;`` outside of quotes."""
    found: list[str] = []
    for line in text.splitlines():
        rest = line
        comment, _ = _outside_quotes(rest, "#")
        rest = rest[:comment]
        while rest:
            cut, _ = _outside_quotes(rest, ";")
            found.append(rest[:cut].strip())
            rest = rest[cut + 1 :]
    return [each for each in found if each]
