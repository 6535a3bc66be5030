"""The plugins of every folder's tests. The fixtures of one folder are in its own ``fix_*.py``, and its conftest."""

import signal

pytest_plugins = ["tests.fix_leaks", "tests.fix_report", "tests.fix_servers"]

# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C: some are about it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same for nohup and SIGHUP.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
