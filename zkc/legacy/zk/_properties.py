"""The properties of a node, with those that are linked to it from elsewhere."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from zkc.legacy import zookeeper
from zkc.legacy.zk._data import Data, Stat, decode, encode, logger
from zkc.legacy.zk._errors import BadPropertyLink, LinkLoop, is_of_connection
from zkc.legacy.zk._nodes import NodeInfo

if TYPE_CHECKING:
    from zkc.legacy.zk._session import ZooKeeper

__all__ = ["Properties"]

_LINK = " =>"
_Given = Union[Mapping[str, Any], Iterable[tuple[str, Any]], None]


class _Read(NamedTuple):
    """The result of a reading."""

    data: dict[str, Any]
    meta_data: Stat
    linked: dict[str, Properties]


class _Moment(NamedTuple):
    """The order of the states of a node, even if it was deleted and created again between them."""

    path: str
    czxid: int
    version: int


class Properties(NodeInfo, Mapping[str, Any]):
    """The properties of a node, always current: a mapping. It is made by :meth:`ZooKeeper.properties`.

    ``data`` has the properties as they are in the node, ``meta_data`` the stat as a dict. A property ``name =>`` with a
    path and maybe the name of a property is a link: ``name`` then has the value that is there.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"

    event_type = zookeeper.CHANGED_EVENT
    data: dict[str, Any]
    meta_data: Stat

    def __init__(self, session: ZooKeeper, path: Data, _chain: tuple[str, ...] = ()) -> None:
        # The nodes whose links led here: where one of them is linked to, nothing more has to be watched.
        self._chain = _chain
        self._linked: dict[str, Properties] = {}
        self.meta_data = {}
        # The state after our own last change, or a later one. Earlier readings are rejected.
        self._floor: Optional[_Moment] = None
        self._rejected: Optional[_Read] = None
        super().__init__(session, path)

    # --- a mapping ----------------------------------------------------------------------------------------------------

    def __getitem__(self, key: str, seen: tuple[str, ...] = ()) -> Any:
        """Return the value of a property, following its link.

        Args:
            key: Its name.
            seen: The paths of the links that led here.

        Raises:
            KeyError: There is none.
            BadPropertyLink: Its link leads nowhere, or back to itself.
        """
        data = self.data
        if key in data:
            return data[key]
        if key + _LINK not in data:
            raise KeyError(key)
        link = data[key + _LINK]
        try:
            words = link.split()
            if len(words) > 2:
                raise ValueError("Invalid property link")
            path = self._resolve(words.pop(0))
            if path in seen:
                raise LinkLoop((*seen, path))
            properties = self._linked.get(path)
            if properties is None or properties.deleted:
                properties = self._watch_linked(path, self._linked)
            return properties.__getitem__(words[0] if words else key, (*seen, path))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the link's
            raise BadPropertyLink(error, f"in {key + _LINK!r}: {link!r}") from None

    def __iter__(self) -> Iterator[str]:
        data = self.data
        for key in data:
            if not key.endswith(_LINK):
                yield key
            elif key[: -len(_LINK)] not in data:
                yield key[: -len(_LINK)]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        data = self.data
        return key in data or (isinstance(key, str) and key + _LINK in data)

    def __hash__(self) -> int:
        """Return a number that stays the same: a mapping that changes would have none."""
        return id(self)

    def copy(self) -> dict[str, Any]:
        """Return the properties as they are in the node, links unresolved.

        .. versionadded:: 0.1
        """
        return self.data.copy()

    # --- changes ------------------------------------------------------------------------------------------------------

    def set(self, data: _Given = None, **properties: Any) -> None:
        """Replace the properties of the node.

        Args:
            data: A mapping, or pairs of names and values.
            properties: More of them; they win over those in ``data``.

        Raises:
            ValueError: A property link leads nowhere; nothing was changed.
            TypeError: A value cannot be written as JSON; nothing was changed.
            zookeeper.NoNodeException: The node was deleted.

        .. versionadded:: 0.1
        """
        self._set({**dict(data or {}), **properties})

    def update(self, data: _Given = None, **properties: Any) -> None:
        """Change some properties of the node, and leave the others.

        Args:
            data: A mapping, or pairs of names and values.
            properties: More of them; they win over those in ``data``.

        Raises:
            ValueError: A property link leads nowhere; nothing was changed.
            TypeError: A value cannot be written as JSON; nothing was changed.
            zookeeper.NoNodeException: The node was deleted.

        .. versionadded:: 0.1
        """
        self._set({**self.data, **dict(data or {}), **properties})

    def _set(self, data: dict[str, Any]) -> None:
        for name in data:
            if not isinstance(name, str):
                raise TypeError(f"the name of a property must be str, not {type(name).__name__}: {name!r}")
        text = encode(data)
        linked = self._links(data, strict=True)
        lock = self.session.watches.lock
        # Before the server has it, so that it is here when the call returns. The event that follows has the last word.
        with lock:
            before = self.data, self._linked, self._floor
            self._rejected = None
            self.data, self._linked = data, linked
            self._raise_floor(self.meta_data)
            if self._floor is not None:
                self._floor = self._floor._replace(version=self._floor.version + 1)
        try:
            self.session._set(self.real_path, text)
        except BaseException:
            self._take_back(data, before)
            raise
        # During the call another session's change before ours may have been read: an update that follows must not begin
        # with that. A change after ours brings an event.
        with contextlib.suppress(zookeeper.ZooKeeperException):
            stat = self.session.exists(self.real_path)
            with lock:
                self._raise_floor(stat)
                if self._is_before_floor(self.meta_data):
                    self.data, self._linked = data, linked

    def _take_back(self, data: dict[str, Any], before: tuple[Any, Any, Any]) -> None:
        """Undo a change that failed."""
        with self.session.watches.lock:
            if self.data is data:
                self.data, self._linked, self._floor = before
            else:
                self._floor = before[2]
            # It was rejected for being older than the change, which is none.
            rejected, self._rejected = self._rejected, None
            if rejected is None or self._is_old(rejected):
                return
            self._commit(rejected)
        self._changed()

    def _raise_floor(self, stat: Optional[Stat]) -> None:
        """Note that the node has been like this, or later. The lock of the watches is held."""
        moment = self._moment(stat)
        floor = self._floor
        if moment is not None and (floor is None or floor.path != moment.path or floor < moment):
            self._floor = moment

    def _moment(self, stat: Optional[Stat]) -> Optional[_Moment]:
        if not isinstance(stat, dict) or "version" not in stat:
            return None  # Tests that replace the calls have none.
        return _Moment(self.real_path, stat.get("czxid", 0), stat["version"])

    # --- what a reading brings ----------------------------------------------------------------------------------------

    def _prepare(self, raw: Any) -> _Read:
        text, meta_data = raw
        data = decode(text, self.path)
        return _Read(data, meta_data, self._links(data, strict=False))

    def _is_old(self, prepared: _Read) -> bool:
        if not self._is_before_floor(prepared.meta_data):
            return False
        self._rejected = prepared
        return True

    def _is_before_floor(self, stat: Optional[Stat]) -> bool:
        moment, floor = self._moment(stat), self._floor
        return moment is not None and floor is not None and moment.path == floor.path and moment < floor

    def _commit(self, prepared: _Read) -> None:
        self.data, self._linked = prepared.data, prepared.linked
        self.meta_data = prepared.meta_data

    def _links(self, data: dict[str, Any], strict: bool) -> dict[str, Properties]:
        """Watch the nodes that property links lead to.

        Args:
            data: The properties.
            strict: Raise ValueError for a link that leads nowhere, and do not log it.
        """
        linked: dict[str, Properties] = {}
        for name, link in data.items():
            if not name.endswith(_LINK) or name[: -len(_LINK)] in data:
                continue
            try:
                self._follow_link(name, link, data, linked)
            except Exception as error:
                if is_of_connection(error):
                    raise  # The connection failed: that says nothing about the link.
                if strict:
                    raise ValueError("Bad property link", name, link, error) from None
                logger.exception("Bad property link %r %r", name, link)
        return linked

    def _follow_link(self, name: str, link: str, data: dict[str, Any], linked: dict[str, Properties]) -> None:
        """Check a property link, and watch its node unless that is watched already.

        Args:
            name: The name of the property, with its arrow.
            link: Its value, a path and maybe the name of a property there.
            data: The properties of this node.
            linked: The nodes that are watched, by path: a new one is added.

        Raises:
            Exception: The link leads nowhere: of the kind that the path, the node or the property brings.
        """
        words = link.split()
        if not 1 <= len(words) <= 2:
            raise ValueError("Bad link data")
        path = self._resolve(words[0])
        key = words[-1] if len(words) == 2 else name[: -len(_LINK)]
        if path == self.real_path:
            if key not in data and key + _LINK not in data:
                raise KeyError(key)
        elif path not in self._chain:
            node = linked.get(path)
            if node is None:
                node = self._watch_linked(path, linked)
            node[key]  # Raises if the property is missing, or a link of it leads nowhere.

    def _resolve(self, path: str) -> str:
        """Return the real path for the path in a property link."""
        if not path.startswith("/"):
            path = f"{self.path if self.path != '/' else ''}/{path}"
        return self.session.resolve(path)

    def _watch_linked(self, path: str, linked: dict[str, Properties]) -> Properties:
        """Watch the node that a link leads to, and call back after its changes too."""
        properties = Properties(self.session, path, (*self._chain, self.real_path))
        # Weakly: the two would keep each other, and stay watched until they are collected.
        reference = weakref.ref(self)

        def notify(changed: Optional[Properties] = None) -> None:
            parent, linked_one = reference(), reference_to_linked()
            # The link may be gone, or not be there yet: then the reading that makes it current calls back.
            if parent is None or linked_one is None or parent._linked.get(path) is not linked_one:
                return
            if changed is None:  # It was deleted: the link may lead elsewhere now.
                parent._renew_links()
            else:
                parent._changed()

        reference_to_linked = weakref.ref(properties)
        properties.callbacks.append(notify)
        linked[path] = properties
        return properties

    def _renew_links(self) -> None:
        """Watch what the links lead to now; a node that one of them led to is gone."""
        data = self.data
        linked = self._links(data, strict=False)
        with self.session.watches.lock:
            if self.data is data:
                self._linked = linked
