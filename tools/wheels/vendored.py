"""The functions of vendor/ that tools/ uses: vendor/ is a folder of programs, and no package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "vendor"))

# After the line above. mypy, which reads no paths that are made at run time, cannot find them.
import apt_source  # type: ignore[import-not-found]
import fetch  # type: ignore[import-not-found]

__all__ = ["apt_source", "fetch"]
