"""The memory of a registry: the names of services; the instances of a service, and the listeners for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import uniform
from typing import TYPE_CHECKING, Optional

from zkc._session.listeners import Listeners
from zkc.recipes._instance import Instance, InstanceFormatError
from zkc.recipes._memory import Memory

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc.recipes._cache_tree import CachedZnode

__all__ = ["RegistryMemory", "ServiceMemory"]

_log = logging.getLogger("zkc.recipes")
_SPREAD = 0.001  # The seconds for each remembered znode by which reads are spread after a gap, and their limit.
_LONGEST = 5.0


class RegistryMemory(Memory):
    """The names of services, or more of them, as a client has read them last."""

    def _pause(self, same_session: bool) -> float:
        # All clients of a fleet may have lost their sessions, or their connections, at the same moment.
        return super()._pause(True) if same_session else uniform(0.0, min(_LONGEST, len(self.names) * _SPREAD))


class ServiceMemory(RegistryMemory):
    """The instances of a service, as a client has read them last.

    Args:
        client: The client; only a weak reference is held.
        path: Path of the service, which need not exist.
        decode: A function that makes the instance of a child's data and name.
    """

    def __init__(self, client: BaseClient, path: str, decode: Callable[[bytes, str], Instance]) -> None:
        super().__init__(client, path)
        self.instances: dict[str, Instance] = {}  # By the name of the znode. Replaced as a whole, never changed.
        self.observers: Listeners[list[Instance]] = Listeners(client._call_user)
        self._decode = decode
        self._told: Optional[list[Instance]] = None  # What the listeners were called with last.
        self._reported: set[str] = set()  # The names of znodes that cannot be read, or parsed; "": the service.

    def listed(self) -> list[Instance]:
        """Return the instances in the order of the names of their znodes."""
        instances = self.instances
        return [instances[name] for name in sorted(instances)]

    def add_listener(self, listener: Callable[[list[Instance]], object]) -> None:
        """Add a listener, which is called with the present instances at first."""
        with self.guard:
            self.observers.add(listener)
            if self._told is not None:
                self.observers.enqueue(self._told, listener)
        self.observers.notify()

    def _publish(self, paths: set[str]) -> None:
        instances = dict(self.instances)
        for path in paths:
            node, name = self.tree.nodes.get(path), path[len(self.path) + 1 :]
            found = None if node is None else self._parse(name, node)
            if found is not None:
                instances[name] = found
            else:
                instances.pop(name, None)
            if node is None or found is not None:
                self._reported.discard(name)
        self.instances = instances

    def _announce(self) -> None:
        if not self.began or self.over or self.error is not None:
            return
        with self.guard:
            listed = self.listed()
            if listed == self._told:
                return
            self._told = listed
            self.observers.enqueue(listed)
        self.observers.notify()

    def _parse(self, name: str, node: CachedZnode) -> Optional[Instance]:
        if node.stat is None:
            self._report(name, node.path, "may not be read: its ACL does not let this client")
        elif name:
            try:
                return self._decode(node.data or b"", name)
            except InstanceFormatError as error:
                self._report(name, node.path, f"is no instance and is skipped: {error}")
        return None

    def _report(self, name: str, path: str, text: str) -> None:
        """Warn once of a znode, until that is gone or can be parsed."""
        if name not in self._reported:
            self._reported.add(name)
            _log.warning("%s %s", path, text)
