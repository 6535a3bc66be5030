"""The instruments of zkc.otel, and the values that each of them takes from the metrics of a client."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from zkc.metrics import Histogram, Metrics, RecipeMetrics

__all__ = ["COUNTERS", "IN_FLIGHT", "Instrument", "Points"]

Points = Iterable[tuple[Union[int, float], Mapping[str, str]]]
Instrument = tuple[str, str, str, "Callable[[Metrics], Points]"]  # Name, unit, description, and how it is read.


def _by(kind: str, counts: Mapping[str, int], **more: str) -> Points:
    return [(count, {**more, kind: name}) for name, count in counts.items()]


def _buckets(histogram: Histogram, **more: str) -> Points:
    """Count as Prometheus does: each bucket holds those below it as well."""
    bounds = [*(f"{bound:g}" for bound in histogram.bounds), "+Inf"]
    return [(count, {**more, "le": bound}) for bound, count in zip(bounds, itertools.accumulate(histogram.counts))]


def _one(attribute: str) -> Callable[[Metrics], Points]:
    return lambda metrics: [(getattr(metrics, attribute), {})]


def _recipes(read: Callable[[RecipeMetrics, dict[str, str]], Points]) -> Callable[[Metrics], Points]:
    """Read each kind of recipe that the client has used. No path is an attribute: its values would have no bound."""
    return lambda metrics: [
        point for kind, counted in metrics.recipes.items() for point in read(counted, {"zkc.recipe": kind})
    ]


def _count(name: str, unit: str, text: str) -> Instrument:
    return f"zkc.recipe.{name}", unit, text, _recipes(lambda counted, kind: [(getattr(counted, name), kind)])


def _spread(name: str, unit: str, each: str, text: str) -> list[Instrument]:
    read = operator.attrgetter(name)
    return [
        (f"zkc.recipe.{name}.sum", unit, f"{text}: the sum", _recipes(lambda one, kind: [(read(one).sum, kind)])),
        (
            f"zkc.recipe.{name}.bucket",
            each,
            f"{text}: how many up to le",
            _recipes(lambda one, kind: _buckets(read(one), **kind)),
        ),
    ]


COUNTERS: list[Instrument] = [
    ("zkc.client.requests", "{request}", "Requests sent", lambda read: _by("db.operation.name", read.requests)),
    ("zkc.client.errors", "{error}", "Requests that failed", lambda read: _by("error.type", read.errors)),
    (
        "zkc.client.request.duration.sum",
        "s",
        "Time that all requests took together",
        lambda read: [(read.latency.sum, {})],
    ),
    (
        "zkc.client.request.duration.bucket",
        "{request}",
        "Requests that took up to le seconds",
        lambda read: _buckets(read.latency),
    ),
    ("zkc.client.watch_events", "{event}", "Watches that fired", _one("watch_events")),
    (
        "zkc.client.dropped_events",
        "{event}",
        "Events of persistent watches that found their queue full",
        _one("dropped_events"),
    ),
    ("zkc.client.sessions", "{session}", "Sessions that a server accepted", _one("sessions")),
    ("zkc.client.expirations", "{session}", "Sessions that expired", _one("expirations")),
    ("zkc.client.reconnects", "{connection}", "Connections found again", _one("reconnects")),
    ("zkc.client.sent", "By", "Bytes of content sent", _one("bytes_sent")),
    ("zkc.client.received", "By", "Bytes of content received", _one("bytes_received")),
    _count("grants", "{grant}", "Acquires that were granted"),
    _count("timeouts", "{call}", "Acquires and gets that timed out"),
    (
        "zkc.recipe.losses",
        "{hold}",
        "Holds, and claims of items, that were lost",
        _recipes(lambda counted, kind: _by("zkc.reason", counted.losses, **kind)),
    ),
    *_spread("wait", "s", "{call}", "Time from an acquire to its grant, or from a get to its item"),
    *_spread("hold", "s", "{hold}", "Time from a grant to its release or loss"),
    *_spread("queue_length", "{contender}", "{contender}", "Contenders in front of one that joins"),
    *_spread("takeover", "s", "{grant}", "Time from the end of the contender in front to the grant"),
    _count("puts", "{item}", "Items put into queues"),
    _count("gets", "{item}", "Items got"),
    _count("acks", "{item}", "Items acked"),
    _count("nacks", "{item}", "Items given back by a nack"),
    _count("dead_letters", "{item}", "Items moved to a dead letter path"),
    *_spread("attempts", "{delivery}", "{item}", "Deliveries of an item that is got"),
]
# It falls again, so it is none of the counters.
IN_FLIGHT: Instrument = ("zkc.client.in_flight", "{request}", "Requests without a reply", _one("in_flight"))
