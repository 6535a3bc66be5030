"""The dialogs of the screen: a question, a line of text, an editor, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Optional, TypeVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from zkc.cli._text import shown
from zkc.cli.programs._ui.header import shortened

if TYPE_CHECKING:
    from textual.await_complete import AwaitComplete

    from zkc.cli.programs._ui.keys import Hold

__all__ = ["Ask", "Confirm", "Dialog", "Edit", "Help"]

_Answer = TypeVar("_Answer")
_STYLE = """
{name} {{ align: center middle; }}
{name} > Vertical {{ width: 76; max-width: 95%; height: auto; max-height: 95%; border: round $accent; padding: 0 1; }}
{name} VerticalScroll {{ height: auto; max-height: {most}vh; }}
{name} .note {{ text-style: bold; }}
"""
_KEYS = [
    ("↑ ↓ PgUp PgDn", "move"),
    ("Enter", "open or close a znode"),
    ("→", "open a znode"),
    ("←", "close it, or go to its parent"),
    ("/", "search the names that are shown"),
    ("n", "the next match"),
    ("g", "go to a path"),
    ("r", "read again"),
    ("1 2 3 4", "data, stat, ACL, servers"),
    ("Tab", "to the panes and back"),
    ("e", "edit the data"),
    ("c", "create a child"),
    ("d", "delete, with all below"),
    ("?", "these keys"),
    ("q Ctrl-Q", "leave"),
    ("Ctrl-Z", "suspend; the shell's fg resumes"),
]
_WIDTH = 50  # Columns of text in a dialog on a terminal of 60 columns.


class Dialog(ModalScreen[_Answer]):
    """A dialog. The keys typed before it was shown come to it, and those typed after its answer wait."""

    hold: Optional[Hold] = None
    expected = True
    answered = False

    def on_mount(self) -> None:
        """Take the focus, and then the keys."""
        for kind in (Input, TextArea, VerticalScroll):
            found = list(self.query(kind))
            if found:
                self.set_focus(found[0])
                break
        if self.hold is not None:
            self.call_after_refresh(self._ready)

    def _ready(self) -> None:
        if self.hold is not None and not self.answered:
            self.hold.release(drop=not self.expected)

    def dismiss(self, result: Optional[_Answer] = None) -> AwaitComplete:
        """Close the dialog with an answer."""
        self.answered = True
        if self.hold is not None:
            self.hold.take()
        return super().dismiss(result)


class Confirm(Dialog[bool]):
    """A question before a change. ``y`` is yes, ``n`` and Esc no; with ``by_name`` the path must be typed."""

    CSS = _STYLE.format(name="Confirm", most=45)
    BINDINGS: ClassVar[list[BindingType]] = [("y", "answer(True)", "Yes"), ("n,escape", "answer(False)", "No")]

    def __init__(self, question: str, by_name: Optional[str] = None) -> None:
        super().__init__()
        self._question, self._by_name = question, by_name

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll():
                yield Static(Text(shown(self._question)))
            if self._by_name is None:
                yield Static("y: yes   n, Esc: no")
            else:
                yield Static("Type the path and Enter; Esc: no", id="answers")
                yield Input()

    def action_answer(self, yes: bool) -> None:
        if self._by_name is None or not yes:
            self.dismiss(yes)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._by_name is not None and event.value in (self._by_name, shown(self._by_name, lines=False)):
            self.dismiss(True)
        else:
            self.query_one("#answers", Static).update("This is another path. Type the path and Enter; Esc: no")


class Ask(Dialog[Optional[str]]):
    """A line of text to type; None for Esc.

    Args:
        question: The question.
        value: The text at the begin.
        note: Why the question comes again.
    """

    CSS = _STYLE.format(name="Ask", most=40)
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Leave")]

    def __init__(self, question: str, value: str = "", note: str = "") -> None:
        super().__init__()
        self._question, self._value, self._note = question, value, note

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll():
                if self._note:
                    yield Static(Text(shown(self._note)), classes="note")
                yield Static(Text(shown(self._question)))
            yield Input(self._value)

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Edit(Dialog[Optional[str]]):
    """An editor for text; None for Esc. With a text that was changed, Esc asks first.

    Args:
        path: The path of the znode.
        saved: The text that the znode has.
        text: The text at the begin.
        note: Why the text was not saved.
    """

    CSS = (
        _STYLE.format(name="Edit", most=30)
        + """
    Edit > Vertical { height: 95%; }
    Edit TextArea { height: 1fr; min-height: 3; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Leave"), ("ctrl+s", "save", "Save")]

    def __init__(self, path: str, saved: str, text: str, note: str = "") -> None:
        super().__init__()
        self._path, self._saved, self._text, self._note = path, saved, text, note

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(shortened(shown(self._path, lines=False), _WIDTH), "bold", no_wrap=True))
            yield Static("Ctrl-S: save   Esc: leave")
            if self._note:
                with VerticalScroll():
                    yield Static(Text(shown(self._note)), classes="note")
            yield TextArea(self._text)

    @property
    def changed(self) -> bool:
        """Whether the text is another than the znode's."""
        return not self.answered and self.is_mounted and self.query_one(TextArea).text != self._saved

    def action_leave(self) -> None:
        if not self.changed:
            self.dismiss(None)
            return

        def answer(yes: Optional[bool]) -> None:
            if yes:
                self.dismiss(None)
            elif self.hold is not None:
                self.hold.release()

        question = Confirm(f"The text for {self._path} is not saved. Discard it?")
        question.hold = self.hold
        if self.hold is not None:
            self.hold.take()
        self.app.push_screen(question, answer)

    def action_save(self) -> None:
        self.dismiss(self.query_one(TextArea).text)


class Help(Dialog[None]):
    """The keys."""

    CSS = _STYLE.format(name="Help", most=75)
    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,enter", "leave", "Leave")]

    def compose(self) -> ComposeResult:
        table = Table.grid(padding=(0, 2, 0, 0))
        for key, meaning in _KEYS:
            table.add_row(key, meaning)
        with Vertical():
            yield Static("↑ ↓: scroll   Esc: close")
            with VerticalScroll():
                yield Static(table)

    def action_leave(self) -> None:
        self.dismiss(None)
