"""The base of the registries of both clients: look-ups in what the client remembers, and who uses that."""

from __future__ import annotations

import contextlib
import copy
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._flow import Await, Flow
from zkc.recipes._contend import check_open
from zkc.recipes._instance import Instance, PayloadCodec
from zkc.recipes._instance_watch import ServiceMemory
from zkc.recipes._late import Late
from zkc.recipes._memory import MemoryObservation
from zkc.recipes._registering import BaseRegistration, Shared

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc.types import ACL

__all__ = ["BaseRegistry", "Listing"]

_RegistrationT = TypeVar("_RegistrationT", bound=BaseRegistration)


class BaseRegistry(Generic[_RegistrationT]):
    """The base of the registries."""

    _registration: type[BaseRegistration] = BaseRegistration

    def __init__(
        self,
        client: BaseClient,
        base: str,
        *,
        codec: Optional[PayloadCodec] = None,
        acl: Optional[Sequence[ACL]] = None,
    ) -> None:
        self._closed = True  # Until it counts as a user: __del__ runs after a ValueError, too.
        self._client = client
        self._shared = Shared.of(client, base, codec)
        self._acl = acl
        self._own: set[BaseRegistration] = set()
        self._listening: dict[tuple[str, Callable[[list[Instance]], object]], ServiceMemory] = {}
        self._listings: weakref.WeakSet[Listing] = weakref.WeakSet()
        self._shared.use()
        self._closed = False

    @property
    def base(self) -> str:
        """The path of the registry, the parent of the services.

        .. versionadded:: 0.1
        """
        return self._shared.base

    @property
    def registrations(self) -> list[_RegistrationT]:
        """The registrations that this object has made, and that are not unregistered.

        .. versionadded:: 0.1
        """
        present = sorted((each for each in list(self._own) if not each._over), key=lambda each: each.path)
        return cast("list[_RegistrationT]", present)

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.base}{' closed' if self._closed else ''}>"

    def is_current(self, name: str) -> bool:
        """Return whether the client has read all changes of a service that it knows of, and is connected.

        If not, look-ups answer with what the client knew last. It does not wait.

        Args:
            name: The name of the service.

        .. versionadded:: 0.1
        """
        self._check_open()
        return self._shared.memory(self._client, name).is_current

    def add_listener(self, name: str, listener: Callable[[list[Instance]], object]) -> None:
        """Add a listener for the instances of a service. It runs where callbacks run.

        The listener gets the present instances, and then the instances after each change. Several quick changes may be
        one; the last state is always seen. It goes on until the registry or the client is closed.

        Args:
            name: The name of the service.
            listener: A function of a list of :class:`Instance`. The registry adds the same function only once.

        .. versionadded:: 0.1
        """
        self._check_open()
        memory = self._shared.memory(self._client, name)
        self._listening[name, listener] = memory
        self._shared.listening.add(self)  # A registry with listeners is not forgotten.
        memory.add_listener(listener)

    def remove_listener(self, name: str, listener: Callable[[list[Instance]], object]) -> None:
        """Remove a listener. One that was never added is ignored.

        Args:
            name: The name of the service.
            listener: The function that was given to :meth:`add_listener`.

        .. versionadded:: 0.1
        """
        memory = self._listening.pop((name, listener), None)
        if memory is not None:
            memory.observers.remove(listener)
        if not self._listening:
            self._shared.listening.discard(self)

    def _check_open(self) -> None:
        self._client.session  # noqa: B018 - raises for a client that was not started
        check_open(self._client, self.base)
        if self._closed:
            raise RuntimeError(f"the registry {self.base} is closed: make another one with client.registry()")

    # ---- look-ups ---------------------------------------------------------------------------------------------------

    def _known(self, service: str, operation: str) -> Flow[ServiceMemory]:
        """Return the memory of a service, when it was read once."""
        self._check_open()
        memory = self._shared.memory(self._client, service)
        yield from memory.known(operation)
        if memory.over:
            self._check_open()
        return memory

    def _services_flow(self, client: CommandClient) -> Flow[list[str]]:
        self._check_open()
        memory = self._shared.names(self._client)
        yield from memory.known("services")
        if memory.over:
            self._check_open()
        return memory.names

    def _instances_flow(self, client: CommandClient, name: str, tags: Iterable[str]) -> Flow[list[Instance]]:
        wanted = frozenset([tags] if isinstance(tags, str) else tags)
        found = (yield from self._known(name, "instances")).listed()
        return [instance for instance in found if wanted <= instance.tags] if wanted else found

    def _get_flow(self, client: CommandClient, name: str, id_: str) -> Flow[Optional[Instance]]:
        return _find((yield from self._known(name, "get")), id_)

    def _wait_flow(self, client: CommandClient, name: str, id_: Optional[str]) -> Flow[Instance]:
        path, missed = f"{self.base}/{name}", f"no instance of {name!r} was there"
        if id_ is not None:
            path, missed = f"{path}/{id_}", f"the instance {id_!r} of {name!r} was not there"
        advice = "instances() shows which there are"
        return cast("Flow[Instance]", Late("wait_for", path, missed, advice, lambda _: self._wait(name, id_)))

    def _wait(self, name: str, id_: Optional[str]) -> Flow[Instance]:
        while True:
            memory = yield from self._known(name, "wait_for")
            changed = memory.changed
            if id_ is not None:
                found = _find(memory, id_)
            else:
                found = next((instance for instance in memory.listed() if instance.enabled), None)
            if found is not None:
                return found
            yield Await(changed, None, "wait_for", memory.path if id_ is None else f"{memory.path}/{id_}")

    # ---- registering ------------------------------------------------------------------------------------------------

    def _register_flow(self, client: CommandClient, instance: Instance, replace: bool) -> Flow[Any]:
        self._check_open()
        if not isinstance(instance, Instance):
            raise TypeError(f"instance must be an Instance, not {type(instance).__name__}")
        register = self._registration._register_flow
        return register(client, self._client, self._shared, instance, self._acl, self._own, replaces=replace)

    # ---- the end ----------------------------------------------------------------------------------------------------

    def _close_flow(self, client: CommandClient) -> Flow[None]:
        self._client._check_process("close")
        courses = self._close_later()
        for course in courses:
            yield Await(course.done, None, "close", self.base)
        for course in courses:
            if course.error is not None:
                raise copy.copy(course.error)

    def _close_later(self) -> list[Any]:
        """Unregister what it has registered and end its listeners, without waiting."""
        if self._client._is_forked():
            return []
        for name, listener in list(self._listening):
            self.remove_listener(name, listener)
        own, self._own = self._own, set()
        courses = [course for course in (each._end() for each in list(own)) if course is not None]
        for listing in list(self._listings):
            listing.close()
        self._release()
        return courses

    def _release(self) -> None:
        if not self._closed:
            self._closed = True
            self._shared.release()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # In a forked child, locks may stay locked.
            self._client._check_process("close")
            self._release()


def _find(memory: ServiceMemory, id_: str) -> Optional[Instance]:
    """Return the instance whose znode has a name, or the first with an id: sequential znodes have longer names."""
    found = memory.instances.get(id_)
    if found is not None:
        return found
    return next((instance for instance in memory.listed() if instance.id == id_), None)


class Listing(MemoryObservation[list[Instance]]):
    """The instances of a service that an observer has seen."""

    operation = "watch"

    def __init__(self, registry: BaseRegistry[Any], name: str) -> None:
        super().__init__()
        registry._check_open()
        self.path = registry._shared.path_of(name)
        self._registry = registry
        self._name = name
        self._seen: Optional[list[Instance]] = None
        registry._listings.add(self)

    def _is_closed(self) -> bool:
        return self._closed or self._registry._closed

    def _memory(self, client: BaseClient) -> ServiceMemory:
        return self._registry._shared.memory(client, self._name)

    def _news(self, client: BaseClient) -> Flow[Optional[list[Instance]]]:
        yield from ()  # There is nothing to wait for.
        found = self._memory(client).listed()
        if found == self._seen:
            return None
        self._seen = found
        return list(found)
