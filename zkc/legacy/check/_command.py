"""``python -m zkc.legacy check``: its arguments, and how it ends."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from zkc.legacy.check._files import NotRegularError, expand, read
from zkc.legacy.check._findings import Finding, find_all
from zkc.legacy.check._output import as_json, as_lines, as_table, shown

__all__ = ["main"]

_NAME = "python -m zkc.legacy check"
_EPILOG = """\
exit status:
  0  nothing has to be changed
  1  something has to be changed before it runs on Python 3 over zkc: syntax of Python 2, a name that the
     drop-ins do not have, a call of kazoo
  2  wrong arguments, a file or a folder that cannot be read, or output that cannot be written

The checker lists what a single line of Python 2 shows. Use 2to3 or a similar tool for the rest.
"""


def main(argv: list[str]) -> int:
    """Run the checker.

    Args:
        argv: The arguments behind ``check``: paths and options.

    Returns:
        The exit status: 0 if nothing has to be changed, 1 if something has, 2 for errors.
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as ending:  # argparse has said why
        return int(ending.code or 0)
    report: list[tuple[str, list[Finding]]] = []
    errors: list[tuple[str, str]] = []
    notes: list[tuple[str, str]] = []
    for path in options.paths:
        for file in expand(path, lambda error: errors.append((error.filename, _reason(error)))):
            try:
                report.append((file, find_all(read(file), file)))
            except NotRegularError as error:
                # Found in a folder it is only noted: a file that was asked for by name is an error.
                (errors if file == path else notes).append((file, _reason(error)))
            except OSError as error:
                errors.append((file, _reason(error)))
    for file, reason in notes + errors:
        _complain(f"{shown(file)}: {reason}")
    if sys.stdout is None:
        _complain("the standard output is closed")
        return 2
    try:
        _print(options, report, errors)
        sys.stdout.flush()
    except BrokenPipeError:  # The reader of the pipe has closed it.
        _drop_output()
    except OSError as error:
        _complain(f"the standard output: {_reason(error)}")
        _drop_output()
        return 2
    if errors:
        return 2
    return int(any(finding.must_change for _, findings in report for finding in findings))


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _complain(text: str) -> None:
    if sys.stderr is not None:
        print(f"{_NAME}: {text}", file=sys.stderr)


def _drop_output() -> None:
    """Discard the rest of the buffer: else Python reports the error again at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="List what old source, of Python 2 or 3, uses of zookeeper, zc.zk and kazoo: whether the drop-ins "
        "have it, and what to write instead.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder (its *.py), or - for standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _print(options: argparse.Namespace, report: list[tuple[str, list[Finding]]], errors: list[tuple[str, str]]) -> None:
    if options.json:
        lines = [as_json(report, errors)]
    elif sys.stdout.isatty():
        lines = as_table(report, shutil.get_terminal_size().columns)
    else:
        lines = as_lines(report)
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        # A name may be in letters that the terminal does not have.
        print(line.encode(encoding, "backslashreplace").decode(encoding))
