"""The one table of the calls of legacy code: what the drop-in makes of each, and what to write instead.

The checker reads it, and the migration guide's tables are made from it. Its rules stand in a module per package.
"""

from __future__ import annotations

from typing import Optional

from zkc.legacy.check.rules import kazoo, zc_zk, zookeeper
from zkc.legacy.check.rules._rule import Rule

__all__ = ["KINDS", "MODULES", "RULES", "Rule", "find", "owned", "without_drop_in"]

RULES: tuple[Rule, ...] = (*zookeeper.RULES, *zc_zk.RULES, *kazoo.RULES)
KINDS = ("call", "value", "exception", "module")
_BY_NAME = {rule.name: rule for rule in RULES}
# kazoo shows the same names in several modules, such as KazooState in kazoo.client as well.
_KAZOO = {rule.short: rule for rule in reversed(kazoo.RULES) if rule.owner.count(".") < 3 and rule.owner.islower()}


def _modules() -> frozenset[str]:
    found = {"zc"}
    for rule in RULES:
        parts = rule.name.split(".")
        # A class is written with a capital; what stands in front of it is a module.
        capitals = [index for index, part in enumerate(parts) if part != part.lower()]
        end = capitals[0] if capitals else len(parts) - (rule.kind != "module")
        found.update(".".join(parts[:length]) for length in range(1, end + 1))
    return frozenset(found)


MODULES = _modules()
"""The names of the modules that have rules, and of those above them."""


def find(name: str) -> Optional[Rule]:
    """Return the rule of a name, or None.

    Args:
        name: The name with its module and class, such as ``zc.zk.ZooKeeper.children``.
    """
    rule = _BY_NAME.get(name)
    if rule is None and name.startswith("kazoo."):
        rule = _KAZOO.get(name.rpartition(".")[2]) if name.rpartition(".")[0] in MODULES else None
    return rule


def without_drop_in(name: str) -> Optional[Rule]:
    """Return the module that a name is in, if that has no drop-in at all.

    Args:
        name: The name, which need not be listed, such as ``zc.zk.monitor.main``.
    """
    while "." in name:
        name = name.rpartition(".")[0]
        rule = _BY_NAME.get(name)
        if rule is not None:
            return None if rule.drop_in else rule
    return None


def owned(owner: str) -> list[Rule]:
    """List the rules of a module or a class, in the order of the table.

    Args:
        owner: Its name, such as ``zookeeper`` or ``zc.zk.ZooKeeper``.
    """
    return [rule for rule in RULES if rule.owner == owner]
