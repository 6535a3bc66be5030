"""``python -m zkc.legacy``: see :mod:`zkc.legacy._run`."""

from __future__ import annotations

import sys

from zkc.legacy._run import main

if __name__ == "__main__":
    main(sys.argv[1:])
