"""ZooKeeper for Python over the official C client.

>>> import zkc
>>> with zkc.Client("127.0.0.1:2181") as client:
...     client.create("/greeting", b"hello")
...     data, stat = client.get("/greeting")
"""

from zkc._client.aio import AsyncClient
from zkc._client.aio_future import AsyncFuture
from zkc._client.submit import Future
from zkc._client.sync import Client
from zkc._client.transaction import AsyncTransaction, Operation, SubmitTransaction, Transaction
from zkc._client.watch_events import AsyncWatchEvents, WatchEvents
from zkc._commands.create import unprotected_name
from zkc._commands.trees import TreeNode
from zkc._version import __version__
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
from zkc.types import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, Identity, KeptZnode, Stat, WatchedEvent

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
# The errors are listed once, where they are defined. mypy and pyright follow these lists.
__all__ += _base.__all__
__all__ += _codes.__all__
__all__ += _tls.__all__
