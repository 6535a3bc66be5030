"""A command of the screen that talks with the user: what it asks and tells. The keys wait while it is busy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, TypeVar

from zkc.cli.programs._ui.dialogs import Dialog
from zkc.cli.programs._ui.keys import Hold

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

    from zkc.cli.programs._ui.app import Browser

__all__ = ["Talk"]

_Answer = TypeVar("_Answer")


class Talk:
    """The talk of one command.

    Args:
        browser: The screen.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.hold = Hold(browser.keys)
        self.hold.take()
        self.asked = False
        """Whether the command has shown a dialog: then it is not stopped by Escape, so that no typed text is lost."""

    async def ask(self, dialog: Dialog[_Answer], *, expected: bool = True) -> Optional[_Answer]:
        """Show a dialog, and return its answer.

        Args:
            dialog: The dialog.
            expected: Whether the user knew that it would come. Keys that wait do not answer another question.
        """
        self.asked = True
        self._browser.clear_notifications()  # They would cover the dialog.
        dialog.hold, dialog.expected = self.hold, expected
        return await self._browser.push_screen_wait(dialog)

    def tell(self, text: str, severity: SeverityLevel = "information") -> None:
        """Show a message for some seconds."""
        self._browser.tell(text, severity)

    def end(self) -> None:
        """Let the keys go on, for there is no other dialog."""
        self.hold.release()
