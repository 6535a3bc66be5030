"""The ACLs of many znodes, read by pipelined requests: there is no request for the ACLs of several znodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from zkc import ACL, Client, ZooKeeperError
    from zkc.cli._app import App
    from zkc.cli._walk import Node

__all__ = ["Acls", "hidden_users", "read_acls", "with_acls"]

_WINDOW = 1024  # Znodes of one flight of requests.
_BYTES = 4 << 20  # Data of one.

Acls = Sequence["ACL"]


class _Call:
    """A call for the ACLs of many znodes, in the form of ``client.get_many``."""

    def __init__(self, client: Client) -> None:
        self.__self__ = client

    def __call__(self, paths: Sequence[str]) -> list[Any]:
        from zkc.errors import ZooKeeperError

        get_acl = self.__self__.submit.get_acl
        results: list[Any] = []
        for request in [get_acl(path) for path in paths]:
            try:
                results.append(request.result()[0])
            except ZooKeeperError as error:
                results.append(error)
        return results


def read_acls(app: App, client: Client, paths: Sequence[str]) -> list[Any]:
    """Return for each path its ACL as a tuple, None if there is no such znode, or an error such as a NoAuthError.

    A lost connection repeats only what has failed.
    """
    from zkc.cli._walk import read_many

    found = read_many(app, _Call(client), paths)
    return [tuple(each) if isinstance(each, (list, tuple)) else each for each in found]


def with_acls(
    app: App, client: Client, nodes: Iterator[Node], *, wanted: bool = True
) -> Iterator[tuple[Node, Optional[tuple[ACL, ...]], Optional[ZooKeeperError]]]:
    """Yield the nodes of a walk, each with its ACL, or the error that it could not be read with.

    Znodes that were deleted since are left out.

    Args:
        app: What the command works with.
        client: The client of the walk.
        nodes: The walk.
        wanted: Whether to read ACLs. If not, they are None.
    """
    if not wanted:
        for node in nodes:
            yield node, None, None
        return
    same: dict[Any, tuple[ACL, ...]] = {}  # One tuple for all znodes with the same ACL.
    while part := _part(nodes):
        for node, acl in zip(part, read_acls(app, client, [node.path for node in part])):
            if isinstance(acl, tuple):
                yield node, same.setdefault(acl, acl), None
            elif acl is not None:
                yield node, None, acl
        if len(same) > _WINDOW:
            same.clear()


def _part(nodes: Iterator[Node]) -> list[Node]:
    part: list[Node] = []
    size = 0
    for node in islice(nodes, _WINDOW):
        part.append(node)
        size += len(node.data or b"")
        if size > _BYTES:
            break
    return part


def hidden_users(acl: Acls) -> list[str]:
    """Return the users of an ACL whose password hashes the servers have not shown: without ADMIN they show an x."""
    return [entry.id[:-2] for entry in acl if entry.scheme == "digest" and entry.id.endswith(":x")]
