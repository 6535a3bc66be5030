"""The report: a table for people, plain lines for pipes, JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence

from zkc.legacy.check._findings import BROKEN, COVERED, DIFFERS, PYTHON2, UNKNOWN, Finding

__all__ = ["Report", "as_json", "as_lines", "as_table"]

Report = Sequence[tuple[str, Sequence[Finding]]]
"""The files, each with what was found in it."""

# Below this many columns nothing reads well: long lines are left to the terminal then.
_NARROW = 60
# The width of a verdict without its reason.
_SHORT = 22
_GAP = "  "
_MORE = "Python 2 has more that Python 3 lacks than a line shows: run 2to3 or a tool of its kind over it as well."


def shown(path: str) -> str:
    """Return a path, or a name out of a file, as it can be printed anywhere."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _verdict(finding: Finding) -> str:
    return f"{finding.verdict}: {finding.why}" if finding.why else finding.verdict


def _action(finding: Finding) -> str:
    """Return what to write: now, where only Python 2 takes it, and else on the idiomatic layer."""
    if finding.verdict == PYTHON2 and not finding.why:
        return f"write {finding.idiomatic}"
    if finding.verdict in (UNKNOWN, BROKEN):
        return ""
    return finding.idiomatic or "no counterpart"


def as_lines(report: Report) -> list[str]:
    """Return ``file:line:column: name: verdict; idiomatic`` for each finding."""
    return [
        f"{shown(file)}:{one.line}:{one.column}: {one.name}: {_verdict(one)}{_tail(one)}"
        for file, findings in report
        for one in findings
    ]


def _tail(finding: Finding) -> str:
    action = _action(finding)
    return f"; {action if action.startswith('write ') else f'idiomatic: {action}'}" if action else ""


def as_json(report: Report, errors: Sequence[tuple[str, str]]) -> str:
    """Return one JSON object: files, findings, errors and a summary."""
    everything = [finding.as_dict(file) for file, findings in report for finding in findings]
    return json.dumps(
        {
            "version": 1,
            "files": [file for file, _ in report],
            "findings": everything,
            "errors": [{"file": file, "error": error} for file, error in errors],
            "summary": {
                "findings": len(everything),
                "must_change": sum(1 for finding in everything if finding["must_change"]),
                "verdicts": Counter(finding["verdict"] for finding in everything),
            },
        },
        indent=2,
    )


def as_table(report: Report, width: int) -> list[str]:
    """Return a table per file, the notes that belong to it all, and a summary.

    Args:
        report: The files and their findings.
        width: The columns of the terminal.
    """
    lines: list[str] = []
    for file, findings in report:
        if findings:
            lines += [shown(file), *_rows(findings, width), ""]
    notes = dict.fromkeys(f"{one.name}: {one.note}" for _, findings in report for one in findings if one.note)
    if notes:
        lines += ["Good to know", *(line for note in notes for line in _wrapped(f"{note}.", width)), ""]
    return [*lines, *_summary(report, width)]


def _rows(findings: Sequence[Finding], width: int) -> list[str]:
    heads = ["line", "name", "verdict", "idiomatic, or what to write"]
    cells = [[f"{one.line}:{one.column}", one.name, _verdict(one), _action(one)] for one in findings]
    place = max(len(row[0]) for row in [heads, *cells])
    name = max(len(row[1]) for row in [heads, *cells])
    rest = width - place - name - len(_GAP) * 4
    if rest < _NARROW // 2:
        return [_GAP + _GAP.join(row) for row in [heads, *cells]]
    verdict = min(max(len(row[2]) for row in [heads, *cells]), max(_SHORT, rest // 3))
    widths = [place, name, verdict, rest - verdict]
    lines = []
    for row in [heads, *cells]:
        columns = [textwrap.wrap(cell, size, break_long_words=False) or [""] for cell, size in zip(row, widths)]
        for number in range(max(map(len, columns))):
            parts = [column[number] if number < len(column) else "" for column in columns]
            padded = _GAP.join(part.ljust(size) for part, size in zip(parts, widths))
            lines.append((_GAP + padded).rstrip())
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, max(width, _NARROW), initial_indent="  - ", subsequent_indent="    ", break_long_words=False
    )


def _summary(report: Report, width: int) -> list[str]:
    counts = Counter(one.verdict for _, findings in report for one in findings)
    change = sum(1 for _, findings in report for one in findings if one.must_change)
    files = f"{len(report)} file{'s' * (len(report) != 1)}"
    covered = counts[COVERED] + counts[DIFFERS]
    lines = [f"{files}: {covered} covered by the drop-ins, {change} to change."]
    if counts[PYTHON2]:
        lines += textwrap.wrap(_MORE, max(width, _NARROW))
    return lines
