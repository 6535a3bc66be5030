"""A request to AdminServer over a connection that is open, and its response, with the errors in words."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import quote, urlencode

from zkc.cli.servers._reach import AskError, Server, refused_client

if TYPE_CHECKING:
    from zkc import TLS

__all__ = ["check_status", "open_request", "read_all"]

_CHUNK = 65536


def open_request(
    connection: socket.socket,
    server: Server,
    method: str,
    command: str,
    parameters: Optional[Mapping[str, str]],
    body: Any,
    headers: Optional[Mapping[str, str]],
    timeout: float,
    tls: Optional[TLS],
) -> http.client.HTTPResponse:
    """Send a request, and return its response, of which only the head is read.

    Raises:
        AskError: There is no response, or the port does not speak HTTP.
    """
    client = http.client.HTTPConnection(server.host, server.admin_port)
    connection.settimeout(timeout)
    client.sock = connection
    target = f"/commands/{quote(command)}" + (f"?{urlencode(parameters)}" if parameters else "")
    try:
        client.request(method, target, body, {"Connection": "close", **(headers or {})})
        return client.getresponse()
    except socket.timeout:
        raise AskError("timeout", "AdminServer accepts connections and does not answer in time") from None
    except ssl.SSLError as error:
        raise refused_client("AdminServer", error, tls) from None
    except ConnectionError as error:  # RemoteDisconnected is one: nothing came at all.
        raise AskError("closed", f"the port closed the connection without an answer: {error}") from None
    except (http.client.HTTPException, OSError) as error:
        what = type(error).__name__
        raise AskError("not_admin", f"the port does not speak HTTP ({what}): see --admin-port") from None


def read_all(response: http.client.HTTPResponse, left: Callable[[], float]) -> bytes:
    """Return the whole body of a response.

    Args:
        response: The response.
        left: Returns the time left, in seconds.

    Raises:
        AskError: The body is cut, or does not come in time.
    """
    parts: list[bytes] = []
    try:
        while True:
            left()
            part = response.read1(_CHUNK)
            if not part:
                break
            parts.append(part)
    except socket.timeout:
        raise AskError("timeout", "AdminServer does not answer in time") from None
    except (http.client.HTTPException, OSError) as error:
        raise AskError("closed", f"the answer of AdminServer is cut: {error}") from None
    if response.length:
        raise AskError("closed", f"the answer of AdminServer is cut: {response.length} bytes are missing")
    return b"".join(parts)


def error_of(body: bytes) -> Optional[str]:
    """Return the error that a body of AdminServer names, if there is one."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return None


def check_status(response: http.client.HTTPResponse, command: str, error: Optional[str]) -> None:
    """Raise an AskError for a status that is no success.

    Args:
        response: The response.
        command: The command that was asked for.
        error: What AdminServer says, if it does.
    """
    status, said = response.status, error or response.reason
    if status == 401:
        raise AskError("unauthorized", f"{command} wants credentials: {said}; see --auth digest:USER:FILE")
    if status == 403:
        raise AskError("forbidden", f"{command} is not allowed for these credentials: {said}; it needs all permissions"
                                    " on /")  # fmt: skip
    if status in (404, 405):
        what = f"AdminServer has no {command}" if status == 405 else "the port has no AdminServer"
        raise AskError("unknown_command" if status == 405 else "not_admin", f"{what}: HTTP {status} {said}")
    if status == 429:
        raise AskError("rate_limited", f"{command} was asked for too often: wait, or change"
                                       " admin.rateLimiterIntervalInMS of the server")  # fmt: skip
    if not 200 <= status < 300:
        raise AskError("failed", f"{command}: HTTP {status} {said}")
