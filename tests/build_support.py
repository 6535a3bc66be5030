"""Markers for tests that need more of libzookeeper than the system's has."""

from __future__ import annotations

import pytest

from zkc import build_info

needs_newer_calls = pytest.mark.skipif(
    not build_info()["persistent_watches"],
    reason="the system's libzookeeper has no calls of 3.6 and later: persistent watches, multi_read and others",
)

needs_long_session_timeouts = pytest.mark.skipif(
    build_info()["linkage"] == "system",
    reason="the system's libzookeeper makes no connection with a session timeout above 2**30 ms",
)
