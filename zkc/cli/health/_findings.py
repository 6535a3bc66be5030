"""The findings of ``zkc doctor``: what was looked at, whether it is right, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Optional

__all__ = ["Finding", "Report"]

_WORDS = {"ok": "ok", "note": "note", "warning": "warning", "problem": "problem"}


@dataclass(frozen=True)
class Finding:
    """One finding."""

    level: str
    """``ok``, ``note``, ``warning`` or ``problem``. The last two make the exit code 1."""
    check: str
    """The name of what was looked at, for scripts."""
    text: str
    advice: Optional[str] = None
    server: Optional[str] = None
    path: Optional[str] = None

    def record(self) -> dict[str, Any]:
        """Return the finding as JSON has it."""
        return {"level": self.level, "check": self.check, "server": self.server, "path": self.path, "text": self.text,
                "advice": self.advice}  # fmt: skip


class Report:
    """The findings so far, in their order."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def ok(self, check: str, text: str, **more: Any) -> None:
        """Report that something is right."""
        self.findings.append(Finding("ok", check, text, **more))

    def note(self, check: str, text: str, advice: Optional[str] = None, **more: Any) -> None:
        """Report a fact that may matter."""
        self.findings.append(Finding("note", check, text, advice, **more))

    def warn(self, check: str, text: str, advice: str, **more: Any) -> None:
        """Report what will be a problem, or hides others."""
        self.findings.append(Finding("warning", check, text, advice, **more))

    def problem(self, check: str, text: str, advice: str, **more: Any) -> None:
        """Report what is wrong."""
        self.findings.append(Finding("problem", check, text, advice, **more))

    @property
    def is_well(self) -> bool:
        """Whether there is neither a problem nor a warning."""
        return not any(each.level in ("problem", "warning") for each in self.findings)

    def has(self, checks: Iterable[str], server: Optional[str] = None) -> bool:
        """Return whether one of some checks has found a problem, at a server or at all."""
        names = set(checks)
        return any(each.level == "problem" and each.check in names and (server is None or each.server == server)
                   for each in self.findings)  # fmt: skip
