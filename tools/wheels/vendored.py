"""Access to modules of vendor/, which is a folder of programs and not a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "vendor"))

# After the line above. mypy does not see paths that are added at run time, and cannot find these.
import apt_source  # type: ignore[import-not-found]
import fetch  # type: ignore[import-not-found]

__all__ = ["apt_source", "fetch"]
