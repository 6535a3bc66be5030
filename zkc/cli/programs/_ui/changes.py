"""The changes that the screen makes: edit, create, delete. None overwrites what another client has set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from zkc import BadVersionError, ZooKeeperError
from zkc.cli._exit import CommandError
from zkc.cli._safety import guard_root
from zkc.cli._text import size_text
from zkc.cli.programs._ui.dialogs import Ask, Confirm, Edit

if TYPE_CHECKING:
    from zkc.cli.programs._ui.app import Browser

__all__ = ["Changes"]


class Changes:
    """The changes of the screen.

    Args:
        browser: The screen.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def _allowed(self, path: Optional[str]) -> bool:
        if path is not None and not self._browser.settings.read_only:
            return True
        self._tell("read-only: nothing can be changed here", "warning")
        return False

    def _tell(self, text: str, severity: str = "information") -> None:
        self._browser.notify(text, severity=severity, markup=False)  # type: ignore[arg-type]

    async def edit(self, path: Optional[str]) -> None:
        """Edit the data of a znode that are text."""
        if not self._allowed(path) or path is None:
            return
        client, screen = self._browser.client, self._browser
        try:
            data, stat = await client.get(path)
            text = (data or b"").decode()
        except UnicodeDecodeError:
            self._tell("the data are no text: use zkc set -f FILE", "warning")
            return
        except ZooKeeperError as error:
            self._tell(str(error), "error")
            return
        edited = await screen.push_screen_wait(Edit(path, text))
        while edited is not None and edited != text:
            try:
                await client.set(path, edited.encode(), version=stat.version)
                self._tell(f"set {path}")
                return
            except BadVersionError:
                data, stat = await client.get(path)
                theirs = (data or b"").decode("utf-8", "backslashreplace")
                question = f"{path} was set by another client in the meantime, to:\n\n{theirs[:600]}\n\nOverwrite it?"
                if not await screen.push_screen_wait(Confirm(question)):
                    edited = await screen.push_screen_wait(Edit(f"{path} (not saved)", edited))
            except ZooKeeperError as error:
                self._tell(str(error), "error")
                return

    async def create(self, parent: Optional[str]) -> None:
        """Create a child of a znode."""
        if not self._allowed(parent) or parent is None:
            return
        name = await self._browser.push_screen_wait(Ask(f"Name of the new znode below {parent}:"))
        if not name:
            return
        try:
            made = await self._browser.client.create(f"{parent.rstrip('/')}/{name.strip('/')}", b"")
        except (ZooKeeperError, ValueError) as error:
            self._tell(str(error), "error")
            return
        line = self._browser.tree_view.line_of(parent)
        if line is not None:
            line.allow_expand = True
            line.expand()
        self._tell(f"created {made}")

    async def delete(self, path: Optional[str]) -> None:
        """Delete a znode and all below it, after a question that says how many they are."""
        if not self._allowed(path) or path is None:
            return
        client, settings = self._browser.client, self._browser.settings
        try:
            guard_root(path, settings.chroot)
            count = size = ephemeral = 0
            async for node in client.walk(path, with_data=False):
                count, size = count + 1, size + node.stat.data_length
                ephemeral += bool(node.stat.ephemeral_owner)
        except (CommandError, ZooKeeperError) as error:
            self._tell(str(error), "error")
            return
        what = f"Delete {count:,} znode{'s' if count != 1 else ''}, {size_text(size)}, at and below {path}?"
        if ephemeral:
            what += f"\n{ephemeral:,} of them are ephemeral: they belong to running programs."
        by_name = path if settings.confirm == "name" else None
        if not await self._browser.push_screen_wait(Confirm(what, by_name)):
            return
        try:
            deleted = await client.delete_tree(path)
            self._tell(f"deleted {deleted:,} znodes")
        except ZooKeeperError as error:
            self._tell(str(error), "error")
