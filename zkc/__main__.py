"""``python -m zkc``: the command line."""

import sys

from zkc.cli import main

if __name__ == "__main__":
    sys.exit(main())
