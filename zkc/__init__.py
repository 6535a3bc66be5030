"""ZooKeeper for Python over the official C client.

>>> import zkc
>>> with zkc.Client("127.0.0.1:2181") as client:
...     client.create("/greeting", b"hello")
...     data, stat = client.get("/greeting")
"""

from typing import TYPE_CHECKING

from zkc._version import __version__

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.submit import Future
    from zkc._client.sync import Client
    from zkc._client.transaction import AsyncTransaction, Operation, SubmitTransaction, Transaction
    from zkc._client.watch_events import AsyncWatchEvents, WatchEvents
    from zkc._commands.create import unprotected_name
    from zkc._commands.trees import TreeNode
    from zkc._watch.callback_subscription import Subscription
    from zkc._watch.persistent import EventSubscription
    from zkc._zookeeper import Request, Session, build_info, set_gil_hold, set_log_level
    from zkc.constants import ClientState, CreateMode, EventType, KeptState, LogLevel, Perms, State, WatchType
    from zkc.credentials import SASL, TLS
    from zkc.errors import _base, _codes, _tls
    from zkc.errors._base import *  # noqa: F403
    from zkc.errors._codes import *  # noqa: F403
    from zkc.errors._tls import *  # noqa: F403
    from zkc.metrics import Histogram, Metrics, RecipeMetrics
    from zkc.retry import Retry, is_retriable
    from zkc.types import (
        ACL,
        CREATOR_ALL_ACL,
        OPEN_ACL_UNSAFE,
        READ_ACL_UNSAFE,
        Identity,
        KeptZnode,
        Stat,
        WatchedEvent,
    )

__all__ = [
    "ACL",
    "CREATOR_ALL_ACL",
    "OPEN_ACL_UNSAFE",
    "READ_ACL_UNSAFE",
    "SASL",
    "TLS",
    "AsyncClient",
    "AsyncFuture",
    "AsyncTransaction",
    "AsyncWatchEvents",
    "Client",
    "ClientState",
    "CreateMode",
    "EventSubscription",
    "EventType",
    "Future",
    "Histogram",
    "Identity",
    "KeptState",
    "KeptZnode",
    "LogLevel",
    "Metrics",
    "Operation",
    "Perms",
    "RecipeMetrics",
    "Request",
    "Retry",
    "Session",
    "Stat",
    "State",
    "SubmitTransaction",
    "Subscription",
    "Transaction",
    "TreeNode",
    "WatchEvents",
    "WatchType",
    "WatchedEvent",
    "__version__",
    "build_info",
    "is_retriable",
    "set_gil_hold",
    "set_log_level",
    "unprotected_name",
]

if TYPE_CHECKING:
    # The errors are listed where they are defined. mypy and pyright follow these lists.
    __all__ += _base.__all__
    __all__ += _codes.__all__
    __all__ += _tls.__all__
else:
    # `import zkc` loads nothing: a program that uses threads needs no asyncio, and `zkc --version` no client. A name is
    # loaded when it is first used (PEP 562). A test compares this table with the imports above and with zkc.errors.
    _MODULES = {
        name: module
        for module, names in {
            "_client.aio": "AsyncClient",
            "_client.aio_future": "AsyncFuture",
            "_client.submit": "Future",
            "_client.sync": "Client",
            "_client.transaction": "AsyncTransaction Operation SubmitTransaction Transaction",
            "_client.watch_events": "AsyncWatchEvents WatchEvents",
            "_commands.create": "unprotected_name",
            "_commands.trees": "TreeNode",
            "_watch.callback_subscription": "Subscription",
            "_watch.persistent": "EventSubscription",
            "_zookeeper": "Request Session build_info set_gil_hold set_log_level",
            "constants": "ClientState CreateMode EventType KeptState LogLevel Perms State WatchType",
            "credentials": "SASL TLS",
            "errors": (
                "APIError AuthFailedError BadArgumentsError BadVersionError CertificateError ClosingError "
                "ConnectTimeoutError ConnectionLossError DataInconsistencyError EphemeralOnLocalSessionError "
                "ForkedError InternalError InvalidACLError InvalidCallbackError InvalidStateError MarshallingError "
                "NewConfigNoQuorumError NoAuthError NoChildrenForEphemeralsError NoNodeError NoWatcherError "
                "NodeExistsError NotEmptyError NotReadOnlyError NotStartedError NothingError OperationTimeoutError "
                "QuotaExceededError ReconfigDisabledError ReconfigError ReconfigInProgressError RequestTimeoutError "
                "RuntimeInconsistencyError SSLConnectionError SessionClosedRequireSaslAuthError SessionExpiredError "
                "SessionLostError SessionMovedError SystemFailureError TLSError ThrottledError UnimplementedError "
                "UnknownError UnknownSessionError ZooKeeperError"
            ),
            "metrics": "Histogram Metrics RecipeMetrics",
            "retry": "Retry is_retriable",
            "types": "ACL CREATOR_ALL_ACL OPEN_ACL_UNSAFE READ_ACL_UNSAFE Identity KeptZnode Stat WatchedEvent",
        }.items()
        for name in names.split()
    }
    _SUBMODULES = ("constants", "credentials", "errors", "metrics", "retry", "types")
    __all__ += [name for name, module in _MODULES.items() if module == "errors"]

    def __getattr__(name):
        """Load a public name, or a public module, and keep it."""
        if name not in _MODULES and name not in _SUBMODULES:
            raise AttributeError(f"module 'zkc' has no attribute {name!r}")
        from importlib import import_module

        module = import_module(f"zkc.{_MODULES.get(name, name)}")
        value = globals()[name] = getattr(module, name) if name in _MODULES else module
        return value

    def __dir__():
        """Return the names that are there, and those that are still to be loaded."""
        return sorted({*globals(), *__all__, *_SUBMODULES})
