"""Build, check and try every wheel that this machine can make, and show the results."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

import rich.console
import rich.progress
import rich.table

from tools.wheels import checks, trials
from tools.wheels.extension import ROOT, WheelError, WheelFolders, build
from tools.wheels.matrix import Variant, variants
from tools.wheels.options import parse


@dataclass
class Row:
    """The result of one wheel."""

    tag: str
    name: str = ""
    size: int = 0
    sha256: str = ""
    glibc: str = ""
    bundled: Sequence[str] = ()
    tests: str = ""
    failed: str = ""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line; the exit status is 1 when a wheel is missing or fails a check."""
    options = parse(arguments)
    try:
        _require_writable(options.output)
    except OSError as error:  # Report it now, not after minutes of building.
        message = f"wheels cannot be written to {options.output} ({error.strerror}): choose another with --output"
        print(message, file=sys.stderr)
        return 2
    folders = WheelFolders(ROOT / "build" / "wheels", options.output, options.output / "debug")
    wanted = [variant for variant in variants() if all(part in variant.tag for part in options.only)]
    if not wanted:
        print(f"no wheel has {' and '.join(options.only)} in its tags: change --only", file=sys.stderr)
        return 2
    console = rich.console.Console(stderr=True)
    begun = time.monotonic()
    rows = []
    columns = (*rich.progress.Progress.get_default_columns(), rich.progress.TimeElapsedColumn())
    with rich.progress.Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(wanted))
        for variant in wanted:
            progress.update(task, description=variant.tag)
            if not console.is_terminal:
                print(f"building {variant.tag}", file=sys.stderr, flush=True)
            rows.append(_build_and_try(folders, variant, options.tests))
            progress.advance(task)
            if not console.is_terminal:
                print(f"{rows[-1].failed or rows[-1].tests}: {variant.tag}", file=sys.stderr, flush=True)
    if options.twice:
        _compare(folders, wanted, rows)
    (options.output / "wheels.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _show(rows, time.monotonic() - begun)
    return 1 if any(row.failed for row in rows) else 0


def _require_writable(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _build_and_try(folders: WheelFolders, variant: Variant, tests: str) -> Row:
    row = Row(variant.tag)
    try:
        wheel = build(folders, variant)
        row.name, row.sha256 = wheel.name, _digest(wheel)
        with tempfile.TemporaryDirectory(prefix="zkc-wheel-") as scratch:
            facts = checks.check(wheel, variant, Path(scratch))
            row.size, row.glibc, row.bundled = facts.size, facts.glibc, facts.bundled
        row.tests = _try(folders, wheel, variant, tests)
        shutil.move(wheel, folders.output / wheel.name)
    except (WheelError, LookupError) as error:
        row.failed = str(error)
    except subprocess.CalledProcessError as error:
        output = f"{error.stdout or ''}{error.stderr or ''}"[-3000:]
        row.failed = f"{variant.tag}: {' '.join(map(str, error.cmd))} failed:\n{output}"
    return row


def _try(folders: WheelFolders, wheel: Path, variant: Variant, tests: str) -> str:
    if tests == "none":
        return "not requested"
    try:
        pythons = trials.runners(folders, variant)
    except LookupError as error:
        return f"none: {error}"
    with tempfile.TemporaryDirectory(prefix="zkc-trial-") as folder:
        for python in pythons:
            inside = trials.import_it(wheel, variant, python, Path(folder, "venv"))
        if tests == "import" or variant.limited:
            return f"imported by {', '.join(python.name for python in pythons)}"
        return trials.test_it(python, inside, variant, Path(folder))


def _compare(folders: WheelFolders, wanted: Sequence[Variant], rows: Sequence[Row]) -> None:
    """Build each wheel again in another folder, and compare the bytes."""
    with tempfile.TemporaryDirectory(prefix="zkc-again-") as folder:
        again = WheelFolders(folders.cache, Path(folder), Path(folder, "debug"))
        for variant, row in zip(wanted, rows):
            if row.failed:
                continue
            try:
                if _digest(build(again, variant)) != row.sha256:
                    row.failed = f"{variant.tag}: the second build has other bytes than the first"
            except WheelError as error:
                row.failed = str(error)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _show(rows: Sequence[Row], seconds: float) -> None:
    table = rich.table.Table(title=f"Wheels, made in {seconds / 60:.0f} min {seconds % 60:.0f} s", title_justify="left")
    for heading in ("tag", "KB", "glibc", "inside", "tests"):
        table.add_column(heading, justify="right" if heading == "KB" else "left")
    for row in rows:
        result = row.failed.splitlines()[0] if row.failed else row.tests
        table.add_row(row.tag, f"{row.size / 1024:,.0f}", row.glibc or "-", ", ".join(row.bundled), result)
    console = rich.console.Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    for row in rows:
        if row.failed:
            console.print(row.failed, markup=False)


if __name__ == "__main__":
    sys.exit(main())
