"""The errors of a copy that are known before it: conflicts, data that are too large, and ACLs without an identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli.trees._plan import CONFLICT, CREATE

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli.trees._plan import Change
    from zkc.cli.trees._source import TreeSource

__all__ = ["Foresight"]

# The steps of a run, in their order: it ends with the first error of the first step that has one.
_CONFLICTS, _CREATE_SIZES, _CREATE_ACLS, _SET_SIZES, _SET_ACLS = range(5)


class Foresight:
    """The errors of a dry run, by the step of the run that would end with them.

    Permissions and quotas of the target are not looked at.

    Args:
        app: What the command works with.
        target: The target.
    """

    def __init__(self, app: App, target: TreeSource) -> None:
        from zkc.cli.write._requests import AclCheck

        self._client = target.client
        self._acls = AclCheck(app, target.client)
        self._first: dict[int, Exception] = {}
        self._conflicts = 0

    def look(self, change: Change) -> None:
        """Look at a change that the run would make."""
        creates = change.action == CREATE
        if change.action == CONFLICT:
            self._conflicts += 1
            self._note(_CONFLICTS, CommandError(f"{change.path} exists", ExitCode.CONFLICT, name="node_exists",
                                                path=change.path))  # fmt: skip
        if creates or "data" in change.what:
            self._note(_CREATE_SIZES if creates else _SET_SIZES, self._size_error(change))
        if change.acl is not None:
            self._note(_CREATE_ACLS if creates else _SET_ACLS, self._acl_error(change))

    def end(self) -> None:
        """Raise the error that the run would end with, if there is one."""
        if not self._first:
            return
        error = self._first[min(self._first)]
        if isinstance(error, CommandError) and self._conflicts:
            error.details["conflicts"] = self._conflicts
        raise error

    def _note(self, step: int, error: Optional[Exception]) -> None:
        if error is not None:
            self._first.setdefault(step, error)

    def _size_error(self, change: Change) -> Optional[Exception]:
        from zkc.cli.trees._writing import refused_as

        transaction = self._client.transaction()  # It checks its operations. It is never committed.
        try:
            (transaction.create if change.action == CREATE else transaction.set)(change.path, change.data)
        except ValueError as error:
            return refused_as(error, change.path)
        return None

    def _acl_error(self, change: Change) -> Optional[Exception]:
        from zkc.errors import InvalidACLError

        try:
            self._acls.check(change.path, change.acl, "create" if change.action == CREATE else "set_acl")
        except InvalidACLError as error:
            return error
        return None
