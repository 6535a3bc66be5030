"""``python -m zkc.legacy script.py args…``: run an unmodified program with the drop-ins installed.

The program must not notice: its ``__main__``, sys.argv and sys.path[0] are those of ``python script.py``. Its
exceptions end the process as they would there, and their tracebacks begin with the program's own lines.
"""

from __future__ import annotations

import builtins
import io
import os
import pkgutil
import re
import runpy
import shlex
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType
from typing import NoReturn, Optional

from zkc.legacy import install, use_bytes

__all__ = ["main"]

_COMMAND = "python -m zkc.legacy"
_USAGE = f"""\
usage: {_COMMAND} [--force] [--bytes] SCRIPT [argument ...]
       {_COMMAND} [--force] [--bytes] -m MODULE [argument ...]
       {_COMMAND} [--force] [--bytes] -c CODE [argument ...]
       {_COMMAND} check PATH [...]
"""
_HELP = f"""\
{_USAGE}
Run a program that imports zookeeper or zc.zk, as it is, with the drop-ins of zkc in their place.
SCRIPT, MODULE and CODE are what they are for python itself.

  --force   take the place of a real zookeeper or zc.zk that is installed
  --bytes   have every read of data give bytes instead of str
  check     look through source files for what has to be changed; a script of this name is ./check
  --help    show this

A process that the program starts with another Python command does not have the drop-ins. Neither does a process of
multiprocessing with the method spawn or forkserver. Install the distribution zkc-legacy for such programs.
"""


def main(arguments: list[str]) -> None:
    """Run the command.

    Args:
        arguments: The arguments of the process, without its name.

    Raises:
        SystemExit: Of the program, or for a command that cannot be carried out (status 2).
    """
    force = as_bytes = False
    while arguments and arguments[0] in ("--force", "--bytes"):
        force |= arguments[0] == "--force"
        as_bytes |= arguments[0] == "--bytes"
        arguments = arguments[1:]
    if not arguments:
        _fail(f"a program is missing\n{_USAGE}")
    first, rest = arguments[0], arguments[1:]
    if first in ("-h", "--help"):
        print(_HELP, end="")
        return
    if first == "check":
        _check(rest)
    if first in ("-m", "-c"):
        if not rest:
            _fail(f"{first} needs an argument\n{_USAGE}")
        program = (_module if first == "-m" else _code)(rest[0])
        sys.argv = [first, *rest[1:]]
    elif first.startswith("-"):
        _fail(f"there is no option {first}\n{_USAGE}")
    else:
        program = _script(first)
        sys.argv = arguments
    _install(force, as_bytes)
    _run(program)


def _fail(message: str) -> NoReturn:
    print(f"{_COMMAND}: error: {message.rstrip()}", file=sys.stderr)
    raise SystemExit(2)


def _check(arguments: list[str]) -> NoReturn:
    from zkc.legacy.check import main as check

    raise SystemExit(check(arguments))


def _install(force: bool, as_bytes: bool) -> None:
    try:
        install(force=force)
    except ImportError as error:
        _fail(str(error))
    if as_bytes:
        use_bytes()


# --- the kinds of programs --------------------------------------------------------------------------------------------


def _script(name: str) -> Callable[[], None]:
    """Prepare for what `python NAME` runs: a file of source, or a folder or zip file with a ``__main__`` in it."""
    path = os.path.join(os.getcwd(), name)
    if pkgutil.get_importer(path) is not None:
        sys.path[0 : 0 if _is_path_safe() else 1] = [path]
        return lambda: _run_module("__main__", False)
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        _fail(f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}")
    _set_first_path(os.path.dirname(os.path.realpath(path)))

    def run() -> None:
        module = _new_main()
        module.__dict__.update(__file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path))
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))

    return run


def _module(name: str) -> Callable[[], None]:
    _set_first_path(os.getcwd())
    return lambda: _run_module(name, True)


def _code(text: str) -> Callable[[], None]:
    _set_first_path("")
    return lambda: exec(compile(text, "<string>", "exec", dont_inherit=True), vars(_new_main()))


def _run_module(name: str, change_argv: bool) -> None:
    _new_main()
    # The function that `python -m` calls. The public functions of runpy remove __main__ when the program has ended.
    runpy._run_module_as_main(name, change_argv)  # type: ignore[attr-defined]


def _new_main() -> ModuleType:
    """Put an empty ``__main__`` into sys.modules, to stay: threads and exit handlers of the program may look for it."""
    module = sys.modules["__main__"] = ModuleType("__main__")
    vars(module).update(__builtins__=builtins, __annotations__={})
    return module


def _is_path_safe() -> bool:
    """Return whether Python was started (-P, -I) to put nothing in front of sys.path."""
    return bool(sys.flags.isolated or getattr(sys.flags, "safe_path", False))


def _set_first_path(folder: str) -> None:
    if not _is_path_safe():
        sys.path[0] = folder


# --- how a program ends -----------------------------------------------------------------------------------------------


def _run(program: Callable[[], None]) -> None:
    try:
        program()
    except SystemExit:
        raise
    except BaseException:
        # The interpreter does the rest: it calls the hook, and ends with a status, or after Ctrl-C by a signal.
        _hide_own_frames(sys.excepthook)
        raise


def _hide_own_frames(hook: Callable[[type[BaseException], BaseException, Optional[TracebackType]], object]) -> None:
    """Give the program's exception hook the last exception without our frames, and print advice."""

    def once(kind: type[BaseException], error: BaseException, traceback: Optional[TracebackType]) -> None:
        sys.excepthook = hook
        own = _without_own_frames(traceback)
        hook(kind, error.with_traceback(own), own)
        if isinstance(error, SyntaxError):
            sys.stderr.write(_note(error))

    sys.excepthook = once


def _without_own_frames(traceback: Optional[TracebackType]) -> Optional[TracebackType]:
    """Return the part of a traceback that is the program's."""
    own, step = traceback, traceback
    while step is not None:
        if step.tb_frame.f_code.co_filename == __file__:
            own = step.tb_next
        step = step.tb_next
    while own is not None and own.tb_frame.f_globals.get("__name__") == "runpy":
        own = own.tb_next
    return own


# Syntax that Python 2 took and Python 3 does not, each on one line; for `print` and `exec` the message has the words.
_PYTHON_2_MESSAGE = re.compile("Missing parentheses|inconsistent use of tabs|leading zeros|multiple exception types")
_PYTHON_2_LINE = re.compile(
    r"""\bexcept\b[^:]+,\s*\w+\s*: | ^\s*raise\s+[\w.]+\s*, | <> | ` | \b\d+[lL]\b | \b[uU][rR]['"] | ^\s*exec\s+\w""",
    re.VERBOSE,
)


def _note(error: SyntaxError) -> str:
    """Return advice for a syntax error that Python 2 source causes on Python 3; empty for any other."""
    line = error.text or ""
    if re.search(r"(\.|\bimport\b.*)\s*\basync\b", line):
        why = "async is a keyword of Python 3: write zookeeper.async_(...) or getattr(zookeeper, 'async')(...)."
    elif _PYTHON_2_MESSAGE.search(error.msg) or _PYTHON_2_LINE.search(line):
        why = "this is Python 2 source, which has to be changed before Python 3 can run it."
    else:
        return ""
    path = error.filename if error.filename and os.path.exists(error.filename) else "PATH"
    return f"\nNote: {why} This command lists what has to be changed:\n    {_COMMAND} check {shlex.quote(path)}\n"
