"""Commands that need no server, run in the process of the tests, so that thousands of files can be tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import pytest

from zkc.cli import main

from .fix_cli import Result


@pytest.fixture
def here(capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Result]:
    """Return a function that runs a command in this process: ``here("snap", "info", file, code=0)``."""

    def run(*arguments: Any, code: Optional[int] = 0) -> Result:
        capsysbinary.readouterr()
        ended = main([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        result = Result(ended, out, err.decode())
        assert "Traceback" not in result.err
        assert code is None or ended == code, f"exit {ended}\n{result.err}\n{out[-2000:]!r}"
        return result

    return run
