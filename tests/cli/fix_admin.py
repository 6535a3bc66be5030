"""An ensemble with AdminServers, for the commands that ask the servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from zkc.testing import Ensemble


@pytest.fixture(scope="session")
def _admin_ensemble() -> Iterator[Ensemble]:
    with Ensemble(3, admin=True, start_timeout=110) as ensemble:
        yield ensemble


@pytest.fixture
def admin_ensemble(_admin_ensemble: Ensemble) -> Iterator[Ensemble]:
    """Three servers with AdminServers, shared by the tests. A test may stop members: its end starts them again."""
    yield _admin_ensemble
    _admin_ensemble.resume()
    _admin_ensemble.start()
    _admin_ensemble.wait_ready(110)


def admin_ports(ensemble: Ensemble) -> str:
    """Return the ports of AdminServer as --admin-port takes them."""
    return ",".join(str(member.admin_port) for member in ensemble.members)
