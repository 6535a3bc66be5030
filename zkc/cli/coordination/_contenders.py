"""The contenders of a lock, an election or a semaphore as they are in the servers, and how to take a hold away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._records import hex_text
from zkc.cli._text import duration_text, time_text

if TYPE_CHECKING:
    from zkc import Stat
    from zkc.cli._app import App
    from zkc.recipes._layout import Seat

__all__ = ["Entry", "break_holders", "list_contenders", "record_of"]

_SHARED = ("read", "lease")


@dataclass(frozen=True)
class Entry:
    """A contender."""

    path: str
    kind: str
    holds: bool
    data: Optional[bytes]
    stat: Stat

    @property
    def label(self) -> str:
        """The data of the contender as text: what it says of itself."""
        return (self.data or b"").decode("utf-8", "replace")


def record_of(entry: Entry, clients: Mapping[Optional[str], tuple[str, Any]]) -> dict[str, Any]:
    """Return a contender as a record.

    Args:
        entry: The contender.
        clients: The server and the address of the client for each session, as far as they are known.
    """
    session = hex_text(entry.stat.ephemeral_owner)
    server, client = clients.get(session, (None, None))
    return {
        "state": "holds" if entry.holds else "waits",
        "kind": entry.kind,
        "queued": time_text(entry.stat.ctime),
        "session": session,
        "server": server,
        "client": client,
        "label": entry.label,
        "name": entry.path.rpartition("/")[2],
        "path": entry.path,
        "token": entry.stat.czxid,
    }


def list_contenders(app: App, path: str) -> list[Entry]:
    """Return the contenders of a path, of any layout: holders first, each part in the order of its queue.

    A lock that is not in use may have no znode: there is a note, and no contender.

    Raises:
        CommandError: There is no znode, and no parent of it; or the path is guarded.
    """
    from zkc import NoNodeError
    from zkc.cli._safety import guard_recipe

    guard_recipe(app, path, "a lock")
    try:
        names = app.read(app.client.children, path)
    except NoNodeError:
        _check_parent(app, path)
        return []
    parts = _parts(names)
    if not parts and {"leases", "locks"} & set(names):  # A semaphore in Curator's layout.
        leases = _read(app, f"{path}/leases", _of(app, f"{path}/leases", ("lease",)), _limit(app, path))
        return leases + _read(app, f"{path}/locks", _of(app, f"{path}/locks", ("lock",)), 0)
    return [entry for seats in parts for entry in _read(app, path, seats, None)]


def _check_parent(app: App, path: str) -> None:
    """Say that there is no znode; raise when its parent is missing, too: the path may be wrong."""
    parent = path.rpartition("/")[0] or "/"
    if app.read(app.client.exists, parent) is None:
        raise CommandError(
            f"there is no znode {path}, and no parent {parent}: no lock is in use there, or the path is wrong; check"
            " it, and the chroot of the servers",
            ExitCode.NO_NODE,
            name="no_node",
            path=path,
        )
    app.out.note(f"there is no znode {path}: no contender holds it or waits for it (the servers delete the znode of a"
                 " lock that is not in use)")  # fmt: skip


def _parts(names: list[str]) -> list[list[Seat]]:
    """Return the queues among the names of children, of all layouts and recipes."""
    from zkc.recipes._layout import LAYOUTS

    curator, kazoo = LAYOUTS["curator"], LAYOUTS["kazoo"]
    queues = [curator.seats(names, kinds) for kinds in (("lock",), ("read", "write"), ("latch",))]
    queues.append(kazoo.seats(names, ("read", "lock")))
    return [queue for queue in queues if queue]


def _of(app: App, path: str, kinds: tuple[str, ...]) -> list[Seat]:
    from zkc import NoNodeError
    from zkc.recipes._layout import LAYOUTS

    try:
        return LAYOUTS["curator"].seats(app.read(app.client.children, path), kinds)
    except NoNodeError:
        return []


def _limit(app: App, path: str) -> Optional[int]:
    """Return the limit that a semaphore's path has in Curator's layout."""
    data, _ = app.read(app.client.get, path)
    return int.from_bytes(data, "big", signed=True) if data is not None and len(data) == 4 else None


def _read(app: App, path: str, seats: list[Seat], limit: Optional[int]) -> list[Entry]:
    """Read the znodes of a queue. ``limit`` holders, or those that a lock's kinds allow if it is None."""
    from zkc import ZooKeeperError

    holding, free = [], True
    for index, seat in enumerate(seats):
        if seat.kind == "lease":
            holding.append(limit is None or index < limit)
        else:
            holding.append(limit is None and (free if seat.kind in _SHARED else index == 0))
            free = free and seat.kind in _SHARED
    paths = [f"{path}/{seat.name}" for seat in seats]
    found = app.read(app.client.get_many, paths, raise_errors=False) if paths else []
    return [
        Entry(place, seat.kind, holds, *each)
        for place, seat, holds, each in zip(paths, seats, holding, found)
        if not isinstance(each, ZooKeeperError) and each is not None
    ]


def break_holders(app: App, path: str, name: Optional[str], wait: float) -> int:
    """Ask holders to release, and delete the znodes of those that have not done it in time."""
    from zkc.cli._safety import confirm

    app.check_writable()
    entries = list_contenders(app, path)
    chosen = [each for each in entries if (each.holds if name is None else each.path.rpartition("/")[2] == name)]
    if not chosen:
        what = "has no holder" if name is None else f"has no contender {name}"
        raise CommandError(f"{path} {what}", ExitCode.NO_NODE, name="no_node", path=path)
    for entry in chosen:
        queued = duration_text(max(0.0, time.time() - entry.stat.ctime / 1000))
        holds = "holds it" if entry.holds else "waits for it"
        app.out.note(f"{entry.label or 'a contender without a label'} {holds}, in the queue for {queued}"
                     f" (session {hex_text(entry.stat.ephemeral_owner)}, {entry.path})")  # fmt: skip
    if app.dry_run:
        app.out.would({"action": "delete", "path": entry.path, "message": entry.path} for entry in chosen)
        return int(ExitCode.DONE)
    confirm(app, f"take {path} away from {len(chosen)} of {len(entries)} contenders", path)
    left = _ask(app, chosen, wait) if wait > 0 else chosen
    for entry in left:
        _delete(app, entry)
    if app.out.is_json:
        taken = {entry.path for entry in left}
        with app.out.rows([]) as rows:
            for entry in chosen:
                rows.add({"path": entry.path, "label": entry.label, "session": hex_text(entry.stat.ephemeral_owner),
                          "state": "taken_away" if entry.path in taken else "released"})  # fmt: skip
    else:
        app.out.note(f"released in time: {len(chosen) - len(left)}; taken away: {len(left)}")
    return int(ExitCode.DONE)


def _ask(app: App, entries: list[Entry], wait: float) -> list[Entry]:
    """Ask contenders to release, as Curator does; return those that are still there after a time."""
    import queue

    from zkc import NoNodeError
    from zkc.recipes._guarding import REVOKE

    client = app.client
    news: queue.SimpleQueue[object] = queue.SimpleQueue()
    deadline = time.monotonic() + wait
    for entry in entries:
        try:
            app.change(client.set, entry.path, REVOKE, idempotent=True)
        except NoNodeError:
            continue
    left = list(entries)
    while True:
        left = [each for each in left if _is_there(app.read(client.exists, each.path, watch=news.put), each)]
        seconds = deadline - time.monotonic()
        if not left or seconds <= 0:
            return left
        try:
            news.get(timeout=seconds)
        except queue.Empty:
            return [each for each in left if _is_there(app.read(client.exists, each.path), each)]


def _is_there(stat: Optional[Stat], entry: Entry) -> bool:
    return stat is not None and stat.czxid == entry.stat.czxid


def _delete(app: App, entry: Entry) -> None:
    """Delete the znode of a contender. Its name is never used again, so a repeated delete harms no other."""
    from zkc import NoNodeError

    try:
        app.change(app.client.delete, entry.path, idempotent=True)
    except NoNodeError:
        return
