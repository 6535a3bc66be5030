"""The commands on trees: read, delete, copy. They go breadth first, with a window of requests in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from zkc import _args as ops
from zkc._commands import bulk
from zkc._commands.window import NO_SLOT, STEP, WINDOW, FailedRequest, Progress, Sender, run_window, send_again
from zkc._flow import Flow, Pause
from zkc._frozen import Frozen
from zkc._zookeeper import RequestWindow, Session, is_path
from zkc.constants import CreateMode
from zkc.errors import NoAuthError, NodeExistsError, NoNodeError, NotEmptyError, ZooKeeperError
from zkc.types import ACL, Stat

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient

__all__ = [
    "WINDOW",
    "Entry",
    "TreeNode",
    "TreeWalker",
    "copy_tree",
    "delete_tree",
    "is_ephemeral",
    "is_system",
    "make",
    "tree",
]

_SYSTEM = "/zookeeper"  # The servers keep quotas and the configuration of the ensemble there.


@dataclass(frozen=True)
class TreeNode(Frozen):
    """A znode of a tree, as :meth:`tree <zkc.Client.tree>` and :meth:`walk <zkc.Client.walk>` read it.

    Args:
        path: Path of the znode.
        children: Names of its children, sorted.
        stat: What the servers tell about it.
        data: What it holds; None without any, and when data were not asked for.
        acl: Who may do what with it; None when that was not asked for.

    .. versionadded:: 0.1
    """

    __slots__ = ("acl", "children", "data", "path", "stat")

    path: str
    children: tuple[str, ...]
    stat: Stat
    data: Optional[bytes]
    acl: Optional[tuple[ACL, ...]]


def is_system(client: CommandClient, path: str) -> bool:
    """Return whether a path is /zookeeper or below it, as the servers see it."""
    return f"{_chroot(client)}{path}/".startswith(f"{_SYSTEM}/")


def _chroot(client: CommandClient) -> str:
    return "".join(client.hosts.partition("/")[1:])


def join(path: str, name: str) -> str:
    """Return the path of a child."""
    return f"/{name}" if path == "/" else f"{path}/{name}"


def is_ephemeral(node: TreeNode) -> bool:
    """Return whether a znode ends with a session. Servers show containers and znodes with a TTL as persistent."""
    return node.stat.ephemeral_owner != 0


def hides_hashes(acl: Sequence[ACL]) -> bool:
    """Return whether the servers have hidden password hashes of an ACL: without ADMIN they show ``user:x``."""
    return any(entry.scheme == "digest" and entry.id.endswith(":x") for entry in acl)


# ---- reading --------------------------------------------------------------------------------------------------------


class TreeWalker:
    """A reader of a tree, breadth first, which keeps only the paths that are still to come.

    Args:
        client: Whose call it is.
        root: Where to begin.
        with_data: Whether to read data.
        with_acl: Whether to read ACLs.
        system: Whether to look into /zookeeper as well.
        window: Most requests under way.
    """

    def __init__(
        self, client: CommandClient, root: str, *, with_data: bool, with_acl: bool, system: bool, window: int
    ) -> None:
        self._client = client
        self._slots = client._settings.max_in_flight
        self._window = window
        self._half = min(max(1, window // 2), STEP)
        self._root = root
        self._without = _SYSTEM[1:] if root == "/" and not system and not _chroot(client) else None
        self._with_data = with_data
        self._with_acl = with_acl
        # The calls for each znode.
        self._calls = ["get_children" if with_data else "get_children_with_stat"]
        if with_data:
            self._calls.append("get")
        if with_acl:
            self._calls.append("get_acl")
        self._frontier: deque[str] = deque([root])  # Found, and not requested.
        # The calls that are left for the znodes requested last, each with their paths.
        self._asking: Iterator[tuple[str, list[str]]] = iter(())
        self._next: Optional[tuple[str, list[str]]] = None  # Of the next of them, what found no room.
        self._groups: deque[list[str]] = deque()  # Znodes that were requested together, and are not complete.
        self._waiting = RequestWindow()  # Requested, and not taken: for each group the calls in their order.
        self._replies: list[Any] = []  # The replies that the first group has so far.
        self._senders = {call: bulk.ReadSender(client, call) for call in self._calls[: 2 if with_data else 0]}

    def batch(self) -> Flow[list[TreeNode]]:
        """Return the next znodes, as many as there are without a further wait; none at the end.

        Further requests stay in flight.
        """
        nodes: list[TreeNode] = []
        while not nodes:
            session = self._client.session  # It may have changed: earlier requests belong to the earlier session.
            self._ask(session, min(self._window - len(self._waiting), STEP, self._slots - session.in_flight))
            waiting = self._waiting
            if len(waiting):
                step = waiting.at(min(len(waiting), self._half) - 1)
                yield Pause(0.0) if step.done() else step
            elif self._frontier or self._groups:
                yield Pause(NO_SLOT)
            else:
                break
            waiting.take(self._replies, STEP, self._failed)
            if waiting.refused:
                self._waiting = yield from send_again(self._client, session, waiting)
            self._take(nodes)
        return nodes

    def _ask(self, session: Session, room: int) -> None:
        while room > 0:
            asked, self._next = self._next or next(self._asking, None), None
            if asked is None:
                if not self._frontier:
                    return
                frontier = self._frontier
                paths = [frontier.popleft() for _ in range(min(len(frontier), max(1, room // len(self._calls))))]
                self._groups.append(paths)
                self._asking = iter([(call, paths) for call in self._calls])
            else:
                call, paths = asked
                sender = self._senders.get(call)
                if sender is not None:
                    room = min(room, sender.room(session))
                if len(paths) > room:
                    self._next, paths = (call, paths[room:]), paths[:room]
                if paths:
                    self._send(session, call, paths)
                room -= len(paths)

    def _send(self, session: Session, call: str, paths: list[str]) -> None:
        sender = self._senders.get(call)
        # A name that breaks the rules of today's servers, from an earlier one, is read by a request of its own.
        if sender is not None and all(map(is_path, paths)):
            sender.send(session, paths, self._waiting)
            return
        for path in paths:
            self._waiting.append(getattr(session, call)(path))

    def _failed(self, error: ZooKeeperError, request: Any) -> None:
        """Let the reply be None for a znode that was deleted in the meantime."""
        if not isinstance(error, NoNodeError) or error.path == self._root:
            raise error

    def _take(self, nodes: list[TreeNode]) -> None:
        parts = len(self._calls)
        while self._groups and len(self._replies) >= len(self._groups[0]) * parts:
            paths = self._groups.popleft()
            count = len(paths)
            for number, path in enumerate(paths):
                replies = self._replies[number : count * parts : count]
                if all(reply is not None for reply in replies):
                    nodes.append(self._node(path, replies))
            del self._replies[: count * parts]

    def _node(self, path: str, replies: list[Any]) -> TreeNode:
        (names, stat), data = (
            (replies[0], None) if not self._with_data else ((replies[0], replies[1][1]), replies[1][0])
        )
        children = sorted(names)
        if self._without is not None and path == self._root and self._without in children:
            children.remove(self._without)
        self._frontier.extend(join(path, name) for name in children)
        acl = tuple(ops.decode_acl(replies[-1][0])) if self._with_acl else None
        return TreeNode(path, tuple(children), stat, data, acl)


def visitor(client: CommandClient, path: str, with_data: bool, with_acl: bool, system: bool, window: int) -> TreeWalker:
    """Check the arguments of a walk, and make the walker."""
    ops.check_path(path)
    ops.check_flag(with_data, "with_data")
    ops.check_flag(with_acl, "with_acl")
    ops.check_flag(system, "system")
    window = bulk.check_window(client, window)
    return TreeWalker(client, path, with_data=with_data, with_acl=with_acl, system=system, window=window)


def tree(
    client: CommandClient, path: str, with_data: bool, with_acl: bool, system: bool, window: int, progress: Progress
) -> Flow[list[TreeNode]]:
    """Read a znode and its descendants."""
    bulk.check_progress(progress)
    return _tree(visitor(client, path, with_data, with_acl, system, window), progress)


def _tree(visitor: TreeWalker, progress: Progress) -> Flow[list[TreeNode]]:
    found: list[TreeNode] = []
    while True:
        nodes = yield from visitor.batch()
        if not nodes:
            return found
        found += nodes
        if progress is not None:
            progress(len(found))


# ---- deleting -------------------------------------------------------------------------------------------------------


def delete_tree(client: CommandClient, path: str, window: int, progress: Progress) -> Flow[int]:
    """Delete a znode and its descendants; return the number of deleted znodes."""
    ops.check_path(path)
    if is_system(client, path):
        raise ValueError(f"{_SYSTEM} belongs to the servers and is not deleted: {path!r}")
    window = bulk.check_window(client, window)
    return _delete(client, client.session, path, window, bulk.check_progress(progress))


def _delete(client: CommandClient, session: Session, root: str, window: int, progress: Progress) -> Flow[int]:
    deleted = 0
    while True:
        look = TreeWalker(client, root, with_data=False, with_acl=False, system=False, window=window)
        try:
            paths = [node.path for node in (yield from _tree(look, None))]
        except NoNodeError:
            return deleted
        if root == "/":
            del paths[0]
        # The servers delete them in this order, so each child goes before its parent without a wait in between.
        outcomes = yield from run_window(
            client,
            session,
            reversed(paths),
            bulk.send_deletes(session, client._kept),
            window,
            progress=_beyond(progress, deleted),
        )
        deleted += outcomes.count(None)
        failed = [outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, NoNodeError)]
        for error in failed:
            if not isinstance(error, NotEmptyError):
                raise error
        if not failed:
            return deleted
        # Another client adds to the tree at the same time: read it again.


def _beyond(progress: Progress, before: int) -> Progress:
    return None if progress is None else lambda done: progress(before + done)


# ---- creating -------------------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """A znode to create."""

    path: str
    data: Optional[bytes]
    acl: Optional[ops.CoreACL]  # None for the client's default
    mode: CreateMode


def make(client: CommandClient, session: Session, entries: Sequence[Entry], on_existing: str, window: int) -> Flow[int]:
    """Create znodes, parents before their children; return the number of created or replaced znodes.

    Args:
        client: Whose call it is.
        session: Where to make them.
        entries: The znodes.
        on_existing: What to do about one that is there already: ``fail``, ``skip`` or ``replace`` its data and ACL.
        window: Most requests under way.
    """
    default = client._settings.default_acl
    existing = [entry for entry in entries if entry.path == "/"]  # The root always exists.
    wanted = [entry for entry in entries if entry.path != "/"]
    outcomes = yield from run_window(
        client,
        session,
        iter(wanted),
        _each(lambda entry: session.create(entry.path, entry.data, entry.acl or default, entry.mode)),
        window,
        raise_errors=on_existing == "fail",
    )
    made = 0
    for entry, outcome in zip(wanted, outcomes):
        if not isinstance(outcome, ZooKeeperError):
            made += 1
        elif isinstance(outcome, NodeExistsError):
            existing.append(entry)
        else:
            raise outcome
    if on_existing != "replace" or not existing:
        return made
    sets = ((entry.path, entry.data) for entry in existing)
    yield from run_window(client, session, sets, bulk.send_sets(session, client._kept), window, raise_errors=True)
    guarded = (entry for entry in existing if entry.acl)
    kept = client._kept
    set_acl = _each(lambda entry: kept.send("set_acl", entry.path, entry.acl, session, session.set_acl, entry.acl))
    yield from run_window(client, session, guarded, set_acl, window, raise_errors=True)
    return made + len(existing)


def _each(call: Callable[[Any], Any]) -> Sender:
    def send(items: Iterator[Any], sent: RequestWindow) -> None:
        for item in items:
            try:
                sent.append(call(item))
            except ZooKeeperError as error:
                sent.append(FailedRequest(error))

    return send


def copy_tree(
    client: CommandClient, source: str, target: str, with_acl: bool, exist_ok: bool, window: int, progress: Progress
) -> Flow[int]:
    """Copy a znode and its descendants; return the number of created or replaced znodes."""
    ops.check_path(source, "source")
    ops.check_path(target, "target")
    for inner, outer in ((target, source), (source, target)):
        if f"{inner}/".startswith(f"{outer.rstrip('/')}/"):
            raise ValueError(f"neither of source and target may be inside the other: {source!r}, {target!r}")
    ops.check_flag(with_acl, "with_acl")
    ops.check_flag(exist_ok, "exist_ok")
    window = bulk.check_window(client, window, 2)
    bulk.check_progress(progress)
    # The command reads and writes at the same time: each gets half of the window.
    look = TreeWalker(client, source, with_data=True, with_acl=with_acl, system=False, window=window // 2)
    on_existing = "replace" if exist_ok else "fail"
    return _copy(client, look, source, target, on_existing, window - window // 2, progress)


def _copy(
    client: CommandClient, look: TreeWalker, source: str, target: str, on_existing: str, window: int, progress: Progress
) -> Flow[int]:
    session = client.session
    copied = 0
    while True:
        nodes = yield from look.batch()
        if not nodes:
            return copied
        entries = [
            Entry(target + node.path[len(source) :], node.data, _known_acl(node), CreateMode.PERSISTENT)
            for node in nodes
            if not is_ephemeral(node)
        ]
        copied += yield from make(client, session, entries, on_existing, window)
        if progress is not None:
            progress(copied)


def _known_acl(node: TreeNode) -> Optional[ops.CoreACL]:
    if node.acl is None:
        return None
    if hides_hashes(node.acl):
        text = (
            "the servers show its ACL without password hashes. Add credentials with ADMIN permission, or give "
            "with_acl=False"
        )
        raise NoAuthError(NoAuthError.describe("get_acl", node.path, text), operation="get_acl", path=node.path)
    return ops.encode_acl(node.acl)
