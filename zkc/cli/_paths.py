"""Paths on the command line: relative ones in the shell, ``PROFILE:/path``, and patterns."""

from __future__ import annotations

import fnmatch
import functools
import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import click

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._text import decoded

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = [
    "PATH",
    "PREFIX",
    "PathType",
    "Target",
    "expand",
    "glob_matcher",
    "is_pattern",
    "parse_target",
    "resolve_path",
]

_PATTERN = re.compile(r"[*?\[]")


def resolve_path(text: str, folder: str = "/", *, in_shell: bool = True) -> str:
    """Return an absolute path without ``.``, ``..``, doubled slashes, and a slash at its end.

    Args:
        text: The path, absolute or relative to ``folder``.
        folder: The folder of the shell; ``/`` outside of it.
        in_shell: Whether ``.``, ``..`` and doubled slashes are resolved. Elsewhere they are errors, as for the servers:
            a script with an empty variable in ``/app/$NAME/x`` must not change another znode.

    Raises:
        CommandError: It is no path.
    """
    if "\0" in text:
        raise CommandError("a path must not contain a NUL character", ExitCode.USAGE, name="usage")
    joined = posixpath.normpath(posixpath.join("/", folder, decoded(text)))
    resolved = "/" + joined.lstrip("/")
    if not in_shell:
        _refuse_parts(text, resolved)
    if not (resolved.isascii() and resolved.isprintable()):  # Else the extension need not be loaded.
        _refuse_characters(resolved)
    return resolved


def _refuse_characters(path: str) -> None:
    """Raise if a path has a character that the servers refuse."""
    from zkc._args import check_path

    try:
        check_path(path)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE, name="usage", path=path) from None


def _refuse_parts(text: str, resolved: str) -> None:
    """Raise if a path has a part that no znode can be named by."""
    parts = text.strip("/").split("/") if text.strip("/") else []
    wrong = next((repr(part) for part in parts if part in (".", "..")), "'//'" if "//" in text else None)
    if wrong is not None:
        raise CommandError(
            f"the path {text!r} has {wrong}, which is resolved in zkc shell only: did you mean {resolved!r}?",
            ExitCode.USAGE,
            name="usage",
            path=text,
        )


class PathType(click.ParamType):
    """A path of a znode, as an argument. The shell completes it, and resolves it from its folder.

    Args:
        keep_slash: Whether a slash at the end stays, for the counter of a sequential znode: ``/queue/0000000007``.
    """

    name = "path"

    def __init__(self, keep_slash: bool = False) -> None:
        self._keep_slash = keep_slash

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        from zkc.cli._app import App

        app = ctx.find_object(App) if ctx is not None else None
        folder = "/" if app is None else app.folder
        if not isinstance(value, str) or not value:
            self.fail("a path must not be empty", param, ctx)
        if not value.startswith("/") and (app is None or not app.in_shell):
            self.fail(f"the path {value!r} must begin with /", param, ctx)
        path = resolve_path(value, folder, in_shell=app is not None and app.in_shell)
        return f"{path}/" if self._keep_slash and value.endswith("/") and path != "/" else path

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from zkc.cli.programs._live_paths import complete_path

        return complete_path(ctx, incomplete)


PATH = PathType()
PREFIX = PathType(keep_slash=True)


class Target(NamedTuple):
    """A path on an ensemble: the profile's, or the command's own if it is None."""

    profile: Optional[str]
    path: str


def parse_target(text: str, folder: str = "/", *, in_shell: bool = False) -> Target:
    """Return ``PROFILE:/path`` or ``/path`` as a target."""
    profile, colon, rest = text.partition(":")
    if colon and rest.startswith("/") and profile and "/" not in profile:
        return Target(profile, resolve_path(rest, in_shell=in_shell))
    return Target(None, resolve_path(text, folder, in_shell=in_shell))


def is_pattern(path: str) -> bool:
    """Return whether a path has a pattern: ``*``, ``?`` or ``[``."""
    return _PATTERN.search(path) is not None


def glob_matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that says whether a name fits a pattern such as ``job-*``, with the case as it is."""
    return functools.partial(_matches, re.compile(fnmatch.translate(pattern)))


def _matches(expression: re.Pattern[str], name: str) -> bool:
    return expression.match(name) is not None


def expand(app: App, pattern: str) -> list[str]:
    """Return the paths of the znodes that fit a pattern, sorted. A ``*`` stays within one level,
    and ``/zookeeper``, which is for the servers, is left out unless nothing else fits.

    A znode whose name has the characters of a pattern wins over the pattern: ``/a[1]`` is that znode if it exists.

    Raises:
        CommandError: No znode fits.
    """
    if not is_pattern(pattern):
        return [pattern]
    client, chroot = app.client, app.settings.chroot.rstrip("/")
    if app.read(client.exists, pattern) is not None:
        return [pattern]
    found = [""]
    for part in pattern.strip("/").split("/"):
        if not is_pattern(part):
            found = [f"{parent}/{part}" for parent in found]
            continue
        lists = app.read(client.children_many, [parent or "/" for parent in found], raise_errors=False)
        matches = glob_matcher(part)
        found = [
            f"{parent}/{name}"
            for parent, names in zip(found, lists)
            if isinstance(names, list)
            for name in sorted(names)
            if matches(name)
        ]
    stats = app.read(client.exists_many, found, raise_errors=False) if found else []
    found = [path for path, stat in zip(found, stats) if stat is not None and not isinstance(stat, Exception)]
    if not found:
        raise CommandError(f"no znode fits {pattern}", ExitCode.NO_NODE, name="no_node", path=pattern)
    others = [path for path in found if not f"{chroot}{path}/".startswith("/zookeeper/")]
    return found if pattern.startswith("/zookeeper/") else others or found
