"""The exceptions of zc.zk."""

from __future__ import annotations

from typing import Optional

from zkc.legacy import zookeeper

__all__ = ["BadPropertyLink", "CancelWatch", "FailedConnect", "LinkLoop", "is_of_connection", "was_refused"]

# With these it is not known whether a request was carried out.
_UNKNOWN = frozenset(
    {
        zookeeper.SYSTEMERROR,
        zookeeper.RUNTIMEINCONSISTENCY,
        zookeeper.DATAINCONSISTENCY,
        zookeeper.CONNECTIONLOSS,
        zookeeper.OPERATIONTIMEOUT,
        zookeeper.SESSIONEXPIRED,
        zookeeper.CLOSING,
        zookeeper.SESSIONMOVED,
    }
)


class CancelWatch(Exception):  # noqa: N818 - old code knows them by these names
    """Raised by a callback that does not want to be called any more.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"


class LinkLoop(Exception):  # noqa: N818
    """Links lead back to themselves; the argument has the paths on the way.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"


class FailedConnect(Exception):  # noqa: N818
    """No server could be reached; its argument is the connection string.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"


class BadPropertyLink(Exception):  # noqa: N818
    """A property link leads nowhere; its arguments are the error and the link.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"


def is_of_connection(error: BaseException) -> bool:
    """Return whether a call failed because there was no connection: it may be tried again with the next one."""
    return (
        isinstance(
            error,
            (
                zookeeper.ConnectionLossException,
                zookeeper.OperationTimeoutException,
                zookeeper.SessionExpiredException,
                zookeeper.SessionMovedException,
                zookeeper.ClosingException,
                zookeeper.InvalidStateException,
            ),
        )
        or type(error) is zookeeper.ZooKeeperException
    )


def was_refused(code: Optional[int]) -> bool:
    """Return whether a request has certainly changed nothing, by the code of its error; None if it was never sent."""
    return code not in _UNKNOWN
