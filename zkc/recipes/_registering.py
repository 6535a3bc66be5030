"""Registrations: the wanted instances of a client below a base path, and the flows that bring the servers there.

The client has one map of wanted instances, by service and id. A registration is in that map from its begin to its end.
Each has at most one flow that writes, and at most one that deletes. These flows run without a caller, until the outcome
is known, and callers only wait for them. So a caller may give up and ask again, and nothing that was unregistered is
written once more.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._args import check_path
from zkc._flow import Await, Flow, Signal, Undoable
from zkc._zookeeper import RLock
from zkc.errors import SessionLostError
from zkc.recipes._instance import Instance, PayloadCodec, decode_instance, encode_instance
from zkc.recipes._instance_watch import RegistryMemory, ServiceMemory
from zkc.recipes._late import Late
from zkc.recipes._owned import PARENTS
from zkc.recipes._registered import make_entry

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc.types import ACL

__all__ = ["BaseRegistration", "Shared"]

_log = logging.getLogger("zkc.recipes")


class _Course:
    """A flow in the background, and its outcome.

    Args:
        operation: The operation that errors name.
        path: The path that errors name.
        flow: The flow.
        at_end: A function that is called in front of those that wait.
    """

    def __init__(self, operation: str, path: str, flow: Flow[Any], at_end: Callable[[], object]) -> None:
        self.done = Signal()
        self.result: Any = None
        self.error: Optional[Exception] = None
        self._operation = operation
        self._path = path
        self._flow = flow
        self._at_end = at_end

    def run(self) -> Flow[None]:
        try:
            self.result = yield from self._flow
        except Exception as error:  # noqa: BLE001 - it belongs to the callers that wait
            self.error = error.with_traceback(None)  # Its frames refer to the client.
            level = logging.DEBUG if isinstance(error, SessionLostError) else logging.WARNING
            _log.log(level, "could not %s %s: %s", self._operation, self._path, str(error))
        finally:
            self._at_end()
            self.done.set()

    def wait(self) -> Flow[Any]:
        yield Await(self.done, None, self._operation, self._path)
        if self.error is not None:
            raise copy.copy(self.error)
        return self.result


class Shared:
    """The state that all registry objects of a client for a base path and codec share.

    Args:
        base: The base path.
        codec: The codec of payloads.
    """

    def __init__(self, base: str, codec: Optional[PayloadCodec]) -> None:
        self.base = base
        self.parent = "" if base == "/" else base
        self.codec = codec
        self.lock = RLock()
        self.wanted: dict[tuple[str, str], BaseRegistration] = {}
        self.ending: dict[tuple[str, str], _Course] = {}
        self.listening: set[object] = set()  # The registry objects that have listeners.
        self._users = 0  # The registry objects that are not closed.
        self._memories: dict[str, ServiceMemory] = {}
        self._names: Optional[RegistryMemory] = None

    @staticmethod
    def of(client: BaseClient, base: str, codec: Optional[PayloadCodec]) -> Shared:
        """Return what a client has for a base path."""
        check_path(base)
        key = ("registry", base, id(codec))
        return cast("Shared", client._shared.setdefault(key, Shared(base, codec)))

    def memory(self, client: BaseClient, service: str) -> ServiceMemory:
        """Return the memory of a service, and begin it if it is not there."""
        path, codec = self.path_of(service), self.codec
        with self.lock:
            memory = self._memories.get(path)
            begins = memory is None or (memory.over and client._failure is None)
            if memory is None or begins:
                memory = ServiceMemory(client, path, lambda data, node: decode_instance(data, service, node, codec))
                self._memories[path] = memory
        if begins:
            memory.start()
        return memory

    def names(self, client: BaseClient) -> RegistryMemory:
        """Return the memory of the names of the services, and begin it if it is not there."""
        with self.lock:
            names = self._names
            begins = names is None or (names.over and client._failure is None)
            if names is None or begins:
                names = self._names = RegistryMemory(client, self.base, names_only=True)
        if begins:
            names.start()
        return names

    def path_of(self, service: str) -> str:
        """Return the path of a service."""
        if not service or "/" in service:
            raise ValueError(f"name must be a non-empty str without a slash, not {service!r}")
        path = f"{self.parent}/{service}"
        check_path(path)
        return path

    def use(self) -> None:
        """Note another registry object."""
        with self.lock:
            self._users += 1

    def release(self) -> None:
        """Note that a registry object is closed. With the last, the memories are forgotten."""
        with self.lock:
            self._users -= 1
            if self._users > 0:
                return
            memories: list[RegistryMemory] = list(self._memories.values())
            memories += [] if self._names is None else [self._names]
            self._memories, self._names = {}, None
        for memory in memories:
            memory.cancel()


class BaseRegistration:
    """The base of the registrations: the instance, and the flows of its changes."""

    def __init__(
        self,
        client: BaseClient,
        shared: Shared,
        instance: Instance,
        acl: Optional[Sequence[ACL]],
        *,
        replaces: bool,
    ) -> None:
        service = shared.path_of(instance.name)
        check_path(f"{service}/{instance.id}")
        self._client = client
        self._shared = shared
        self._instance = instance
        data = encode_instance(instance, shared.codec)
        self._entry = make_entry(client, service, instance.id, data, instance.type, acl, replaces=replaces)
        self._lock = RLock()
        self._owned: set[Any] = set()
        self._over = False
        self._joined = Signal()  # Set when the registration is done, or has failed.
        self._writing: Optional[_Course] = None
        self._deleting: Optional[_Course] = None

    @property
    def instance(self) -> Instance:
        """The instance, as it was registered or updated last.

        .. versionadded:: 0.1
        """
        return self._instance

    @property
    def path(self) -> str:
        """The path of its znode.

        .. versionadded:: 0.1
        """
        return self._entry.path

    @property
    def listed(self) -> bool:
        """Whether its znode is there and belongs to this client's present session, as far as the client knows.

        .. versionadded:: 0.1
        """
        self._client._check_process("listed")
        return not self._over and self._entry.listed

    @property
    def _key(self) -> tuple[str, str]:
        return self._instance.name, self._instance.id

    def __repr__(self) -> str:
        if self._client._is_forked():
            state = PARENTS
        else:
            state = "unregistered" if self._over else "listed" if self.listed else "not listed"
        return f"<zkc.{type(self).__name__} {self.path} {state}>"

    # ---- registering ------------------------------------------------------------------------------------------------

    @classmethod
    def _register_flow(
        cls,
        client: CommandClient,
        owner: BaseClient,
        shared: Shared,
        instance: Instance,
        acl: Optional[Sequence[ACL]],
        owned: set[Any],
        *,
        replaces: bool,
    ) -> Flow[Any]:
        """Register an instance; the registration is in ``owned`` from before anything is sent until its end."""
        own = cls(owner, shared, instance, acl, replaces=replaces)

        def make(undoable: Undoable) -> Flow[Any]:
            while True:
                with shared.lock:
                    present, leaving = shared.wanted.get(own._key), shared.ending.get(own._key)
                    if present is None and leaving is None:
                        shared.wanted[own._key] = own
                        break
                if leaving is not None:
                    yield Await(leaving.done, None, "register", own.path)
                elif present is not None:  # Perhaps of another registry object.
                    yield Await(present._joined, None, "register", own.path)
                    if not present._over:
                        return (yield from present._updated(instance))
            owned.add(own)
            own._owned = owned
            try:
                yield from own._entry.join()
            except BaseException:
                own._end()
                raise
            finally:
                own._joined.set()
            undoable.undo = own._end
            return own

        missed = "the instance was not registered"
        advice = "it is withdrawn; another session may have its id (replace=True deletes that znode)"
        return cast("Flow[Any]", Late("register", own.path, missed, advice, make))

    # ---- updating ---------------------------------------------------------------------------------------------------

    def _update_flow(self, client: CommandClient, instance: Instance) -> Flow[None]:
        self._client._check_process("update")

        def make(undoable: Undoable) -> Flow[None]:
            yield from self._updated(instance)

        return cast("Flow[None]", _continuing("update", self.path, make))

    def _updated(self, instance: Instance) -> Flow[BaseRegistration]:
        old = self._instance
        if (instance.name, instance.id, instance.type) != (old.name, old.id, old.type):
            raise ValueError(
                f"the instance must have the name, id and type of {old.name!r}, {old.id!r} and {old.type.name}, "
                f"not {instance.name!r}, {instance.id!r} and {instance.type.name}: register another one"
            )
        data = encode_instance(instance, self._shared.codec)
        with self._lock:
            if self._over:
                raise RuntimeError(f"the instance {old.id!r} of {old.name!r} is unregistered: register it again")
            self._instance = instance
            self._entry.set_data(data)
            course, begin = self._writing, self._writing is None
            if course is None:
                course = self._writing = _Course("update", self.path, self._write(), self._written)
        if begin:
            self._client._background(course.run())
        yield from course.wait()
        return self

    def _write(self) -> Flow[None]:
        while True:
            instance = self._instance
            yield from self._entry.put()
            with self._lock:
                if self._instance is instance or self._over:
                    self._writing = None  # An update from here on begins another flow.
                    return

    def _written(self) -> None:
        self._writing = None

    # ---- unregistering ----------------------------------------------------------------------------------------------

    def _end(self) -> Optional[_Course]:
        """Want it no longer, and begin to delete its znode."""
        shared, begin = self._shared, False
        with self._lock, shared.lock:
            course = self._deleting
            if course is None or course.error is not None:
                if course is None and self._over:
                    return None
                begin, self._over = True, True
                self._owned.discard(self)
                self._entry.drop()  # From here on no session creates it.
                course = self._deleting = _Course("unregister", self.path, self._entry.delete(), self._deleted)
                if shared.wanted.get(self._key) is self:
                    del shared.wanted[self._key]
                shared.ending[self._key] = course
        if begin:
            self._client._background(course.run())
        return course

    def _deleted(self) -> None:
        shared = self._shared
        with shared.lock:
            if shared.ending.get(self._key) is self._deleting:
                del shared.ending[self._key]

    def _leave_block(self, kind: Optional[type[BaseException]]) -> None:
        """Leave a block that has raised an error of this class, or none."""
        if not self._client._is_forked():
            self._end()
        elif kind is None:  # Else a child of the process leaves the block: its own error counts.
            self._client._check_process("unregister")

    def _unregister_flow(self, client: CommandClient) -> Flow[bool]:
        self._client._check_process("unregister")

        def make(undoable: Undoable) -> Flow[bool]:
            course = self._end()
            return course is not None and bool((yield from course.wait()))

        return cast("Flow[bool]", _continuing("unregister", self.path, make))


def _continuing(operation: str, path: str, make: Callable[[Undoable], Flow[Any]]) -> Late:
    """Make the flow of a change that continues when its caller gives up."""
    advice = "the client continues in the background"
    return Late(operation, path, "not known to be done", advice, make, maybe_applied=True)
