"""The nodes of the ZooKeeper in memory, and who may do what with them."""

from __future__ import annotations

import base64
import hashlib
import time

from zkc.legacy import zookeeper
from zkc.legacy.zk._data import OPEN_ACL_UNSAFE, Acl, Stat
from zkc.legacy.zk._fake_sessions import Watcher

__all__ = ["Node", "expand", "identity", "require"]

_Watchers = tuple[tuple[int, Watcher], ...]  # With the handle of their session.
_Identities = set[tuple[str, str]]


class Node:
    """A node of the ZooKeeper in memory.

    Args:
        data: Its data.
        children: The nodes below it.

    .. versionadded:: 0.1
    """

    watchers: _Watchers = ()
    child_watchers: _Watchers = ()
    exists_watchers: _Watchers = ()
    flags = 0
    owner = 0
    version = aversion = cversion = 0
    czxid = mzxid = pzxid = 0
    acl: Acl = OPEN_ACL_UNSAFE

    def __init__(self, data: str = "", **children: Node) -> None:
        self.data = data
        self.children = dict(children)
        self.ctime = self.mtime = int(time.time() * 1000)

    def meta(self) -> Stat:
        """Return its stat.

        .. versionadded:: 0.1
        """
        return {
            "czxid": self.czxid,
            "mzxid": self.mzxid,
            "ctime": self.ctime,
            "mtime": self.mtime,
            "version": self.version,
            "cversion": self.cversion,
            "aversion": self.aversion,
            "ephemeralOwner": self.owner,
            "dataLength": len(self.data.encode("utf-8", "surrogateescape")),
            "numChildren": len(self.children),
            "pzxid": self.pzxid,
        }

    def children_changed(self, zxid: int) -> _Watchers:
        """Note that a child was created or deleted, and return the watchers to call."""
        self.cversion += 1
        self.pzxid = zxid
        watchers, self.child_watchers = self.child_watchers, ()
        return watchers

    def changed(self, data: str, zxid: int) -> _Watchers:
        """Take new data, and return the watchers to call."""
        self.data = data
        self.version += 1
        self.mzxid = zxid
        self.mtime = int(time.time() * 1000)
        watchers = self.watchers + self.exists_watchers
        self.watchers = self.exists_watchers = ()
        return watchers

    def deleted(self) -> _Watchers:
        """Return the watchers to call for the deletion."""
        watchers = self.watchers + self.exists_watchers + self.child_watchers
        self.watchers = self.exists_watchers = self.child_watchers = ()
        return watchers

    def watchers_of(self, handle: int) -> list[Watcher]:
        """Return the watchers of a session, here and below."""
        everybody = self.watchers + self.child_watchers + self.exists_watchers
        found = [watcher for h, watcher in everybody if h == handle]
        for child in self.children.values():
            found += child.watchers_of(handle)
        return found

    def clear_watchers(self, handle: int) -> None:
        """Forget the watchers of a session, here and below."""
        self.watchers = tuple(each for each in self.watchers if each[0] != handle)
        self.child_watchers = tuple(each for each in self.child_watchers if each[0] != handle)
        self.exists_watchers = tuple(each for each in self.exists_watchers if each[0] != handle)
        for child in self.children.values():
            child.clear_watchers(handle)


def identity(scheme: str, cert: str) -> tuple[str, str]:
    """Return the id in ACLs that credentials stand for."""
    if scheme == "digest":
        user = cert.partition(":")[0]
        digest = hashlib.sha1(cert.encode("utf-8", "surrogateescape")).digest()
        return scheme, f"{user}:{base64.b64encode(digest).decode()}"
    return scheme, cert


def expand(acl: Acl, identities: _Identities) -> Acl:
    """Return an ACL with the ids that ``auth`` in it stands for."""
    given: object = acl  # Old code is not typed: what is given may be anything.
    if not isinstance(given, list):
        raise zookeeper.InvalidACLException("invalid acl")
    for each in given:
        if not isinstance(each, dict) or not {"perms", "scheme", "id"} <= set(each):
            raise zookeeper.InvalidACLException("invalid acl")
    expanded: Acl = []
    for entry in acl:
        if entry["scheme"] != "auth":
            expanded.append(entry)
            continue
        if not identities:
            raise zookeeper.InvalidACLException("invalid acl")
        expanded += [{**entry, "scheme": scheme, "id": ident} for scheme, ident in sorted(identities)]
    return expanded


def require(node: Node, perm: int, identities: _Identities) -> None:
    """Raise NoAuthException unless the ACL of a node gives a permission to these identities."""
    allowed = not node.acl
    for entry in node.acl:
        applies = entry["scheme"] in ("world", "ip") or (entry["scheme"], entry["id"]) in identities
        allowed = allowed or (applies and bool(entry["perms"] & perm))
    if not allowed:
        raise zookeeper.NoAuthException("not authenticated")
