"""The data of a znode as zc.zk writes it, properties in JSON, and the ACLs that go with it."""

from __future__ import annotations

import json
import logging
from typing import Any, Union

from zkc.legacy import zookeeper

__all__ = [
    "OPEN_ACL_UNSAFE",
    "READ_ACL_UNSAFE",
    "Acl",
    "Data",
    "Properties",
    "Stat",
    "above",
    "decode",
    "encode",
    "join",
    "logger",
    "parse_addr",
    "text_of",
    "world_permission",
]

Acl = list[dict[str, Any]]
Data = Union[str, bytes]
Properties = dict[str, Any]
Stat = dict[str, int]

logger = logging.getLogger("zc.zk")


def world_permission(perms: int = zookeeper.PERM_READ) -> dict[str, Any]:
    """Return the entry of an ACL that gives permissions to any client (``world:anyone``).

    Args:
        perms: A sum of ``zookeeper.PERM_`` numbers.

    .. versionadded:: 0.1
    """
    return {"perms": perms, "scheme": "world", "id": "anyone"}


OPEN_ACL_UNSAFE = [world_permission(zookeeper.PERM_ALL)]
READ_ACL_UNSAFE = [world_permission()]


def parse_addr(addr: str) -> tuple[str, int]:
    """Return the host and the port of ``host:port``.

    .. versionadded:: 0.1
    """
    host, port = addr.split(":")
    return host, int(port)


def join(*args: str) -> str:
    """Return the parts of a path with a slash between them.

    .. versionadded:: 0.1
    """
    return "/".join(args)


def above(path: str) -> tuple[str, str]:
    """Return the path of the parent, and the name below it."""
    base, _, name = path.rpartition("/")
    return base or "/", name


def text_of(data: Data) -> str:
    """Return data as text in which bytes that are no UTF-8 survive: after ``use_bytes()`` reads give bytes."""
    return data if isinstance(data, str) else bytes(data).decode("utf-8", "surrogateescape")


def encode(props: Properties) -> str:
    """Return properties as the text that a znode has for them: what :func:`decode` makes them of.

    Args:
        props: Names and values. ``{'string_value': text}`` becomes the text itself, and ``{}`` becomes ``''``.

    Raises:
        TypeError: A value cannot be written as JSON, such as bytes.

    .. versionadded:: 0.1
    """
    if len(props) == 1 and "string_value" in props:
        value = props["string_value"]
        # Only what is read back as it was: not a number, and not a text that looks empty or like JSON.
        if isinstance(value, str) and value.strip() and not _is_json(value):
            return value
    if not props:
        return ""
    try:
        return json.dumps(props, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{_culprit(props)} cannot be written as JSON: {error}") from None


def _culprit(props: Properties) -> str:
    for name, value in props.items():
        try:
            json.dumps({name: value})
        except (TypeError, ValueError, RecursionError):
            return f"property {name!r}"
    return "a property"


def decode(sdata: Data, path: str = "?") -> Properties:
    """Return the properties that the data of a znode stand for.

    Args:
        sdata: The data: a JSON object; other text is ``{'string_value': text}``, and blank text ``{}``.
        path: Whose they are, for the log.

    .. versionadded:: 0.1
    """
    text = text_of(sdata)
    stripped = text.strip()
    if not stripped:
        return {}
    if stripped.startswith("{") and stripped.endswith("}"):
        try:
            found: Properties = json.loads(stripped)
        except (ValueError, RecursionError):
            logger.exception("bad json data in node at %r", path)
        else:
            return found
    return {"string_value": text}


def _is_json(text: str) -> bool:
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return False
    try:
        json.loads(stripped)
    except (ValueError, RecursionError):
        return False
    return True
