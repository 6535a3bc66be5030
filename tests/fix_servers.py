"""The servers of several versions, for tests that are marked ``servers``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def server_homes() -> tuple[Path, ...]:
    """The homes of two versions of ZooKeeper or more, the oldest first, which `./dev test --servers` fetches."""
    homes = tuple(map(Path, filter(None, os.environ.get("ZKC_TEST_HOMES", "").split(os.pathsep))))
    if len(homes) < 2:
        pytest.fail("ZKC_TEST_HOMES does not name two versions of ZooKeeper: run ./dev test --servers, which does")
    return homes
