"""The numbers of ZooKeeper by name: event types, states, create modes, permissions, watch types, log levels.

All are :class:`enum.IntEnum` or :class:`enum.IntFlag`, so the plain numbers that the native core speaks compare equal.
An event type or a state that this version has no name for is kept: ``EventType(99)`` is a member named ``UNKNOWN_99``.
It is never an error, because a newer server may send types and states that zkc does not know.
"""

from __future__ import annotations

import enum
from typing import Any, TypeVar

__all__ = ["ClientState", "CreateMode", "EventType", "KeptState", "LogLevel", "Perms", "State", "WatchType"]

_Open = TypeVar("_Open", bound="_OpenIntEnum")


class _NamedIntEnum(enum.IntEnum):
    """An IntEnum that prints as its name, in every version of Python."""

    def __str__(self) -> str:
        return self._name_

    def __format__(self, spec: str) -> str:
        return int.__format__(self, spec) if spec else str(self)


class _OpenIntEnum(_NamedIntEnum):
    """An IntEnum that keeps an int it has no name for, as a member named ``UNKNOWN_<number>``."""

    @classmethod
    def _missing_(cls: type[_Open], value: object) -> _Open | None:
        if type(value) is not int:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

    # By value in every Python version: some pickle by name, and an UNKNOWN_ member is no attribute of its class.
    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self._value_,)


class EventType(_OpenIntEnum):
    """The type of a watch's event.

    .. versionadded:: 0.1
    """

    CREATED = 1
    """The znode was created."""
    DELETED = 2
    """The znode was deleted."""
    CHANGED = 3
    """The znode's data was set."""
    CHILD = 4
    """A child of the znode was created or deleted."""
    SESSION = -1
    """The session changed its state; nothing happened to the znode. A watch's last event is of this type."""
    NOT_WATCHING = -2
    """The watch was removed."""
    GAP = -3
    """The watch, a persistent one, may have missed events before this one: read again what you follow. The connection
    was lost and made again, a new session follows one that expired, or the events came faster than they were taken."""


class State(_OpenIntEnum):
    """The state of a session.

    .. versionadded:: 0.1
    """

    CLOSED = 0
    """The client closed the session, or never started one."""
    CONNECTING = 1
    """No connection: the next server is being tried. The session may still live on the servers."""
    ASSOCIATING = 2
    """A server is reached; the session is being made or resumed."""
    CONNECTED = 3
    """Connected; requests are answered."""
    READ_ONLY = 5
    """Connected to a server without a quorum, which answers reads only."""
    SSL_CONNECTING = 7
    """A server is reached; the TLS handshake is under way."""
    NOT_CONNECTED = 999
    """No server has been tried yet."""
    EXPIRED_SESSION = -112
    """The servers ended the session. It does not come back, and its ephemeral znodes are gone."""
    AUTH_FAILED = -113
    """The servers refused the credentials. The session is of no further use."""

    @property
    def connected(self) -> bool:
        """Whether requests are answered in this state (reads at least)."""
        return self in (State.CONNECTED, State.READ_ONLY)

    @property
    def final(self) -> bool:
        """Whether the session never leaves this state."""
        return self in (State.CLOSED, State.EXPIRED_SESSION, State.AUTH_FAILED)


class ClientState(enum.Enum):
    """The state of a client, which its listeners are called with.

    .. versionadded:: 0.1
    """

    CLOSED = "CLOSED"
    """Not started, or closed."""
    CONNECTING = "CONNECTING"
    """Started; there was no connection yet."""
    CONNECTED = "CONNECTED"
    """Connected; requests are answered."""
    READ_ONLY = "READ_ONLY"
    """Connected to a server without a quorum, which answers reads only."""
    SUSPENDED = "SUSPENDED"
    """The connection is gone. The session may still live, and ephemeral znodes with it: that is unknown until
    CONNECTED or LOST."""
    LOST = "LOST"
    """The session has ended; its ephemeral znodes and watches are gone. After an expiry CONNECTED follows, with a
    new session; after refused credentials nothing does."""

    @property
    def connected(self) -> bool:
        """Whether requests are answered in this state (reads at least)."""
        return self in (ClientState.CONNECTED, ClientState.READ_ONLY)

    def __str__(self) -> str:
        return self._name_


class KeptState(enum.Enum):
    """The state of a re-created ephemeral znode (``keep=True``) in the client's present session.

    .. versionadded:: 0.1
    """

    HELD = "HELD"
    """The session has it."""
    MISSING = "MISSING"
    """The session has ended, or the znode is about to be created in the next one."""
    TAKEN = "TAKEN"
    """Another session's znode, or a persistent one, has the path. The client watches it, and creates its own when that
    one is deleted."""
    FAILED = "FAILED"
    """It could not be created: its parent is gone, or the servers refuse it. The client tries again at its next
    connection and in its next session."""

    def __str__(self) -> str:
        return self._name_


class CreateMode(_NamedIntEnum):
    """The kind of znode that a create makes.

    .. versionadded:: 0.1
    """

    PERSISTENT = 0
    """Stays until it is deleted."""
    EPHEMERAL = 1
    """Goes with the session that made it. It can have no children."""
    PERSISTENT_SEQUENTIAL = 2
    """Persistent, with a ten-digit counter of the parent appended to its name."""
    EPHEMERAL_SEQUENTIAL = 3
    """Ephemeral, with a ten-digit counter of the parent appended to its name."""
    CONTAINER = 4
    """Deleted by the servers some time after its last child was deleted."""
    PERSISTENT_WITH_TTL = 5
    """Deleted by the servers when it has no children and was not changed for its time to live."""
    PERSISTENT_SEQUENTIAL_WITH_TTL = 6
    """Like PERSISTENT_WITH_TTL, with a ten-digit counter of the parent appended to its name."""

    @property
    def ephemeral(self) -> bool:
        """Whether the znode goes with its session."""
        return self in (CreateMode.EPHEMERAL, CreateMode.EPHEMERAL_SEQUENTIAL)

    @property
    def sequential(self) -> bool:
        """Whether a counter is appended to the znode's name."""
        return self in (
            CreateMode.PERSISTENT_SEQUENTIAL,
            CreateMode.EPHEMERAL_SEQUENTIAL,
            CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL,
        )

    @property
    def ttl(self) -> bool:
        """Whether the znode has a time to live."""
        return self in (CreateMode.PERSISTENT_WITH_TTL, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL)


class Perms(enum.IntFlag):
    """The permissions of an entry of an ACL; combine with ``|``.

    .. versionadded:: 0.1
    """

    NONE = 0
    """Nothing."""
    READ = 1
    """Read the data and list the children."""
    WRITE = 2
    """Set the data."""
    CREATE = 4
    """Create children."""
    DELETE = 8
    """Delete children."""
    ADMIN = 16
    """Set the ACL."""
    ALL = 31
    """Everything above."""

    def __str__(self) -> str:
        if self in (Perms.NONE, Perms.ALL):
            return "ALL" if self else "NONE"
        return "|".join(name for name in ("READ", "WRITE", "CREATE", "DELETE", "ADMIN") if self & Perms[name])

    def __format__(self, spec: str) -> str:
        return int.__format__(self, spec) if spec else str(self)


class WatchType(_NamedIntEnum):
    """Which watches of a path are meant.

    .. versionadded:: 0.1
    """

    CHILDREN = 1
    """Watches on the list of children."""
    DATA = 2
    """Watches on existence and data."""
    ANY = 3
    """Both."""
    PERSISTENT = 4
    """Watches on a znode and on its list of children that events do not use up; servers of 3.6 and later."""
    RECURSIVE = 5
    """Watches on a znode and on all znodes below it that events do not use up; servers of 3.6 and later."""


class LogLevel(_NamedIntEnum):
    """How much libzookeeper logs.

    .. versionadded:: 0.1
    """

    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4
