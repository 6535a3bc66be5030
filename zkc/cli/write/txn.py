"""``zkc txn``: operations that the servers carry out all together, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app

if TYPE_CHECKING:
    from zkc import Transaction, ZooKeeperError
    from zkc.cli.write._operations import Operation

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("file", metavar="FILE|-")
@pass_app
def command(app: App, file: str) -> None:
    """Run operations as one transaction: all or none.

    FILE has an operation on each line, quoted as in a shell; # begins a comment:

    \b
      check  PATH [--version N]
      create PATH [TEXT] [-e] [-s] [-c] [--ttl TIME] [--acl SPEC] [-d TEXT|-f FILE|--null]
      set    PATH TEXT [--version N] [-f FILE|--null]
      delete PATH [--version N]

    When one fails, nothing is changed, and the error names its line. In a pipe each operation is a line of the
    result: its name, the path, and the new version of a set. --dry-run reads the znodes, and finds the line that would
    fail, unless it would for a permission.

    \b
    Examples:
      printf 'check /app --version 3\\nset /app/a "new text"\\ndelete /app/b\\n' | zkc txn -
      zkc txn changes.txt --dry-run
    """
    from zkc.cli.write._data import read_file
    from zkc.cli.write._operations import read_operations

    text = read_file(app, file).decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    operations = read_operations(app, text, file)
    if not operations:
        what = "stdin" if file == "-" else file
        raise CommandError(f"{what} has no operation: nothing was changed", ExitCode.USAGE, name="usage")
    app.check_writable()
    if app.dry_run:
        _foretell(app, operations, file)
        return
    results = _commit(app, operations, file)
    with app.out.rows(["operation", "path", "version"]) as rows:
        for operation, result in zip(operations, results):
            rows.add(_record(operation, result))
    if any(each.options.get("ephemeral") for each in operations) and not app.in_shell:
        app.out.warn("the ephemeral znodes end with this command")


def _record(operation: Operation, result: Any) -> dict[str, Any]:
    record: dict[str, Any] = {"line": operation.line, "operation": operation.name, "path": operation.path}
    if operation.name == "create":
        record["path"] = result
    elif operation.name == "set":
        record["version"] = result.version
    return record


def _foretell(app: App, operations: list[Operation], file: str) -> None:
    """List the operations, if all of them would succeed."""
    from zkc.cli.write._forecast import Forecast

    app.call(lambda: _transaction(app, operations))  # It refuses what is too large.
    forecast = Forecast(app, operations)
    for operation in operations:
        error = forecast.apply(operation)
        if error is not None:
            raise _failed(error, operation, file, "would be")
    with app.out.rows(["action", "path"]) as rows:
        for operation in operations:
            rows.add({"action": operation.name, "path": operation.path, "line": operation.line})


def _transaction(app: App, operations: list[Operation]) -> Transaction:
    transaction = app.client.transaction()
    for operation in operations:
        getattr(transaction, operation.name)(operation.path, **operation.options)
    return transaction


def _commit(app: App, operations: list[Operation], file: str) -> list[Any]:
    from zkc import ZooKeeperError

    try:
        results: list[Any] = app.call(lambda: _transaction(app, operations).commit())
        return results
    except ZooKeeperError as error:
        if error.index is None:
            raise
        raise _failed(error, operations[error.index], file) from None


def _failed(error: ZooKeeperError, operation: Operation, file: str, was: str = "was") -> CommandError:
    """Return the error of the operation that failed, with its line."""
    from zkc.cli._errors import exit_code_of, name_of

    where = "line" if file == "-" else f"{file}, line"
    return CommandError(
        f"nothing {was} changed: {where} {operation.line}, {operation.name} {operation.path}: {error.what}",
        ExitCode(exit_code_of(error)),
        name=name_of(error),
        path=operation.path,
        details={"code": error.code, "line": operation.line, "operation": operation.name, "maybe_applied": False},
    )
