"""Checks and encoding of the arguments of all clients, and decoding of results.

These functions refuse bad input before anything is sent, with a TypeError or a ValueError that names the argument and
says what to give instead. They return the form that the native core takes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Optional

from zkc._zookeeper import is_path
from zkc.constants import ClientState, CreateMode, Perms, WatchType
from zkc.errors import too_large
from zkc.types import ACL, Data

CoreACL = list[tuple[int, str, str]]

_DEFAULT_PORT = 2181
_INT32 = 2**31
_MOST_DATA = _INT32 - 1 - 65536  # The protocol counts in 32 bits, and a request has more than data.
_MAX_SECONDS = 1e9  # Thirty years; the core counts nanoseconds in 64 bits.
_MAX_SESSION_TIMEOUT = (_INT32 - 1) / 1000
_MAX_TTL = (2**40 - 1) / 1000  # The servers keep a TTL as 40 bits of milliseconds.

# ---- paths ----------------------------------------------------------------------------------------------------------

# The characters that no name may have, so that an error can name one; is_path is the rule itself.
_search_refused = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\uf8ff\\ufff0-\\U0010ffff]").search


def check_path(path: object, name: str = "path") -> str:
    """Return a path if it keeps the rules of ZooKeeper, else raise.

    Raises:
        TypeError: The path is no str.
        ValueError: The path breaks a rule; the message says which.
    """
    if is_path(path):
        return path
    raise _path_error(path, name)


def check_create_path(path: object, sequential: bool) -> str:
    """Return the path of a create if it is valid, else raise.

    The server appends the counter before it checks the name. So a sequential path may end with a slash or dots.
    """
    if not sequential:
        return check_path(path)
    if isinstance(path, str) and is_path(path + "0"):
        return path
    raise _path_error(path, "path", sequential)


def _path_error(path: object, name: str, sequential: bool = False) -> Exception:
    if not isinstance(path, str):
        hint = "; decode it first" if isinstance(path, (bytes, bytearray)) else ""
        return TypeError(f"{name} must be a str, not {type(path).__name__}{hint}")
    if not path:
        return ValueError(f"{name} must not be empty; the root is '/'")
    if not path.startswith("/"):
        return ValueError(f"{name} must start with '/': {path!r}")
    refused = _search_refused(path)
    if refused:
        return ValueError(
            f"{name} must not contain the character U+{ord(refused[0]):04X} (at {refused.start()}): ZooKeeper refuses "
            f"control characters, private use and all beyond U+FFEF: {path!r}"
        )
    if "//" in path:
        return ValueError(f"{name} must not contain an empty name ('//'): {path!r}")
    if path.endswith("/") and not sequential:
        return ValueError(f"{name} must not end with '/': {path!r}")
    return ValueError(f"{name} must be absolute, without '.' and '..': {path!r}")


# ---- values ---------------------------------------------------------------------------------------------------------


def check_data(data: object) -> Optional[Data]:
    """Return a znode's data as the core takes it, else raise TypeError."""
    if data is None or isinstance(data, (bytes, bytearray, memoryview)):
        return data
    if isinstance(data, str):
        raise TypeError("data must be bytes, not str: encode it first, for example data.encode()")
    raise TypeError(f"data must be bytes, bytearray, memoryview or None, not {type(data).__name__}")


def check_identifier(identifier: object) -> str:
    """Return the identifier of a contender or member if it is a str, else raise."""
    if not isinstance(identifier, str):
        raise TypeError(f"identifier must be a str, not {type(identifier).__name__}")
    return identifier


def data_size(data: Optional[Data]) -> int:
    """Return the size of a znode's data in bytes."""
    if data is None:
        return 0
    return data.nbytes if isinstance(data, memoryview) else len(data)


def check_data_size(operation: str, path: str, size: int, limit: Optional[int]) -> None:
    """Raise ValueError if data are larger than a request may be.

    Args:
        operation: The operation of the request.
        path: Path of the znode.
        size: The size of the data in bytes.
        limit: The client's ``max_data``.
    """
    if size > _MOST_DATA:
        raise ValueError(f"{operation} {path!r}: {size:,} bytes of data are more than a request can carry (2 GiB)")
    if limit is not None and size > limit:
        raise ValueError(too_large(operation, path, size, limit))


def check_version(version: object) -> int:
    """Return a version that fits the protocol (32 bits, signed), else raise."""
    if not isinstance(version, int) or isinstance(version, bool):
        raise TypeError(f"version must be an int, or -1 for any version, not {type(version).__name__}")
    if not -_INT32 <= version < _INT32:
        raise ValueError(f"version must fit 32 bits: {version}")
    return version


def check_seconds(value: object, name: str = "timeout", least: float = 0.0, most: float = _MAX_SECONDS) -> float:
    """Return a duration in seconds that is positive, finite and between the limits, else raise."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive, finite number of seconds: {value}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least:.13g} to {most:.13g} seconds: {value}")
    return float(value)


def check_timeout(value: object, name: str = "timeout") -> Optional[float]:
    """Return a timeout in seconds, or None for no limit, else raise."""
    return None if value is None else check_seconds(value, name)


def check_session_timeout(value: object) -> float:
    """Return a session timeout in seconds that fits the protocol (milliseconds, 32 bits), else raise."""
    return check_seconds(value, "session_timeout", 0.001, _MAX_SESSION_TIMEOUT)


def check_states(state: object) -> frozenset[ClientState]:
    """Return states of a client as a set, else raise."""
    states = frozenset([state]) if isinstance(state, ClientState) else state
    if isinstance(states, (str, bytes)) or not isinstance(states, Iterable):
        raise TypeError(f"state must be a ClientState such as ClientState.CONNECTED, not {type(state).__name__}")
    wanted = frozenset(states)
    for one in wanted:
        if not isinstance(one, ClientState):
            raise TypeError(f"state must be a ClientState such as ClientState.CONNECTED, not {type(one).__name__}")
    if not wanted:
        raise ValueError("state must name one state or more")
    return wanted


def check_flag(value: object, name: str) -> bool:
    """Return True or False, else raise TypeError."""
    if value is True or value is False:
        return value
    raise TypeError(f"{name} must be True or False, not {type(value).__name__}")


def check_client_id(client_id: object) -> Optional[tuple[int, bytes]]:
    """Return the id and password of a session to resume, else raise."""
    if client_id is None:
        return None
    if not isinstance(client_id, tuple) or len(client_id) != 2:
        raise TypeError("client_id must be a tuple (session_id, session_password) or None")
    number, password = client_id
    if not isinstance(number, int) or isinstance(number, bool) or not isinstance(password, bytes):
        raise TypeError("client_id must be a tuple of an int (session_id) and bytes (session_password)")
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"client_id: the session id must fit 64 bits: {number}")
    if len(password) != 16:
        raise ValueError(f"client_id: the session password must have 16 bytes, not {len(password)}")
    return number, password


def check_auth(scheme: object, credentials: object) -> tuple[str, bytes]:
    """Return a scheme and credentials as the core takes them, else raise."""
    if not isinstance(scheme, str):
        raise TypeError(f"scheme must be a str such as 'digest', not {type(scheme).__name__}")
    if not scheme or "\0" in scheme:
        raise ValueError("scheme must be a name such as 'digest'")
    if isinstance(credentials, str):
        return scheme, credentials.encode()
    if not isinstance(credentials, bytes):
        raise TypeError(f"credentials must be bytes or str, not {type(credentials).__name__}")
    return scheme, credentials


def check_auths(auth: object) -> list[tuple[str, bytes]]:
    """Return a list of credentials as the core takes them, else raise."""
    if isinstance(auth, (str, bytes)) or not isinstance(auth, Iterable):
        raise TypeError(f"auth must be a list of (scheme, credentials), not {type(auth).__name__}")
    checked = []
    for entry in auth:
        if not isinstance(entry, tuple) or len(entry) != 2:
            raise TypeError("auth must hold tuples (scheme, credentials) such as ('digest', 'user:password')")
        checked.append(check_auth(*entry))
    return checked


def check_max_in_flight(value: object) -> int:
    """Return the limit of requests in flight, else raise."""
    return check_count(value, "max_in_flight", 1, 32768)


def check_max_data(value: object) -> Optional[int]:
    """Return the limit of a request in bytes, or None for no limit, else raise."""
    return None if value is None else check_count(value, "max_data")


def check_max_queued_events(value: object) -> int:
    """Return the limit of events that wait, else raise."""
    return check_count(value, "max_queued_events")


def check_count(value: object, name: str, least: int = 1, most: int = _INT32 - 1) -> int:
    """Return a whole number between the limits, else raise."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}: {value}")
    return value


def check_members(members: object, name: str) -> Optional[str]:
    """Return servers of an ensemble, joined by commas as the core takes them, else raise."""
    if members is None:
        return None
    listed = [members] if isinstance(members, str) else members
    if not isinstance(listed, Sequence) or isinstance(listed, (bytes, bytearray)):
        raise TypeError(f"{name} must be a str or a list of str, not {type(members).__name__}")
    for member in listed:
        if not isinstance(member, str):
            raise TypeError(f"{name} must hold str such as 'server.1=host:2888:3888;2181', not {type(member).__name__}")
        if not member or "\0" in member:
            raise ValueError(f"{name} must hold servers such as 'server.1=host:2888:3888;2181', not {member!r}")
    if not listed:
        raise ValueError(f"{name} must have one server or more; leave it out for none")
    return ",".join(listed)


def check_reconfig_version(version: object) -> int:
    """Return the version of a configuration (64 bits, signed), else raise."""
    if not isinstance(version, int) or isinstance(version, bool):
        raise TypeError(f"version must be an int, or -1 for any version, not {type(version).__name__}")
    if not -(2**63) <= version < 2**63:
        raise ValueError(f"version must fit 64 bits: {version}")
    return version


# ---- access control lists -------------------------------------------------------------------------------------------


def encode_acl(acl: object, name: str = "acl") -> CoreACL:
    """Return an access control list as the core takes it, else raise."""
    if isinstance(acl, ACL):
        raise TypeError(f"{name} must be a sequence of ACL: write [{name}]")
    if not isinstance(acl, Sequence) or isinstance(acl, (str, bytes)):
        raise TypeError(f"{name} must be a sequence of ACL, not {type(acl).__name__}")
    entries = []
    for entry in acl:
        if not isinstance(entry, ACL):
            raise TypeError(f"{name} must hold ACL entries such as ACL.world(), not {type(entry).__name__}")
        entries.append((int(entry.perms), entry.scheme, entry.id))
    if not entries:
        raise ValueError(f"{name} must have one entry or more; for no restriction give OPEN_ACL_UNSAFE")
    return entries


def decode_acl(entries: CoreACL) -> list[ACL]:
    """Return an access control list of the core as ACL objects."""
    return [ACL(Perms(perms), scheme, id_) for perms, scheme, id_ in entries]


# ---- modes of a create ----------------------------------------------------------------------------------------------


def create_mode(ephemeral: bool, sequential: bool, container: bool, ttl: Optional[float]) -> CreateMode:
    """Return the mode of a create from its flags, and check its ttl."""
    for name, flag in (("ephemeral", ephemeral), ("sequential", sequential), ("container", container)):
        check_flag(flag, name)
    if ttl is not None:
        check_seconds(ttl, "ttl", 0.001, _MAX_TTL)
        if ephemeral or container:
            raise ValueError(f"a znode with a ttl cannot be {'ephemeral' if ephemeral else 'a container'}: choose one")
        return CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL if sequential else CreateMode.PERSISTENT_WITH_TTL
    if container:
        if ephemeral or sequential:
            raise ValueError(f"a container cannot be {'ephemeral' if ephemeral else 'sequential'}: choose one")
        return CreateMode.CONTAINER
    if ephemeral:
        return CreateMode.EPHEMERAL_SEQUENTIAL if sequential else CreateMode.EPHEMERAL
    return CreateMode.PERSISTENT_SEQUENTIAL if sequential else CreateMode.PERSISTENT


# ---- watches --------------------------------------------------------------------------------------------------------


def check_watch(watch: object) -> None:
    """Raise unless a watch can be called."""
    if not callable(watch):
        raise TypeError(f"watch must be callable with one event, not {type(watch).__name__}")


def check_watch_type(watch_type: object) -> int:
    """Return a type of watches as the core takes it, else raise."""
    if isinstance(watch_type, WatchType):
        return int(watch_type)
    raise TypeError(f"watch_type must be a WatchType such as WatchType.DATA, not {type(watch_type).__name__}")


# ---- servers --------------------------------------------------------------------------------------------------------

_match_name = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?").fullmatch
_match_port = re.compile(r"[0-9]{1,5}").fullmatch


def check_hosts(hosts: object) -> tuple[str, str]:
    """Check the servers, and write them with a port for each.

    Args:
        hosts: ``host:port,host:port/chroot``. A host is a name, an IPv4 address or an IPv6 address in brackets; a
            missing port is 2181; the chroot may be missing.

    Returns:
        The complete list in the form that people write, and in that of libzookeeper: IPv6 without brackets.

    Raises:
        TypeError: ``hosts`` is no str.
        ValueError: An entry or the chroot is malformed; the message says which.
    """
    if not isinstance(hosts, str):
        raise TypeError(f"hosts must be a str such as 'host1:2181,host2:2181/chroot', not {type(hosts).__name__}")
    if "://" in hosts:
        raise ValueError(f"hosts must be 'host:port' without a scheme such as http://: {hosts!r}")
    listed, slash, chroot = hosts.strip().partition("/")
    if re.search(r",[^/]*:[0-9]+(/|$)", chroot):
        raise ValueError(
            "hosts must have the chroot once, after the last server: write 'host1:2181,host2:2181/chroot', not "
            f"{hosts!r}"
        )
    chroot = "" if not slash or not chroot else check_path(f"/{chroot}", "hosts: the chroot")
    servers = [_split_server(entry.strip(), hosts) for entry in listed.split(",")]
    shown = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in servers)
    return shown + chroot, ",".join(f"{host}:{port}" for host, port in servers) + chroot


def _split_server(entry: str, hosts: str) -> tuple[str, int]:
    if not entry:
        raise ValueError(f"hosts must not have an empty entry: {hosts!r}")
    if entry[0] == "[":
        host, bracket, rest = entry[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise ValueError(f"hosts: an IPv6 address is written [address]:port, not {entry!r}")
        import ipaddress  # Here, as few have such a host: it takes a millisecond.

        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(f"hosts: no IPv6 address in the brackets of {entry!r}") from None
        return host, _port(rest[1:], entry) if rest else _DEFAULT_PORT
    if entry.count(":") > 1:
        raise ValueError(f"hosts: an IPv6 address is written [address]:port, not {entry!r}")
    host, colon, port = entry.partition(":")
    if not _match_name(host):
        raise ValueError(f"hosts: no host name or address in {entry!r}")
    return host, _port(port, entry) if colon else _DEFAULT_PORT


def _port(text: str, entry: str) -> int:
    port = int(text) if _match_port(text) else 0
    if not 1 <= port <= 65535:
        raise ValueError(f"hosts: the port must be from 1 to 65535, not {text!r} in {entry!r}")
    return port
