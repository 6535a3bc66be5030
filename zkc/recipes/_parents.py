"""The znodes that a recipe stands on: created where they are missing, whatever happens to the connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from zkc._flow import Flow, sub_result_of
from zkc.constants import CreateMode
from zkc.errors import ConnectionLossError, NoAuthError, NodeExistsError, NoNodeError, SessionExpiredError

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient

__all__ = ["Base", "bases_of", "make_bases"]

_LOST = (ConnectionLossError, SessionExpiredError)


class Base(NamedTuple):
    """A znode that a recipe stands on.

    Args:
        path: Its path.
        acl: The access control list of a created one.
        data: The data of a created one.
        mode: The mode of a created one.
    """

    path: str
    acl: CoreACL
    data: bytes = b""
    mode: CreateMode = CreateMode.PERSISTENT


def bases_of(client: BaseClient, path: str) -> list[Base]:
    """Return a path and all above it, the top first, with the client's ``default_acl``."""
    names = path.split("/")[1:]
    acl = client._settings.default_acl
    return [Base("/" + "/".join(names[:depth]), acl) for depth in range(1, len(names) + 1)]


def make_bases(client: BaseClient, bases: Sequence[Base], operation: str, path: str) -> Flow[bool]:
    """Create znodes that may exist, in one flight.

    Args:
        client: The client.
        bases: The znodes, each behind those above it; none if the path is directly below the chroot.
        operation: The operation that errors name.
        path: The path that errors name.

    Returns:
        Whether all of them are known to exist. After False, the next attempt of the caller shows it: the connection or
        the session was lost, or another client deletes them at this moment.

    Raises:
        NoAuthError: One is missing, and this client may not create it.
        NoNodeError: The client's chroot does not exist.
    """
    if not bases:  # The parent of the path is the chroot, which another client has deleted.
        raise NoNodeError(operation=operation, path=path)
    denied: dict[str, NoAuthError] = {}
    known = True
    try:
        session = client.session
        requests = [(base.path, session.create(base.path, base.data, base.acl, base.mode)) for base in bases]
        for made, request in requests:
            try:
                yield from sub_result_of(request, operation, path)
            except NodeExistsError:
                pass
            except NoAuthError as error:  # It may exist: a server checks the permission of the parent first.
                denied[made] = error
                continue
            except NoNodeError:
                if made == bases[0].path:
                    raise
                known = False
                continue
            except _LOST:
                known = False
                continue
            denied = {above: denial for above, denial in denied.items() if not made.startswith(f"{above}/")}
        for made, denial in denied.items():
            if not (yield from _exists(client, made, operation, path)):
                raise denial.with_traceback(None) from None
    except _LOST:
        return False
    return known


def _exists(client: BaseClient, path: str, operation: str, named: str) -> Flow[bool]:
    try:
        return (yield from sub_result_of(client.session.exists(path), operation, named)) is not None
    except NoAuthError:  # Servers since 3.9 refuse to show a znode that this client may not read.
        return True
