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

_WINDOW = 4096  # Znodes of one flight of requests.
_BYTES = 4 << 20  # Data of one.

Acls = Sequence["ACL"]


class _Call:
    """A call for the ACLs of many znodes, in the form of ``client.get_many``."""

    def __init__(self, client: Client) -> None:
        self.__self__ = client

    def __call__(self, paths: Sequence[str], *, timeout: float) -> list[Any]:
        from zkc._commands.bulk import get_acls

        found: list[Any] = self.__self__._run(get_acls, timeout, paths)
        return found


def read_acls(app: App, client: Client, paths: Sequence[str]) -> list[Any]:
    """Return for each path its ACL as a tuple, None if there is no such znode, or an error such as a NoAuthError.

    A lost connection repeats only what has failed.
    """
    from zkc.cli._bulk import read_many

    return read_many(app, _Call(client), paths)


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
    while part := _part(nodes):
        for node, acl in zip(part, read_acls(app, client, [node.path for node in part])):
            if isinstance(acl, tuple):
                yield node, acl, None
            elif acl is not None:
                yield node, None, acl


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
