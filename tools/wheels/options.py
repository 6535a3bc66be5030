"""The command line of build_wheels.sh: it is read before anything is installed, with the standard library alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]
_DESCRIPTION = "Build, check and try every wheel that this machine can make, and show the results."


def parse(arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line; end with a message when it is wrong."""
    parser = argparse.ArgumentParser(prog="build_wheels.sh", description=_DESCRIPTION)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="where the wheels go (dist/)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PART",
        help="wheels with this in their tags, such as musl; given again: with that, too",
    )
    parser.add_argument(
        "--tests",
        choices=("none", "import", "core"),
        default="core",
        help="what to try of each wheel that a Python here can load",
    )
    parser.add_argument("--twice", action="store_true", help="build each again, and compare the bytes")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    parse()
