"""The tree of znodes: children are read when a znode is opened, a page of them at a time, and follow the changes."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from rich.text import Text
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from zkc import NoAuthError, NoNodeError, ZooKeeperError
from zkc.cli._text import shown

if TYPE_CHECKING:
    from zkc import AsyncClient, Stat
    from zkc.cli.programs._ui.live import Live

__all__ = ["Znode", "ZnodeTree"]

PAGE = 500  # Children that are shown at once; a line behind them shows more.


@dataclass
class Znode:
    """The knowledge of the tree about a znode."""

    path: str
    names: list[str] = field(default_factory=list)  # All its children, sorted.
    shown: int = 0  # How many of them have a line, or may have one.
    is_open: bool = False
    more: bool = False  # The line "… more" of its parent, and no znode.

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2] or "/"

    def child(self, name: str) -> str:
        """Return the path of a child."""
        return f"{self.path.rstrip('/')}/{name}"


class ZnodeTree(Tree[Znode]):
    """The tree.

    Args:
        root: The path of its root.
    """

    def __init__(self, root: str, **options: Any) -> None:
        super().__init__(Text(shown(root, lines=False)), data=Znode(root), **options)
        self.client: AsyncClient
        self.live: Live
        self.guide_depth = 2

    # ---- opening and closing ---------------------------------------------------------------------------------------

    async def open(self, line: TreeNode[Znode]) -> None:
        """Read the children of a znode, show the first of them, and follow their changes."""
        znode = line.data
        if znode is None or znode.is_open:
            return
        znode.is_open = True
        try:
            await self.live.want(znode.path)
            await self.load(line)
        except ZooKeeperError as error:
            self.close(line)
            self.app.notify(str(error), severity="error", markup=False)

    def close(self, line: TreeNode[Znode]) -> None:
        """Forget the children of a znode, and watch them no longer."""
        znode = line.data
        if znode is None or not znode.is_open:
            return
        for each in line.children:
            self.close(each)
        znode.is_open, znode.shown, znode.names = False, 0, []
        self.live.leave(znode.path)
        line.remove_children()

    async def load(self, line: TreeNode[Znode]) -> None:
        """Read the names again, and change the lines that differ."""
        znode = line.data
        assert znode is not None
        try:
            names = sorted(await self.client.children(znode.path))
        except NoNodeError:
            names = []
        except NoAuthError:
            names = []
            line.set_label(_label(znode.name, "(may not be listed)"))
        if not znode.is_open:
            return
        znode.names = names
        znode.shown = min(max(znode.shown, PAGE), len(names))
        await self._show(line)

    async def more(self, line: TreeNode[Znode]) -> None:
        """Show the next page of children."""
        parent = line.parent
        if parent is not None and parent.data is not None:
            parent.data.shown = min(parent.data.shown + PAGE, len(parent.data.names))
            await self._show(parent)

    async def _show(self, line: TreeNode[Znode]) -> None:
        znode = line.data
        assert znode is not None
        wanted = znode.names[: znode.shown]
        keep = set(wanted)
        for each in list(line.children):
            if each.data is not None and (each.data.more or each.data.name not in keep):
                self.close(each)
                each.remove()
        present = [each.data.name for each in line.children if each.data is not None]
        missing = sorted(keep.difference(present))
        stats = await self.client.exists_many([znode.child(name) for name in wanted], raise_errors=False)
        found: dict[str, Any] = dict(zip(wanted, stats))
        for name in missing:
            index = bisect.bisect_left(present, name)
            present.insert(index, name)
            line.add("", Znode(znode.child(name)), before=index if index < len(line.children) else None)
        for each in line.children:
            if each.data is not None:
                self._describe(each, found.get(each.data.name))
        left = len(znode.names) - znode.shown
        if left > 0:
            line.add_leaf(Text(f"… {left:,} more: Enter shows {min(left, PAGE)} of them", style="italic dim"),
                          Znode(znode.path, more=True))  # fmt: skip

    def _describe(self, line: TreeNode[Znode], stat: Optional[Stat]) -> None:
        assert line.data is not None
        count = getattr(stat, "num_children", 0)
        line.allow_expand = bool(count) or line.data.is_open
        mark = "ephemeral" if getattr(stat, "ephemeral_owner", 0) else f"{count:,}" if count else ""
        line.set_label(_label(line.data.name, mark))

    # ---- finding lines ---------------------------------------------------------------------------------------------

    def line_of(self, path: str) -> Optional[TreeNode[Znode]]:
        """Return the line of a path that is shown; None if it is not."""
        root = self.root
        assert root.data is not None
        if path == root.data.path:
            return root
        if not path.startswith(root.data.path.rstrip("/") + "/"):
            return None
        line = root
        for name in path[len(root.data.path.rstrip("/")) + 1 :].split("/"):
            following = next((each for each in line.children if each.data and each.data.name == name
                              and not each.data.more), None)  # fmt: skip
            if following is None:
                return None
            line = following
        return line

    async def go_to(self, path: str) -> bool:
        """Open the tree down to a path, and choose its line; return False if it is not there."""
        root = self.root
        assert root.data is not None
        prefix = root.data.path.rstrip("/")
        if path != root.data.path and not path.startswith(f"{prefix}/"):
            return False
        line = root
        for name in path[len(prefix) + 1 :].split("/") if path != root.data.path else []:
            await self.open(line)
            line.expand()
            assert line.data is not None
            if name not in line.data.names:
                return False
            while line.data.names.index(name) >= line.data.shown:
                line.data.shown += PAGE
                await self._show(line)
            line = next(each for each in line.children if each.data and each.data.name == name and not each.data.more)
        self.last_line  # noqa: B018 - numbers the lines; the cursor goes to a number
        self.move_cursor(line, animate=False)
        self.scroll_to_node(line, animate=False)
        return True

    def all_lines(self) -> list[TreeNode[Znode]]:
        """Return all lines in their order."""
        found: list[TreeNode[Znode]] = []
        waiting = [self.root]
        while waiting:
            line = waiting.pop()
            found.append(line)
            waiting.extend(reversed(line.children))
        return found


def _label(name: str, mark: str) -> Text:
    label = Text(shown(name, lines=False))
    if mark:
        label.append(f"  {mark}", "dim")
    return label
