"""The one table of what legacy code calls: what the drop-in makes of it, and what to write instead one day.

The checker reads it, and the migration guide's tables are made from it. Its rows stand in a module per package.
"""

from __future__ import annotations

from typing import Optional

from zkc.legacy.check.rules import kazoo, zc_zk, zookeeper
from zkc.legacy.check.rules._rule import Row

__all__ = ["KINDS", "MODULES", "ROWS", "Row", "find", "owned", "without_drop_in"]

ROWS: tuple[Row, ...] = (*zookeeper.ROWS, *zc_zk.ROWS, *kazoo.ROWS)
KINDS = ("call", "value", "exception", "module")
_BY_NAME = {row.name: row for row in ROWS}
# kazoo shows the same names in several modules, such as KazooState in kazoo.client as well.
_KAZOO = {row.short: row for row in reversed(kazoo.ROWS) if row.owner.count(".") < 3 and row.owner.islower()}


def _modules() -> frozenset[str]:
    found = {"zc"}
    for row in ROWS:
        parts = row.name.split(".")
        # A class is written with a capital; what stands in front of it is a module.
        capitals = [index for index, part in enumerate(parts) if part != part.lower()]
        end = capitals[0] if capitals else len(parts) - (row.kind != "module")
        found.update(".".join(parts[:length]) for length in range(1, end + 1))
    return frozenset(found)


MODULES = _modules()
"""The names of the modules that the rows stand in, and of those above them."""


def find(name: str) -> Optional[Row]:
    """Return what is known of a name, or None.

    :param name: the name with its module and class, such as ``zc.zk.ZooKeeper.children``.
    """
    row = _BY_NAME.get(name)
    if row is None and name.startswith("kazoo."):
        row = _KAZOO.get(name.rpartition(".")[2]) if name.rpartition(".")[0] in MODULES else None
    return row


def without_drop_in(name: str) -> Optional[Row]:
    """Return the module that a name is in, if that has no drop-in at all.

    :param name: the name, which need not be listed, such as ``zc.zk.monitor.main``.
    """
    while "." in name:
        name = name.rpartition(".")[0]
        row = _BY_NAME.get(name)
        if row is not None:
            return None if row.drop_in else row
    return None


def owned(owner: str) -> list[Row]:
    """List what is known of a module or a class, in the order of the table.

    :param owner: its name, such as ``zookeeper`` or ``zc.zk.ZooKeeper``.
    """
    return [row for row in ROWS if row.owner == owner]
