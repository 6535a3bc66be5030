"""The fixtures of this folder's tests, all of which AddressSanitizer runs too."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fix_sessions import (  # noqa: F401
    open_session,
    other,
    own_server,
    read_only_ensemble,
    run_script,
    session,
)

HERE = Path(__file__).resolve().parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of the native core is worth a run under AddressSanitizer."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asan)
