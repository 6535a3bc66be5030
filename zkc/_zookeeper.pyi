"""Native core of zkc: sessions of libzookeeper, their requests and their watches.

This layer mirrors zookeeper.h and has no opinions: codes are ints, ACLs are tuples, watches get ``(type, state,
path)``.
The idiomatic layer above it is :class:`zkc.Client`.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import GenericAlias
from typing import Any, ClassVar, Final, Generic, Literal, Protocol, TypeVar, Union, final

from zkc.errors import TLSError, ZooKeeperError

_T = TypeVar("_T")
_Data = Union[bytes, bytearray, memoryview]
_ACL = tuple[int, str, str]
_Watch = Callable[[int, int, str], object]
_Op = tuple[Any, ...]

LIBZOOKEEPER_VERSION: Final[str]
# Type of the session event for a TLS connection that was not made; in the state's place is how many that were in a row.
# Session.tls_error has the cause.
TLS_FAILED: Final[int]
OPENED: Final[int]

class _Future(Protocol):
    def done(self) -> bool: ...
    def set_result(self, result: Any, /) -> object: ...
    def set_exception(self, exception: Any, /) -> object: ...

def build_info() -> dict[str, Any]: ...
def set_log_level(level: int) -> None: ...
def set_deterministic_order(enabled: bool) -> None: ...
def set_place_limit(seconds: float | None) -> None: ...
def error_text(code: int) -> str: ...
def live_counts() -> dict[str, int]: ...
def set_log_sink(sink: Callable[[str], object] | None) -> None: ...

# What zkc.legacy uses
def set_legacy_bytes(flag: bool) -> None: ...
def legacy_result(request: Request[Any]) -> Any: ...
def call_printed(function: Callable[..., object], *arguments: object) -> None: ...

@final
class LegacyWatch:
    def __init__(self, handle: int, function: Callable[[int, int, int, str], object]) -> None: ...
    def __call__(self, event: int, state: int, path: str) -> None: ...

@final
class LegacyCompletion:
    def __init__(self, handle: int, function: Callable[..., object]) -> None: ...
    def __call__(self, request: Request[Any]) -> None: ...

@final
class Stat:
    __match_args__: ClassVar[tuple[str, ...]]
    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    aversion: int
    ephemeral_owner: int
    data_length: int
    num_children: int
    pzxid: int
    def __init__(
        self,
        czxid: int,
        mzxid: int,
        ctime: int,
        mtime: int,
        version: int,
        cversion: int,
        aversion: int,
        ephemeral_owner: int,
        data_length: int,
        num_children: int,
        pzxid: int,
    ) -> None: ...
    @property
    def created(self) -> datetime: ...
    @property
    def modified(self) -> datetime: ...

@final
class Request(Generic[_T]):
    operation: str
    path: str | None
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @classmethod
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    def result(self, timeout: float | None = None) -> _T: ...
    def exception(self, timeout: float | None = None) -> BaseException | None: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def done(self) -> bool: ...
    def add_done_callback(self, fn: Callable[[Request[_T]], object]) -> None: ...
    def resolve(self, future: _Future) -> None: ...
    def abandon(self) -> None: ...

@final
class Delivery:
    def __init__(self, *args: object, **kwargs: object) -> None: ...
    def __del__(self) -> None: ...
    @property
    def stopped(self) -> bool: ...
    def fileno(self) -> int: ...
    def deliver(self, limit: int = 1000) -> bool: ...
    def close(self) -> None: ...

class Session:
    hosts: str
    @property
    def delivery(self) -> Delivery | None: ...
    def __init__(
        self,
        hosts: str,
        *,
        session_timeout: float = 10.0,
        watcher: _Watch | None = None,
        client_id: tuple[int, bytes] | None = None,
        read_only: bool = False,
        log_client_env: bool = False,
        tls: dict[str, Any] | None = None,
        sasl: dict[str, str] | None = None,
        resolution_delay: float | None = None,
        max_in_flight: int = 16384,
        watches_see_session_events: bool = False,
        open_timeout: float | None = None,
        deliver: Literal["thread", "manual"] = "thread",
        wait: bool = True,
    ) -> None: ...
    # The session
    def wait_connected(self, timeout: float | None = None) -> None: ...
    def open_error(self) -> ZooKeeperError | None: ...
    def begin_close(self) -> None: ...
    def delivers_here(self) -> bool: ...
    def close(self, timeout: float = 10.0) -> bool: ...
    @property
    def tls_error(self) -> TLSError | None: ...
    @property
    def tls_futile(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    @property
    def state(self) -> int: ...
    @property
    def unrecoverable(self) -> bool: ...
    @property
    def client_id(self) -> tuple[int, bytes]: ...
    @property
    def negotiated_timeout(self) -> float: ...
    @property
    def current_server(self) -> str | None: ...
    @property
    def connected_address(self) -> tuple[str, int] | None: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def watch_count(self) -> int: ...
    def metrics(self) -> dict[str, Any]: ...
    def set_watcher(self, watcher: _Watch | None) -> None: ...
    def set_servers(self, hosts: str) -> None: ...
    def set_resolution_delay(self, delay: float | None) -> None: ...
    def cycle_next_server(self) -> None: ...
    # Requests
    def create(
        self,
        path: str,
        data: _Data | None,
        acl: Sequence[_ACL],
        mode: int = 0,
        ttl: float | None = None,
        callback: Callable[[Request[str]], object] | None = None,
    ) -> Request[str]: ...
    def create_with_stat(
        self,
        path: str,
        data: _Data | None,
        acl: Sequence[_ACL],
        mode: int = 0,
        ttl: float | None = None,
        callback: Callable[[Request[tuple[str, Stat]]], object] | None = None,
    ) -> Request[tuple[str, Stat]]: ...
    def delete(
        self, path: str, version: int = -1, callback: Callable[[Request[None]], object] | None = None
    ) -> Request[None]: ...
    def exists(
        self, path: str, watch: _Watch | None = None, callback: Callable[[Request[Stat | None]], object] | None = None
    ) -> Request[Stat | None]: ...
    def get(
        self,
        path: str,
        watch: _Watch | None = None,
        callback: Callable[[Request[tuple[bytes | None, Stat]]], object] | None = None,
    ) -> Request[tuple[bytes | None, Stat]]: ...
    def set(
        self,
        path: str,
        data: _Data | None,
        version: int = -1,
        callback: Callable[[Request[Stat]], object] | None = None,
    ) -> Request[Stat]: ...
    def get_children(
        self, path: str, watch: _Watch | None = None, callback: Callable[[Request[list[str]]], object] | None = None
    ) -> Request[list[str]]: ...
    def get_children_with_stat(
        self,
        path: str,
        watch: _Watch | None = None,
        callback: Callable[[Request[tuple[list[str], Stat]]], object] | None = None,
    ) -> Request[tuple[list[str], Stat]]: ...
    def get_acl(
        self, path: str, callback: Callable[[Request[tuple[list[_ACL], Stat]]], object] | None = None
    ) -> Request[tuple[list[_ACL], Stat]]: ...
    def set_acl(
        self,
        path: str,
        acl: Sequence[_ACL],
        version: int = -1,
        callback: Callable[[Request[None]], object] | None = None,
    ) -> Request[None]: ...
    def sync(self, path: str, callback: Callable[[Request[str]], object] | None = None) -> Request[str]: ...
    def multi(
        self, ops: Iterable[_Op], callback: Callable[[Request[list[Any]]], object] | None = None
    ) -> Request[list[Any]]: ...
    def add_auth(
        self, scheme: str, credentials: bytes, callback: Callable[[Request[None]], object] | None = None
    ) -> Request[None]: ...
    def get_config(
        self,
        watch: _Watch | None = None,
        callback: Callable[[Request[tuple[bytes | None, Stat]]], object] | None = None,
    ) -> Request[tuple[bytes | None, Stat]]: ...
    def reconfig(
        self,
        joining: str | None = None,
        leaving: str | None = None,
        members: str | None = None,
        version: int = -1,
        callback: Callable[[Request[tuple[bytes | None, Stat]]], object] | None = None,
    ) -> Request[tuple[bytes | None, Stat]]: ...
    def remove_watches(
        self,
        path: str,
        watch: _Watch,
        watch_type: int = 3,
        callback: Callable[[Request[None]], object] | None = None,
    ) -> Request[None]: ...
    def remove_all_watches(
        self, path: str, watch_type: int = 3, callback: Callable[[Request[None]], object] | None = None
    ) -> Request[None]: ...
