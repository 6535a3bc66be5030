"""A folder to build in: its result is seen whole or not at all, and what a killed build left, the next one removes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = ".building-"


@contextlib.contextmanager
def workroom(base: Path) -> Iterator[Path]:
    """Make a folder beside where the result goes, to be renamed when it is whole; removed if it is not.

    Args:
        base: The folder that results are kept in; made if it is not there.
    """
    base.mkdir(parents=True, exist_ok=True)
    with _locked(base, fcntl.LOCK_EX):  # Or a build that begins would take a new folder for one that was left behind.
        _sweep(base)
        working = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        used = contextlib.ExitStack()
        used.enter_context(_locked(working, fcntl.LOCK_EX))
    with used:
        try:
            yield working
        finally:
            shutil.rmtree(working, ignore_errors=True)


def keep(working: Path, target: Path) -> None:
    """Give a folder that is whole its name, unless another build was quicker."""
    working.chmod(0o755)
    try:
        working.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _sweep(base: Path) -> None:
    """Remove the folders of builds that were killed: the system released their locks."""
    for left in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError), _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB) as held:
            if held:
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[bool]:
    """Hold a folder's lock, and say whether: some file systems have none, and then nothing is removed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, how)
            held = True
        except OSError:
            held = False
        yield held
    finally:
        os.close(descriptor)
