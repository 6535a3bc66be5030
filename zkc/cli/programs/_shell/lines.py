"""The lines of the shell: statements, their words, and the command behind the first pipe of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Optional

from zkc.cli.programs._words import split_words

__all__ = ["Line", "has_credentials", "parse", "split_lines", "statements", "unfinished"]

_REDIRECTED = re.compile(r"(?:^|\s)(\d+)$")
_QUOTE = "put it into quotes if it belongs to a word"


class Line(NamedTuple):
    """A parsed line: ``words | pipe``, in the background if it ended with ``&``."""

    words: list[str]
    pipe: Optional[str] = None
    background: bool = False


def parse(text: str) -> Line:
    """Return the words of a statement.

    Quotes and backslashes are those of a POSIX shell; there are no variables. A ``#`` at the beginning of a word begins
    a comment. Everything behind the first ``|`` outside of quotes is for the system's shell, and so is a redirection.

    Raises:
        ValueError: A quote is not closed, or an operator of a system's shell stands outside of quotes.
    """
    if "\0" in text:
        raise ValueError("a NUL character belongs to no command")
    text = _without_comment(text)
    cut, pipe = len(text), None
    background = False
    for index, character in _outside_quotes(text, "|>&<;\n"):
        if character in "|>":
            cut, pipe = index, text[index:]
            break
        if character == "&" and not text[index + 1 :].strip():
            cut, background = index, True
            break
        raise ValueError(_no_operator(text, index))
    if pipe is not None:
        number = _REDIRECTED.search(text[:cut]) if pipe.startswith(">") else None
        if number is not None:
            raise ValueError(f"'{number[1]}>' is no operator here, > is for the result alone; {_QUOTE}")
        if pipe.startswith(("||", "|&")):
            raise ValueError(_no_operator(text, cut))
        pipe = pipe[1:] if pipe.startswith("|") else f"cat {pipe}"
    return Line(split_words(text[:cut]), pipe, background)


def _no_operator(text: str, index: int) -> str:
    """Return the message about an operator of a system's shell."""
    operator = text[index : index + 2]
    operator = operator if operator in ("&&", "||", "|&", "&>", "<<") else operator[:1]
    hint = {
        "&&": "write a command on each line, or ; between them",
        "||": "write a command on each line, or ; between them",
        "&": "only a `watch` with & at its end runs in the background",
        "<": "-f FILE reads data from a file",
    }.get(operator, "the shell of the system knows it, behind a pipe")
    return f"{operator!r} is no operator here: {hint}; {_QUOTE}"


def _outside_quotes(text: str, wanted: str) -> Iterator[tuple[int, str]]:
    """Yield where some characters stand outside of quotes and comments, and which. A ``#`` begins a comment."""
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
        elif character == "#" and (index == 0 or text[index - 1] in " \t\r\n;"):
            if "#" in wanted:
                yield index, character
            end = text.find("\n", index)
            index = len(text) if end < 0 else end
            continue
        elif character in wanted and character != "#":
            yield index, character
        index += 1


def _without_comment(text: str) -> str:
    """Return a statement without the comment at its end."""
    for index, _ in _outside_quotes(text, "#"):
        return text[:index]
    return text


def split_lines(text: str) -> list[str]:
    """Return the lines of a text. A newline within quotes belongs to its line, except in a line for the system's shell.

    Args:
        text: A script, or what was typed or pasted at the prompt.
    """
    found: list[str] = []
    rest = "\n".join(re.split(r"\r\n|\r|\n", text))
    while rest:
        if rest.lstrip(" \t").startswith("!"):
            cut = rest.find("\n")
        else:
            cut = next((index for index, _ in _outside_quotes(rest, "\n")), -1)
        cut = len(rest) if cut < 0 else cut
        found.append(rest[:cut])
        rest = rest[cut + 1 :]
    return [each for each in found if each.strip()]


def statements(text: str) -> list[str]:
    """Return the statements of a text: a line each, or more than one separated by ``;`` outside of quotes.

    A statement that begins with ``!`` reaches to the end of its line: the system's shell has a ``;`` of its own.
    """
    found: list[str] = []
    for line in split_lines(text):
        rest = line
        while rest.strip():
            if rest.lstrip().startswith("!"):
                found.append(_stripped(rest))
                break
            cut = next((index for index, _ in _outside_quotes(rest, ";")), len(rest))
            found.append(_stripped(_without_comment(rest[:cut])))
            rest = rest[cut + 1 :]
    return [each for each in found if each]


def _stripped(text: str) -> str:
    """Return a statement without the blanks around it. One behind a backslash stays: it belongs to a word."""
    text = text.lstrip()
    made = text.rstrip()
    backslashes = len(made) - len(made.rstrip("\\"))
    return text[: len(made) + 1] if backslashes % 2 else made


def unfinished(text: str) -> Optional[str]:
    """Return the statement at the end of a text that is being typed.

    None if the end is in a comment, or in what is for the system's shell.
    """
    rest = text
    while True:
        ours = not rest.lstrip().startswith("!")
        end = rest.find("\n") if not ours else -1
        for index, character in _outside_quotes(rest, "#;\n|><&") if ours else ():
            if character in ";\n":
                end = index
                break
            ours = False  # A comment ends with its line, a command of the system with the statement.
        if end < 0:
            return rest if ours else None
        rest = rest[end + 1 :]


def has_credentials(line: str) -> bool:
    """Return whether a line may have credentials in it: a password may stand there by mistake."""
    for statement in statements(line):
        try:
            words = split_words(statement)
        except ValueError:
            words = statement.split()
        if words and words[0].lower() in ("auth", "addauth"):
            return True
        if any(word == "--auth" or word.startswith("--auth=") for word in words):
            return True
    return False
