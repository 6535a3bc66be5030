"""The words of a line as a POSIX shell reads them, and names quoted so that it reads them as they are.

``zkc shell`` and the completion of bash, zsh and fish share them.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Word", "escaped", "split_words", "words_of"]

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_-.,+%=:@")


class Word(NamedTuple):
    """The word before the cursor: its value, and the part of it that a shell replaces."""

    value: str
    kept: str
    """The value of what stands before the replaced part."""
    quote: str
    """The quote that is open; empty if there is none."""
    start: int
    """Where the replaced part begins in the line, behind the open quote."""
    begun: bool
    """Whether there is a word. An empty pair of quotes is one."""
    dangling: bool
    """Whether the line ends with a backslash that escapes nothing."""


def words_of(line: str, breaks: str = "") -> tuple[list[str], Word]:
    """Return the complete words of a line, and the one before its end. A quote or a backslash at the end may be open.

    Args:
        line: The line up to the cursor.
        breaks: The characters at which a shell divides a word for the completion, as ``COMP_WORDBREAKS``.
    """
    words: list[str] = []
    value, quote, begun, start, kept, dangling = "", "", False, 0, "", False
    index = 0
    while index < len(line):
        character = line[index]
        if character == "\\" and quote != "'" and line[index + 1 : index + 2] == "\n":
            index += 1  # The line goes on.
        elif quote:
            if character == quote:
                quote = ""
                start, kept = index + 1, value
            elif character == "\\" and quote == '"' and line[index + 1 : index + 2] in ("$", "`", '"', "\\"):
                index += 1
                value += line[index]
            else:
                value += character
        elif character == "\\":
            index += 1
            value += line[index : index + 1]
            begun, dangling = True, index == len(line)
        elif character in "'\"":
            quote, begun = character, True
            start, kept = index + 1, value
        elif character in " \t\n":
            if begun:
                words.append(value)
            value, begun = "", False
            start, kept = index + 1, ""
        else:
            value += character
            begun = True
            if character in breaks:
                start, kept = index + 1, value
        index += 1
    return words, Word(value, kept, quote, start, begun, dangling)


def split_words(line: str) -> list[str]:
    """Return the words of a whole line.

    Raises:
        ValueError: A quote is not closed, or a backslash stands at the end.
    """
    words, last = words_of(line)
    if last.quote:
        raise ValueError(f"the quotation that {last.quote} begins has no end")
    if last.dangling:
        raise ValueError("the backslash at the end escapes nothing")
    return [*words, last.value] if last.begun else words


def escaped(text: str, quote: str = "", *, history: bool = True) -> str:
    """Return a text as a POSIX shell reads it within an open quote, or outside of quotes.

    Args:
        text: The text.
        quote: The quote that is open; empty outside of quotes.
        history: Whether the shell expands ``!`` within double quotes, as bash does.
    """
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        made = "".join(f"\\{each}" if each in '$`"\\' else each for each in text)
        # The history of bash reads it within double quotes, with a backslash, too.
        return made.replace("!", "\"'!'\"") if history else made
    return "".join(each if each in _PLAIN or not each.isascii() else f"\\{each}" for each in text)
