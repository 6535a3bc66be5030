"""Symbolic links: a property ``name -> target`` of a node stands for a child that it does not have."""

from __future__ import annotations

from typing import Any

from zkc.legacy import zookeeper
from zkc.legacy._core.values import encode_path
from zkc.legacy.zk._data import Data, above
from zkc.legacy.zk._errors import LinkLoop

__all__ = ["Resolving"]


class Resolving:
    """Mixin that resolves paths. A class that inherits it has ``exists(path)`` and ``get_properties(path)``."""

    __module__ = "zc.zk"

    def exists(self, path: str) -> Any:
        """Return something true where there is a node."""
        raise NotImplementedError

    def get_properties(self, path: str) -> dict[str, Any]:
        """Return the properties of a node."""
        raise NotImplementedError

    def resolve(self, path: Data, seen: tuple[str, ...] = ()) -> str:
        """Return the real path for a path with symbolic links, ``.`` and ``..`` in it.

        Args:
            path: The path.
            seen: The links that led to it.

        Raises:
            zookeeper.NoNodeException: There is no such node, or the target of a link does not exist.
            LinkLoop: A link leads back to itself.

        .. versionadded:: 0.1
        """
        path = encode_path(path)
        if path.endswith("/."):
            return self.resolve(path[:-2] or "/", seen)
        if path.endswith("/.."):
            base = self.resolve(path[:-3] or "/", seen)
            if base == "/":
                raise zookeeper.NoNodeException(path)
            return above(base)[0]
        try:
            if self.exists(path):
                return path
        except zookeeper.BadArgumentsException:  # It has a . or .. in it, which no server takes.
            if not path.startswith("/"):
                raise zookeeper.NoNodeException(path) from None
        if path in seen:
            raise LinkLoop((*seen, path))
        if path == "/":  # Of a chroot that does not exist.
            raise zookeeper.NoNodeException(path)
        try:
            return self._follow(path, seen)
        except zookeeper.NoNodeException:
            raise zookeeper.NoNodeException(path) from None

    def _follow(self, path: str, seen: tuple[str, ...]) -> str:
        """Resolve a path whose last part is not there by that name: its parent is elsewhere, or it is a link."""
        base, name = above(path)
        base = self.resolve(base, seen)
        prefix = base if base != "/" else ""
        real = f"{prefix}/{name}"
        if real != path and self.exists(real):
            return real
        target = self.get_properties(base).get(name + " ->")
        if not target or not isinstance(target, str):
            raise zookeeper.NoNodeException(path)
        if not target.startswith("/"):
            target = f"{prefix}/{target}"
        return self.resolve(target, (*seen, path))
