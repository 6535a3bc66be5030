"""The backup of a tree before it is deleted, in the form of ``zkc dump``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["check_backup", "write_backup"]


def check_backup(file: str, *, replace: bool) -> None:
    """Raise the error that :func:`write_backup` would for the file, as far as it is known before it is written.

    Args:
        file: The file.
        replace: Whether to replace a file that exists.

    Raises:
        CommandError: The file exists, or cannot be written.
    """
    from zkc.cli.trees._dumpfile import check_sink

    _check_new(file, replace)
    with _nothing_deleted():
        check_sink(file)


def write_backup(app: App, path: str, file: str, *, replace: bool) -> None:
    """Write a tree to a file that only its owner can read. The file is whole, on the disk, or not there.

    Args:
        app: What the command works with.
        path: The root of the tree.
        file: The file.
        replace: Whether to replace a file that exists.

    Raises:
        CommandError: The file exists, or cannot be written, or a znode may not be read.
        ZooKeeperError: A znode cannot be read.
    """
    from zkc.cli._paths import Target
    from zkc.cli.trees._filter import Filter
    from zkc.cli.trees._source import TreeSource
    from zkc.cli.trees.dump import write_dump

    _check_new(file, replace)
    with _nothing_deleted():
        write_dump(app, TreeSource(app, path, Target(None, path), Filter()), file, advice="", result=False)


def _check_new(file: str, replace: bool) -> None:
    if os.path.lexists(file) and not replace:
        raise CommandError(f"{file} exists: give --backup another name, or --force to replace it. Nothing was deleted",
                           ExitCode.REFUSED, name="file_exists")  # fmt: skip


@contextlib.contextmanager
def _nothing_deleted() -> Iterator[None]:
    """Say in an error that nothing was deleted."""
    try:
        yield
    except CommandError as error:
        error.message += ". Nothing was deleted"
        raise
