"""The pytest plugin: fixtures with real servers, and the servers' logs in the report of a failed test.

pytest loads the plugin by itself where zkc is installed. The plugin does nothing until a test uses one of its fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, Union

import pytest

from . import _registry

if TYPE_CHECKING:
    from .ensemble import Ensemble
    from .server import ZooKeeperServer

    Shared = Union[ZooKeeperServer, Ensemble]
    Server = TypeVar("Server", ZooKeeperServer, Ensemble)

_LOG_LINES = 40
_SHARED: pytest.StashKey[dict[str, Shared]] = pytest.StashKey()


@pytest.fixture(scope="session")
def zookeeper_server(request: pytest.FixtureRequest) -> Iterator[ZooKeeperServer]:
    """A running :class:`zkc.testing.ZooKeeperServer`, shared by the tests of the session.

    A test may stop, kill or pause the server: the plugin restarts it before the next test that uses it. The data stay;
    see ``zookeeper_chroot``.
    """
    from .server import ZooKeeperServer

    yield from _share(request, "zookeeper_server", ZooKeeperServer)


@pytest.fixture(scope="session")
def zookeeper_ensemble(request: pytest.FixtureRequest) -> Iterator[Ensemble]:
    """A running :class:`zkc.testing.Ensemble` of three, shared by the tests of the session.

    A test may stop, kill or pause members: the plugin restarts them before the next test that uses the ensemble.
    """
    from .ensemble import Ensemble

    yield from _share(request, "zookeeper_ensemble", Ensemble)


@pytest.fixture
def zookeeper_chroot(zookeeper_server: ZooKeeperServer) -> str:
    """A connection string of ``zookeeper_server`` with a new znode as its root, for one test."""
    return zookeeper_server.new_chroot()


def _share(request: pytest.FixtureRequest, name: str, make: Callable[[], Server]) -> Iterator[Server]:
    shared = request.config.stash.setdefault(_SHARED, {})
    with make() as server:
        shared[name] = server
        try:
            yield server
        finally:
            del shared[name]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Restart the shared servers that the test uses and an earlier test stopped or paused."""
    for name, server in item.config.stash.get(_SHARED, {}).items():
        if name in getattr(item, "fixturenames", ()):
            server.resume()
            server.start()
            server.wait_ready()
    _registry.begin_test()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Attach the lines that the servers logged during a failed test."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.failed:
        report.sections.extend((f"ZooKeeper's log: {title}", log) for title, log in _registry.logs(_LOG_LINES))
