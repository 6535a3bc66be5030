"""The completion of paths from a live server, in the shell and in bash, zsh and fish.

A person waits for it: it takes no longer than a third of a second, and prints nothing when no server answers.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli._settings import Settings

__all__ = ["cache_folder", "complete_path", "complete_target", "hangs", "paths_below"]

_TIMEOUT = 0.3  # Seconds for a connection and the answer.
_MOST = 200  # Paths to offer.
_FRESH = 5.0  # Seconds for which an answer is taken from the file of the last ones.


_SECRETS = ("auth", "password_file", "key_password_file")
_running: list[threading.Thread] = []


def complete_path(ctx: click.Context, incomplete: str) -> list[Any]:
    """Return the paths that begin with what was typed; an empty list when no server answers in time."""
    from click.shell_completion import CompletionItem

    from zkc.cli._app import App

    app = ctx.find_object(App) or App()
    typed, _, begin = incomplete.rpartition("/")
    folder = f"{typed}/" if "/" in incomplete else ""
    if not folder and not app.in_shell:
        folder = "/"
    try:
        from zkc.cli._paths import resolve_path

        found = paths_below(app, resolve_path(folder or ".", app.folder))
    except Exception:  # noqa: BLE001 - whatever is wrong, a completion that fails offers nothing
        return []
    names = [name for name in found if name.startswith(begin)]
    return [CompletionItem(f"{folder}{name}") for name in names[:_MOST]]


def complete_target(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Return the paths of a profile's ensemble for ``PROFILE:/path``, or else paths, profiles and local files."""
    from click.shell_completion import CompletionItem

    from zkc.cli._app import App
    from zkc.cli._profiles import profile_names

    del parameter
    profile, colon, path = incomplete.partition(":")
    if colon and path.startswith("/"):
        app = ctx.find_object(App) or App()
        other = app.child()
        other.folder = "/"
        other.give("profile", profile)
        typed, _, begin = path.rpartition("/")
        try:
            found = paths_below(other, typed or "/")
        except Exception:  # noqa: BLE001 - as for a path
            return []
        names = [name for name in found if name.startswith(begin)]
        return [CompletionItem(f"{profile}:{typed}/{name}") for name in names[:_MOST]]
    if incomplete.startswith("/"):
        return complete_path(ctx, incomplete)
    with contextlib.suppress(Exception):
        names = [f"{name}:/" for name in profile_names() if name.startswith(incomplete)]
        if names and incomplete:
            return [CompletionItem(name) for name in names]
    return [CompletionItem(incomplete, "file")]


def paths_below(app: App, path: str) -> list[str]:
    """Return the names of the children of a znode, each with a slash if it has children itself."""
    if app.in_shell and app.borrows:
        return _ask(app.client, path, _allowed())
    if any(str(app.option(name) or "").endswith(("-", ":-")) for name in _SECRETS):
        return []  # A completion asks for no password.
    settings = app.settings
    kept = _kept(settings, path)
    if kept is not None:
        return kept
    app.give("timeout", _TIMEOUT)
    app.give("quiet", True)
    found = _in_time(functools.partial(_look_up, app, settings, path))
    if found is None:
        return []
    _keep(settings, path, found)
    return found


def hangs() -> bool:
    """Return whether a look-up has been given up, and still runs."""
    return any(each.is_alive() for each in _running)


def _in_time(look_up: Callable[[Callable[[list[str]], None]], None]) -> Optional[list[str]]:
    """Return what a look-up finds in time, in a thread of its own; None if it fails or takes longer.

    Names of hosts, connections and the end of a session may each take seconds, whatever their timeouts are.
    """
    import queue

    import zkc  # noqa: F401 - the import is no part of the time

    answers: queue.Queue[Optional[list[str]]] = queue.Queue()

    def work() -> None:
        with contextlib.suppress(Exception):
            look_up(answers.put)
        answers.put(None)

    end = time.monotonic() + _allowed()
    thread = threading.Thread(target=work, daemon=True)
    _running.append(thread)
    thread.start()
    try:
        found = answers.get(timeout=_allowed())
    except queue.Empty:
        return None
    thread.join(max(0.0, end - time.monotonic()))  # The session ends, if the server says so in time.
    return found


def _allowed() -> float:
    """Return the seconds for a look-up: those of the variable ZKC_COMPLETION_TIMEOUT, or 0.3."""
    try:
        return min(max(float(os.environ.get("ZKC_COMPLETION_TIMEOUT", "")), 0.0), 60.0)
    except ValueError:
        return _TIMEOUT


def _look_up(app: App, settings: Settings, path: str, give: Callable[[list[str]], None]) -> None:
    if _listens(settings):
        with _client(app) as client:
            give(_ask(client, path, _allowed()))


def _client(app: App) -> Any:
    import logging

    from zkc import Client

    logging.getLogger("zkc").addHandler(logging.NullHandler())
    settings = app.settings_of(None)
    return Client(
        settings.servers,
        connect_timeout=_allowed(),
        request_timeout=_allowed(),
        read_only=True,
        auth=settings.auth,
        tls=settings.tls,
        sasl=settings.sasl,
    )


def _ask(client: Any, path: str, timeout: float) -> list[str]:
    names = sorted(client.children(path, timeout=timeout))
    if not names:
        return []
    first = names[:_MOST]
    parent = path.rstrip("/")
    stats = client.exists_many([f"{parent}/{name}" for name in first], raise_errors=False, timeout=timeout)
    inner = {name for name, stat in zip(first, stats) if getattr(stat, "num_children", 0)}
    return [f"{name}/" if name in inner else name for name in names]


def _listens(settings: Settings) -> bool:
    """Return whether a server accepts connections: a client would try again and again until its timeout."""
    for address in settings.addresses[:3]:
        host, _, port = address.rpartition(":") if ":" in address else (address, "", "2181")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=0.1):
                return True
        except (OSError, ValueError):
            continue
    return False


# ---- answers of the last seconds ------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Return the folder of what may be deleted at any time: that of XDG_CACHE_HOME, else ``~/.cache/zkc``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "zkc" if base else Path.home() / ".cache" / "zkc"


def _file(settings: Settings, path: str) -> Path:
    key = json.dumps([settings.servers, settings.profile, [user.partition(":")[0] for _, user in settings.auth], path])
    return cache_folder() / "completion" / hashlib.sha256(key.encode()).hexdigest()[:32]


def _kept(settings: Settings, path: str) -> Optional[list[str]]:
    file = _file(settings, path)
    try:
        if time.time() - file.stat().st_mtime > _FRESH:
            return None
        names = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return names if isinstance(names, list) else None


def _keep(settings: Settings, path: str, names: list[str]) -> None:
    file = _file(settings, path)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in file.parent.iterdir():
        if time.time() - old.stat().st_mtime > _FRESH:
            old.unlink(missing_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(names), encoding="utf-8")
    temporary.replace(file)
