"""``zkc edit``: the data of a znode in an editor, with a check that no other client has changed them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import data_record, stat_record
from zkc.cli._safety import ask
from zkc.cli._streams import is_terminal
from zkc.cli._text import shown
from zkc.cli.write._changes import set_version

if TYPE_CHECKING:
    from zkc import Stat
    from zkc.cli.write._editor import EditedFile

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("path", type=PATH)
@click.option("--create", "create", is_flag=True, help="Create the znode if it does not exist.")
@click.option(
    "--on-conflict",
    type=click.Choice(["ask", "merge", "overwrite", "abort"]),
    default="ask",
    help="What to do when another client was quicker (ask; without a terminal abort).",
)
@pass_app
def command(app: App, path: str, create: bool, on_conflict: str) -> None:
    """Edit the data of a znode in an editor.

    The editor is that of VISUAL or EDITOR, or vi. When another client has changed the znode, the difference is shown,
    and the answer is merge, overwrite or abort (exit code 4). What was written is then kept in a file. The newline that
    an editor adds at the end is left out when the data had none.

    \b
    Examples:
      zkc edit /app/config
      VISUAL='code --wait' zkc edit /app/config.json
      EDITOR='sed -i s/info/debug/' zkc edit --on-conflict merge /app/config
    """
    app.check_writable()
    _Edit(app, path, create, on_conflict).run()


class _Edit:
    """One edit: what was read, what the user has written, and what the znode has now."""

    def __init__(self, app: App, path: str, create: bool, on_conflict: str) -> None:
        self._app, self._path, self._create, self._on_conflict = app, path, create, on_conflict
        self._base, self._stat = self._read()

    def _read(self) -> tuple[bytes, Optional[Stat]]:
        from zkc.errors import NoNodeError

        try:
            data, stat = self._app.read(self._app.client.get, self._path)
        except NoNodeError:
            if not self._create:
                raise
            return b"", None
        return data or b"", stat

    def run(self) -> None:
        """Edit, and store the result."""
        from zkc.cli.write._editor import edited_file

        name = "".join(c if c.isalnum() or c in "._-" else "_" for c in self._path.rpartition("/")[2])[:64] or "root"
        if "." not in name and self._base.lstrip()[:1] in (b"{", b"["):
            name += ".json"  # Editors colour by the name.
        with edited_file(self._app, name, self._base) as file:
            mine = self._edit(file)
            if mine == self._base:
                self._app.out.note(f"{self._path} stays as it is")
                if self._app.dry_run:
                    self._app.out.would([])
                return
            if self._app.dry_run:
                self._show(self._base, mine, "now", "edited")
                return
            file.keep = True
            stat = self._store(file, mine)
        if self._app.out.is_json:
            self._app.out.record({"path": self._path, **stat_record(stat)})
        else:
            self._app.out.note(f"set {self._path}: version {stat.version}")

    def _edit(self, file: EditedFile) -> bytes:
        data = file.edit()
        return data[:-1] if data.endswith(b"\n") and not self._base.endswith(b"\n") else data

    def _show(self, before: bytes, after: bytes, name: str, other: str) -> None:
        """Show a difference: as the result of a dry run on stdout, else on stderr."""
        from zkc.cli.write._merge import difference
        from zkc.cli.write._requests import check_size

        text = difference(before, after, f"{self._path} ({name})", f"{self._path} ({other})")
        if self._app.dry_run:
            check_size(self._app, self._path, after)
            self._app.out.would([{"action": "set", "path": self._path, **data_record(after), "message": text}])
        else:
            print(shown(text), file=sys.stderr, flush=True)

    def _store(self, file: EditedFile, mine: bytes) -> Stat:
        """Store what the user has written, unless another client was quicker: then a person decides."""
        from zkc.errors import BadVersionError, NodeExistsError

        while True:
            try:
                if self._stat is not None:
                    return set_version(self._app, self._path, mine, self._stat.version)
                _, stat = self._app.change(self._app.client.create_with_stat, self._path, mine)
                return stat  # type: ignore[no-any-return]
            except (BadVersionError, NodeExistsError):
                theirs, self._stat = self._read()
            if theirs in (mine, self._base):  # The same change, or none: there is no conflict.
                self._base = theirs
                continue
            mine = self._settle(file, mine, theirs)
            self._base = theirs

    def _settle(self, file: EditedFile, mine: bytes, theirs: bytes) -> bytes:
        """Return what to store after a conflict.

        Raises:
            CommandError: The answer is abort.
        """
        self._app.out.warn(f"{self._path} was changed by another client in the meantime")
        self._show(theirs, mine, "theirs", "yours")
        while True:
            answer = self._ask()
            if answer == "overwrite":
                return mine
            if answer == "merge":
                merged = self._merge(file, mine, theirs)
                if merged is not None:
                    return merged
                if self._on_conflict == "ask":
                    continue
            raise CommandError(
                f"{self._path} was changed by another client, and stays as that one made it", ExitCode.CONFLICT,
                name="bad_version", path=self._path, details={"file": file.path},
            )  # fmt: skip

    def _merge(self, file: EditedFile, mine: bytes, theirs: bytes) -> Optional[bytes]:
        from zkc.cli.write._merge import MARKS, merge

        merged = merge(self._base, mine, theirs)
        if merged is None:
            self._app.out.warn("the data are no text, and cannot be merged")
            return None
        if not merged.conflicts:
            return merged.data
        self._app.out.warn(f"{merged.conflicts} places were changed by both sides")
        if self._on_conflict != "ask":
            return None
        file.write(merged.data)
        data = file.edit()
        if any(mark.encode() in data for mark in (MARKS[0], MARKS[2])):
            self._app.out.warn("the marks of conflicts are still there")
            file.write(mine)
            return None
        return data

    def _ask(self) -> str:
        if self._on_conflict != "ask":
            return self._on_conflict
        if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
            return "abort"
        answers = {"m": "merge", "o": "overwrite", "a": "abort"}
        while True:
            line = ask("merge, overwrite or abort? [m/o/a] ")
            answer = line.strip().lower()[:1]
            if not line or answer in answers:
                return answers.get(answer, "abort")
