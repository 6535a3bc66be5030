"""Changes of the file of the profiles. Comments and the order of the members stay; only the owner can read the file."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._profiles import config_file

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

__all__ = ["editing", "profiles_of"]


@contextlib.contextmanager
def editing(dry_run: bool) -> Iterator[TOMLDocument]:
    """Give the file as a document to change, and write it at the end, whole or not at all.

    Raises:
        CommandError: The file is malformed, or cannot be read or written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    file = config_file()
    try:
        document = tomlkit.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = tomlkit.document()
    except (OSError, ValueError, TOMLKitError) as error:
        raise CommandError(f"{file} cannot be read: {error}", ExitCode.USAGE, name="bad_config") from None
    yield document
    target = Path(os.path.realpath(file))
    try:
        if dry_run:
            _check(target)
        else:
            _write(target, tomlkit.dumps(document))
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror or error}", ExitCode.OTHER,
                           name="bad_config") from None  # fmt: skip


def profiles_of(document: TOMLDocument) -> Any:
    """Return the table of the profiles of a document; make it if it is missing."""
    import tomlkit

    found = document.get("profile")
    if found is None:
        found = document["profile"] = tomlkit.table(is_super_table=True)
    if not isinstance(found, dict):
        raise CommandError(f"{config_file()}: a profile is a table [profile.NAME]", ExitCode.USAGE, name="bad_config")
    return found


def _check(file: Path) -> None:
    """Raise what :func:`_write` would, as far as it is known before."""
    folder = next(each for each in file.parents if each.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # Its mode is 0600.
    try:
        with open(handle, "w", encoding="utf-8") as output:
            output.write(text)
            output.flush()
            os.fsync(output.fileno())
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
