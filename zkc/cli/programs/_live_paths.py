"""The completion of paths from a live server, in the shell and in bash, zsh and fish.

A person waits for it: it takes no longer than a third of a second, and prints nothing when no server answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli._settings import Settings

__all__ = ["cache_folder", "complete_path", "paths_below"]

_TIMEOUT = 0.3  # Seconds for a connection and the answer.
_MOST = 200  # Paths to offer.
_FRESH = 5.0  # Seconds for which an answer is taken from the file of the last ones.


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


def paths_below(app: App, path: str) -> list[str]:
    """Return the names of the children of a znode, each with a slash if it has children itself."""
    if app.in_shell:
        return _ask(app.client, path)
    settings = app.settings
    kept = _kept(settings, path)
    if kept is not None:
        return kept
    if not _listens(settings):
        return []
    app.give("timeout", _TIMEOUT)
    app.give("quiet", True)
    with _client(app) as client:
        found = _ask(client, path)
    _keep(settings, path, found)
    return found


def _client(app: App) -> Any:
    import logging

    from zkc import Client

    logging.getLogger("zkc").addHandler(logging.NullHandler())
    settings = app.settings_of(None)
    return Client(
        settings.servers,
        connect_timeout=_TIMEOUT,
        request_timeout=_TIMEOUT,
        read_only=True,
        auth=settings.auth,
        tls=settings.tls,
        sasl=settings.sasl,
    )


def _ask(client: Any, path: str) -> list[str]:
    names = sorted(client.children(path, timeout=_TIMEOUT))
    if not names:
        return []
    first = names[:_MOST]
    parent = path.rstrip("/")
    stats = client.exists_many([f"{parent}/{name}" for name in first], raise_errors=False, timeout=_TIMEOUT)
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
