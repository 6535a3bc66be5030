"""``zkc snapshot``: a snapshot of a server, by its AdminServer."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Optional

import click

from zkc.cli._app import App
from zkc.cli._completers import complete_file
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli.servers._options import admin_port_option, asker_of

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from zkc.cli.servers._ask import Server

__all__ = ["command"]

_CHUNK = 1 << 20
_MISSING = (
    "its AdminServer has no snapshot: ZooKeeper 3.9 and later has it. Copy version-2/snapshot.* of its data folder,"
    " or write the tree to a file: zkc dump"
)


@click.command(cls=Command)
@click.argument("server", required=False)
@click.option(
    "-O",
    "--output-file",
    "file",
    metavar="FILE",
    shell_complete=complete_file,
    help="Write the snapshot to FILE; - for stdout.",
)
@click.option("--no-stream", is_flag=True, help="Leave the snapshot in the server's data folder.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--allow-http", is_flag=True, help="Send the password over http, too, where others can read it.")
@admin_port_option
@pass_app
def command(
    app: App, server: Optional[str], file: Optional[str], no_stream: bool, force: bool, allow_http: bool
) -> None:
    """Take a snapshot of a server by its AdminServer.

    The server writes its tree and its sessions to a file, and sends that file. It needs ZooKeeper 3.9, and --auth with
    a user who has all permissions on /. The first server is asked unless SERVER is given. A server answers once in five
    minutes, unless its setting admin.rateLimiterIntervalInMS says otherwise. `zkc snap` reads the file; `zkc admin
    restore --post FILE` restores it. --dry-run asks no server: it checks the file.

    \b
    Examples:
      zkc snapshot -O backup.zk --auth digest:super:FILE
      zkc snapshot --no-stream zk2:2181 --auth digest:super:FILE
    """
    import os

    from zkc.cli._files import check_output, is_stdout, is_stream
    from zkc.cli.servers._ask import AskError
    from zkc.cli.servers._credentials import headers_for

    if file is not None and is_stdout(file):
        file = None
    if not no_stream and file is None and app.out.is_terminal:
        raise CommandError("a snapshot is binary: give a file, -O FILE, or a pipe", ExitCode.USAGE, name="usage")
    if file is not None and not force and os.path.exists(file) and not is_stream(file):
        raise CommandError(f"{file} exists: --force overwrites it", ExitCode.CONFLICT, name="file_exists")
    asker = asker_of(app)
    one = asker.find(server)
    if app.dry_run:
        if file is not None:
            check_output(file)
        message = f"would let {one.name} take a snapshot" + ("" if file is None else f", and write it to {file}")
        app.out.would([{"action": "snapshot", "server": one.name, "file": file, "message": message}])
        return
    try:
        # Without credentials the server's own answer says more: it may have no such command.
        headers, secure_only = headers_for(app, one, allow_http) if app.settings.auth else ({}, False)
        parameters = {"streaming": "false" if no_stream else "true"}
        with asker.request(one, "snapshot", parameters, headers=headers, secure_only=secure_only) as response:
            if response.headers.get_content_type() != "application/octet-stream" and response.status == 200:
                answer = asker.answer(response, "snapshot")
                zxid = response.headers.get("last_zxid")
                if not no_stream or zxid is None:
                    raise AskError("failed", f"the server sent no snapshot: {answer}")
                _report(app, one, zxid, int(response.headers.get("snapshot_size", 0)), None)
                return
            if response.status != 200:
                asker.answer(response, "snapshot")
            size = _receive(response, file)
            _report(app, one, response.headers.get("last_zxid"), size, file)
    except AskError as error:
        if error.reason == "unknown_command":
            raise CommandError(f"{one.name}: {_MISSING}", ExitCode.OTHER, name="unknown_command",
                               details={"server": one.name}) from None  # fmt: skip
        raise error.as_command_error(one) from None


def _receive(response: HTTPResponse, file: Optional[str]) -> int:
    """Write the body to the file or to stdout. A file that is not complete is removed."""
    import sys

    from zkc.cli._files import naming, open_output

    if file is None:
        sys.stdout.flush()
        return _copy(response, sys.stdout.buffer)
    # Only its owner can read it: it holds all data, whatever their ACLs are.
    with open_output(file, private=True) as target, naming(file, "written"):
        return _copy(response, target)


def _copy(response: HTTPResponse, target: BinaryIO) -> int:
    import http.client

    from zkc.cli.servers._ask import AskError

    expected = int(response.headers.get("snapshot_size") or 0)
    size = 0
    while True:
        try:
            part = response.read1(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise AskError("closed", f"the snapshot is cut after {size} bytes: {error}") from None
        if not part:
            break
        target.write(part)
        size += len(part)
    if response.length or (expected and size != expected):
        raise AskError("closed", f"the snapshot is cut: {size} of {expected} bytes")
    target.flush()
    return size


def _report(app: App, server: Server, zxid: Optional[str], size: int, file: Optional[str]) -> None:
    """Say what was taken: as the result, unless the result is the snapshot itself."""
    from zkc.cli._text import size_text

    if file is None and zxid is not None and not app.out.is_json:
        app.out.note(f"snapshot of {server.name}: zxid {zxid}, {size_text(size)}")
    elif file is not None and not app.out.is_json:
        app.out.note(f"{file}: snapshot of {server.name}, zxid {zxid}, {size_text(size)}")
    elif file is not None:
        app.out.json({"server": server.name, "file": file, "last_zxid": zxid, "bytes": size})
