"""The dialogs of the screen: a question, a line of text, an editor, and the keys."""

from __future__ import annotations

from typing import ClassVar, Optional

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from zkc.cli._text import shown

__all__ = ["Ask", "Confirm", "Edit", "Help"]

_STYLE = """
{name} {{ align: center middle; }}
{name} > Vertical {{ width: 76; max-width: 95%; height: auto; max-height: 90%; border: round $accent; padding: 0 1; }}
"""


class Confirm(ModalScreen[bool]):
    """A question before a change. ``y`` is yes, all else no; with ``by_name`` the path must be typed."""

    CSS = _STYLE.format(name="Confirm")
    BINDINGS: ClassVar[list[BindingType]] = [("y", "answer(True)", "Yes"), ("n,escape", "answer(False)", "No")]

    def __init__(self, question: str, by_name: Optional[str] = None) -> None:
        super().__init__()
        self._question, self._by_name = question, by_name

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(shown(self._question)))
            if self._by_name is None:
                yield Static("y: yes   n, Esc: no")
            else:
                yield Static(Text(f"Type {self._by_name} and Enter; Esc: no"))
                yield Input()

    def action_answer(self, yes: bool) -> None:
        if self._by_name is None or not yes:
            self.dismiss(yes)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value == self._by_name)


class Ask(ModalScreen[Optional[str]]):
    """A line of text to type; None for Esc."""

    CSS = _STYLE.format(name="Ask")
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Leave")]

    def __init__(self, question: str, value: str = "") -> None:
        super().__init__()
        self._question, self._value = question, value

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(self._question))
            yield Input(self._value)

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Edit(ModalScreen[Optional[str]]):
    """An editor for text; None for Esc."""

    CSS = _STYLE.format(name="Edit") + "Edit TextArea { height: 16; }"
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Leave"), ("ctrl+s", "save", "Save")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(f"{shown(self._title)}   Ctrl-S: save   Esc: leave"))
            yield TextArea(self._text)

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_save(self) -> None:
        self.dismiss(self.query_one(TextArea).text)


class Help(ModalScreen[None]):
    """The keys."""

    CSS = _STYLE.format(name="Help")
    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,enter", "leave", "Leave")]

    def __init__(self, keys: str) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(self._keys))

    def action_leave(self) -> None:
        self.dismiss(None)
