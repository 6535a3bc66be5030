"""The user's editor, and the file it works on: in a folder of mode 0700, and removed at the end."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from zkc.cli._ending import leave_keys_to_child
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._streams import is_terminal

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["EditedFile", "edited_file"]


class EditedFile:
    """A temporary file that the editor works on."""

    def __init__(self, folder: str, name: str, data: bytes) -> None:
        self.path = os.path.join(folder, name)
        self.keep = False
        """Whether the file stays when the command ends: it has what the user has written, and it is nowhere else."""
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(data)

    def write(self, data: bytes) -> None:
        """Replace the file."""
        with open(self.path, "wb") as opened:
            opened.write(data)

    def edit(self) -> bytes:
        """Run the editor of VISUAL or EDITOR, or vi, and return what the file holds then.

        Raises:
            CommandError: There is no such editor, or it failed.
        """
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if not editor and not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
            raise CommandError("there is no terminal for an editor. Set VISUAL or EDITOR to a program that needs none",
                               ExitCode.REFUSED, name="no_terminal")  # fmt: skip
        editor = editor or "vi"
        try:
            words = shlex.split(editor)
            with leave_keys_to_child():
                code = subprocess.run([*words, self.path], check=False).returncode
        except (OSError, ValueError, IndexError) as error:
            raise CommandError(f"the editor {editor!r} cannot be run: {error}. Set VISUAL or EDITOR", ExitCode.USAGE,
                               name="no_editor") from None  # fmt: skip
        if code:
            raise CommandError(f"the editor {editor!r} ended with {code}: nothing was changed", name="editor_failed")
        try:
            with open(self.path, "rb") as opened:
                return opened.read()
        except OSError as error:
            raise CommandError(f"{self.path} cannot be read: {error.strerror}", name="file") from None


@contextlib.contextmanager
def edited_file(app: App, name: str, data: bytes) -> Iterator[EditedFile]:
    """Give a file for the editor. When the block fails after the user has written, the file stays and is named."""
    folder = tempfile.mkdtemp(prefix="zkc-edit-")  # Mode 0700: backups that an editor makes are private, too.
    file = EditedFile(folder, name, data)
    try:
        yield file
    except KeyboardInterrupt:
        if not file.keep:
            raise
        raise CommandError(f"interrupted: what you have written may not be stored, and is kept in {file.path}",
                           ExitCode.INTERRUPTED, details={"file": file.path}) from None  # fmt: skip
    except BaseException:
        if file.keep:
            app.out.warn(f"what you have written is kept in {file.path}")
        raise
    else:
        file.keep = False
    finally:
        if not file.keep:
            shutil.rmtree(folder, ignore_errors=True)
