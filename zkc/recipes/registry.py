"""The registry: service discovery by the znodes and the JSON of Curator's, answered from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Union, cast

from zkc.recipes._instance import Instance
from zkc.recipes._observing import AsyncObserver, Observer
from zkc.recipes._registry import BaseRegistry, Listing
from zkc.recipes.provider import AsyncProvider, Provider
from zkc.recipes.registration import AsyncRegistration, Registration

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client

__all__ = ["AsyncInstances", "AsyncRegistry", "Instances", "Registry"]


class Instances(Observer[list[Instance]]):
    """An iterator over the instances of a service, which :meth:`Registry.watch` returns.

    .. versionadded:: 0.1
    """


class AsyncInstances(AsyncObserver[list[Instance]]):
    """An asynchronous iterator over the instances of a service, which :meth:`AsyncRegistry.watch` returns.

    .. versionadded:: 0.1
    """


class Registry(BaseRegistry[Registration]):
    """A registry of a synchronous client. :meth:`zkc.Client.registry` makes it.

    As a context manager it is closed at the end of the block, without waiting.

    >>> with client.registry("/services") as registry:
    ...     registry.register(Instance("web", "10.0.0.7", 8080))
    ...     print(registry.instances("web"))

    .. versionadded:: 0.1
    """

    _client: Client
    _registration = Registration

    def register(self, instance: Instance, *, replace: bool = False, timeout: Optional[float] = None) -> Registration:
        """Register an instance, until it is unregistered or the client closed. After an expiry it comes back.

        If another session has a dynamic instance with the same id, as that of a killed process has for its timeout,
        this waits until its znode is gone. An instance that this client has registered already is updated.

        Args:
            instance: The instance.
            replace: Whether to delete the znode of another session first, which then loses its registration.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The registration is then undone.

        Raises:
            OperationTimeoutError: It was not registered in time.
            NoAuthError: The ACL of the path does not allow it.
            TypeError: JSON cannot hold the payload.

        .. versionadded:: 0.1
        """
        return cast("Registration", self._client._run(self._register_flow, timeout, instance, replace))

    def services(self, *, timeout: Optional[float] = None) -> list[str]:
        """Return the names of the services, from memory. A service may have no instances.

        Args:
            timeout: Timeout in seconds of the first look-up, which reads; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._services_flow, timeout)

    def instances(self, name: str, *, tags: Iterable[str] = (), timeout: Optional[float] = None) -> list[Instance]:
        """Return the instances of a service, from memory, also those that are not enabled.

        Args:
            name: The name of the service.
            tags: Words that the instances must all have.
            timeout: As for :meth:`services`.

        Raises:
            NoAuthError: The ACL of the service's path does not allow it.

        .. versionadded:: 0.1
        """
        return self._client._run(self._instances_flow, timeout, name, tags)

    def get(self, name: str, id: str, *, timeout: Optional[float] = None) -> Optional[Instance]:  # noqa: A002
        """Return an instance of a service, from memory; None if there is none with this id.

        Args:
            name: The name of the service.
            id: The id of the instance.
            timeout: As for :meth:`services`.

        .. versionadded:: 0.1
        """
        return self._client._run(self._get_flow, timeout, name, id)

    def wait_for(
        self,
        name: str,
        id: Optional[str] = None,  # noqa: A002
        *,
        timeout: Optional[float] = None,
    ) -> Instance:
        """Wait for an instance, and return it.

        Args:
            name: The name of the service.
            id: The id of the instance; None for the first that is enabled.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            OperationTimeoutError: There was none in time.

        .. versionadded:: 0.1
        """
        return self._client._run(self._wait_flow, timeout, name, id)

    def watch(self, name: str) -> Instances:
        """Iterate over the instances of a service: the present ones at once, and then after each change.

        Several quick changes may be one; the last state is always seen.

        Args:
            name: The name of the service.

        Returns:
            An iterator over lists of :class:`Instance`. It ends with its registry, its client, or by ``close()``, and
            survives the expiry of the session.

        .. versionadded:: 0.1
        """
        return Instances(self._client, Listing(self, name))

    def provider(
        self,
        name: str,
        *,
        strategy: Union[str, Callable[[Sequence[Instance]], Instance]] = "round_robin",
        weight: Optional[Callable[[Instance], float]] = None,
        select: Optional[Callable[[Instance], object]] = None,
        max_errors: int = 2,
        error_window: float = 30.0,
    ) -> Provider:
        """Return a provider, which chooses an enabled instance of a service at each call. Nothing is sent.

        Args:
            name: The name of the service.
            strategy: ``"round_robin"``, ``"random"``, ``"sticky"`` (a random one as long as it can be used),
                ``"weighted"`` (random by weight), or a function that chooses from a sequence of instances.
            weight: The weight of an instance, for ``"weighted"``. An instance with 0 is never chosen.
            select: A function that tells whether an instance is to be used.
            max_errors: The number of :meth:`Provider.note_error` after which an instance is left out.
            error_window: The seconds after its first error in which an instance is left out.

        Raises:
            ValueError: An argument is malformed.

        .. versionadded:: 0.1
        """
        return Provider(
            self,
            name,
            strategy=strategy,
            weight=weight,
            select=select,
            max_errors=max_errors,
            error_window=error_window,
        )

    def close(self, *, timeout: Optional[float] = None) -> None:
        """Unregister what this object has registered, and end its iterators and listeners.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The deletions continue in the
                background.

        .. versionadded:: 0.1
        """
        self._client._run(self._close_flow, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._close_later()


class AsyncRegistry(BaseRegistry[AsyncRegistration]):
    """A registry of a client for asyncio, as :class:`Registry`. :meth:`zkc.AsyncClient.registry` makes it.

    >>> async with client.registry("/services") as registry:
    ...     await registry.register(Instance("web", "10.0.0.7", 8080))
    ...     print(await registry.instances("web"))

    .. versionadded:: 0.1
    """

    _client: AsyncClient
    _registration = AsyncRegistration

    def register(
        self, instance: Instance, *, replace: bool = False, timeout: Optional[float] = None
    ) -> AsyncFuture[AsyncRegistration]:
        """Register an instance, as :meth:`Registry.register` does.

        .. versionadded:: 0.1
        """
        registering = self._client._run(self._register_flow, timeout, instance, replace)
        return cast("AsyncFuture[AsyncRegistration]", registering)

    def services(self, *, timeout: Optional[float] = None) -> AsyncFuture[list[str]]:
        """Return the names of the services, as :meth:`Registry.services` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[str]]", self._client._run(self._services_flow, timeout))

    def instances(
        self, name: str, *, tags: Iterable[str] = (), timeout: Optional[float] = None
    ) -> AsyncFuture[list[Instance]]:
        """Return the instances of a service, as :meth:`Registry.instances` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[Instance]]", self._client._run(self._instances_flow, timeout, name, tags))

    def get(
        self,
        name: str,
        id: str,  # noqa: A002
        *,
        timeout: Optional[float] = None,
    ) -> AsyncFuture[Optional[Instance]]:
        """Return an instance of a service, as :meth:`Registry.get` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[Instance]]", self._client._run(self._get_flow, timeout, name, id))

    def wait_for(
        self,
        name: str,
        id: Optional[str] = None,  # noqa: A002
        *,
        timeout: Optional[float] = None,
    ) -> AsyncFuture[Instance]:
        """Wait for an instance, as :meth:`Registry.wait_for` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Instance]", self._client._run(self._wait_flow, timeout, name, id))

    def watch(self, name: str) -> AsyncInstances:
        """Iterate over the instances of a service, as :meth:`Registry.watch` does.

        .. versionadded:: 0.1
        """
        return AsyncInstances(self._client, Listing(self, name))

    def provider(
        self,
        name: str,
        *,
        strategy: Union[str, Callable[[Sequence[Instance]], Instance]] = "round_robin",
        weight: Optional[Callable[[Instance], float]] = None,
        select: Optional[Callable[[Instance], object]] = None,
        max_errors: int = 2,
        error_window: float = 30.0,
    ) -> AsyncProvider:
        """Return a provider, as :meth:`Registry.provider` does.

        .. versionadded:: 0.1
        """
        return AsyncProvider(
            self,
            name,
            strategy=strategy,
            weight=weight,
            select=select,
            max_errors=max_errors,
            error_window=error_window,
        )

    def close(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Close the registry, as :meth:`Registry.close` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._close_flow, timeout))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._close_later()
