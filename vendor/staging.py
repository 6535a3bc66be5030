"""Temporary folders to build in: a result appears complete or not at all, and a build removes those of killed ones."""

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
def staging_folder(base: Path) -> Iterator[Path]:
    """Make a folder beside the result, for :func:`publish` to rename; remove it if it was not renamed.

    Args:
        base: The folder that keeps results; made if missing.
    """
    base.mkdir(parents=True, exist_ok=True)
    with _locked(base, fcntl.LOCK_EX):  # Otherwise another build could sweep the new folder before it is locked.
        _sweep(base)
        working = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        used = contextlib.ExitStack()
        used.enter_context(_locked(working, fcntl.LOCK_EX))
    with used:
        try:
            yield working
        finally:
            shutil.rmtree(working, ignore_errors=True)


def publish(working: Path, target: Path) -> None:
    """Rename a complete folder to its target, unless another build was quicker."""
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
    """Hold a folder's lock, and yield whether it is held: on file systems without locks, nothing is removed."""
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
