"""The fixtures of this folder's tests, and the way to the modules of vendor/."""

import sys
from pathlib import Path

from .fix_programs import (  # noqa: F401
    _plain_environment,
    adaptor_client,
    libraries,
    link_program,
    serve,
    start,
    steer,
    steered_client,
)

# The modules of vendor/ are programs, and import each other by bare names.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "vendor"))

# After the line above.
from .debian_mirror import mirror  # noqa: F401
