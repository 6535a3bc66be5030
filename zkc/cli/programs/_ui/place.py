"""The place of the cursor and of the picture in the tree, while lines come and go."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from textual.widgets import Tree
from textual.widgets.tree import TreeNode, UnknownNodeID

if TYPE_CHECKING:
    from zkc.cli.programs._ui.tree import Znode, ZnodeTree

__all__ = ["is_there", "place_kept"]


def is_there(tree: Tree[Any], line: TreeNode[Any]) -> bool:
    """Return whether a line is in the tree: not removed."""
    try:
        return tree.get_node_by_id(line.id) is line
    except UnknownNodeID:
        return False


@contextlib.contextmanager
def place_kept(tree: ZnodeTree) -> Iterator[None]:
    """Keep the cursor and the picture on the same znodes while lines come and go.

    textual keeps the number of the line. When the cursor's line is removed, it goes to the next line of
    the same parent, or to the one before, or to the parent.
    """
    if tree.placing or tree.last_line < 0 or tree.cursor_node is None:
        yield
        return
    cursor, top = tree.cursor_node, round(tree.scroll_offset.y)
    in_view = top <= cursor.line < top + max(tree.size.height, 1)
    at_top = tree.get_node_at_line(top)
    anchor = cursor if in_view or at_top is None else at_top
    row, heirs = anchor.line - top, list(_heirs(cursor))
    tree.placing = True
    try:
        yield
    finally:
        tree.placing = False
        gone = not is_there(tree, cursor)
        if gone:
            tree.set_reactive(Tree.cursor_line, -1)  # A number of a line that is another now.
        tree.number_lines()
        if gone:
            heir = next((each for each in heirs if is_there(tree, each)), tree.root)
            tree.cursor_line = heir.line
            if anchor is cursor:
                anchor = heir
        if is_there(tree, anchor) and anchor.line - row != top:
            tree.scroll_to(y=max(anchor.line - row, 0), animate=False, force=True, immediate=True)


def _heirs(line: TreeNode[Znode]) -> Iterator[TreeNode[Znode]]:
    """Yield the lines that the cursor may go to when its line is removed, the nearest first."""
    while line.parent is not None:
        siblings = list(line.siblings)
        index = siblings.index(line)
        yield from siblings[index + 1 :]
        yield from reversed(siblings[:index])
        line = line.parent
        yield line
