"""The forecast of a transaction: whether its operations would succeed, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc.cli._safety import OF_SERVERS
from zkc.cli.trees._source import join
from zkc.cli.write._changes import parent_of
from zkc.cli.write._requests import AclCheck

if TYPE_CHECKING:
    from zkc import ZooKeeperError
    from zkc.cli._app import App
    from zkc.cli.write._operations import Operation

__all__ = ["Forecast"]


class _Znode(NamedTuple):
    version: int = 0
    children: int = 0
    ephemeral: bool = False
    created: int = 0  # The children created so far: the number in the name of the next sequential one.


class Forecast:
    """The znodes that operations name, and their parents, as they are now and after the operations so far.

    It knows existence, versions, children, and the names of sequential znodes. It does not know permissions,
    quotas, and what other clients change until the run.

    Args:
        app: What the command works with.
        operations: The operations to come.
    """

    def __init__(self, app: App, operations: Sequence[Operation]) -> None:
        from zkc.cli._bulk import read_many

        self._app, self._acls = app, AclCheck(app)
        named = {each.path for each in operations if not each.options.get("sequential")}
        paths = list(named | {parent_of(each.path) for each in operations})
        self._znodes: dict[str, Optional[_Znode]] = {}
        for path, stat in zip(paths, read_many(app, app.client.exists_many, paths)):
            if isinstance(stat, Exception):
                raise stat
            # Servers show twice the number of children ever created, less that of the present ones.
            self._znodes[path] = None if stat is None else _Znode(
                stat.version, stat.num_children, bool(stat.ephemeral_owner), (stat.cversion + stat.num_children) // 2
            )  # fmt: skip

    def apply(self, operation: Operation) -> Optional[ZooKeeperError]:
        """Return the error that an operation would end with; or None, and let later operations see its effect."""
        if operation.name == "create":
            return self._create(operation)
        from zkc.errors import BadArgumentsError, BadVersionError, NoNodeError, NotEmptyError

        path, wanted = operation.path, operation.options["version"]
        if operation.name == "delete" and join(self._app.settings.chroot, path) in ("/", *OF_SERVERS):
            return BadArgumentsError(path=path, operation="delete")
        znode = self._znodes[path]
        if znode is None:
            return NoNodeError(path=path, operation=operation.name)
        if wanted not in (-1, znode.version):
            return BadVersionError(path=path, operation=operation.name)
        if operation.name == "set":
            self._znodes[path] = znode._replace(version=znode.version + 1)
        elif operation.name == "delete":
            if znode.children:
                return NotEmptyError(path=path, operation="delete")
            self._znodes[path] = None
            self._count(path, -1)
        return None

    def _create(self, operation: Operation) -> Optional[ZooKeeperError]:
        from zkc.errors import InvalidACLError, NoChildrenForEphemeralsError, NodeExistsError, NoNodeError

        path = operation.path
        try:
            self._acls.check(path, operation.options["acl"], "create")
        except InvalidACLError as error:
            return error
        parent = self._znodes[parent_of(path)]
        if parent is None:
            return NoNodeError(path=path, operation="create")
        made = f"{path}{parent.created:010d}" if operation.options["sequential"] else path
        if self._znodes.get(made) is not None:
            return NodeExistsError(path=path, operation="create")
        if parent.ephemeral:
            return NoChildrenForEphemeralsError(path=path, operation="create")
        self._znodes[made] = _Znode(ephemeral=operation.options["ephemeral"])
        self._count(path, 1)
        return None

    def _count(self, path: str, change: int) -> None:
        """Count a child of a parent that is known to be there."""
        parent = self._znodes[parent_of(path)]
        if parent is not None:
            self._znodes[parent_of(path)] = parent._replace(
                children=parent.children + change, created=parent.created + max(change, 0)
            )
