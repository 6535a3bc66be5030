"""Registration of servers, and the machine's addresses."""

from __future__ import annotations

import importlib
import os
import socket
from typing import Any, Union

from zkc.legacy import zookeeper
from zkc.legacy._core.values import encode_text
from zkc.legacy.zk._data import READ_ACL_UNSAFE, Acl, Data, encode
from zkc.legacy.zk._links import Resolving
from zkc.legacy.zk._low_level import LowLevel

__all__ = ["RegisteringServer", "Registration"]


class RegisteringServer:
    """The event that ``zc.zk.event.notify`` gets before a server is registered.

    Args:
        name: The address of the server, which will be the name of its node.
        path: The path of the node above it.
        properties: The properties that its node will have: more may be added.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"

    def __init__(self, name: str, path: str, properties: dict[str, Any]) -> None:
        self.name = name
        self.path = path
        self.properties = properties

    def __repr__(self) -> str:
        return f"RegisteringServer({self.name!r}, {self.path!r}, {self.properties!r})"


class Registration(LowLevel, Resolving):
    """Registration of servers."""

    def register_server(
        self, path: Data, addr: Union[Data, tuple[Data, Union[int, Data]]], acl: Acl = READ_ACL_UNSAFE, **kw: Any
    ) -> None:
        """Create an ephemeral node named after the address of a server.

        Args:
            path: The path of the node above it; links are resolved.
            addr: ``"host:port"`` or ``(host, port)``. Without a host there is a node for each IPv4 address of the
                machine, if the package netifaces is installed. Loopback addresses count only if there is no other.
                Without netifaces there is one node, named after the machine's full name (:func:`socket.getfqdn`).
            acl: The ACL of the node, a list of dicts.
            kw: Its properties; ``pid`` is the number of this process.

        Raises:
            TypeError: ``addr`` is no address.
            zookeeper.NoNodeException: There is no node at ``path``.
            zookeeper.NodeExistsException: The address is registered.

        .. versionadded:: 0.1
        """
        # Where it is looked up by applications that replace it.
        from zkc.legacy import zk

        kw["pid"] = os.getpid()
        name = _name_of(addr)
        names = self._findallipv4addrs(name) if name.startswith(":") else {name}
        path = self.resolve(path)
        zk.event.notify(RegisteringServer(name, path, kw))
        for each in sorted(names):
            self.create(f"{path if path != '/' else ''}/{each}", encode(kw), acl, zookeeper.EPHEMERAL)

    def _findallipv4addrs(self, tail: str) -> set[str]:
        """Return the machine's IPv4 addresses with something appended; without netifaces, its full name."""
        found = _addresses()
        remote = {address for address in found if not address.startswith("127.")}
        return {address + tail for address in remote or found or {socket.getfqdn()}}


def _name_of(addr: object) -> str:
    """Return the name of the node for an address."""
    if isinstance(addr, (str, bytes)):
        return encode_text(addr, "addr")
    if not isinstance(addr, (tuple, list)) or len(addr) != 2:
        raise TypeError(f"addr must be 'host:port' or (host, port), not {addr!r}")
    # Written out, bytes would look like b'host'.
    host, port = (encode_text(part, "addr") if isinstance(part, bytes) else part for part in addr)
    return f"{host}:{port}"


def _addresses() -> set[str]:
    """Return the IPv4 addresses of all interfaces, as the optional package netifaces lists them; without it, none."""
    try:
        netifaces = importlib.import_module("netifaces")
    except ImportError:
        return set()
    return {
        info["addr"]
        for interface in netifaces.interfaces()
        for info in netifaces.ifaddresses(interface).get(socket.AF_INET, ())
        if info.get("addr")
    }
