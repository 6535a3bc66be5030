"""What one client took for one thing, round by round, and how that compares."""

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
        """Tell whether every round has this figure."""
        return bool(self.rounds) and all(name in taken for taken in self.rounds)

    def median(self, name: str) -> Optional[float]:
        """Return the median of the rounds; None if there is no such figure."""
        return median([taken[name] for taken in self.rounds]) if self.has(name) else None

    def ratio_to(self, other: Outcome, name: str) -> Optional[float]:
        """Return the median of the rounds' ratios: what slows one round down slows both."""
        if not (self.has(name) and other.has(name)):
            return None
        return median([mine[name] / theirs[name] for mine, theirs in zip(self.rounds, other.rounds) if theirs[name]])

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON can hold them."""
        names = [name for name in (self.rounds[0] if self.rounds else ()) if self.has(name)]
        return {
            "operation": self.operation,
            "client": self.client,
            "medians": {name: self.median(name) for name in names},
            "rounds": self.rounds,
        }
