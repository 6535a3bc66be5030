"""The records of znodes that all commands share: their stat and their data, as JSON has them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._text import time_text

if TYPE_CHECKING:
    from zkc import Stat

__all__ = ["data_record", "hex_text", "stat_record", "type_of"]

_MASK = (1 << 64) - 1


def hex_text(number: int) -> str:
    """Return a zxid or a session id as the servers log it, such as ``0x10000a2``."""
    return f"0x{number & _MASK:x}"


def type_of(stat: Stat) -> str:
    """Return the type of a znode, ``ephemeral`` or ``persistent``.

    The servers tell clients nothing else: containers and znodes with a TTL look persistent.
    """
    return "ephemeral" if stat.ephemeral_owner else "persistent"


def stat_record(stat: Stat) -> dict[str, Any]:
    """Return a stat in full: zxids and the owner as hex strings, times in ISO 8601. The owner is None without one."""
    return {
        "type": type_of(stat),
        "data_length": stat.data_length,
        "num_children": stat.num_children,
        "version": stat.version,
        "cversion": stat.cversion,
        "aversion": stat.aversion,
        "ctime": time_text(stat.ctime),
        "mtime": time_text(stat.mtime),
        "czxid": hex_text(stat.czxid),
        "mzxid": hex_text(stat.mzxid),
        "pzxid": hex_text(stat.pzxid),
        "ephemeral_owner": hex_text(stat.ephemeral_owner) if stat.ephemeral_owner else None,
    }


def data_record(data: Optional[bytes]) -> dict[str, Any]:
    """Return data as ``data`` if they are UTF-8, else as ``data_base64``. Without data ``data`` is None."""
    if data is None:
        return {"data": None}
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"data_base64": base64.b64encode(data).decode()}
