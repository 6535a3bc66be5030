"""Providers: the choice of one instance of a service, call by call."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Optional, Union, cast

from zkc._args import check_count, check_seconds
from zkc._flow import Await, Flow
from zkc._zookeeper import RLock
from zkc.recipes._instance import Instance

if TYPE_CHECKING:
    from zkc._client.aio_future import AsyncFuture
    from zkc._commands.protocol import CommandClient
    from zkc.recipes._instance_watch import ServiceMemory
    from zkc.recipes._registry import BaseRegistry

    Strategy = Union[str, Callable[[Sequence[Instance]], Instance]]

__all__ = ["AsyncProvider", "BaseProvider", "Provider"]

_STRATEGIES = ("round_robin", "random", "sticky", "weighted")


class BaseProvider:
    """The base of the providers of both clients."""

    def __init__(
        self,
        registry: BaseRegistry[Any],
        name: str,
        *,
        strategy: Strategy = "round_robin",
        weight: Optional[Callable[[Instance], float]] = None,
        select: Optional[Callable[[Instance], object]] = None,
        max_errors: int = 2,
        error_window: float = 30.0,
    ) -> None:
        if not callable(strategy) and strategy not in _STRATEGIES:
            raise ValueError(f"strategy must be a function or one of {', '.join(map(repr, _STRATEGIES))}")
        if (strategy == "weighted") != (weight is not None):
            raise ValueError("weight must be given with strategy='weighted', and only with it")
        check_count(max_errors, "max_errors")
        check_seconds(error_window, "error_window")
        registry._shared.path_of(name)
        self._registry = registry
        self._name = name
        self._strategy: Strategy = strategy
        self._weight = weight
        self._select = select
        self._max_errors = max_errors
        self._error_window = error_window
        self._lock = RLock()
        self._turn = 0
        self._chosen: Optional[Instance] = None  # By the sticky strategy.
        self._errors: dict[Instance, tuple[float, int]] = {}  # When the first was noted, and how many.

    @property
    def name(self) -> str:
        """The name of the service.

        .. versionadded:: 0.1
        """
        return self._name

    def __repr__(self) -> str:
        strategy = self._strategy if isinstance(self._strategy, str) else "own strategy"
        return f"<zkc.{type(self).__name__} {self._name} {strategy}>"

    def note_error(self, instance: Instance) -> None:
        """Note that an instance did not serve. After ``max_errors`` of them it is left out for a while.

        The time of ``error_window`` seconds begins with the first error of an instance. When it is over, its errors are
        forgotten. An instance that is registered again, or updated, has no errors.

        Args:
            instance: The instance, as the provider has returned it.

        .. versionadded:: 0.1
        """
        now = monotonic()
        with self._lock:
            self._forget(now)
            since, count = self._errors.get(instance, (now, 0))
            self._errors[instance] = (since, count + 1)

    def _forget(self, now: float) -> None:
        over = [each for each, (since, _) in self._errors.items() if now - since >= self._error_window]
        for instance in over:
            del self._errors[instance]

    def _usable(self, memory: ServiceMemory) -> list[Instance]:
        with self._lock:
            self._forget(monotonic())
            down = {each for each, (_, count) in self._errors.items() if count >= self._max_errors}
        select = self._select
        return [
            each for each in memory.listed() if each.enabled and each not in down and (select is None or select(each))
        ]

    def _choose(self, usable: Sequence[Instance]) -> Optional[Instance]:
        if not usable:
            return None
        strategy = self._strategy
        if callable(strategy):
            return strategy(usable)
        with self._lock:
            if strategy == "round_robin":
                self._turn += 1
                return usable[(self._turn - 1) % len(usable)]
            if strategy == "sticky":
                if self._chosen not in usable:
                    self._chosen = random.choice(usable)
                return self._chosen
        if self._weight is None:
            return random.choice(usable)
        weights = [max(0.0, self._weight(each)) for each in usable]
        return random.choices(usable, weights)[0] if any(weights) else None

    def _get_flow(self, client: CommandClient) -> Flow[Optional[Instance]]:
        return self._choose(self._usable((yield from self._registry._known(self._name, "get"))))

    def _all_flow(self, client: CommandClient) -> Flow[list[Instance]]:
        return self._usable((yield from self._registry._known(self._name, "instances")))

    def _wait_flow(self, client: CommandClient) -> Flow[Instance]:
        while True:
            memory = yield from self._registry._known(self._name, "wait")
            changed = memory.changed
            chosen = self._choose(self._usable(memory))
            if chosen is not None:
                return chosen
            with self._lock:
                firsts = [since for since, _ in self._errors.values()]
            up = max(0.0, min(firsts) + self._error_window - monotonic()) if firsts else None
            yield Await(changed, up, "wait", memory.path)


class Provider(BaseProvider):
    """A provider of a synchronous client. :meth:`Registry.provider` makes it.

    >>> provider = registry.provider("web")
    >>> instance = provider.wait(timeout=5.0)
    >>> print(instance.address, instance.port)

    .. versionadded:: 0.1
    """

    def get(self, *, timeout: Optional[float] = None) -> Optional[Instance]:
        """Return an instance by the strategy, from memory; None if the service has none that can be used.

        Args:
            timeout: Timeout in seconds of the first look-up, which reads; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return cast("Optional[Instance]", _client_of(self)._run(self._get_flow, timeout))

    def instances(self, *, timeout: Optional[float] = None) -> list[Instance]:
        """Return all instances that can be used: enabled, selected and without too many errors.

        Args:
            timeout: As for :meth:`get`.

        .. versionadded:: 0.1
        """
        return cast("list[Instance]", _client_of(self)._run(self._all_flow, timeout))

    def wait(self, *, timeout: Optional[float] = None) -> Instance:
        """Wait for an instance that can be used, and return it.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            OperationTimeoutError: There was none in time.

        .. versionadded:: 0.1
        """
        return cast("Instance", _client_of(self)._run(self._wait_flow, timeout))


class AsyncProvider(BaseProvider):
    """A provider of a client for asyncio, as :class:`Provider`. :meth:`AsyncRegistry.provider` makes it.

    .. versionadded:: 0.1
    """

    def get(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[Instance]]:
        """Return an instance, as :meth:`Provider.get` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[Instance]]", _client_of(self)._run(self._get_flow, timeout))

    def instances(self, *, timeout: Optional[float] = None) -> AsyncFuture[list[Instance]]:
        """Return all instances that can be used, as :meth:`Provider.instances` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[Instance]]", _client_of(self)._run(self._all_flow, timeout))

    def wait(self, *, timeout: Optional[float] = None) -> AsyncFuture[Instance]:
        """Wait for an instance, as :meth:`Provider.wait` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Instance]", _client_of(self)._run(self._wait_flow, timeout))


def _client_of(provider: BaseProvider) -> Any:
    return provider._registry._client
