"""The rule for a name of a legacy package."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rule"]


@dataclass(frozen=True)
class Rule:
    """A name of a legacy package: what the drop-in makes of it, and what to write instead.

    Args:
        name: The name with its module and class: ``zookeeper.get``, ``zc.zk.ZooKeeper.children``.
        idiomatic: The code that does the same on the idiomatic layer; empty if there is none.
        call: Its arguments in brackets; empty for a name that is not called.
        note: What to know about the idiomatic way, or about both.
        drop_in: Whether the drop-in has it.
        differs: How the drop-in differs from the original; empty if a program cannot notice a difference.
        better: An improvement over the original that can do no harm.
        instead: What to write because Python 3 does not parse the old name; empty if it does.
        gives: The class of whose kind the result is, where its methods are of interest.
        kind: ``call``, ``value`` (a constant or an attribute), ``exception`` or ``module``.
    """

    name: str
    idiomatic: str
    call: str = ""
    note: str = ""
    drop_in: bool = True
    differs: str = ""
    better: str = ""
    instead: str = ""
    gives: str = ""
    kind: str = "call"

    @property
    def owner(self) -> str:
        """The module or the class that it belongs to."""
        return self.name.rpartition(".")[0]

    @property
    def short(self) -> str:
        """The name alone."""
        return self.name.rpartition(".")[2]
