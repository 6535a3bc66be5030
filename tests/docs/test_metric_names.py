"""The tables of the guide to metrics name each field and each instrument, and no other."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import zkc
from zkc._otel_points import COUNTERS, IN_FLIGHT

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "metrics.md"


def rows(title: str) -> Iterator[list[str]]:
    """Yield the cells of the table whose first title is this."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {title} |"))
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def named(title: str) -> list[str]:
    return [name for row in rows(title) for name in re.findall(r"`([\w.]+)`", row[0])]


@pytest.mark.parametrize(("title", "kind"), [("Field", zkc.Metrics), ("Field of `RecipeMetrics`", zkc.RecipeMetrics)])
def test_guide_names_each_field_of_the_metrics(title: str, kind: type) -> None:
    assert sorted(named(title)) == sorted(field.name for field in dataclasses.fields(kind))


@pytest.mark.parametrize("prefix", ["zkc.client.", "zkc.recipe."])
def test_guide_names_each_instrument_with_its_unit(prefix: str) -> None:
    table = {
        name: row[1].strip("`")
        for row in rows(f"Instrument, after `{prefix}`")
        for name in re.findall(r"`([\w.]+)`", row[0])
    }
    made = {name[len(prefix) :]: unit for name, unit, *_ in (*COUNTERS, IN_FLIGHT) if name.startswith(prefix)}
    assert table == made
