"""The fixtures of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..client.fix_clients import client, hosts  # noqa: F401 - pytest finds them here, by their names
from .interop_support import Worker


@pytest.fixture
def worker(hosts: str) -> Iterator[Any]:  # noqa: F811 - the fixture of that name
    """Return a function that starts a worker: of kazoo, Curator or zkc."""
    started: list[Worker] = []

    def start(kind: str) -> Worker:
        started.append(Worker(kind, hosts))
        return started[-1]

    yield start
    for each in started:
        each.close()
