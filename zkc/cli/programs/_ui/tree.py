"""The tree of znodes: children are read when a znode is opened, a page of them at a time, and follow the changes."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from zkc import NoAuthError, NoNodeError, ZooKeeperError
from zkc.cli._text import shown
from zkc.cli.programs._ui.place import is_there, place_kept
from zkc.cli.programs._ui.reasons import reason

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

    from zkc import AsyncClient, Stat
    from zkc.cli.programs._ui.live import Live

__all__ = ["Znode", "ZnodeTree"]

_EPHEMERAL = "ephemeral"
PAGE = 500  # Children that are shown at once; a line behind them shows more.


@dataclass
class Znode:
    """The knowledge of the tree about a znode."""

    path: str
    names: list[str] = field(default_factory=list)  # All its children, sorted.
    first: str = ""  # The name from which on they have lines.
    shown: int = 0  # How many of them have a line, or may have one.
    is_open: bool = False
    more: int = 0  # 1 for the line "… more" of its parent, -1 for the line "… before", which are no znodes.
    mark: str = ""  # What stands beside its name.

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

    BINDINGS: ClassVar[list[BindingType]] = [("right", "open_line", ""), ("left", "close_line", "")]

    def __init__(self, root: str, **options: Any) -> None:
        super().__init__(Text(shown(root, lines=False)), data=Znode(root), **options)
        self.client: AsyncClient
        self.live: Live
        self.guide_depth = 2
        self.placing = False

    # ---- opening and closing ---------------------------------------------------------------------------------------

    async def open(self, line: TreeNode[Znode]) -> bool:
        """Read the children of a znode, show the first of them, and follow their changes; return whether it is open."""
        try:
            await self._open(line)
        except ZooKeeperError as error:
            self._tell(reason(self.client, error), "error")
        return line.data is not None and line.data.is_open

    async def _open(self, line: TreeNode[Znode]) -> None:
        znode = line.data
        if znode is None or znode.is_open:
            return
        znode.is_open = True
        try:
            await self.live.want(znode.path)
            await self.load(line)
        except BaseException:
            self.close(line)
            line.collapse()
            raise

    def close(self, line: TreeNode[Znode]) -> None:
        """Forget the children of a znode, and watch them no longer."""
        znode = line.data
        if znode is None or not znode.is_open:
            return
        for each in line.children:
            self.close(each)
        znode.is_open, znode.shown, znode.names, znode.first = False, 0, [], ""
        self.live.leave(znode.path)
        with place_kept(self):
            line.remove_children()

    async def load(self, line: TreeNode[Znode], reach: Optional[str] = None) -> None:
        """Read the names again, and change the lines that differ.

        Args:
            line: The line of the znode.
            reach: A child that must have a line, if it exists.
        """
        znode = line.data
        assert znode is not None
        note = ""
        try:
            names = sorted(await self.client.children(znode.path))
        except NoNodeError:
            names = []
        except NoAuthError:
            names, note = [], "(may not be listed)"
        first, count = znode.first, max(znode.shown, PAGE)
        kept = self._way(znode.path)
        if reach is None and kept is not None:  # Others may have been created before the znode of the cursor.
            count = max(count, bisect.bisect_right(names, kept) - bisect.bisect_left(names, first))
        if reach is not None:
            index = bisect.bisect_left(names, reach)
            begin = bisect.bisect_left(names, first)
            if index < begin or index >= begin + count + PAGE:  # Far away: only the page of the child is shown.
                begin, count = index // PAGE * PAGE, PAGE
                first = names[begin] if 0 < begin < len(names) else ""
            elif index >= begin + count:
                count += PAGE
        await self._show(line, names, first, count, note)

    def _way(self, path: str) -> Optional[str]:
        """Return the name below a path on the way to the znode under the cursor; None if that is somewhere else."""
        prefix, target = f"{path.rstrip('/')}/", self.target or ""
        return target[len(prefix) :].split("/")[0] if target.startswith(prefix) and target != path else None

    async def more(self, line: TreeNode[Znode]) -> None:
        """Show the next page of children, or the page before, and go to the nearest of them."""
        parent = line.parent
        if parent is None or parent.data is None or line.data is None:
            return
        znode, chosen, forward = parent.data, self.cursor_node is line, line.data.more > 0
        begin = bisect.bisect_left(znode.names, znode.first)
        first = znode.first if forward else znode.names[max(begin - PAGE, 0)] if begin > PAGE else ""
        nearest = begin + znode.shown if forward else begin - 1
        path = znode.child(znode.names[nearest]) if 0 <= nearest < len(znode.names) else None
        try:
            await self._show(parent, znode.names, first, znode.shown + (PAGE if forward else min(begin, PAGE)))
        except ZooKeeperError as error:
            self._tell(reason(self.client, error), "error")
            return
        if chosen and path is not None:
            self.choose_line(self.line_of(path))

    async def _show(self, line: TreeNode[Znode], names: list[str], first: str, count: int, note: str = "") -> None:
        """Show some children from a name on, after their stats were read."""
        znode = line.data
        assert znode is not None
        begin = bisect.bisect_left(names, first)
        wanted = names[begin : begin + count]
        stats = await self.client.exists_many([znode.child(name) for name in wanted], raise_errors=False)
        if znode.is_open and is_there(self, line):  # It was not closed in the meantime.
            znode.names, znode.first, znode.shown = names, first, len(wanted)
            with place_kept(self):
                self._put(line, dict(zip(wanted, stats)))
                self._put_more(line, -1, begin)
                self._put_more(line, 1, len(names) - begin - len(wanted))
            self._describe(line, note=note)

    def _put(self, line: TreeNode[Znode], found: dict[str, Any]) -> None:
        """Have a line for each znode that was found, in their order, and none for others."""
        znode = line.data
        assert znode is not None
        offset, present = 0, []
        for each in list(line.children):
            if each.data is not None and each.data.more:
                offset += each.data.more < 0
            elif each.data is not None and each.data.name in found:
                present.append(each.data.name)
            else:
                self.close(each)
                each.remove()
        for name in sorted(found.keys() - set(present)):
            index = bisect.bisect_left(present, name)
            present.insert(index, name)
            index += offset
            line.add(Text(shown(name, lines=False)), Znode(znode.child(name)),
                     before=index if index < len(line.children) else None)  # fmt: skip
        for each in line.children:
            if each.data is not None and not each.data.more:
                self._describe(each, found[each.data.name])

    def _put_more(self, line: TreeNode[Znode], side: int, left: int) -> None:
        """Have a line for the children that are not shown, if there are some: those before, or those behind."""
        present = next((each for each in line.children if each.data is not None and each.data.more == side), None)
        word = "more" if side > 0 else "before"
        text = Text(f"… {left:,} {word}: Enter shows {min(left, PAGE)} of them", style="italic dim")
        if left <= 0 and present is not None:
            present.remove()
        elif left > 0 and present is not None:
            present.set_label(text)
        elif left > 0 and line.data is not None:
            place = 0 if side < 0 and line.children else None
            line.add(text, Znode(line.data.path, more=side), before=place, allow_expand=False)

    def _describe(self, line: TreeNode[Znode], stat: Optional[Stat] = None, note: str = "") -> None:
        """Show the number of children beside a name, and whether the znode can be opened."""
        znode = line.data
        assert znode is not None
        if stat is None and znode.mark == _EPHEMERAL:
            return
        count = getattr(stat, "num_children", len(znode.names))
        can_open = bool(count) or znode.is_open
        if line.allow_expand is not can_open:
            line.allow_expand = can_open
        mark = note or (f"{count:,}" if count else "")
        if getattr(stat, "ephemeral_owner", 0):
            mark = _EPHEMERAL
        if mark != znode.mark and (note or line is not self.root):
            znode.mark = mark
            name = znode.path if line is self.root else znode.name
            line.set_label(_label(name, mark))

    async def describe(self, path: str) -> None:
        """Read the number of children of a znode that is closed."""
        stat = await self.client.exists(path)
        line = self.line_of(path)
        if line is not None and line.data is not None and not line.data.is_open and stat is not None:
            self._describe(line, stat)

    def _tell(self, text: str, severity: SeverityLevel) -> None:
        self.app.notify(shown(text), severity=severity, markup=False)

    # ---- the place of the cursor -----------------------------------------------------------------------------------

    def number_lines(self) -> None:
        """Number the lines, which textual does when it is asked for the last one."""
        _ = self.last_line

    def choose_line(self, line: Optional[TreeNode[Znode]]) -> None:
        """Move the cursor to a line, and the line into the picture."""
        if line is not None:
            self.number_lines()  # The cursor goes to a number.
            self.move_cursor(line, animate=False)
            self.scroll_to_node(line, animate=False)

    @property
    def target(self) -> Optional[str]:
        """The path of the znode under the cursor; None on a line that is no znode."""
        self.number_lines()
        line = self.cursor_node
        return None if line is None or line.data is None or line.data.more else line.data.path

    def action_open_line(self) -> None:
        """Open the znode under the cursor."""
        line = self.cursor_node
        if line is not None and line.allow_expand and not line.is_expanded:
            line.expand()

    def action_close_line(self) -> None:
        """Close the znode under the cursor, or go to its parent."""
        line = self.cursor_node
        if line is not None and line.is_expanded and line.children:
            line.collapse()
        elif line is not None and line.parent is not None:
            self.choose_line(line.parent)

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
            following = self._child(line, name)
            if following is None:
                return None
            line = following
        return line

    async def go_to(self, path: str) -> bool:
        """Open the tree down to a path, and choose its line; return False if it is not there.

        Raises:
            ZooKeeperError: The znodes on the way cannot be read.
        """
        root = self.root
        assert root.data is not None
        prefix = root.data.path.rstrip("/")
        if path != root.data.path and not path.startswith(f"{prefix}/"):
            return False
        line = root
        for name in path[len(prefix) + 1 :].split("/") if path != root.data.path else []:
            await self._open(line)
            line.expand()
            znode = line.data
            assert znode is not None
            following = self._child(line, name)
            if following is None:
                await self.load(line, name)
                following = self._child(line, name)
            if following is None:
                return False
            line = following
        self.choose_line(line)
        return True

    @staticmethod
    def _child(line: TreeNode[Znode], name: str) -> Optional[TreeNode[Znode]]:
        return next((each for each in line.children if each.data and each.data.name == name and not each.data.more),
                    None)  # fmt: skip

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
