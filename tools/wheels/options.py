"""The command line of build_wheels.sh, parsed before anything is installed: it uses the standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]
_DESCRIPTION = "Build, check and try every wheel that this machine can make, and show the results."


def parse(arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line; exit with a message if it is wrong."""
    parser = argparse.ArgumentParser(prog="build_wheels.sh", description=_DESCRIPTION)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder for the wheels (default: dist/)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PART",
        help="build only wheels whose tags contain PART, such as musl; if given repeatedly, all parts",
    )
    parser.add_argument(
        "--tests",
        choices=("none", "import", "core"),
        default="core",
        help="how to test each wheel that a Python here can load (default: %(default)s)",
    )
    parser.add_argument("--twice", action="store_true", help="build each wheel again, and compare the bytes")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    parse()
