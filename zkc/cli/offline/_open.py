"""The snapshot that a command names: opened, walked with progress, and its damage told at the end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._progress import progress
from zkc.cli.offline._content import file_error
from zkc.cli.offline._reader import DamagedError
from zkc.cli.offline._snapshot import RawZnode, SnapshotFile

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli.offline._tree import SnapshotNode

__all__ = ["OpenSnapshot", "files_of", "snapshot_of"]


def files_of(folder: str, kind: str) -> list[str]:
    """Return the snapshots or logs of a folder, or of its folder ``version-2``, in the order of their zxids.

    Args:
        folder: The folder: a server's dataDir or dataLogDir, or what is in it.
        kind: ``snapshot`` or ``log``.

    Raises:
        CommandError: The folder cannot be read.
    """
    compressed = r"(?:\.gz|\.snappy)?" if kind == "snapshot" else ""
    pattern = re.compile(rf"{kind}\.([0-9a-f]{{1,16}}){compressed}")
    found: list[tuple[int, str]] = []
    for place in (folder, os.path.join(folder, "version-2")):
        try:
            for name in os.listdir(place):
                match = pattern.fullmatch(name)
                if match is not None:
                    found.append((int(match[1], 16), os.path.join(place, name)))
        except OSError as error:
            if place == folder:
                raise file_error(folder, error) from None
    return [file for _, file in sorted(found)]


def snapshot_of(app: App, name: str) -> str:
    """Return a file, or the newest snapshot of a folder."""
    if not os.path.isdir(name):
        return name
    files = files_of(name, "snapshot")
    if not files:
        raise CommandError(f"{name} has no snapshots of a server", ExitCode.OTHER, name="file")
    app.out.note(f"reading {files[-1]}, the newest snapshot of {len(files):,}")
    return files[-1]


class OpenSnapshot:
    """The snapshot that a command reads: a context manager.

    A walk of it ends where the file is damaged, so that a command shows what can be read. The block then raises the
    damage at its end.

    Args:
        app: What the command works with.
        name: The file, or a folder for the newest snapshot in it.
    """

    def __init__(self, app: App, name: str) -> None:
        self._app = app
        self.snapshot = SnapshotFile(snapshot_of(app, name))

    def __enter__(self) -> OpenSnapshot:
        with ExitStack() as stack:
            self._progress = stack.enter_context(progress(self._app, "reading"))
            stack.enter_context(self.snapshot)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stack.close()
        if kind is None and self.snapshot.damage is not None:
            raise self.snapshot.damage

    def raw(self) -> Iterator[RawZnode]:
        """Yield the znodes in the order of the file, without data."""
        with suppress(DamagedError):
            yield from self._progress.passing(self.snapshot.raw(with_data=False))

    def walk(self, path: str, *, depth: Optional[int] = None, with_data: bool = False) -> Iterator[SnapshotNode]:
        """Walk the snapshot, once: see :func:`zkc.cli.offline._tree.walk`."""
        from zkc.cli.offline._tree import walk

        with suppress(DamagedError):
            yield from walk(self.snapshot, path, depth=depth, with_data=with_data, passing=self._progress.passing)
