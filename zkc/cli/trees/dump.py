"""``zkc dump``: a tree in a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._completers import complete_file, complete_target
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli.trees._choices import exclude_option, system_option

if TYPE_CHECKING:
    from zkc.cli._progress import Progress
    from zkc.cli.trees._source import Record, Source

__all__ = ["command", "write_dump"]

_BATCH = 1000  # Lines that are written at once.


@click.command(cls=Command)
@click.argument("path", metavar="PATH", shell_complete=complete_target)
@click.option("-O", "--output-file", "file", required=True, metavar="FILE", shell_complete=complete_file,
              help="The file, compressed if it ends with .gz or .zst; - for stdout.")  # fmt: skip
@exclude_option
@system_option
@click.option("--skip-unreadable", is_flag=True, help="Leave out what may not be read, with a warning and exit code 8.")
@pass_app
def command(
    app: App, path: str, file: str, exclude: tuple[str, ...], system: bool, skip_unreadable: bool
) -> Optional[int]:
    """Write a tree to a file.

    The file has a line of JSON for each znode: path, data, ACL and stat, as Client.export writes it. Ephemeral znodes
    are marked, and `zkc restore` leaves them out. The file is replaced when the dump is complete; until then it is as
    it was, also after Ctrl-C. Only its owner can read it, as the ACLs may have hashes of passwords. PATH may be
    PROFILE:/path, and a server's snapshot, too, which becomes a dump. --dry-run reads and counts all, and writes no
    file.

    \b
    Examples:
      zkc dump /app -O app.jsonl.gz
      zkc dump / -O - | zstd > all.zst
      zkc dump prod:/app -O app.jsonl --exclude locks
    """
    from zkc.cli.trees._filter import Filter
    from zkc.cli.trees._source import open_source

    source = open_source(app, path, Filter(exclude, system=system))
    return write_dump(app, source, file, skip_unreadable=skip_unreadable)


def write_dump(app: App, source: Source, file: str, *, skip_unreadable: bool = False,
               advice: str = ". --skip-unreadable leaves such znodes out",
               result: bool = True) -> Optional[int]:  # fmt: skip
    """Write a source to a file, and return the exit code; None if nothing was left out.

    Args:
        app: What the command works with.
        source: The tree.
        file: The file.
        skip_unreadable: Whether to leave out what may not be read.
        advice: What the error about a znode that may not be read ends with.
        result: Whether the counts are the result of the command, with --json.
    """
    from zkc.cli._files import is_stdout, is_stream
    from zkc.cli._progress import progress
    from zkc.cli.trees._dumpfile import check_sink, open_sink
    from zkc.cli.trees._source import TreeSource, expect

    root = source.target.path if isinstance(source, TreeSource) else "/"
    with progress(app, "dumping") as bar:
        expect(app, source, bar)
        writing = _Writing(app, source, bar, skip_unreadable, advice)
        try:
            batches = writing.batches()
            first = next(batches, None)  # Before the file is opened: there may be no such tree.
            if app.dry_run:
                check_sink(file)
                for _ in batches:
                    pass
                return writing.report(file, result=result)
            with open_sink(file, root) as write:
                while first is not None:
                    write(first)
                    first = next(batches, None)
        except KeyboardInterrupt:
            where = "stdout" if is_stdout(file) else file
            end = f"the dump in {where} is not complete" if is_stream(file) else f"{file} was not written"
            raise CommandError(f"interrupted after {bar.done:,} znodes: {end}", ExitCode.INTERRUPTED,
                               details={"znodes": bar.done}) from None  # fmt: skip
    return writing.report(file, result=result)


class _Writing:
    """The records of a dump, and what there is to say about them."""

    def __init__(self, app: App, source: Source, bar: Progress, skip_unreadable: bool, advice: str) -> None:
        self._app, self._source, self._bar, self._skip, self._advice = app, source, bar, skip_unreadable, advice
        self._count = self._unreadable = self._hidden = 0
        self._first_unreadable = self._first_hidden = ""
        self._checked: set[object] = set()  # ACLs without hidden hashes.

    def batches(self) -> Iterator[list[Record]]:
        """Yield the records to write."""
        batch: list[Record] = []
        size = 0
        for record in self._source.records(with_acl=True):
            if record.error is not None and not self._note_unreadable(record):
                continue
            self._check_hashes(record)
            batch.append(record)
            size += len(record.data or b"")
            if len(batch) >= _BATCH or size > 1 << 20:
                yield batch
                self._advance(len(batch), size)
                batch, size = [], 0
        if batch:
            yield batch
            self._advance(len(batch), size)

    def _advance(self, count: int, size: int) -> None:
        self._count += count
        self._bar.advance(count, size)

    def _note_unreadable(self, record: Record) -> bool:
        """Count a znode that may not be read, or not be listed; return whether it can be written nevertheless."""
        if not self._skip:
            from zkc.cli._errors import for_people

            assert record.error is not None
            raise CommandError(f"{for_people(record.error)}{self._advice}", ExitCode.NOT_ALLOWED,
                               name="no_auth", path=record.error.path)  # fmt: skip
        self._unreadable += 1
        self._first_unreadable = self._first_unreadable or record.path
        return False

    def _check_hashes(self, record: Record) -> None:
        acl = record.acl
        if acl in self._checked or acl is None:
            return
        from zkc.cli.trees._acls import hidden_users

        if hidden_users(acl):
            self._hidden += 1
            self._first_hidden = self._first_hidden or record.path
        elif len(self._checked) < _BATCH:
            self._checked.add(acl)

    def report(self, file: str, *, result: bool) -> Optional[int]:
        """Say what was written."""
        from zkc.cli._files import is_stdout

        out, passing = self._app.out, self._source.passing
        for pattern in passing.unused:
            out.warn(f"nothing fits --exclude {pattern}. A pattern with a slash is one for paths below the root")
        if self._hidden:
            out.warn(
                f"the servers hide password hashes in {self._hidden:,} of the ACLs, and a restore cannot set them. The"
                f" first is that of {self._first_hidden}. Authenticate with an identity that has the permission a"
            )
        if self._unreadable:
            out.warn(f"{self._unreadable:,} znodes may not be read; they are left out, with all below. The first"
                     f" is {self._first_unreadable}")  # fmt: skip
        also = f", {passing.ephemerals:,} of them ephemeral" if passing.ephemerals else ""
        what = f"{self._count:,} znodes to {'stdout' if file == '-' else file}{also}"
        facts = {"file": file, "znodes": self._count, "ephemerals": passing.ephemerals, "bytes": self._bar.bytes,
                 "hidden_hashes": self._hidden, "unreadable": self._unreadable}  # fmt: skip
        if self._app.dry_run:
            out.would([{"action": "dump", **facts, "message": f"would write {what}"}])
        elif out.is_json and result and not is_stdout(file):
            out.json(facts)
        elif not out.is_json or not result:
            out.note(f"wrote {what}")
        if not self._unreadable:
            return None
        return self._app.ends_with(ExitCode.PARTLY, f"{self._unreadable:,} znodes are left out: they may not be read",
                                   unreadable=self._unreadable)  # fmt: skip
