"""The help of the shell, wrapped to the width of the terminal."""

from __future__ import annotations

from click import HelpFormatter

from zkc.cli._table import COMMANDS, SECTIONS, SHELL_WORDS

__all__ = ["help_text", "wrapped"]

_UNLISTED = ("shell", "ui", "serve", "completion")  # They make little sense in a shell.
_SYSTEM = {
    "watch … &": "Watch in the background.",
    "… | …, … > …": "Give the result to a command of the system, or to a file.",
    "!…": "Run a command of the system.",
}


def wrapped(text: str, columns: int) -> str:
    """Return a text with lines that fit, broken between words."""
    formatter = HelpFormatter(width=columns - 1)
    formatter.write_text(text)
    return formatter.getvalue()


def help_text(columns: int) -> str:
    """Return the list of the commands and the shell's own words."""
    formatter = HelpFormatter(width=max(columns - 1, 20))  # A full line would wrap around on some terminals.
    narrow = columns < 70
    rows = []
    for section, title in SECTIONS.items():
        names = [name for name, entry in COMMANDS.items() if entry.section == section and name not in _UNLISTED]
        if names:
            rows.append((title, " ".join(names)))
    formatter.write_dl(rows, col_max=2 if narrow else 36)
    formatter.write("\n")
    formatter.write_dl([*SHELL_WORDS.items(), *_SYSTEM.items()], col_max=8 if narrow else 14)
    return formatter.getvalue()
