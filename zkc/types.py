"""The values that calls take and return: :class:`Stat`, :class:`ACL`, :class:`WatchedEvent` and :class:`KeptZnode`.

All are frozen and slotted. They compare and hash by value, and can be copied, pickled and matched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional, Union

from zkc._frozen import Frozen
from zkc._zookeeper import Stat
from zkc.constants import EventType, KeptState, Perms, State

__all__ = [
    "ACL",
    "CREATOR_ALL_ACL",
    "OPEN_ACL_UNSAFE",
    "READ_ACL_UNSAFE",
    "Data",
    "KeptZnode",
    "Stat",
    "Watch",
    "WatchedEvent",
]


@dataclass(frozen=True)
class ACL(Frozen):
    """One entry of an access control list: who may do what with a znode.

    The constructors named after the schemes are the short way: ``ACL.world(Perms.READ)``,
    ``ACL.digest("ann", "secret", Perms.ALL)``.

    Args:
        perms: What is allowed.
        scheme: How the client proves who it is: ``world``, ``auth``, ``digest``, ``ip``, ``x509``, ``sasl``.
        id: Who it is, in the form of the scheme.

    Raises:
        TypeError: ``perms`` is not a :class:`~zkc.Perms` or int, or another argument no str.
        ValueError: ``perms`` has other bits than those of :class:`~zkc.Perms`, or ``scheme`` is empty.

    .. versionadded:: 0.1
    """

    __slots__ = ("id", "perms", "scheme")

    perms: Perms
    scheme: str
    id: str

    def __post_init__(self) -> None:
        perms: object = self.perms
        if not isinstance(perms, int) or isinstance(perms, bool):
            raise TypeError(f"perms must be a Perms such as Perms.READ | Perms.WRITE, not {type(perms).__name__}")
        if not 0 <= perms <= Perms.ALL:
            raise ValueError(f"perms must be made of Perms.READ, WRITE, CREATE, DELETE and ADMIN, not {int(perms):#x}")
        values: tuple[tuple[str, object], ...] = (("scheme", self.scheme), ("id", self.id))
        for name, value in values:
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {type(value).__name__}")
            if "\0" in value:
                raise ValueError(f"{name} must not contain a NUL character")
        if not self.scheme:
            raise ValueError("scheme must not be empty: give 'world', 'auth', 'digest', 'ip', 'x509' or 'sasl'")
        object.__setattr__(self, "perms", Perms(perms))

    @classmethod
    def world(cls, perms: Perms = Perms.ALL) -> ACL:
        """Allow every client.

        Args:
            perms: What is allowed.

        .. versionadded:: 0.1
        """
        return cls(perms, "world", "anyone")

    @classmethod
    def auth(cls, perms: Perms = Perms.ALL) -> ACL:
        """Allow the identities that the session using this entry is authenticated as.

        The servers replace it by one entry for each of the session's credentials.

        Args:
            perms: What is allowed.

        .. versionadded:: 0.1
        """
        return cls(perms, "auth", "")

    @classmethod
    def digest(cls, user: str, password: str, perms: Perms = Perms.ALL) -> ACL:
        """Allow clients that know a user's password (``client.add_auth("digest", "user:password")``).

        Only the base64 of the SHA-1 of ``user:password`` is stored, as ZooKeeper wants it.
        For one that is hashed already: ``ACL(perms, "digest", "user:hash")``.

        Args:
            user: Name of the user, without a colon.
            password: The password in clear.
            perms: What is allowed.

        Raises:
            ValueError: ``user`` has a colon.

        .. versionadded:: 0.1
        """
        if ":" in user:
            raise ValueError("user must not contain a colon: it ends the name in 'user:password'")
        import base64
        import hashlib

        sha1 = hashlib.sha1(f"{user}:{password}".encode(), usedforsecurity=False).digest()
        return cls(perms, "digest", f"{user}:{base64.b64encode(sha1).decode()}")

    @classmethod
    def ip(cls, address: str, perms: Perms = Perms.ALL) -> ACL:
        """Allow clients by their address.

        Args:
            address: An address or a network: ``10.1.2.3``, ``10.1.0.0/16``.
            perms: What is allowed.

        .. versionadded:: 0.1
        """
        return cls(perms, "ip", address)

    @classmethod
    def x509(cls, subject: str, perms: Perms = Perms.ALL) -> ACL:
        """Allow clients that connect by TLS with a certificate.

        Args:
            subject: Distinguished name of the certificate's subject.
            perms: What is allowed.

        .. versionadded:: 0.1
        """
        return cls(perms, "x509", subject)

    @classmethod
    def sasl(cls, user: str, perms: Perms = Perms.ALL) -> ACL:
        """Allow a user authenticated by SASL.

        Args:
            user: Name or principal of the user.
            perms: What is allowed.

        .. versionadded:: 0.1
        """
        return cls(perms, "sasl", user)


@dataclass(frozen=True, init=False, eq=False)
class WatchedEvent(Frozen):
    """The event that a watch is called with.

    Args:
        type: What happened. :attr:`EventType.SESSION <zkc.EventType.SESSION>` means that the session changed and
            nothing is known of the znode: such an event is the watch's last.
        state: State of the session when it happened.
        path: Path of the znode, without the client's chroot.
        zxid: Transaction id of the change, where the server reports it: servers of 3.9 and later do, but not for a
            change that is reported after a lost connection. Comparisons of events leave it out.

    .. versionadded:: 0.1
    """

    __slots__ = ("path", "state", "type", "zxid")
    __match_args__ = ("type", "state", "path")  # What comparisons look at.

    type: EventType
    state: State
    path: str
    zxid: Optional[int]

    def __init__(self, type: int, state: int, path: str, zxid: Optional[int] = None) -> None:  # noqa: A002
        # Numbers without a name stay as they are: these enums take any int.
        object.__setattr__(self, "type", EventType(type))
        object.__setattr__(self, "state", State(state))
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "zxid", zxid)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WatchedEvent):
            return NotImplemented
        return (self.type, self.state, self.path) == (other.type, other.state, other.path)

    def __hash__(self) -> int:
        return hash((self.type, self.state, self.path))


@dataclass(frozen=True)
class Identity(Frozen):
    """An identity of a connection, as the server knows it.

    Args:
        scheme: Scheme of the credentials, such as ``"ip"``, ``"digest"``, ``"sasl"`` or ``"x509"``.
        user: Name of the user, without a password; for ``"ip"`` the address.

    .. versionadded:: 0.1
    """

    __slots__ = ("scheme", "user")

    scheme: str
    user: str


@dataclass(frozen=True)
class KeptZnode(Frozen):
    """A re-created ephemeral znode (``keep=True``), and its state in the client's present session.

    Args:
        path: Its path.
        state: How it stands.
        error: Why it is not there, for :attr:`KeptState.TAKEN <zkc.KeptState.TAKEN>` and
            :attr:`KeptState.FAILED <zkc.KeptState.FAILED>`: a :class:`~zkc.ZooKeeperError`, or ValueError for more
            data than the client's ``max_data`` allows. None for the other states.

    .. versionadded:: 0.1
    """

    __slots__ = ("error", "path", "state")

    path: str
    state: KeptState
    error: Optional[Exception]


OPEN_ACL_UNSAFE: tuple[ACL, ...] = (ACL.world(),)
"""Every client may do everything: the default of :class:`~zkc.Client`."""
READ_ACL_UNSAFE: tuple[ACL, ...] = (ACL.world(Perms.READ),)
"""Every client may read."""
CREATOR_ALL_ACL: tuple[ACL, ...] = (ACL.auth(),)
"""Only the creator of the znode may do anything. The session must be authenticated."""

Data = Union[bytes, bytearray, memoryview]
"""Types accepted as a znode's data, besides None. Reads always return bytes, or None."""
Watch = Callable[[WatchedEvent], object]
"""Type of a watch: a callable, called once with the event. Its return value is ignored."""
