"""``zkc watch``: changes of znodes and trees, when they happen."""

from __future__ import annotations

import contextlib
import datetime
import os
import subprocess
import sys
import time
from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._ending import call
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._out import Rows
from zkc.cli._paths import PATH
from zkc.cli._programs import not_started, split_program
from zkc.cli._records import data_record, hex_text
from zkc.cli._text import shown
from zkc.cli._types import DURATION
from zkc.cli.watching._follow import Change, Follower

__all__ = ["command"]

_MOST_KEPT = 16 << 20  # Bytes of data that --diff keeps, to compare with.


@click.command(cls=Command)
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...")
@click.option("-r", "-R", "--recursive", is_flag=True, help="Watch all znodes below, too.")
@click.option("--data", is_flag=True, help="Read and print the data of created and changed znodes.")
@click.option("--diff", is_flag=True, help="Print what changed in the data, line by line.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many changes.")
@click.option("--until", type=click.Choice(["created", "deleted", "changed"]), help="End with a change of this kind.")
@click.option("--for", "limit", type=DURATION, metavar="TIME", help="End after this time, such as 90s or 10m.")
@click.option("--exec", "program", metavar="COMMAND", help="Run a command for each change; {} is the path.")
@pass_app
def command(
    app: App,
    paths: tuple[str, ...],
    recursive: bool,
    data: bool,
    diff: bool,
    count: Optional[int],
    until: Optional[str],
    limit: Optional[float],
    program: Optional[str],
) -> None:
    """Print changes of znodes and trees when they happen.

    A line for each change: created, deleted, changed, or child when a child came or went. The znode need not exist.
    A line "gap" says that changes may be missing before it, as after a lost connection: the command goes on. With
    --json each line is an object. Data are read after the change, and may be newer than it.

    --until created ends at once if the znode exists, and --until deleted if it does not. With --for, --until and
    --count that were not met give exit code 6. --exec sets ZKC_EVENT, ZKC_PATH and ZKC_ZXID for the command, and waits
    for its end, or until --for is over: then it gets SIGTERM, and SIGKILL two seconds later.

    \b
    Examples:
      zkc watch /app/config --data
      zkc watch -r /app --json
      zkc watch /app/config --exec 'systemctl reload app'
    """
    if app.out.form == "json":
        app.out.form = "jsonl"  # The result has no end: each line is a value.
    watch = _Watch(app, data=data, diff=diff, until=until, count=count, program=program)
    for path in dict.fromkeys(paths):
        watch.add(path, recursive)
    app.out.note(f"watching {', '.join(paths)}{' and all below' if recursive else ''}; Ctrl-C ends it")
    if watch.run(limit) or not (until or count):
        return
    what = f"there was no {until} znode" if until else f"there were {watch.seen} of {count} changes"
    raise CommandError(f"{what} within {limit:g} s", ExitCode.NO_CONNECTION, name="timeout")


class _Watch:
    """The loop of the command."""

    def __init__(
        self, app: App, *, data: bool, diff: bool, until: Optional[str], count: Optional[int], program: Optional[str]
    ) -> None:
        self._app, self._data, self._until, self._count = app, data or diff, until, count
        self._program = [] if program is None else split_program(program, "nothing is watched")
        self._follower = Follower(app)
        self._texts: Optional[_Texts] = _Texts() if diff else None
        self._paths: list[str] = []
        self._met = False
        self._deadline: Optional[float] = None
        self.seen = 0

    def add(self, path: str, recursive: bool) -> None:
        """Begin to watch a path."""
        self._follower.add(path, recursive)
        if self._texts is not None:
            self._remember(path, recursive)
        self._paths.append(path)
        self._look(path)

    def run(self, limit: Optional[float]) -> bool:
        """Print changes until the end; return whether --until or --count was met."""
        self._deadline = None if limit is None else time.monotonic() + limit
        with self._app.out.rows(["type", "path", "zxid"], None) as rows:
            while not self._met:
                left = self._left()
                change = None if left is not None and left <= 0 else self._follower.take(left)
                if change is None:
                    return False
                self._handle(change, rows)
        return True

    def _left(self) -> Optional[float]:
        """Return the seconds that are left; None without a limit."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def _handle(self, change: Change, rows: Rows) -> None:
        record = self._record(change)
        self._print(record, rows)
        if change.type == "gap":
            for path in self._paths:
                self._look(path)
            return
        self.seen += 1
        if self._program:
            self._execute(change)
        self._met = self._met or change.type == self._until or self.seen == self._count

    def _look(self, path: str) -> None:
        """End if what --until waits for is so already, or came about in a gap."""
        if self._until in ("created", "deleted"):
            there = self._app.read(self._app.client.exists, path) is not None
            self._met = self._met or there == (self._until == "created")

    def _record(self, change: Change) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.timezone.utc)
        record: dict[str, Any] = {
            "type": change.type,
            "path": change.path,
            "zxid": None if change.zxid is None else hex_text(change.zxid),
            "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if change.type == "gap":
            record["message"] = "the connection was made again: changes may be missing before this line"
        elif self._data and change.type in ("created", "changed"):
            record.update(self._read(change.path))
        if self._texts is not None and change.type == "deleted":
            record["diff"] = self._texts.difference(change.path, None)
        return record

    def _read(self, path: str) -> dict[str, Any]:
        from zkc.errors import NoAuthError, NoNodeError

        try:
            data, stat = self._app.read(self._app.client.get, path)
        except NoNodeError:
            return {}  # Deleted since; the next change says so.
        except NoAuthError:
            return {"error": "no_auth"}
        found: dict[str, Any] = {"version": stat.version, **data_record(data)}
        if self._texts is not None:
            found["diff"] = self._texts.difference(path, data or b"")
        return found

    def _remember(self, path: str, recursive: bool) -> None:
        """Read what the first difference is made with."""
        assert self._texts is not None
        if recursive:
            from zkc.cli._walk import walk
            from zkc.errors import NoNodeError

            with contextlib.suppress(NoNodeError):
                for node in walk(self._app, path, with_data=True):
                    self._texts.keep(node.path, node.data or b"")
        elif self._app.read(self._app.client.exists, path) is not None:
            self._read(path)

    def _print(self, record: dict[str, Any], rows: Rows) -> None:
        out = self._app.out
        if out.is_json:
            rows.add({name: value for name, value in record.items() if name != "diff" or value})
        elif out.is_human:
            _print_for_people(self._app, record)
        else:
            rows.add(record)
            self._print_more(record)
        rows.flush()

    def _print_more(self, record: dict[str, Any]) -> None:
        if record.get("diff"):
            self._app.out.line(record["diff"].rstrip("\n"))
        elif self._texts is None and ("data" in record or "data_base64" in record):
            self._app.out.line(str(record.get("data", record.get("data_base64")) or ""))

    def _execute(self, change: Change) -> None:
        words = [word.replace("{}", change.path) for word in self._program]
        zxid = "" if change.zxid is None else hex_text(change.zxid)
        environment = {**os.environ, "ZKC_EVENT": change.type, "ZKC_PATH": change.path, "ZKC_ZXID": zxid}
        what = f"{change.type} {change.path}"
        try:
            # What it prints is no JSON: stdout has the result of zkc only.
            code = call(words, self._left(), env=environment, stdout=sys.stderr if self._app.out.is_json else None)
        except subprocess.TimeoutExpired:
            self._app.out.warn(f"the time is over: --exec was ended for {what}")
            return
        except OSError as error:
            raise not_started(words[0], error) from None
        if code:
            self._app.out.warn(f"--exec ended with {code} for {what}")


class _Texts:
    """The data that --diff compares with. Beyond a number of bytes the oldest are forgotten."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self._size = 0

    def keep(self, path: str, data: Optional[bytes]) -> bytes:
        """Keep the data of a path, or forget them; return those before."""
        before = self._kept.pop(path, b"")
        self._size -= len(before)
        if data is not None:
            self._kept[path] = data
            self._size += len(data)
        while self._size > _MOST_KEPT:
            self._size -= len(self._kept.pop(next(iter(self._kept))))
        return before

    def difference(self, path: str, data: Optional[bytes]) -> str:
        """Return the difference to the data before as a unified diff."""
        import difflib

        before = self.keep(path, data)
        old, new = (each.decode("utf-8", "backslashreplace").splitlines(True) for each in (before, data or b""))
        made = difflib.unified_diff(old, new, f"{path} before", path, n=2)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in made)


_STYLES = {"created": "green", "deleted": "red", "changed": "yellow", "child": "cyan", "gap": "bold magenta"}


def _print_for_people(app: App, record: dict[str, Any]) -> None:
    from rich.text import Text

    line = Text.assemble(
        (datetime.datetime.now().astimezone().strftime("%H:%M:%S "), "dim"),
        (f"{record['type']:8}", _STYLES.get(record["type"], "")),
        shown(record["path"], lines=False),
    )
    if record["zxid"]:
        line.append(f"  {record['zxid']}", "dim")
    if record["type"] == "gap":
        line.append(f"  {record['message']}", "dim")
    app.out.draw(line)
    if record.get("diff"):
        for text in record["diff"].splitlines()[2:]:
            style = {"+": "green", "-": "red", "@": "cyan"}.get(text[:1], "")
            app.out.draw(Text(f"  {shown(text)}", style))
    elif "data" in record or "data_base64" in record:
        app.out.draw(Text("  " + shown(str(record.get("data", record.get("data_base64"))))))
