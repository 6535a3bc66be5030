"""Objects that follow the data or the children of a node, and call back after changes."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from zkc.legacy import zookeeper
from zkc.legacy._core.values import encode_path
from zkc.legacy.zk._data import Data, logger
from zkc.legacy.zk._errors import CancelWatch
from zkc.legacy.zk._watches import Watched

if TYPE_CHECKING:
    from zkc.legacy.zk._session import ZooKeeper

__all__ = ["Callback", "Children", "NodeInfo"]

Callback = Callable[..., object]
_Self = TypeVar("_Self", bound="NodeInfo")
_KEPT = "_zc_zk_kept"


class NodeInfo:
    """The base class of :class:`Children` and :class:`Properties`.

    An object lives as long as the program keeps it, or the function that it calls; the session does not keep it.

    Args:
        session: The session.
        path: The path, which may have links in it; ``real_path`` has none.

    Raises:
        zookeeper.NoNodeException: There is no such node.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"

    event_type = zookeeper.CHANGED_EVENT
    deleted = False
    real_path: str
    _entry: Watched
    _number: int

    def __init__(self, session: ZooKeeper, path: Data) -> None:
        self.session = session
        self.path = encode_path(path)
        self.callbacks: list[Callback] = []
        self.data: Any = None
        self._changes = 0
        session._watch(self)

    def __repr__(self) -> str:
        cls = type(self)
        prefix = "DELETED: " if self.deleted else ""
        return f"{prefix}{cls.__module__}.{cls.__name__}({self.session.handle}, {self.path})"

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)

    def __call__(self: _Self, func: Callback) -> _Self:
        """Call a function now, and after each change.

        Args:
            func: Called with this object, and without an argument when the node was deleted. It may raise
                :class:`CancelWatch` not to be called any more. Any other exception is raised here the first time,
                and later logged, and it is not called any more.

        Returns:
            This object.

        .. versionadded:: 0.1
        """
        lock = self.session.watches.lock
        with lock:
            seen = self._changes
        func(self)
        with lock:
            self.callbacks.append(func)
            missed = self._changes != seen
        self._keep(func)
        if missed:  # A change came between the two: no other thread reports it.
            self._call_back([func])
        return self

    # --- what a reading brings ----------------------------------------------------------------------------------------

    def _prepare(self, raw: Any) -> Any:
        """Make of a reading what :meth:`_commit` takes; calls of the server may be made here."""
        return raw

    def _is_old(self, prepared: Any) -> bool:
        """Return whether a reading is from before a change of our own. The lock of the watches is held."""
        return False

    def _commit(self, prepared: Any) -> None:
        """Take over what was read. The lock of the watches is held."""
        self.data = prepared

    def _notify(self, raw: Any, entry: Watched, number: int, armed: bool) -> None:
        """Take over a reading and call back, unless there is a later reading."""
        prepared = self._prepare(raw)
        with self.session.watches.lock:
            if self._entry is not entry or self._number > number or (self._number == number and not armed):
                return
            self._number = number
            if self._is_old(prepared):
                return
            self._commit(prepared)
        self._changed()

    def _changed(self) -> None:
        with self.session.watches.lock:
            self._changes += 1
            callbacks = list(self.callbacks)
        self._call_back(callbacks)

    def _deleted(self) -> None:
        """Note that the node was deleted and no link leads to another, and call back."""
        with self.session.watches.lock:
            self.deleted = True
            self._changes += 1
            self._forget_data()
            callbacks = list(self.callbacks)
        for callback in callbacks:
            try:
                callback()
            except TypeError as error:
                # Raised by the call itself: it wants an argument, so this is not for it.
                traceback = error.__traceback__
                if traceback is not None and traceback.tb_next is not None:
                    logger.exception("Error %r calling %r", self, callback)
            except Exception:  # noqa: BLE001 - it is the program's code
                logger.exception("Error %r calling %r", self, callback)

    def _forget_data(self) -> None:
        self.data = {}

    def _call_back(self, callbacks: list[Callback]) -> None:
        for callback in callbacks:
            try:
                callback(self)
            except CancelWatch:
                self._drop(callback)
                logger.debug("cancelled watch(%r, %r)", self, callback)
            except Exception:  # noqa: BLE001 - it is the program's code
                self._drop(callback)
                logger.exception("watch(%r, %r)", self, callback)

    def _drop(self, callback: Callback) -> None:
        with self.session.watches.lock:
            # In place, and never by ==, which the callback's class may define.
            for index, other in enumerate(self.callbacks):
                if other is callback:
                    del self.callbacks[index]
                    break
        if isinstance(callback, types.FunctionType):
            kept = vars(callback).get(_KEPT, {})
            if kept.get(self._key_of_keeper()) is self:
                del kept[self._key_of_keeper()]

    # --- the life of an object ----------------------------------------------------------------------------------------

    def _key_of_keeper(self) -> tuple[int, int, str]:
        return (id(self.session), self.event_type, self.path)

    def _keep(self, func: Callback) -> None:
        """Live as long as the function does: ``zk.children(path)(func)`` is enough to have it called.

        One object for each node: a program that repeats this does not gather objects.
        """
        if isinstance(func, types.FunctionType):
            vars(func).setdefault(_KEPT, {})[self._key_of_keeper()] = self
            self.session._keepers.add(func)


def release_kept(func: Callback, session: ZooKeeper) -> None:
    """Remove the objects of a session that a function keeps alive."""
    kept: dict[tuple[int, int, str], NodeInfo] = vars(func).get(_KEPT, {})
    for key in [key for key, watch in list(kept.items()) if watch.session is session]:
        kept.pop(key, None)


class Children(NodeInfo):
    """The names of the children of a node, always current. It is made by :meth:`ZooKeeper.children`.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"

    event_type = zookeeper.CHILD_EVENT
    data: list[str]

    def __len__(self) -> int:
        return len(self.data)

    def _forget_data(self) -> None:
        self.data = []
