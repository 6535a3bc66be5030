"""Connections, sessions, ephemerals and watches of a server, from AdminServer or from four-letter words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Optional, TypeVar

from zkc.cli._records import hex_text
from zkc.cli._text import time_text
from zkc.cli.servers._ask import Asker, AskError, Server

__all__ = ["below", "connections_of", "dump_of", "watches_of", "watches_summary_of"]

_T = TypeVar("_T")

_ADMIN_SHARE = 0.4
# /10.0.0.7:37714[1](queued=0,recved=2,sent=2,sid=0x1,lop=PING,est=1795905043823,to=10000,…)
_CONNECTION = re.compile(r"^ ?/?(\S+)\[\d+\]\((.*)\)$", re.MULTILINE)
_MEMBERS = {
    "remote_socket_address": "client",
    "outstanding_requests": "outstanding",
    "packets_received": "received",
    "packets_sent": "sent",
    "session_timeout": "timeout_ms",
    "last_operation": "last_operation",
    "last_latency": "last_latency",
    "avg_latency": "latency_avg",
    "max_latency": "latency_max",
}
_SHORT = {"queued": "outstanding_requests", "recved": "packets_received", "sent": "packets_sent", "sid": "session_id",
          "lop": "last_operation", "est": "established", "to": "session_timeout", "llat": "last_latency",
          "avglat": "avg_latency", "maxlat": "max_latency", "lzxid": "last_zxid"}  # fmt: skip


def _either(asker: Asker, admin: Callable[[], _T], words: Callable[[], _T]) -> _T:
    """Return the answer of AdminServer, else that of four-letter words. If both fail, the latter's error is raised."""
    try:
        with asker.part(_ADMIN_SHARE):
            return admin()
    except AskError as refused:
        try:
            return words()
        except AskError as error:
            if error.reason != "not_whitelisted":
                raise
            raise AskError(error.reason, f"{error}; and AdminServer: {refused}") from None


def connections_of(asker: Asker, server: Server) -> list[dict[str, Any]]:
    """Return the connections of a server. One without a session is that of a question, or of a client that begins.

    Raises:
        AskError: There is no answer.
    """

    def admin() -> list[dict[str, Any]]:
        answer = asker.admin(server, "connections")
        found: list[dict[str, Any]] = []
        for key, secure in (("connections", False), ("secure_connections", True)):
            found.extend(_connection(server, each, secure) for each in answer.get(key) or ())
        return found

    def words() -> list[dict[str, Any]]:
        found = []
        for client, text in _CONNECTION.findall(asker.word(server, "cons")):
            pairs = (pair.partition("=") for pair in text.split(","))
            facts = {_SHORT[key]: _value(value) for key, _, value in pairs if key in _SHORT}
            found.append(_connection(server, {"remote_socket_address": client, **facts}, None))
        return found

    return _either(asker, admin, words)


def clients_of(asker: Asker) -> dict[Optional[str], tuple[str, Any]]:
    """Return the server and the address of the client for each session that a server tells about."""
    found: dict[Optional[str], tuple[str, Any]] = {}
    for server, listed in asker.each(lambda server: connections_of(asker, server)):
        if not isinstance(listed, AskError):
            found.update((each["session"], (server.name, each["client"])) for each in listed)
    return found


def _value(text: str) -> Any:
    try:
        return int(text, 0)
    except ValueError:
        return text


def _connection(server: Server, facts: dict[str, Any], secure: Optional[bool]) -> dict[str, Any]:
    session, established, zxid = (facts.get(name) for name in ("session_id", "established", "last_zxid"))
    return {
        "session": hex_text(session) if isinstance(session, int) and session else None,
        "server": server.name,
        **{member: facts.get(name) for name, member in _MEMBERS.items()},
        "established": time_text(established) if isinstance(established, int) else None,
        "last_zxid": hex_text(zxid) if isinstance(zxid, int) else None,
        "secure": secure,
    }


def dump_of(asker: Asker, server: Server) -> tuple[set[str], dict[str, list[str]]]:
    """Return the sessions that a server knows, and the paths of the ephemerals of each session that has some.

    The leader knows all sessions, a follower those of its own clients. Each server knows all ephemerals.

    Raises:
        AskError: There is no answer.
    """

    def admin() -> tuple[set[str], dict[str, list[str]]]:
        answer = asker.admin(server, "dump")
        sets: Iterable[Any] = (answer.get("expiry_time_to_session_ids") or {}).values()
        sessions = {hex_text(each) for one in sets for each in one}
        owned = answer.get("session_id_to_ephemeral_paths") or {}
        return sessions, {hex_text(int(session)): sorted(paths) for session, paths in owned.items()}

    def words() -> tuple[set[str], dict[str, list[str]]]:
        return parse_dump(asker.word(server, "dump"))

    return _either(asker, admin, words)


def parse_dump(answer: str) -> tuple[set[str], dict[str, list[str]]]:
    """Return the sessions and the ephemerals in an answer to dump."""
    head, _, rest = answer.partition("ephemeral nodes dump:")
    owned: dict[str, list[str]] = {}
    paths: list[str] = []
    for line in rest.partition("Connections dump:")[0].splitlines():
        if line.startswith("0x"):
            paths = owned.setdefault(_session(line.rstrip(":")), [])
        elif line.startswith("\t"):
            paths.append(line[1:])
        elif paths and not line.startswith("Sessions with Ephemerals"):
            # A path with a newline in it.
            paths[-1] += "\n" + line
    return {_session(text) for text in re.findall(r"^\t(0x[0-9a-f]+)", head, re.MULTILINE)}, owned


def _session(text: str) -> str:
    return hex_text(int(text, 16))


def watches_of(asker: Asker, server: Server) -> list[tuple[str, str]]:
    """Return the watches of a server, as (session, path).

    Raises:
        AskError: There is no answer.
    """

    def admin() -> list[tuple[str, str]]:
        answer = asker.admin(server, "watches").get("session_id_to_watched_paths") or {}
        return [(hex_text(int(session)), path) for session, paths in answer.items() for path in paths]

    def words() -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        session = ""
        for line in asker.word(server, "wchc").splitlines():
            if re.fullmatch("0x[0-9a-f]+", line):
                session = _session(line)
            elif line.startswith("\t"):
                found.append((session, line[1:]))
        return found

    return sorted(_either(asker, admin, words))


def watches_summary_of(asker: Asker, server: Server) -> dict[str, Any]:
    """Return the numbers of connections that watch, of watched paths and of watches.

    Raises:
        AskError: There is no answer.
    """

    def admin() -> dict[str, Any]:
        answer = asker.admin(server, "watch_summary")
        names = ("num_connections", "num_paths", "num_total_watches")
        return dict(zip(("connections", "paths", "watches"), map(answer.get, names)))

    def words() -> dict[str, Any]:
        numbers = re.findall(r"\d+", asker.word(server, "wchs"))
        return dict(zip(("connections", "paths", "watches"), map(int, numbers)))

    return {"server": server.name, **_either(asker, admin, words)}


def below(path: str, chroot: str) -> Optional[str]:
    """Return a path of the servers as the client sees it below its chroot; None for a path elsewhere."""
    if chroot == "/":
        return path
    if path == chroot:
        return "/"
    return path[len(chroot) :] if path.startswith(chroot + "/") else None
