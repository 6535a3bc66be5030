"""OpenTelemetry for clients: metrics that are read when they are collected, and a span for each call.

Needs ``pip install 'zkc[otel]'``, and an SDK that your application sets up.

>>> import zkc.otel
>>> with zkc.Client(hosts) as client, zkc.otel.observe(client), zkc.otel.trace(client):
...     client.get("/a")
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

try:
    from opentelemetry import context as otel_context
    from opentelemetry import metrics as otel_metrics
    from opentelemetry import trace as otel_trace
    from opentelemetry.metrics import Meter, MeterProvider, Observation
    from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer, TracerProvider
except ImportError as error:
    raise ImportError("zkc.otel needs the OpenTelemetry API: pip install 'zkc[otel]'") from error

from zkc._client.base import BaseClient
from zkc._client.submit import Submit
from zkc._otel_points import COUNTERS, IN_FLIGHT, Points
from zkc._version import __version__
from zkc._zookeeper import RLock
from zkc.errors import ForkedError, ZooKeeperError
from zkc.metrics import Metrics

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from typing_extensions import Self

__all__ = ["Observed", "Traced", "observe", "trace"]

_SYSTEM = {"db.system.name": "zookeeper"}


class _Hook:
    """A handle that :func:`observe` and :func:`trace` return: closing it, or leaving its context, undoes them."""

    def close(self) -> None:
        """Take it back. The second time does nothing.

        .. versionadded:: 0.1
        """
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


# ---- metrics --------------------------------------------------------------------------------------------------------


class Observed(_Hook):
    """A client whose metrics OpenTelemetry collects. Made by :func:`observe`.

    .. versionadded:: 0.1
    """

    def __init__(self, client: BaseClient, group: _Group) -> None:
        self._client = weakref.ref(client)
        self._group = group
        self._last = Metrics._none()

    def _read(self) -> bool:
        """Read the client's metrics again, if it is still there."""
        client = self._client()
        if client is not None:
            with contextlib.suppress(ForkedError):  # The child of a fork has counted nothing.
                self._last = client.metrics()
        return client is not None

    def close(self) -> None:
        """Collect no more from the client; what it has counted stays in the sum.

        .. versionadded:: 0.1
        """
        with _lock:
            if self in self._group.living:
                self._read()
                self._group.leave(self)


class _Group:
    """Clients with the same attributes: their sum is reported, and does not fall when one of them goes."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.attributes = attributes
        self.living: set[Observed] = set()
        self.gone = Metrics._none()

    def read(self) -> Metrics:
        for observed in list(self.living):
            if not observed._read():
                self.leave(observed)
        return functools.reduce(lambda found, observed: found + observed._last, self.living, self.gone)

    def leave(self, observed: Observed) -> None:
        self.living.discard(observed)
        self.gone += replace(observed._last, in_flight=0)


class _Instruments:
    """The instruments of one provider of meters, which wants each of them once, however many clients there are."""

    def __init__(self, meter: Meter) -> None:
        self.groups: dict[frozenset[tuple[str, str]], _Group] = {}
        for name, unit, text, points in COUNTERS:
            meter.create_observable_counter(name, [functools.partial(self._report, points)], unit, text)
        name, unit, text, points = IN_FLIGHT
        meter.create_observable_up_down_counter(name, [functools.partial(self._report, points)], unit, text)

    def _report(self, points: Callable[[Metrics], Points], _: object) -> list[Observation]:
        with _lock:
            read = [(group.attributes, group.read()) for group in self.groups.values()]
        return [
            Observation(value, {**attributes, **more}) for attributes, found in read for value, more in points(found)
        ]

    def add(self, client: BaseClient, attributes: Mapping[str, str]) -> Observed:
        key = frozenset(attributes.items())
        with _lock:
            group = self.groups.setdefault(key, _Group(attributes))
            observed = Observed(client, group)
            group.living.add(observed)
        return observed


_lock = RLock()  # Guards all of this: collectors have threads of their own.
_instruments: weakref.WeakKeyDictionary[MeterProvider, _Instruments] = weakref.WeakKeyDictionary()


def observe(
    client: BaseClient,
    meter_provider: Optional[MeterProvider] = None,
    *,
    attributes: Optional[Mapping[str, str]] = None,
) -> Observed:
    """Report the metrics of a client to OpenTelemetry.

    They are read when they are collected, so a request takes no longer. The instruments are named ``zkc.client.…``:

    - requests (by ``db.operation.name``), errors (by ``error.type``), in_flight
    - request.duration.sum and request.duration.bucket (by ``le``, cumulative as in Prometheus)
    - watch_events, dropped_events, sessions, expirations, reconnects, sent and received (bytes)

    Those of recipes are named ``zkc.recipe.…`` after the attributes of :class:`~zkc.RecipeMetrics`. They have the kind
    of recipe as ``zkc.recipe``, and ``losses`` has ``zkc.reason``. A histogram has ``….sum`` and ``….bucket``.

    Clients with the same attributes are summed up.

    Args:
        client: A :class:`~zkc.Client` or :class:`~zkc.AsyncClient`, started or not. It may be forgotten.
        meter_provider: Where the instruments are made; the global provider if None.
        attributes: Attributes that distinguish this client from others, besides ``zkc.hosts``, which is its ``hosts``.

    Returns:
        What ends it: ``close()`` it, or use it in a ``with`` statement.

    .. versionadded:: 0.1
    """
    _check_client(client)
    provider = otel_metrics.get_meter_provider() if meter_provider is None else meter_provider
    with _lock:
        instruments = _instruments.get(provider)
        if instruments is None:
            instruments = _instruments[provider] = _Instruments(provider.get_meter("zkc", __version__))
        return instruments.add(client, {**_SYSTEM, "zkc.hosts": client.hosts, **(attributes or {})})


def _check_client(client: object) -> None:
    if not isinstance(client, BaseClient):
        raise TypeError(f"client must be a zkc.Client or a zkc.AsyncClient, not {type(client).__name__}")


# ---- spans ----------------------------------------------------------------------------------------------------------


class Traced(_Hook):
    """A client whose calls have spans. Made by :func:`trace`.

    .. versionadded:: 0.1
    """

    def __init__(self, client: BaseClient, tracer: Tracer) -> None:
        self._client = weakref.ref(client)
        # On the instance: other clients are as quick as before. What stands there must not hold the client.
        self._replaced = {
            "_run": functools.partial(_run_traced, tracer, self._client),
            "_make_submit": functools.partial(_TracedSubmit, tracer),
        }
        vars(client).update(self._replaced)

    def close(self) -> None:
        """Make no spans any more.

        .. versionadded:: 0.1
        """
        client = self._client()
        for name, replaced in self._replaced.items():
            if client is not None and vars(client).get(name) is replaced:
                del vars(client)[name]


def trace(client: BaseClient, tracer_provider: Optional[TracerProvider] = None) -> Traced:
    """Make a span for each call of a client, from the call to its reply.

    The spans are named like ``zookeeper get`` and have the attributes ``db.system.name``, ``db.operation.name``,
    ``zkc.path``, ``server.address`` and ``server.port``; after an error also ``error.type`` and, if the error is one of
    ZooKeeper's, ``db.response.status_code``. Data and credentials are in none of them.

    A call of a recipe has a span as well. That of an acquire lasts as long as its wait. From its grant on, a span named
    ``zookeeper hold``, linked to it, lasts until the release or the loss. Both have the kind of recipe as
    ``zkc.recipe``; the hold has ``zkc.token``, and after a loss ``error.type`` with the reason.

    Args:
        client: A :class:`~zkc.Client` or :class:`~zkc.AsyncClient`; what its ``submit`` gives is traced as well.
        tracer_provider: Where the spans are made; the global provider if None.

    Returns:
        What ends it: ``close()`` it, or use it in a ``with`` statement.

    Raises:
        ValueError: The client is traced already.

    .. versionadded:: 0.1
    """
    _check_client(client)
    if "_run" in vars(client):
        raise ValueError("the client is traced already: close what trace() returned first")
    return Traced(client, otel_trace.get_tracer("zkc", __version__, tracer_provider))


def _run_traced(
    tracer: Tracer,
    reference: weakref.ref[Any],
    command: Callable[..., Any],
    timeout: Any,
    *arguments: Any,
    **options: Any,
) -> Any:
    client = reference()
    assert client is not None  # It is what calls this.
    call = functools.partial(type(client)._run, client, command, timeout, *arguments, **options)
    return _measure(tracer, _begin(tracer, client, command, arguments), call)


class _TracedSubmit(Submit):
    def __init__(self, tracer: Tracer, client: BaseClient) -> None:
        super().__init__(client)
        self._traced = (tracer, client)

    def _run(self, command: Callable[..., Any], timeout: Optional[float], *arguments: Any, **options: Any) -> Any:
        tracer, client = self._traced
        inherited: Any = super()
        call = functools.partial(inherited._run, command, timeout, *arguments, **options)
        return _measure(tracer, _begin(tracer, client, command, arguments), call)


def _begin(tracer: Tracer, client: BaseClient, command: Callable[..., Any], arguments: tuple[Any, ...]) -> Span:
    # Commands are named after the methods: set_ for set, and _acquire_flow for the acquire of a recipe.
    operation = command.__name__.strip("_")
    operation = operation[: -len("_flow")] if operation.endswith("_flow") else operation
    attributes: dict[str, Union[str, int]] = {**_SYSTEM, "db.operation.name": operation}
    recipe = getattr(command, "__self__", None)
    first = arguments[0] if arguments and recipe is None else getattr(recipe, "path", None)
    path = getattr(first, "path", first)  # The first argument may be a hold.
    if isinstance(path, str) and path.startswith("/"):
        attributes["zkc.path"] = path
    address, colon, port = (client.server or "").rpartition(":")
    if colon and port.isdigit():
        attributes["server.address"] = address.strip("[]")
        attributes["server.port"] = int(port)
    return tracer.start_span(f"zookeeper {operation}", kind=SpanKind.CLIENT, attributes=attributes)


def _measure(tracer: Tracer, span: Span, call: Callable[[], Any]) -> Any:
    """Make a call whose span ends with it, or with the future that it returns."""
    try:
        outcome = call()
    except BaseException as error:
        _end(span, error)
        raise
    context = otel_context.get_current()
    if isinstance(outcome, (asyncio.Future, concurrent.futures.Future)):
        outcome.add_done_callback(functools.partial(_end_with, tracer, span, context))
    else:
        _hold(tracer, span, context, outcome)
        span.end()
    return outcome


def _end_with(tracer: Tracer, span: Span, context: Context, future: Any) -> None:
    if future.cancelled():
        span.set_attribute("error.type", "cancelled")
        span.end()
        return
    # Not exception(): asyncio would take the error for retrieved, and not report one that the caller never reads.
    if future._exception is None:
        # Not result(): the outcome would count as taken, and a cancellation at this moment could not undo it.
        _hold(tracer, span, context, future._result)
    _end(span, future._exception)


def _hold(tracer: Tracer, span: Span, context: Context, outcome: Any) -> None:
    """Begin the span of a hold, if that is what a call returns."""
    measured = getattr(outcome, "_measured", None)
    if measured is None:
        return
    kind = measured[0].kind
    span.set_attribute("zkc.recipe", kind)
    if "_span" in vars(outcome) or not hasattr(outcome, "_on_end"):  # A ticket returns the same hold at each call.
        return
    attributes = {**_SYSTEM, "zkc.recipe": kind, "zkc.path": outcome.path, "zkc.token": outcome.token}
    outcome._span = holding = tracer.start_span(
        "zookeeper hold", context, SpanKind.INTERNAL, attributes, links=[Link(span.get_span_context())]
    )
    outcome._on_end(functools.partial(_end_hold, holding, weakref.ref(outcome)))


def _end_hold(span: Span, reference: weakref.ref[Any]) -> None:
    hold = reference()
    if hold is not None and hold.reason is not None:
        span.set_attribute("error.type", hold.reason)
        span.set_status(Status(StatusCode.ERROR, f"the hold is lost: {hold.reason}"))
    span.end()


def _end(span: Span, error: Optional[BaseException]) -> None:
    if error is not None:
        kind = type(error)
        span.record_exception(error)
        span.set_status(Status(StatusCode.ERROR, str(error)))
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        span.set_attribute("error.type", name)
        if isinstance(error, ZooKeeperError) and error.code is not None:
            span.set_attribute("db.response.status_code", str(error.code))
    span.end()
