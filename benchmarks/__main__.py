"""``python -m benchmarks``, which ``./dev bench`` calls."""

import sys

from benchmarks.run import main

sys.exit(main())
