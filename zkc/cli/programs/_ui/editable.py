"""Data as the text of the editor, and back: what an edit does not touch stays as it is, byte for byte."""

from __future__ import annotations

import re
from typing import Optional

from zkc.cli._text import shown, size_text

__all__ = ["Editable", "NotEditableError"]

_MOST = 256 * 1024  # Bytes with which the editor is still quick.
_BOM = "\ufeff"
# What textual's editor takes for the end of a line, besides newlines. Others of them are control characters.
_LINE_ENDS = re.compile("[\u2028\u2029]")


class NotEditableError(ValueError):
    """The editor would change the data, or cannot show them."""


class Editable:
    r"""Data that are text. The editor works with ``\n``; ``\r\n`` and a byte order mark are put back.

    Args:
        data: The data; None is edited as an empty text.

    Raises:
        NotEditableError: The data are no text, or have characters that the editor would lose, or are too large.
    """

    def __init__(self, data: Optional[bytes]) -> None:
        data = data or b""
        if len(data) > _MOST:
            raise NotEditableError(
                f"the editor of this screen is for up to {size_text(_MOST)}, not {size_text(len(data))}"
            )
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise NotEditableError("the data are no text in UTF-8") from None
        self._begin = _BOM if text.startswith(_BOM) else ""
        text = text[len(self._begin) :]
        whole = "\r\n" in text and text.count("\n") == text.count("\r") == text.count("\r\n")
        self._newline = "\r\n" if whole else "\n"
        self.text = text.replace("\r\n", "\n") if whole else text
        wrong = next((one for one, same in zip(self.text, shown(self.text)) if one != same), None)
        found = _LINE_ENDS.search(self.text)
        if wrong is None and found:
            wrong = found.group()
        if wrong is not None:
            raise NotEditableError(f"the data have the character U+{ord(wrong):04X}, which the editor of this screen"
                                   " would not keep")  # fmt: skip

    def encode(self, text: str) -> bytes:
        """Return an edited text as data."""
        return (self._begin + text.replace("\n", self._newline)).encode()
