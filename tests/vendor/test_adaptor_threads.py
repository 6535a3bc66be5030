"""Threads that share a handle on our adaptor, under ThreadSanitizer and AddressSanitizer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import build as vendor_build
from .adaptor_support import Serve, hospitable

SUPPRESSIONS = Path(__file__).resolve().parents[1] / "sanitizers" / "tsan.supp"

pytestmark = pytest.mark.skipif(vendor_build.adaptor() != "own", reason="it calls our adaptor")


@pytest.mark.parametrize("sanitizer", ["thread", "address"])
def test_threads_that_share_a_handle(serve: Serve, link_program: Callable[[str, str], Path], sanitizer: str) -> None:
    program = link_program("adaptor_threads.c", sanitizer)
    done = subprocess.run(
        [program, serve(hospitable).hosts, "3", "300"],
        env={**os.environ, "TSAN_OPTIONS": f"suppressions={SUPPRESSIONS} halt_on_error=0 exitcode=66"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("failed 0, read here: yes\n", "", 0)
