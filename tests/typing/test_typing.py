"""mypy agrees with users' code, and flags misuse."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_mypy_agrees_and_flags_misuse(tmp_path):
    # An ignore that is not needed is an error: so each line of misuse.py must be flagged, as what it says.
    sources = [str(path) for path in sorted(HERE.glob("*.py")) if not path.name.startswith("test_")]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--no-error-summary"),
            "--follow-imports=silent",  # zkc itself is checked elsewhere
            *("--cache-dir", str(tmp_path), *sources),
        ],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
