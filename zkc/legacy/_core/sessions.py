"""Opening and closing of sessions, and questions about a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from zkc._args import check_hosts
from zkc._zookeeper import Session, error_text
from zkc.credentials import TLS
from zkc.errors import SSLConnectionError, ZooKeeperError
from zkc.legacy._core.constants import CONNECTING_STATE
from zkc.legacy._core.exceptions import ZooKeeperException, bad_arguments, exception_for
from zkc.legacy._core.handles import Entry, Watcher, entry_of, open_handle, release, session_of
from zkc.legacy._core.values import Text, encode_text

_PASSWORD = 16
_IN_FLIGHT = 32768  # As many as the core takes: the old module knew no limit.
_CLOSE_TIMEOUT = 10.0
_NOT_CONNECTED = 999  # A state that came with libzookeeper 3.5: it has not tried any server yet.

ClientId = Sequence[Union[int, Text]]


def init(
    hosts: Text, watcher: Optional[Watcher] = None, recv_timeout_ms: int = 10000, clientid: Optional[ClientId] = None
) -> int:
    """Begin a session with an ensemble; it is not connected yet when this returns.

    A call made at once waits for the connection. The original resolved names with the GIL held.

    Args:
        hosts: The servers, ``host:port,host:port/chroot``; a port left out is 2181, and empty entries do not count.
        watcher: Called with ``(h, type, state, path)`` for each session event, the first of which is CONNECTED.
        recv_timeout_ms: Session timeout to ask for, from 1 to 2147483647 milliseconds.
        clientid: Session to resume, as :func:`client_id` gave it: a sequence of two, ``(id, password)``. What is false,
            such as 0, counts as None, and so does an id of -1.

    Returns:
        A handle: the lowest free one, from 0.

    Raises:
        ZooKeeperException: No name can be resolved, or ``hosts`` is malformed; the text says which.
        BadArgumentsException: Another argument has a wrong value.
        TypeError: An argument has a wrong type.

    .. versionadded:: 0.1
    """
    return _open(hosts, watcher, recv_timeout_ms, clientid, None)


def init_ssl(
    hosts: Text,
    cert: str,
    watcher: Optional[Watcher] = None,
    recv_timeout_ms: int = 10000,
    clientid: Optional[ClientId] = None,
) -> int:
    """Begin a session over TLS; else as :func:`init`.

    The server's certificate is verified against the given CA, and as ever not against the server's name:
    :class:`zkc.TLS` does both.

    Args:
        hosts: The servers.
        cert: Names of files and a password, with commas between them: ``"ca,certificate,key,password"``. The last three
            may be left out, which the original did not allow.
        watcher: As for :func:`init`.
        recv_timeout_ms: As for :func:`init`.
        clientid: As for :func:`init`.

    Returns:
        A handle.

    Raises:
        BadArgumentsException: ``cert`` is not as above, or a file in it cannot be used.
        ZooKeeperException: As for :func:`init`.

    .. versionadded:: 0.1
    """
    if not isinstance(cert, str):
        raise TypeError(f"cert must be str, 'ca,certificate,key,password', not {type(cert).__name__}")
    parts = cert.split(",", 3)
    if not parts[0]:
        raise bad_arguments("cert must be 'ca,certificate,key,password', names of files and a password")
    tls: dict[str, Any] = dict(zip(("ca", "certificate", "key", "password"), (part or None for part in parts)))
    return _open(hosts, watcher, recv_timeout_ms, clientid, {**tls, "check_hostname": False})


def _open(
    hosts: Text,
    watcher: Optional[Watcher],
    recv_timeout_ms: int,
    clientid: Optional[ClientId],
    tls: Optional[dict[str, Any]],
) -> int:
    _check_watcher(watcher)
    if not isinstance(recv_timeout_ms, int):
        raise TypeError(f"recv_timeout_ms must be int, not {type(recv_timeout_ms).__name__}")
    if not 0 < recv_timeout_ms < 2**31:
        raise bad_arguments(f"recv_timeout_ms must be from 1 to 2147483647 milliseconds, not {recv_timeout_ms}")
    resumed = _client_id(clientid) if clientid else None  # Old programs give 0 for none.
    hosts = encode_text(hosts, "hosts")
    try:
        hosts = _without_empty_entries(hosts)
        core_hosts = check_hosts(hosts)[1]
    except ValueError as error:
        raise ZooKeeperException(f"the handle could not be initialized: {error}") from None

    def make(entry: Entry) -> Session:
        entry.hosts = hosts
        entry.options = {"session_timeout": recv_timeout_ms / 1000, "tls": None if tls is None else TLS(**tls)}
        return Session(
            core_hosts,
            session_timeout=recv_timeout_ms / 1000,
            watcher=entry,
            client_id=resumed,
            log_client_env=True,
            tls=tls,
            max_in_flight=_IN_FLIGHT,
        )

    try:
        return open_handle(watcher, make)
    except ZooKeeperError as error:
        if error.code is None or isinstance(error, SSLConnectionError):  # The files do not fit, or are none.
            raise bad_arguments(str(error)) from None
        raise ZooKeeperException(f"the handle could not be initialized: {error}") from None
    except (OSError, ValueError) as error:
        raise bad_arguments(str(error)) from None


def _without_empty_entries(hosts: str) -> str:
    """Leave out what the old C client skipped: a comma at the end, two in a row."""
    listed, slash, chroot = hosts.partition("/")
    entries = [entry for entry in listed.split(",") if entry.strip()]
    if not entries:
        raise ValueError(f"there is no server in hosts: {hosts!r}")
    return ",".join(entries) + slash + chroot


def _check_watcher(watcher: Optional[Watcher], name: str = "watcher") -> None:
    if watcher is not None and not callable(watcher):
        raise TypeError(f"{name} must be callable or None, not {type(watcher).__name__}")


def _client_id(clientid: ClientId) -> Optional[tuple[int, bytes]]:
    """Return the session to resume; None for an id of -1, which is none: it was the default of the original."""
    given: object = clientid
    if not isinstance(given, Sequence) or len(given) != 2:
        raise TypeError(f"clientid must be a sequence of two, (id, password), not {clientid!r}")
    number, password = given
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"the id of clientid must be int, not {type(number).__name__}")
    if isinstance(password, str):
        try:
            password = password.encode("latin-1")  # One to one, as client_id() gave it.
        except UnicodeEncodeError:
            raise bad_arguments("a password of clientid is 16 bytes, or a str of as many latin-1 characters") from None
    if not isinstance(password, bytes):
        raise TypeError(f"the password of clientid must be str or bytes, not {type(password).__name__}")
    if number == -1:
        return None
    if len(password) > _PASSWORD:
        raise bad_arguments(f"the password of clientid has {len(password)} bytes, and {_PASSWORD} at the most")
    if not -(2**63) <= number < 2**63:
        raise bad_arguments(f"the id of clientid has 64 bits at the most: {number}")
    return number, password.ljust(_PASSWORD, b"\0")


def close(h: int) -> int:
    """End a session; its handle is free from then on.

    Calls under way fail with CLOSING. It may be called from any thread, and inside a watcher.

    Args:
        h: The handle.

    Returns:
        0.

    Raises:
        ZooKeeperException: There is no such handle.

    .. versionadded:: 0.1
    """
    session, owned = release(h)
    if owned:
        try:
            session.close(_CLOSE_TIMEOUT)
        except ZooKeeperError as error:
            raise exception_for(error) from None
    return 0


def state(h: int) -> int:
    """Return the state of a session, one of the ``_STATE`` numbers.

    Args:
        h: The handle.

    .. versionadded:: 0.1
    """
    try:
        number = session_of(h).state
    except ZooKeeperError as error:
        raise exception_for(error) from None
    return CONNECTING_STATE if number == _NOT_CONNECTED else number


def recv_timeout(h: int) -> int:
    """Return the session timeout in milliseconds: what was agreed upon, before that what was asked for.

    Args:
        h: The handle.

    .. versionadded:: 0.1
    """
    try:
        return round(session_of(h).negotiated_timeout * 1000)
    except ZooKeeperError as error:
        raise exception_for(error) from None


def client_id(h: int) -> tuple[int, str]:
    """Return what another :func:`init` resumes the session with: its id and its password.

    Args:
        h: The handle.

    Returns:
        ``(id, password)``; the password is a str of 16 latin-1 characters, one for each byte.

    .. versionadded:: 0.1
    """
    try:
        number, password = session_of(h).client_id
    except ZooKeeperError as error:
        raise exception_for(error) from None
    return number, password.decode("latin-1")


def is_unrecoverable(h: int) -> bool:
    """Return whether a session is over: it has expired, or the servers refused its credentials.

    Args:
        h: The handle.

    .. versionadded:: 0.1
    """
    try:
        return session_of(h).unrecoverable
    except ZooKeeperError as error:
        raise exception_for(error) from None


def set_watcher(h: int, fn: Optional[Watcher]) -> None:
    """Replace the watcher of a session. It may be called inside a watcher.

    Args:
        h: The handle.
        fn: Called with ``(h, type, state, path)`` for each session event from now on, or None.

    .. versionadded:: 0.1
    """
    _check_watcher(fn, "fn")
    entry_of(h).watcher = fn


def zerror(rc: int) -> str:
    """Return the text for a code, such as "no node".

    Args:
        rc: The code.

    .. versionadded:: 0.1
    """
    return error_text(rc)
