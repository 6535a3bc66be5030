"""Delete: one znode, or a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkc._operations import check_flag, check_path, check_version
from zkc._plans import trees
from zkc._plans.flow import Flow, Plan, answer
from zkc._zookeeper import Request
from zkc.errors import NoNodeError

if TYPE_CHECKING:
    from zkc._base import BaseClient


def delete(client: BaseClient, path: str, version: int, recursive: bool, missing_ok: bool) -> Plan[None]:
    """Delete a znode, and what is below it if that is asked for."""
    check_path(path)
    check_version(version)
    check_flag(missing_ok, "missing_ok")
    if path == "/" and (recursive or "/" not in client.hosts):  # With a chroot, "/" is a znode like others.
        raise ValueError("the root cannot be deleted: delete_tree('/') deletes all that is below it")
    if check_flag(recursive, "recursive"):
        if version != -1:
            raise ValueError("recursive deletes whatever versions there are: leave out version")
        if path == "/":
            raise ValueError("the root cannot be deleted; delete_tree('/') deletes all that is below it")
        return _tree(client, path, missing_ok)
    request = client.session.delete(path, version)
    if not missing_ok and path not in client._kept:
        return request
    return _delete(client, path, missing_ok, request)


def _delete(client: BaseClient, path: str, missing_ok: bool, request: Request[None]) -> Flow[None]:
    try:
        yield from answer(request)
    except NoNodeError:
        if not missing_ok:
            raise
    client._kept.forget(path)


def _tree(client: BaseClient, path: str, missing_ok: bool) -> Flow[None]:
    deleted = yield from trees.delete_tree(client, path, trees.WINDOW, None)
    if not deleted and not missing_ok:
        raise NoNodeError(operation="delete", path=path)
