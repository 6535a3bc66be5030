"""The command delete: a znode, or a tree."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from zkc._args import check_flag, check_path, check_version
from zkc._commands import trees
from zkc._flow import Flow, Pending, result_of
from zkc.errors import NoNodeError

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient


def delete(client: CommandClient, path: str, version: int, recursive: bool, missing_ok: bool) -> Pending[None]:
    """Delete a znode, and with ``recursive`` its descendants."""
    check_path(path)
    check_version(version)
    check_flag(missing_ok, "missing_ok")
    if path == "/" and (recursive or "/" not in client.hosts):  # With a chroot, "/" is an ordinary znode.
        raise ValueError("the root cannot be deleted: delete_tree('/') deletes its descendants")
    if check_flag(recursive, "recursive"):
        if version != -1:
            raise ValueError("version and recursive exclude each other: recursive deletes any version")
        if path == "/":
            raise ValueError("the root cannot be deleted: delete_tree('/') deletes its descendants")
        return _tree(client, path, missing_ok)
    session = client.session
    change = client._kept.changing("delete", path, None, session)
    if change is not None:
        flow = change.result_of(change.send(session.delete, path, version))
        return _missing_ok(flow) if missing_ok else flow
    request = session.delete(path, version)
    return _missing_ok(result_of(request)) if missing_ok else request


def _missing_ok(flow: Flow[None]) -> Flow[None]:
    with contextlib.suppress(NoNodeError):
        yield from flow


def _tree(client: CommandClient, path: str, missing_ok: bool) -> Flow[None]:
    deleted = yield from trees.delete_tree(client, path, trees.WINDOW, None)
    if not deleted and not missing_ok:
        raise NoNodeError(operation="delete", path=path)
