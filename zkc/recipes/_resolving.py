"""The outcome of a change whose reply was lost, by what the client reads afterwards."""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

from zkc._zookeeper import Stat
from zkc.errors import ConnectionLossError, SessionExpiredError
from zkc.recipes._marker import Marker
from zkc.recipes._versioned import State

__all__ = ["ANY", "NOT_APPLIED", "Base", "Lost", "NotAppliedError", "Written", "following", "resolve", "unknown"]

ANY = -1  # The version that stands for any version.
Lost = Union[ConnectionLossError, SessionExpiredError]


class Base(NamedTuple):
    """The version that a change is based on.

    Args:
        version: The version; -1 for any; None if the znode must not exist.
        stat: The stat that the version comes from, if the client has it.
    """

    version: Optional[int]
    stat: Optional[Stat]

    @property
    def guarded(self) -> bool:
        """Whether the znode has the version -1, which servers take for any version."""
        return self.stat is not None and self.version == ANY


class Written(NamedTuple):
    """The outcome of a change that was carried out."""

    version: Optional[int]
    stat: Optional[Stat]


class NotAppliedError(Exception):
    """The change was not carried out: it was not sent, or the znode shows that."""

    def __init__(self, state: Optional[State]) -> None:
        super().__init__()
        self.state = state


NOT_APPLIED = Written(None, None)


def following(version: Optional[int]) -> Optional[int]:
    """Return the version after a change of a version, in the 32 bits that servers have for it."""
    if version is None:
        return 0
    return None if version == ANY else (version + 1 + 2**31) % 2**32 - 2**31


def resolve(base: Base, data: bytes, state: State, marker: Optional[Marker]) -> Optional[Written]:
    """Decide by what was read whether a change was carried out whose reply was lost.

    The server has closed the earlier connection of the session, and knows all its requests. So a change that it has
    not carried out by now, it does not carry out later.

    Returns:
        The outcome; ``NOT_APPLIED``; None if the znode does not show it.
    """
    now = state.stat
    same = now is not None and base.stat is not None and now.czxid == base.stat.czxid
    if marker is not None:
        applied = marker.applied
        if applied:
            assert marker.seen is not None
            if now is not None and now.mzxid == marker.seen.mzxid:
                return Written(now.version, now)
            return Written(following(base.version), None)
        # A marker that does not exist may have been deleted together with the znode.
        if applied is False and (marker.seen is not None or same):
            return NOT_APPLIED
    if now is None or base.version is None:
        return None
    if base.version == ANY and not base.guarded:
        # The last write had the same data: the znode is as if this one had come directly before or after it.
        return Written(now.version, now) if state.data == data else None
    if base.stat is not None and not same:
        return None
    if now.version == base.version:
        return NOT_APPLIED
    if now.version == following(base.version) and state.data != data:
        return NOT_APPLIED  # The write on this version was another client's.
    return None


def unknown(lost: Lost, path: str, base: Base, state: State) -> Lost:
    """Make the error of a change whose outcome is not known."""
    found = "it does not exist" if state.stat is None else f"it has version {state.stat.version}"
    was = {None: "no znode", ANY: "any version"}.get(base.version, f"version {base.version}")
    text = (
        f"the reply was lost, and the znode does not show whether the change of {was} was carried out ({found}). "
        "Read the value and decide; exact=True resolves this while the session lasts"
    )
    kind = type(lost)
    return kind(kind.describe(lost.operation, path, text), operation=lost.operation, path=path)
