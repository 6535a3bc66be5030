"""The checks of a request in a dry run that need no look at the znodes: its size, and its ACL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from zkc import ACL, Client
    from zkc.cli._app import App

__all__ = ["AclCheck", "check_acl", "check_size"]


def check_size(app: App, path: str, data: Optional[bytes], operation: str = "set") -> None:
    """Raise what the client would for data that are larger than a request may be.

    A request has some bytes more, for its path and ACL: those are not counted.

    Args:
        app: What the command works with.
        path: The path of the znode.
        data: The data.
        operation: ``set`` or ``create``.

    Raises:
        CommandError: The data are larger than the client's ``max_data``.
    """
    transaction = app.client.transaction()  # It checks its operations. It is never committed.
    app.call(lambda: getattr(transaction, operation)(path, data))


class AclCheck:
    """A check of ACLs before they are sent. It asks the servers for the identities of the session once, if at all.

    Args:
        app: What the command works with.
        client: The client of another ensemble; None for the command's own.
    """

    def __init__(self, app: App, client: Optional[Client] = None) -> None:
        self._app, self._client = app, client
        self._known: Optional[bool] = None

    def check(self, path: str, acl: Optional[Sequence[ACL]], operation: str) -> None:
        """Raise what the servers answer to an entry ``auth`` of a session that has no identity.

        Servers before 3.7 do not tell the identities: nothing is raised then.

        Args:
            path: The path of the znode.
            acl: The ACL; None for the default one.
            operation: The operation that the error names.

        Raises:
            InvalidACLError: The session has no identity but its address.
        """
        from zkc.errors import InvalidACLError

        if not any(entry.scheme == "auth" for entry in acl or ()):
            return
        if self._known is None:
            self._known = self._has_identity()
        if not self._known:
            raise InvalidACLError(path=path, operation=operation)

    def _has_identity(self) -> bool:
        from zkc.errors import UnimplementedError

        try:
            identities = self._app.read((self._client or self._app.client).whoami)
        except UnimplementedError:
            return True
        return any(each.scheme != "ip" for each in identities)


def check_acl(app: App, path: str, acl: Optional[Sequence[ACL]], operation: str) -> None:
    """Check one ACL: see :meth:`AclCheck.check`."""
    AclCheck(app).check(path, acl, operation)
