"""The samples of ``zkc top``: the state of each server, and how its rates went on."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Optional, Union

from zkc.cli.servers._ask import Asker, AskError, Server
from zkc.cli.servers._facts import COUNTERS, add_lags, down_record, facts_of

__all__ = ["Row", "TopModel", "sample"]

_KEPT = 240
_OWN_WORDS = 2  # srvr and mntr count as requests, AdminServer's commands do not.

Answers = list[tuple[Server, Union[dict[str, Any], AskError]]]


def sample(asker: Asker) -> tuple[float, Answers]:
    """Ask all servers once, and return the time on the monotonic clock with the answers."""
    answers = asker.each(lambda server: facts_of(asker, server))
    return time.monotonic(), answers


class Row:
    """One server over time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.record: dict[str, Any] = {}
        self.requests: deque[Optional[float]] = deque(maxlen=_KEPT)
        """Requests a second of each interval; None while the server was down."""
        self.latencies: deque[Optional[float]] = deque(maxlen=_KEPT)
        """The mean latency of each interval in ms; None while the server was down, or had no request."""
        self._before: Optional[tuple[float, dict[str, Any]]] = None

    @property
    def down(self) -> bool:
        """Whether the server gave no answer to the last question."""
        return bool(self.record.get("error"))

    def add(self, moment: float, record: dict[str, Any]) -> None:
        """Add a sample."""
        self.record = record
        before, self._before = self._before, None if record["error"] else (moment, record)
        if record["error"]:
            self.requests.append(None)
            self.latencies.append(None)
        elif before is not None:
            self.requests.append(_rate(before, moment, record))
            self.latencies.append(_latency(before[1], record))


def _rate(before: tuple[float, dict[str, Any]], moment: float, record: dict[str, Any]) -> Optional[float]:
    earlier, old = before
    if record["received"] is None or old["received"] is None:
        return None
    count = record["received"] - old["received"]
    if count < 0:
        # The server was restarted between the two samples, or its statistics were reset.
        count = record["received"]
    own = _OWN_WORDS if record["via"] == "4lw" else 0
    return float(max(count - own, 0) / max(moment - earlier, 1e-6))


def _latency(old: dict[str, Any], record: dict[str, Any]) -> Optional[float]:
    """Return the mean latency of the requests between two samples.

    The servers tell the mean since their start only, and sums of the latencies of reads and of changes since 3.6.
    """
    now, then = record.get("counters"), old.get("counters")
    if not now or not then:
        average = record["latency_avg"]
        return float(average) if average is not None else None
    read_sum, reads, write_sum, writes = (now[name] - then[name] for name in COUNTERS)
    if reads < 0 or writes < 0:
        read_sum, reads, write_sum, writes = (now[name] for name in COUNTERS)
    return float((read_sum + write_sum) / (reads + writes)) if reads + writes > 0 else None


class TopModel:
    """All servers over time."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.samples = 0

    def add(self, moment: float, answers: Answers) -> None:
        """Add the answers of one round. A server that is gone from the names is forgotten."""
        records = [down_record(server, each) if isinstance(each, AskError) else each for server, each in answers]
        add_lags(records)
        self.rows = {record["server"]: self.rows.get(record["server"]) or Row(record["server"]) for record in records}
        for record in records:
            self.rows[record["server"]].add(moment, record)
        self.samples += 1

    def totals(self) -> dict[str, Any]:
        """Return the numbers that are those of the ensemble: of the leader, else of the first server that answers."""
        up = [row.record for row in self.rows.values() if not row.down]
        leading = [record for record in up if record["mode"] in ("leader", "standalone")]
        record = (leading or up or [{}])[0]
        return {
            "leader": leading[0]["server"] if leading else None,
            "down": len(self.rows) - len(up),
            "version": record.get("version"),
            **{name: record.get(name) for name in ("zxid", "znodes", "ephemerals", "data_size", "sessions")},
        }

    def as_records(self) -> list[dict[str, Any]]:
        """Return the servers as records, with the rates of the last interval."""
        records = []
        for row in self.rows.values():
            record = {name: value for name, value in row.record.items() if name != "counters"}
            record["requests_per_second"] = _rounded(row.requests)
            record["interval_latency"] = _rounded(row.latencies)
            records.append(record)
        return records


def _rounded(values: deque[Optional[float]]) -> Optional[float]:
    return round(values[-1], 3) if values and values[-1] is not None else None
