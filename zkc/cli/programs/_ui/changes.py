"""The changes that the screen makes: edit, create, delete. None overwrites what another client has set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from zkc import BadVersionError, NoNodeError, ZooKeeperError
from zkc.cli._exit import CommandError
from zkc.cli._safety import guard_root
from zkc.cli._text import shown, size_text
from zkc.cli.programs._ui.dialogs import Ask, Confirm, Edit
from zkc.cli.programs._ui.editable import Editable, NotEditableError
from zkc.cli.programs._ui.header import shortened
from zkc.cli.programs._ui.reasons import reason

if TYPE_CHECKING:
    from zkc import Stat
    from zkc.cli.programs._ui.app import Browser
    from zkc.cli.programs._ui.talk import Talk

__all__ = ["Changes"]

_LINES = 12  # Lines of the data of another client that a question shows.


class Changes:
    """The changes of the screen.

    Args:
        browser: The screen.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.deleting: set[str] = set()
        """The paths that this screen has deleted."""

    def covers(self, path: str) -> bool:
        """Return whether this screen has deleted a path: then another client has not."""
        return any(path == each or path.startswith(f"{each}/") for each in self.deleting)

    def _allowed(self, talk: Talk, path: Optional[str]) -> bool:
        if path is None:
            talk.tell("this line is no znode: choose one", "warning")
        elif self._browser.settings.read_only:
            talk.tell("read-only: nothing can be changed here", "warning")
        else:
            return self._browser.is_connected()
        return False

    async def edit(self, talk: Talk, path: Optional[str]) -> None:
        """Edit the data of a znode that are text."""
        if not self._allowed(talk, path) or path is None:
            return
        try:
            data, stat = await self._browser.client.get(path)
            editable = Editable(data)
        except NotEditableError as error:
            talk.tell(f"{error}: use zkc edit, or zkc set -f FILE", "warning")
            return
        except ZooKeeperError as error:
            talk.tell(reason(self._browser.client, error), "error")
            return
        edited: Optional[str] = editable.text
        note = ""
        while edited is not None:
            edited = await talk.ask(Edit(path, editable.text, edited, note), expected=not note)
            if edited is None or edited == editable.text:
                return
            note, stat = await self._store(talk, path, editable.encode(edited), stat)
            if not note:
                talk.tell(f"set {path}")
                return

    async def _store(self, talk: Talk, path: str, mine: bytes, stat: Stat) -> tuple[str, Stat]:
        """Store data, unless another client was quicker; return why they are not stored, and the stat to go on with."""
        client = self._browser.client
        try:
            while True:
                try:
                    return "", await client.set(path, mine, version=stat.version)
                except BadVersionError:
                    theirs, newer = await client.get(path)
                if theirs == mine:  # Also the first try, when the connection was lost before its reply.
                    return "", newer
                lines = (theirs or b"")[:600].decode("utf-8", "backslashreplace").splitlines()[:_LINES]
                question = "\n".join([f"{path} was set by another client in the meantime, to:", "", *lines, "",
                                      "Overwrite it?"])  # fmt: skip
                if not await talk.ask(Confirm(question), expected=False):
                    return "Not saved: another client has set the data in the meantime.", stat
                stat = newer
        except NoNodeError:
            return "Not saved: the znode was deleted in the meantime.", stat
        except (ZooKeeperError, ValueError) as error:
            return f"Not saved: {reason(self._browser.client, error)}", stat

    async def create(self, talk: Talk, parent: Optional[str]) -> None:
        """Create a child of a znode."""
        if not self._allowed(talk, parent) or parent is None:
            return
        name: Optional[str] = ""
        note = ""
        question = f"Name of the new znode below {shortened(parent, 200)}:"
        while True:
            name = await talk.ask(Ask(question, name or "", note), expected=not note)
            if not name:
                return
            try:
                made = await self._browser.client.create(f"{parent.rstrip('/')}/{name.strip('/')}", b"")
                break
            except (ZooKeeperError, ValueError) as error:
                note = f"Not created: {reason(self._browser.client, error)}"
        line = self._browser.tree_view.line_of(parent)
        if line is not None:
            line.allow_expand = True
            line.expand()
        talk.tell(f"created {made}")

    async def delete(self, talk: Talk, path: Optional[str]) -> None:
        """Delete a znode and all below it, after a question that says how many they are."""
        if not self._allowed(talk, path) or path is None:
            return
        client, settings = self._browser.client, self._browser.settings
        try:
            guard_root(path, settings.chroot)
            count = size = ephemeral = 0
            async for node in client.walk(path, with_data=False):
                count, size = count + 1, size + node.stat.data_length
                ephemeral += bool(node.stat.ephemeral_owner)
        except (CommandError, ZooKeeperError) as error:
            talk.tell(reason(self._browser.client, error), "error")
            return
        if count == 0:
            talk.tell(f"there is no znode {path}", "warning")
            return
        what = f"Delete {count:,} znode{'s' if count != 1 else ''}, {size_text(size)}, at and below {path}?"
        if ephemeral:
            what += f"\n{ephemeral:,} of them are ephemeral: they belong to running programs."
        by_name = path if settings.confirm == "name" else None
        if not await talk.ask(Confirm(shown(what), by_name)):
            return
        talk.end()  # A large tree takes its time: the keys go on.
        self.deleting.add(path)
        try:
            deleted = await client.delete_tree(path)
            talk.tell(f"deleted {deleted:,} znode{'s' if deleted != 1 else ''}")
        except ZooKeeperError as error:
            talk.tell(reason(self._browser.client, error), "error")
            self.deleting.discard(path)
