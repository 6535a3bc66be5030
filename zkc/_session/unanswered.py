"""The message about servers that close each connection before they answer, which libzookeeper does not report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from zkc.errors import ZooKeeperError

if TYPE_CHECKING:
    from zkc._zookeeper import Session

__all__ = ["WARN_AFTER", "explain"]

WARN_AFTER = 10.0  # Seconds before it is logged. A starting server does this for a short time, too.
_SOME = 5
_PROXY = "a proxy or load balancer accepted the connections and no server behind it runs"


def explain(session: Optional[Session]) -> str:
    """Return the message about connections that servers accept and close; empty if there were too few."""
    try:
        count, zxid = (0, 0) if session is None else session.unanswered
    except ZooKeeperError:
        return ""
    if count < _SOME:
        return ""
    text = f"the servers accepted {count} connections, one after the other, and closed each before they answered: "
    if zxid <= 0:
        return text + f"they have no quorum, or are not ready yet, or {_PROXY}. See the logs of the servers"
    return text + (
        f"they have no quorum, or are behind what this client has seen (zxid 0x{zxid:x}), as after their data were "
        f"deleted or replaced by those of an older backup, or {_PROXY}. In the second case restore the data, or close "
        "this client and start it again; in the others the client connects by itself when the servers are well"
    )
