"""The check that no test leaves anything behind, and the fixture that waits for a condition."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

# Seconds until threads that were asked to end are gone, on a busy machine. Only a leak waits that long.
_PATIENCE = 20.0
_SLOW = 0.005  # Seconds of a collection that finds little.
# Started when first needed and kept for the life of the process.
_LASTING_THREADS = ("zkc-log",)
_FAILED: pytest.StashKey[bool] = pytest.StashKey()


def _eventually(predicate: Callable[[], Any], timeout: float = 20.0, interval: float = 0.005) -> Any:
    """Poll until *predicate* returns something true, and return that; fail after *timeout* seconds.

    An AssertionError of the predicate counts as not yet, and is raised at the end.
    """
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() > deadline
        try:
            found = predicate()
        except AssertionError:
            if late:
                raise
        else:
            if found:
                return found
            if late:
                pytest.fail(f"this did not become true within {timeout} s: {predicate}")
        # Between two looks, until the deadline.
        time.sleep(interval)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Return the function that polls until something is true: ``eventually(predicate, timeout=20.0)``."""
    return _eventually


def _alive() -> dict[str, Counter[str]]:
    """Count what this process holds: the C side's objects, threads of Python and of the library, descriptors."""
    found: dict[str, Counter[str]] = {"threads": Counter(), "descriptors": Counter(), "C side": Counter()}
    for thread in threading.enumerate():
        if thread.name not in _LASTING_THREADS:
            found["threads"][thread.name] += 1
    for task in Path("/proc/self/task").glob("*/comm"):
        try:
            name = task.read_text().strip()
        except OSError:
            continue  # it has ended
        if name.startswith("zkc-") and name not in _LASTING_THREADS:
            found["threads"][f"native {name}"] += 1
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            kind = os.readlink(descriptor)
        except OSError:
            continue  # it was that of the listing
        # By kind: a shared server that was restarted has other pipes, but not more of them.
        found["descriptors"][kind.split("[")[0] if ":[" in kind else kind] += 1
    core = sys.modules.get("zkc._zookeeper")
    if core is not None:
        found["C side"].update(core.live_counts())
    return found


def _leaks(before: dict[str, Counter[str]]) -> str:
    gc.collect()
    lines = []
    for kind, counts in _alive().items():
        more = counts - before[kind]
        lines += [f"{number} more of {kind}: {name}" for name, number in sorted(more.items())]
    return "; ".join(lines)


def pytest_collection_finish() -> None:
    """Leave what the tests are made of out of later collections: there is one around every test."""
    gc.collect()
    gc.freeze()


def _collect() -> None:
    """Collect what tests before have left, and leave all else out of later collections if it makes them slow.

    A process that has imported Sphinx, say, would need a tenth of a second for each of them otherwise.
    """
    began = time.perf_counter()
    gc.collect()
    if time.perf_counter() - began > _SLOW:
        gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Note that a test failed."""
    yield
    if call.excinfo is not None and call.when != "teardown":
        item.stash[_FAILED] = True


@pytest.fixture(autouse=True)
def _nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves sessions, requests, watches, threads or descriptors behind."""
    _collect()
    before = _alive()
    yield
    if _FAILED in request.node.stash:
        return  # its traceback keeps objects alive
    if getattr(request.node, "funcargs", None):
        request.node.funcargs.clear()  # pytest would hold the values of all fixtures for a little longer
    deadline = time.monotonic() + _PATIENCE
    while True:
        leaks = _leaks(before)
        if not leaks:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"the test left something behind: {leaks}")
        # Between two looks, until the deadline: only a test that leaves something waits here.
        time.sleep(0.01)
