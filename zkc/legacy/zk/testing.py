"""Tests without a server: a ZooKeeper in memory in the place of the functions of the module ``zookeeper``.

``setUp`` and ``tearDown`` are for doctests and for :mod:`unittest`::

    def setUp(self):
        zc.zk.testing.setUp(self, '/fooservice\\n  threads = 1', 'zookeeper.example.com:2181')

    def tearDown(self):
        zc.zk.testing.tearDown(self)

Set the environment variable TEST_ZOOKEEPER_CONNECTION to the connection string of a real server to run the tests there.
Their root is then a new node, which is deleted afterwards.
"""

from __future__ import annotations

import functools
import json
import os
import random
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, Optional
from unittest import mock

from zkc.legacy import zk, zookeeper
from zkc.legacy.zk._fake import ZooKeeper, badpath
from zkc.legacy.zk._fake_nodes import Node
from zkc.legacy.zk._fake_sessions import Session

__all__ = [
    "Node",
    "Session",
    "ZooKeeper",
    "assert_",
    "badpath",
    "exception_codes",
    "setUp",
    "setup_tree",
    "side_effect",
    "tearDown",
    "testing_with_real_zookeeper",
    "wait_until",
]

_UNDO = "__zc.zk.testing__"
_ROOT = "/zc.zk.testing.test-root"
_TREE = """
/fooservice
  /providers
  database = '/databases/foomain'
  threads = 1
  favorite_color = 'red'
"""

exception_codes: dict[type[Exception], int] = {
    found: found.code
    for found in vars(zookeeper).values()
    if isinstance(found, type) and issubclass(found, zookeeper.ZooKeeperException) and found.code is not None
}


def side_effect(mock: Any) -> Callable[[Callable[..., object]], None]:
    """Return a decorator that makes a function what a mock does.

    .. versionadded:: 0.1
    """
    return lambda func: setattr(mock, "side_effect", func)


def assert_(cond: object, mess: str = "", error: bool = True) -> None:
    """Fail unless something is true.

    Args:
        cond: The condition.
        mess: The message of the failure.
        error: Raise AssertionError; else print.

    .. versionadded:: 0.1
    """
    if not cond:
        if error:
            raise AssertionError(mess)
        print("assertion failed: ", mess)


def wait_until(func: Callable[[], object], timeout: float = 9) -> None:
    """Wait until a function returns a true value. Deprecated.

    Args:
        func: Says whether it is.
        timeout: How long to wait, in seconds.

    Raises:
        AssertionError: It was not true in time.

    .. versionadded:: 0.1
    """
    warnings.warn("wait_until is deprecated. Use zope.testing.wait.wait", DeprecationWarning, stacklevel=2)
    deadline = time.monotonic() + timeout
    while not func():
        time.sleep(0.01)
        if time.monotonic() > deadline:
            raise AssertionError("timeout")


def testing_with_real_zookeeper() -> Optional[str]:
    """Return the connection string of the real server that the tests run with, or None.

    .. versionadded:: 0.1
    """
    return os.environ.get("TEST_ZOOKEEPER_CONNECTION")


# pytest would take it for a test wherever it is imported.
testing_with_real_zookeeper.__test__ = False  # type: ignore[attr-defined]


def setup_tree(
    tree: Optional[str], connection_string: str, root: str = "/test-root", zookeeper_node: bool = False
) -> None:
    """Make a tree on a real server, in the place of what is there.

    Args:
        tree: Its description; None for that of the examples.
        connection_string: The server.
        root: The path of the node that it goes below.
        zookeeper_node: Make ``/zookeeper/quota`` too, which a server has at its root.

    .. versionadded:: 0.1
    """
    client = zk.ZooKeeper(connection_string)
    try:
        if client.exists(root):
            client.delete_recursive(root)
        client.create(root, "", zk.OPEN_ACL_UNSAFE)
        client.import_tree(tree or _TREE, root)
        if zookeeper_node:
            client.import_tree("/zookeeper\n  /quota", root)
    finally:
        client.close()


def setUp(test: Any, tree: Optional[str] = None, connection_string: str = "zookeeper.example.com:2181") -> None:
    """Put a ZooKeeper in memory in the place of the functions of the module ``zookeeper``.

    The test finds it as ``ZooKeeper`` (None with a real server), and ``assert_``: a doctest among its globals, a test
    case among its attributes.

    Args:
        test: The test case, of doctest or of unittest.
        tree: The tree to begin with, as a text for ``import_tree``; None for that of zc.zk's examples.
        connection_string: The connection string that leads to it. No other can be connected to.

    .. versionadded:: 0.1
    """
    globs = _globs(test)
    undo: list[Callable[[], object]] = globs.setdefault(_UNDO, [])
    try:
        real = testing_with_real_zookeeper()
        fake = None
        if real:
            _use_server(globs, undo, tree, real, connection_string)
        else:
            fake = _use_memory(undo, tree, connection_string)
    except BaseException:
        _undo(globs)
        raise
    globs["wait_until"] = wait_until
    globs["ZooKeeper"] = fake
    globs.setdefault("assert_", assert_)


def tearDown(test: Any) -> None:
    """Take back what :func:`setUp` did.

    Args:
        test: The argument of ``setUp``.

    .. versionadded:: 0.1
    """
    # The original kept its own things there, so that tests could add theirs.
    setupstack = sys.modules.get("zope.testing.setupstack")
    if setupstack is not None:
        setupstack.tearDown(test)
    _undo(_globs(test))


def _globs(test: Any) -> dict[str, Any]:
    globs: dict[str, Any] = test.globs if hasattr(test, "globs") else vars(test)
    return globs


def _undo(globs: dict[str, Any]) -> None:
    undo = globs.get(_UNDO, [])
    while undo:
        undo.pop()()


def _use_memory(undo: list[Callable[[], object]], tree: Optional[str], connection_string: str) -> ZooKeeper:
    if tree:
        root = Node()
    else:
        data = json.dumps({"database": "/databases/foomain", "threads": 1, "favorite_color": "red"})
        root = Node(fooservice=Node(data, providers=Node()), zookeeper=Node("", quota=Node()))
    fake = ZooKeeper(connection_string, root)
    for name, function in vars(ZooKeeper).items():
        if not name.startswith("_"):
            patch = mock.patch.object(zookeeper, name, side_effect=functools.partial(function, fake))
            patch.start()
            undo.append(patch.stop)
    if tree:
        client = zk.ZooKeeper(connection_string)
        client.import_tree(tree)
        client.close()
    return fake


def _use_server(
    globs: dict[str, Any], undo: list[Callable[[], object]], tree: Optional[str], real: str, connection_string: str
) -> None:
    root = globs[_ROOT] = f"{_ROOT}{random.randrange(sys.maxsize)}"
    undo.append(functools.partial(_delete_tree, real, root))
    setup_tree(tree, real, root, True)
    init = zookeeper.init

    def redirected(addr: str, watch: Any = None, session_timeout: int = 1000) -> int:
        return init(real + root if addr == connection_string else addr, watch, session_timeout)

    patch = mock.patch.object(zookeeper, "init", side_effect=redirected)
    patch.start()
    undo.append(patch.stop)
    undo.append(functools.partial(setattr, zk.ZooKeeper, "test_sleep", zk.ZooKeeper.test_sleep))
    zk.ZooKeeper.test_sleep = 0.01
    time.sleep(float(os.environ.get("TEST_ZOOKEEPER_SLEEP", 0)))


def _delete_tree(connection_string: str, root: str) -> None:
    client = zk.ZooKeeper(connection_string)
    try:
        if client.exists(root):
            client.delete_recursive(root)
    finally:
        client.close()
