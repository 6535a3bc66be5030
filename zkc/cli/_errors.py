"""One table from errors to exit codes, and an error as one line or as JSON."""

from __future__ import annotations

import ast
import json
import re
from typing import Any, Optional

import click

from zkc import errors
from zkc.cli._ending import ended_by
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._text import shown
from zkc.errors._base import where

__all__ = ["describe", "exit_code_of", "for_people"]

# The first class that fits decides: subclasses come before their bases.
_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (errors.NoNodeError, ExitCode.NO_NODE),
    (errors.NodeExistsError, ExitCode.CONFLICT),
    (errors.NotEmptyError, ExitCode.CONFLICT),
    (errors.BadVersionError, ExitCode.CONFLICT),
    (errors.NoAuthError, ExitCode.NOT_ALLOWED),
    (errors.AuthFailedError, ExitCode.NOT_ALLOWED),
    (errors.InvalidACLError, ExitCode.NOT_ALLOWED),
    (errors.SessionClosedRequireSaslAuthError, ExitCode.NOT_ALLOWED),
    (errors.QuotaExceededError, ExitCode.NOT_ALLOWED),
    (errors.NotReadOnlyError, ExitCode.REFUSED),
    (errors.TLSError, ExitCode.NOT_ALLOWED),
    (errors.ConnectTimeoutError, ExitCode.NO_CONNECTION),
    (errors.ConnectionLossError, ExitCode.NO_CONNECTION),
    (errors.OperationTimeoutError, ExitCode.NO_CONNECTION),
    (errors.RequestTimeoutError, ExitCode.NO_CONNECTION),
    (errors.SessionExpiredError, ExitCode.SESSION_EXPIRED),
    (errors.SessionMovedError, ExitCode.SESSION_EXPIRED),
    (errors.SessionLostError, ExitCode.SESSION_EXPIRED),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (click.Abort, ExitCode.INTERRUPTED),
)


# What to do, in terms of commands; the library's own advice is for programs. {path} is the path of the error.
_ADVICE: tuple[tuple[type[BaseException], str], ...] = (
    (errors.NoNodeError, "check the path, and the chroot of the servers"),
    (errors.NodeExistsError, "zkc set changes it"),
    (errors.NotEmptyError, "zkc rm -r deletes it with all below it"),
    (errors.BadVersionError, "zkc stat {path} shows the present one"),
    (errors.NoAuthError, "--auth gives credentials; zkc acl get {path} shows who may, unless the servers hide that"),
    (errors.NoChildrenForEphemeralsError, "an ephemeral znode has no children: choose another parent"),
    (errors.QuotaExceededError, "zkc quota get shows the quota"),
    (errors.UnimplementedError, "zkc status shows the servers' versions"),
    (errors.NotReadOnlyError, "start more servers of the ensemble"),
    (errors.OperationTimeoutError, "give a longer --timeout"),
    (errors.ConnectionLossError, "look what is there before a change is made again"),
    (errors.RequestTimeoutError, "look what is there before a change is made again"),
    (errors.SessionExpiredError, "its ephemeral znodes are gone: run the command again"),
    (errors.InvalidACLError, "an entry is such as world:anyone:r, and auth::r needs credentials, which --auth gives"),
    (errors.AuthFailedError, ("check the scheme, user and password of --auth or --sasl. Servers since 3.9 refuse SASL"
     " with DIGEST-MD5 unless they run with -Dzookeeper.fips-mode=false")),
    (errors.SessionClosedRequireSaslAuthError, "--sasl gives credentials"),
)  # fmt: skip

# The names that the library has in a message: of the method before the path, and of an argument of the client.
_PLACE = re.compile(r"""[a-z_]+ ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"): """)
_WORDS = (
    (re.compile(r"^hosts(?= must |: )"), "the servers"),
    (re.compile(r", which is more than max_data, ([\d,]+) bytes, so it was not sent"),
     r", more than the \1 that zkc sends, and was not sent"),
    (re.compile(r"Store less, or set jute\.maxbuffer on the servers and max_data of the client"), "Store less"),
)  # fmt: skip


def for_people(error: BaseException) -> str:
    """Return the message of an error of the library, with advice about commands, and without names of Python."""
    message = str(error)
    if not isinstance(error, errors.ZooKeeperError):
        return _without_names(message) if isinstance(error, ValueError) else message
    kind = type(error)
    advice = next((text for each, text in _ADVICE if isinstance(error, each)), None)
    if advice is None or message != kind.describe(error.operation, error.path, code=error.code):
        place = f"{where(error.operation, error.path)}: "
        before = f"{error.path}: " if error.path else ""
        return before + message[len(place) :] if message.startswith(place) else _without_names(message)
    if error.operation is not None and error.operation.startswith("create") and isinstance(error, errors.NoNodeError):
        what, advice = "the parent does not exist", "-P creates the parents"
    elif error.operation == "get_acl" and isinstance(error, errors.NoAuthError):
        what = "the servers hide the ACL from this session"
        advice = "give credentials with --auth, or ask the owner or a superuser"
    else:
        what = kind.what.partition(":")[0]
    done = ". It may have been done" if error.maybe_applied else ""
    name = f" [{kind.c_name}]" if kind.c_name else ""
    place = f"{error.path}: " if error.path else ""
    return f"{place}{what}{done}; {advice.format(path=error.path)}{name}"


def _without_names(message: str) -> str:
    place = _PLACE.match(message)
    if place is not None:
        message = f"{ast.literal_eval(place[1])}: {message[place.end() :]}"
    for pattern, words in _WORDS:
        message = pattern.sub(words, message)
    return message


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of a process that an error ends."""
    if isinstance(error, click.ClickException):
        found = error.exit_code
    else:
        found = int(next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.OTHER))
    number = ended_by()
    return 128 + number if number is not None and found == ExitCode.INTERRUPTED else found


def name_of(error: BaseException) -> str:
    """Return the name of an error in JSON: that of its exit code, or the class in snake case for a ZooKeeper error."""
    if isinstance(error, CommandError) and error.name != "interrupted":
        return error.name
    if isinstance(error, errors.ZooKeeperError):
        name = type(error).__name__
        name = name[: -len("Error")] if name.endswith("Error") else name
        return "".join(
            f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower()
            for i, c in enumerate(name)
        )
    return ExitCode(exit_code_of(error)).name.lower()


def describe(error: BaseException, as_json: bool, statement: Optional[int] = None) -> str:
    """Return an error as one line of text, or as one line of JSON.

    Args:
        error: The error.
        as_json: Whether it is JSON.
        statement: The number of the command in a script of the shell, for JSON.
    """
    message = error.format_message() if isinstance(error, click.ClickException) else for_people(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        number = ended_by()
        message = "interrupted" if number is None else f"ended by {number.name}"
    message = message or type(error).__name__
    if not as_json:
        return f"zkc: error: {shown(message)}"
    facts: dict[str, Any] = {"error": name_of(error), "message": message, "exit_code": exit_code_of(error)}
    if isinstance(error, errors.ZooKeeperError):
        facts.update(code=error.code, path=error.path, operation=error.operation, maybe_applied=error.maybe_applied)
    if isinstance(error, CommandError):
        facts.update(path=error.path, **error.details)
    if statement is not None:
        facts["statement"] = statement
    return json.dumps(facts)
