"""zc.zk 1.2 over :mod:`zkc.legacy.zookeeper`, for code that must move to Python 3 unchanged.

``ZooKeeper`` (or ``ZK``) is a session that opens again after it has expired. It has the calls of the module
``zookeeper`` as methods, and above them nodes with properties in JSON (:class:`Properties`), lists of children that are
always current (:class:`Children`), symbolic links, trees in text, and registration of servers.
``zkc.legacy.zk.testing`` has a ZooKeeper in memory for tests.

``zkc.legacy.install()`` makes this module importable as ``zc.zk``. New code is better off with :class:`zkc.Client`.

.. versionadded:: 0.1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkc.legacy.zk import event
from zkc.legacy.zk._data import (
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    decode,
    encode,
    join,
    logger,
    parse_addr,
    world_permission,
)
from zkc.legacy.zk._errors import BadPropertyLink, CancelWatch, FailedConnect, LinkLoop
from zkc.legacy.zk._links import Resolving
from zkc.legacy.zk._logging import logging_pipe as _make_logging_pipe
from zkc.legacy.zk._nodes import Children, NodeInfo
from zkc.legacy.zk._properties import Properties
from zkc.legacy.zk._registration import RegisteringServer
from zkc.legacy.zk._session import ZooKeeper
from zkc.legacy.zk._tree_text import ParseNode, parse_tree
from zkc.legacy.zk._watches import WatchManager

__all__ = [
    "OPEN_ACL_UNSAFE",
    "READ_ACL_UNSAFE",
    "ZK",
    "BadPropertyLink",
    "CancelWatch",
    "Children",
    "FailedConnect",
    "LinkLoop",
    "NodeInfo",
    "ParseNode",
    "Properties",
    "RegisteringServer",
    "Resolving",
    "WatchManager",
    "ZooKeeper",
    "decode",
    "encode",
    "event",
    "join",
    "logger",
    "parse_addr",
    "parse_tree",
    "world_permission",
]

ZK = ZooKeeper

if TYPE_CHECKING:
    _logging_pipe: tuple[int, int]


def __getattr__(name: str) -> object:
    # Made with the first session or at the first look: until then there is neither a pipe nor a thread.
    if name == "_logging_pipe":
        return _make_logging_pipe()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
