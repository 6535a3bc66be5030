"""The figures of one client for one operation in each round, and ratios between clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from benchmarks.measure import median


@dataclass
class Outcome:
    """The figures of one client for one operation."""

    operation: str
    client: str
    rounds: list[dict[str, float]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Return whether every round has this figure."""
        return bool(self.rounds) and all(name in figures for figures in self.rounds)

    def median(self, name: str) -> Optional[float]:
        """Return the median of the rounds; None if there is no such figure."""
        return median([figures[name] for figures in self.rounds]) if self.has(name) else None

    def ratio_to(self, other: Outcome, name: str) -> Optional[float]:
        """Return the median of the rounds' ratios: a disturbance of a round affects both clients."""
        if not (self.has(name) and other.has(name)):
            return None
        return median([mine[name] / theirs[name] for mine, theirs in zip(self.rounds, other.rounds) if theirs[name]])

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as an object for JSON."""
        names = [name for name in (self.rounds[0] if self.rounds else ()) if self.has(name)]
        return {
            "operation": self.operation,
            "client": self.client,
            "medians": {name: self.median(name) for name in names},
            "rounds": self.rounds,
        }
