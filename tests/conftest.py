"""The plugins of every folder's tests. The fixtures of one folder are in its own ``fix_*.py``, and its conftest."""

import signal

import pytest

pytest_plugins = ["tests.fix_leaks", "tests.fix_report", "tests.fix_servers"]

# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C: some are about it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same for SIGQUIT, and for nohup and SIGHUP.
for _number in (signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)

# Several processes share the files of a run. These take the longest: begun last, each would keep one process busy while
# the others have nothing to do.
_FIRST = (
    "tests/docs/test_benchmarks.py",
    "tests/docs/test_site.py",
    "tests/docs/test_cli_pages.py",
    "tests/recipes/test_work_cuts.py",
    "tests/client/test_client_wiped.py",
    "tests/cli/test_lock_faults.py",
    "tests/recipes/test_lock_cuts.py",
    "tests/native/test_bridge.py",
    "tests/recipes/test_lock_interrupts.py",
    "tests/docs/test_docs_snippets.py",
    "tests/vendor/test_client_adaptor.py",
    "tests/vendor/test_client_life.py",
    "tests/vendor/test_build.py",
    "tests/vendor/test_adaptor_threads.py",
    "tests/vendor/test_client_requests.py",
)

# Their tests build something, or are the first to ask for a build that others share. A busy machine needs minutes.
_BUILDING = (
    "tests/docs/test_wrapped_calls.py",
    "tests/legacy/test_legacy_distribution.py",
    "tests/native/",
    "tests/packaging/",
    "tests/vendor/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take the longest, and give builds more time than other tests have."""
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))
    for item in items:
        if item.nodeid.startswith(_BUILDING) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))
