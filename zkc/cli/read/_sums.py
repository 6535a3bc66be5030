"""The sums of subtrees, made while a walk passes: memory for one branch of the tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from zkc.cli._walk import Node

__all__ = ["Sum", "sums"]


class Sum:
    """The facts that a znode and its descendants have together."""

    __slots__ = ("bytes", "depth", "ephemerals", "path", "znodes")

    def __init__(self, node: Node) -> None:
        self.path, self.depth = node.path, node.depth
        self.znodes, self.bytes = 1, node.stat.data_length
        self.ephemerals = int(node.stat.ephemeral_owner != 0)

    def add(self, other: Sum) -> None:
        """Add a child's sum."""
        self.znodes += other.znodes
        self.bytes += other.bytes
        self.ephemerals += other.ephemerals

    def record(self) -> dict[str, Any]:
        """Return the record of the sum."""
        return {"path": self.path, "bytes": self.bytes, "znodes": self.znodes, "ephemerals": self.ephemerals}


def sums(nodes: Iterable[Node], depth: Optional[int] = None) -> Iterator[Sum]:
    """Yield the sum of each subtree, children before their parents.

    Args:
        nodes: A walk: a parent before its children.
        depth: The deepest level of a subtree that is given; None for all.
    """
    branch: list[Sum] = []
    for node in nodes:
        while branch and branch[-1].depth >= node.depth:
            yield from _end(branch)
        if depth is None or node.depth <= depth:
            branch.append(Sum(node))
            continue
        last = branch[-1]
        last.znodes += 1
        last.bytes += node.stat.data_length
        last.ephemerals += node.stat.ephemeral_owner != 0
    while branch:
        yield from _end(branch)


def _end(branch: list[Sum]) -> Iterator[Sum]:
    ended = branch.pop()
    if branch:
        branch[-1].add(ended)
    yield ended
