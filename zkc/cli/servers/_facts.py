"""The state of a server as one record, from AdminServer or from four-letter words, with the same members for both."""

from __future__ import annotations

import re
import time
from typing import Any, Optional

from zkc.cli._records import hex_text
from zkc.cli.servers._ask import Asker, AskError, Server

__all__ = ["COUNTERS", "add_lags", "down_record", "facts_of", "metrics_of", "parse_mntr", "version_of"]

# The names of metrics, without the prefix zk_, and those of a record.
_METRICS = {
    "outstanding_requests": "outstanding",
    "znode_count": "znodes",
    "watch_count": "watches",
    "ephemerals_count": "ephemerals",
    "global_sessions": "sessions",
    "approximate_data_size": "data_size",
    "open_file_descriptor_count": "open_files",
    "synced_followers": "synced_followers",
    "learners": "learners",
}
COUNTERS = ("sum_readlatency", "cnt_readlatency", "sum_updatelatency", "cnt_updatelatency")
"""The metrics that ``top`` makes the latency of its last interval from."""
_MEMBERS = ("server", "mode", "version", "zxid", "lag", "connections", "outstanding", "latency_min", "latency_avg",
            "latency_max", "received", "sent", "znodes", "watches", "ephemerals", "sessions", "data_size", "open_files",
            "synced_followers", "learners", "uptime", "answer_ms", "via")  # fmt: skip
_ADMIN_SHARE = 0.4  # Of the time: enough is left for four-letter words.


def empty_record(server: Server) -> dict[str, Any]:
    """Return the record of a server without any fact."""
    return {**dict.fromkeys(_MEMBERS), "server": server.name, "refused": [], "error": None, "message": None}


def down_record(server: Server, error: AskError) -> dict[str, Any]:
    """Return the record of a server that gave no answer."""
    return {**empty_record(server), "error": error.reason, "message": str(error)}


def version_of(text: str) -> str:
    """Return the version in a server's own words: ``3.9.6`` for ``3.9.6-c26634f, built on …``."""
    match = re.match(r"\d+(?:\.\d+)*(?:-(?:alpha|beta|rc|SNAPSHOT)[\w.]*)?", text)
    return match[0] if match else text.partition(",")[0]


def facts_of(asker: Asker, server: Server) -> dict[str, Any]:
    """Ask a server for its state: AdminServer first, else the words srvr and mntr.

    Returns:
        The record. ``via`` says which of them answered, and ``refused`` which did not, and why.

    Raises:
        AskError: Neither answered. The error is that of the client port, which matters more.
    """
    record = empty_record(server)
    began = time.monotonic()
    try:
        with asker.part(_ADMIN_SHARE):
            _from_admin(asker, server, record)
        record["via"] = "admin"
    except AskError as error:
        record = {**empty_record(server), "refused": [_refusal("AdminServer", error)]}
        began = time.monotonic()
        _from_words(asker, server, record, began)
        record["via"] = "4lw"
    if record["answer_ms"] is None:
        record["answer_ms"] = _milliseconds(began)
    return record


def _refusal(what: str, error: AskError) -> dict[str, str]:
    return {"what": what, "reason": error.reason, "message": str(error)}


def _milliseconds(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)


def _from_admin(asker: Asker, server: Server, record: dict[str, Any]) -> None:
    began = time.monotonic()
    answer = asker.admin(server, "server_stats")
    record["answer_ms"] = _milliseconds(began)
    stats = answer.get("server_stats")
    if not isinstance(stats, dict):
        raise AskError("not_admin", "the port answers JSON, and not as AdminServer: see --admin-port")
    zxid = stats.get("last_processed_zxid")
    record.update(
        mode="read-only" if answer.get("read_only") else stats.get("server_state"),
        version=version_of(str(answer.get("version", ""))),
        zxid=hex_text(zxid) if isinstance(zxid, int) else None,
        connections=stats.get("num_alive_client_connections"),
        outstanding=stats.get("outstanding_requests"),
        latency_min=stats.get("min_latency"),
        latency_avg=stats.get("avg_latency"),
        latency_max=stats.get("max_latency"),
        received=stats.get("packets_received"),
        sent=stats.get("packets_sent"),
        znodes=answer.get("node_count"),
        uptime=_seconds(stats.get("uptime")),
    )
    try:
        _add_metrics(record, asker.admin(server, "monitor"))
    except AskError as error:
        record["refused"].append(_refusal("monitor", error))


def _from_words(asker: Asker, server: Server, record: dict[str, Any], began: float) -> None:
    answer = asker.word(server, "srvr")
    record["answer_ms"] = _milliseconds(began)
    lines = dict(re.findall(r"^([\w /]+): (.*)$", answer, re.MULTILINE))
    if "Mode" not in lines:
        raise AskError("not_zookeeper", f"the answer to srvr is not ZooKeeper's: {answer[:60]!r}")
    latency = (lines.get("Latency min/avg/max", "").split("/") + [None] * 3)[:3]
    connections = _number(lines.get("Connections"))
    record.update(
        mode=lines["Mode"].strip(),
        version=version_of(lines.get("Zookeeper version", "")),
        zxid=lines.get("Zxid"),
        # The connection of the question itself is one of them.
        connections=None if connections is None else max(connections - 1, 0),
        outstanding=_number(lines.get("Outstanding")),
        latency_min=_number(latency[0]),
        latency_avg=_number(latency[1]),
        latency_max=_number(latency[2]),
        received=_number(lines.get("Received")),
        sent=_number(lines.get("Sent")),
        znodes=_number(lines.get("Node count")),
    )
    try:
        _add_metrics(record, parse_mntr(asker.word(server, "mntr")))
    except AskError as error:
        record["refused"].append(_refusal("mntr", error))


def _add_metrics(record: dict[str, Any], metrics: dict[str, Any]) -> None:
    for name, member in _METRICS.items():
        if metrics.get(name) is not None:
            record[member] = metrics[name]
    if "uptime" in metrics:
        record["uptime"] = _seconds(metrics["uptime"])
    if all(name in metrics for name in COUNTERS):
        record["counters"] = {name: metrics[name] for name in COUNTERS}


def _seconds(milliseconds: object) -> Optional[float]:
    return milliseconds / 1000 if isinstance(milliseconds, (int, float)) else None


def _number(text: Optional[str]) -> Any:
    """Return a number of a server's answer; None for text that is none."""
    try:
        number = float((text or "").strip())
    except ValueError:
        return None
    return int(number) if number.is_integer() and "." not in (text or "") else number


def parse_mntr(answer: str) -> dict[str, Any]:
    """Return the metrics of mntr, without the prefix ``zk_``: the names are those of AdminServer's monitor."""
    metrics: dict[str, Any] = {}
    for line in answer.splitlines():
        name, tab, value = line.partition("\t")
        if tab:
            number = _number(value)
            metrics[name[3:] if name.startswith("zk_") else name] = value if number is None else number
    return metrics


def metrics_of(asker: Asker, server: Server) -> dict[str, Any]:
    """Ask a server for all its metrics: AdminServer's monitor first, else mntr.

    Raises:
        AskError: Neither answered.
    """
    try:
        with asker.part(_ADMIN_SHARE):
            answer = asker.admin(server, "monitor")
        return {name: value for name, value in answer.items() if name not in ("command", "error")}
    except AskError:
        return parse_mntr(asker.word(server, "mntr"))


def add_lags(records: list[dict[str, Any]]) -> None:
    """Add to the records how many transactions each server is behind the leader.

    None stands for unknown: there is no leader, or the server is in another epoch.
    """
    leader = next((each for each in records if each["mode"] in ("leader", "standalone") and each["zxid"]), None)
    if leader is None:
        return
    newest = int(leader["zxid"], 16)
    for record in records:
        if record["zxid"] and int(record["zxid"], 16) >> 32 == newest >> 32:
            # A server that was asked after the leader may be ahead of the leader's answer.
            record["lag"] = max(newest - int(record["zxid"], 16), 0)
