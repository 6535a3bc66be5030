"""The metrics of a client: requests, errors, latencies, bytes, recipes. See :meth:`zkc.Client.metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, ClassVar

from zkc._frozen import Frozen
from zkc.errors import error_class

__all__ = ["Histogram", "Metrics", "RecipeMetrics"]


@dataclass(frozen=True)
class Histogram(Frozen):
    """The spread of measured values: how many of them fell between which bounds.

    The values are seconds, such as the time of a request from the call to the reply. Those of a length or of attempts
    are numbers.

    .. versionadded:: 0.1
    """

    __slots__ = ("bounds", "counts", "sum")

    bounds: tuple[float, ...]
    """The upper bounds, ascending."""
    counts: tuple[int, ...]
    """How many values each bound has below or at it, and above the bound before; the last are above all bounds."""
    sum: float
    """The sum of all values."""

    @property
    def count(self) -> int:
        """How many values were measured.

        .. versionadded:: 0.1
        """
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """The average of the values; 0.0 if there was none.

        .. versionadded:: 0.1
        """
        count = self.count
        return self.sum / count if count else 0.0

    def percentile(self, q: float) -> float:
        """Estimate the largest of the smaller values, such as how long the quicker requests took at most.

        The estimate is within the bounds of the right bucket: those of zkc are powers of two.

        Args:
            q: How many of the values are meant, in percent: 50 for the median, 99 for all but the slowest.

        Returns:
            A value; 0.0 if there was none, the last bound for what is above it.

        Raises:
            TypeError: ``q`` is no number.
            ValueError: It is not from 0 to 100.

        .. versionadded:: 0.1
        """
        given: object = q
        if not isinstance(given, (int, float)) or isinstance(given, bool):
            raise TypeError(f"q must be a number from 0 to 100, not {type(q).__name__}")
        if not 0 <= q <= 100:
            raise ValueError(f"q must be from 0 to 100: {q}")
        rank = self.count * q / 100
        below, lower = 0, 0.0
        for upper, count in zip(self.bounds, self.counts):
            if count and below + count >= rank:
                return lower + (upper - lower) * (rank - below) / count
            below, lower = below + count, upper
        return lower if self.count else 0.0

    def _combine(self, other: Histogram, sign: int) -> Histogram:
        if self.bounds and other.bounds and self.bounds != other.bounds:
            raise ValueError("these histograms have different bounds")
        pairs = zip_longest(self.counts, other.counts, fillvalue=0)
        counts = tuple(mine + sign * theirs for mine, theirs in pairs)
        return Histogram(self.bounds or other.bounds, counts, self.sum + sign * other.sum)

    def _as_dict(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "sum": self.sum,
            "mean": self.mean,
            **{f"p{q}": self.percentile(q) for q in (50, 90, 99)},
            "bounds": list(self.bounds),
            "counts": list(self.counts),
        }


@dataclass(frozen=True)
class RecipeMetrics(Frozen):
    """The counters of one kind of recipe in a client, over all its paths.

    A lock, an election and a lease count grants, a queue counts items. What a kind does not count stays 0.

    .. versionadded:: 0.1
    """

    __slots__ = (
        "acks",
        "attempts",
        "dead_letters",
        "gets",
        "grants",
        "hold",
        "losses",
        "nacks",
        "puts",
        "queue_length",
        "takeover",
        "timeouts",
        "wait",
    )
    _NUMBERS: ClassVar[tuple[str, ...]] = ("attempts", "queue_length")  # The histograms that measure no seconds.

    grants: int
    """How many acquires were granted."""
    timeouts: int
    """How many acquires, or gets of a queue, ended by their timeout."""
    losses: Mapping[str, int]
    """How many holds, or claims of items, were lost, by reason (``"expired"``); 0 for a reason that did not occur."""
    wait: Histogram
    """The seconds from an acquire to its grant, or from a get to its item."""
    hold: Histogram
    """The seconds from a grant to the release or the loss; of an item, from the get to its ack, nack or loss."""
    queue_length: Histogram
    """How many contenders were in front when a contender joined the queue of the servers."""
    takeover: Histogram
    """The seconds from the event that the contender in front has left to the grant, if a contender waited for it."""
    puts: int
    """How many items were put into queues."""
    gets: int
    """How many items were got."""
    acks: int
    """How many items were acked."""
    nacks: int
    """How many items were given back by a nack."""
    dead_letters: int
    """How many items were moved to a dead letter path."""
    attempts: Histogram
    """How many times an item was delivered, this time included, for each get."""

    @classmethod
    def _of(
        cls,
        counts: Mapping[str, int] = MappingProxyType({}),
        losses: Mapping[str, int] = MappingProxyType({}),
        histograms: Mapping[str, Histogram] = MappingProxyType({}),
    ) -> RecipeMetrics:
        """Make it of what was counted; what was not is 0."""
        nothing = Histogram((), (), 0.0)
        values: dict[str, Any] = {"losses": Counter(losses)}
        for field in fields(cls):
            if field.name != "losses":
                is_number = field.type in ("int", int)
                values[field.name] = counts.get(field.name, 0) if is_number else histograms.get(field.name, nothing)
        return cls(**values)

    def _combine(self, other: RecipeMetrics, sign: int) -> RecipeMetrics:
        values: dict[str, Any] = {}
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(mine, Histogram):
                values[field.name] = mine._combine(theirs, sign)
            else:
                values[field.name] = mine + sign * theirs if isinstance(mine, int) else _combine(mine, theirs, sign)
        return RecipeMetrics(**values)

    def _as_dict(self) -> dict[str, Any]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value._as_dict() if isinstance(value, Histogram) else value if isinstance(value, int) else dict(value)
            for name, value in found.items()
        }


_RECIPES = (
    *("lock", "read_lock", "write_lock", "semaphore", "multilock"),
    *("election", "partitioner", "lease", "queue"),
)


class _Kinds(dict[str, RecipeMetrics]):
    """The counters of recipes by kind; those of a kind that was not used are 0."""

    def __missing__(self, kind: str) -> RecipeMetrics:
        if kind not in _RECIPES:
            raise KeyError(f"no recipe is counted as {kind!r}: the kinds are {', '.join(_RECIPES)}")
        return RecipeMetrics._of()


@dataclass(frozen=True)
class Metrics(Frozen):
    """A snapshot of the counters of a client, over all of its sessions.

    ``later - earlier`` is what happened between two of them, and ``one + another`` what two clients did together.

    >>> before = client.metrics()
    >>> run_for_a_minute()
    >>> spent = client.metrics() - before
    >>> print(spent.total / 60, "requests per second,", spent.latency.percentile(99), "s for 99 of 100")

    .. versionadded:: 0.1
    """

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "dropped_events",
        "errors",
        "expirations",
        "in_flight",
        "latency",
        "recipes",
        "reconnects",
        "requests",
        "sessions",
        "watch_events",
    )

    requests: Mapping[str, int]
    """How many requests were sent, by kind (``"get"``); 0 for a kind that was not."""
    errors: Mapping[str, int]
    """How many of them failed, by the name of the error's class; 0 for one that did not happen. A znode that
    ``exists`` did not find is a NoNodeError here."""
    latency: Histogram
    """How long they took, whether they failed or not."""
    in_flight: int
    """How many have no reply yet. In a difference: at the later moment."""
    watch_events: int
    """How many watches fired, their session's events aside."""
    dropped_events: int
    """How many events of persistent watches were dropped, because ``max_queued_events`` waited. A GAP event stands in
    their place, and is not counted."""
    reconnects: int
    """How often a session found a connection again."""
    sessions: int
    """How many sessions the client has had that a server accepted."""
    expirations: int
    """How many of them expired."""
    bytes_sent: int
    """Bytes of paths, data and credentials sent, without what the protocol adds."""
    bytes_received: int
    """Bytes of the replies' content, without what the protocol adds."""
    recipes: Mapping[str, RecipeMetrics]
    """The counters of the recipes, by kind (``"lock"``, ``"queue"``); all are 0 for a kind that was not used."""

    @property
    def total(self) -> int:
        """How many requests were sent, of whatever kind.

        .. versionadded:: 0.1
        """
        return sum(self.requests.values())

    def as_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists and numbers, for JSON.

        .. versionadded:: 0.1
        """
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **found,
            "requests": dict(self.requests),
            "total": self.total,
            "errors": dict(self.errors),
            "latency": self.latency._as_dict(),
            "recipes": {kind: counted._as_dict() for kind, counted in self.recipes.items()},
        }

    def __sub__(self, earlier: object) -> Metrics:
        if not isinstance(earlier, Metrics):
            return NotImplemented
        return self._combine(earlier, -1, in_flight=self.in_flight)

    def __add__(self, other: object) -> Metrics:
        if not isinstance(other, Metrics):
            return NotImplemented
        return self._combine(other, 1, in_flight=self.in_flight + other.in_flight)

    def _combine(self, other: Metrics, sign: int, in_flight: int) -> Metrics:
        return Metrics(
            requests=_combine(self.requests, other.requests, sign),
            errors=_combine(self.errors, other.errors, sign),
            latency=self.latency._combine(other.latency, sign),
            in_flight=in_flight,
            watch_events=self.watch_events + sign * other.watch_events,
            dropped_events=self.dropped_events + sign * other.dropped_events,
            reconnects=self.reconnects + sign * other.reconnects,
            sessions=self.sessions + sign * other.sessions,
            expirations=self.expirations + sign * other.expirations,
            bytes_sent=self.bytes_sent + sign * other.bytes_sent,
            bytes_received=self.bytes_received + sign * other.bytes_received,
            recipes=_Kinds(
                (kind, self.recipes[kind]._combine(other.recipes[kind], sign))
                for kind in dict.fromkeys((*self.recipes, *other.recipes))
            ),
        )

    @classmethod
    def _none(
        cls,
        expirations: int = 0,
        recipes: Mapping[str, RecipeMetrics] = MappingProxyType({}),
        dropped_events: int = 0,
    ) -> Metrics:
        """Return the metrics of a client without those of its sessions."""
        latency = Histogram((), (), 0.0)
        return cls(Counter(), Counter(), latency, 0, 0, dropped_events, 0, 0, expirations, 0, 0, _Kinds(recipes))

    @classmethod
    def _of_session(cls, measured: Mapping[str, Any], over: bool) -> Metrics:
        """Make it of what the core says about one session.

        Args:
            measured: What ``session.metrics()`` returned.
            over: Whether the session is over, so that no reply is awaited any more.
        """
        latency = measured["latency"]
        connects = measured["connects"]
        errors: Counter[str] = Counter()
        for code, count in measured["errors"].items():
            errors[error_class(code).__name__] += count  # Several codes may have no class of their own.
        return cls(
            requests=Counter({kind: count for kind, count in measured["requests"].items() if count}),
            errors=errors,
            latency=Histogram(tuple(latency["bounds"]), tuple(latency["counts"]), latency["sum"]),
            in_flight=0 if over else measured["in_flight"],
            watch_events=measured["watch_events"],
            dropped_events=measured["dropped_events"],
            reconnects=max(0, connects - 1),
            sessions=1 if connects else 0,
            expirations=0,
            bytes_sent=measured["bytes_sent"],
            bytes_received=measured["bytes_received"],
            recipes=_Kinds(),
        )


def _combine(mine: Mapping[str, int], theirs: Mapping[str, int], sign: int) -> Counter[str]:
    sums = {key: mine.get(key, 0) + sign * theirs.get(key, 0) for key in (*mine, *theirs)}
    return Counter({key: value for key, value in sums.items() if value})
