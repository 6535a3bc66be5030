"""The backup of a tree before it is deleted, in the form of ``zkc dump``."""

from __future__ import annotations

import os
import tempfile
from typing import IO, TYPE_CHECKING, Any

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["write_backup"]

_NO_LIMIT = 86400.0 * 7  # Seconds: the limit of a reply is that of a whole export, too.


def write_backup(app: App, path: str, file: str, *, replace: bool) -> None:
    """Write a tree to a file that only its owner can read. The file is whole, on the disk, or not there.

    Raises:
        CommandError: The file exists, or cannot be written.
        ZooKeeperError: A znode cannot be read.
    """
    from zkc.cli._progress import progress

    if os.path.lexists(file) and not replace:
        raise CommandError(f"{file} exists: give --backup another name, or --force to replace it. Nothing was deleted",
                           ExitCode.REFUSED, name="file_exists")  # fmt: skip
    folder, name = os.path.split(os.path.abspath(file))
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        os.close(handle)
        try:

            def export() -> int:
                with _open(temporary, name) as opened, progress(app, "writing") as bar:
                    return app.client.export(path, opened, progress=bar.at, timeout=_NO_LIMIT)

            count = app.client.retry(export)
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, file)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        from zkc import ZooKeeperError

        if isinstance(error, ZooKeeperError):
            raise
        raise CommandError(f"{file} cannot be written: {error.strerror}. Nothing was deleted", name="file") from None
    app.out.note(f"wrote {count:,} znodes to {file}")


def _open(file: str, name: str) -> IO[Any]:
    if not name.endswith(".gz"):
        return open(file, "w", encoding="utf-8", newline="\n")
    import gzip

    return gzip.open(file, "wt", encoding="utf-8", newline="\n")
