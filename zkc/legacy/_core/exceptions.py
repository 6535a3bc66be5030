"""The exceptions of the old module: one per code, all right under :class:`ZooKeeperException`."""

from __future__ import annotations

from typing import Any, Optional, TypeVar

from zkc._zookeeper import error_text
from zkc.errors import ZooKeeperError
from zkc.legacy._core import constants as c

_E = TypeVar("_E", bound="ZooKeeperException")
_MODULE = "zkc.legacy.zookeeper"  # Where they are found and pickled from.


class ZooKeeperException(Exception):  # noqa: N818 - old code knows them by these names
    """Base of the exceptions of the old module, and what is raised for a handle that is none.

    .. versionadded:: 0.1
    """

    __module__ = _MODULE

    code: Optional[int] = None
    """ZooKeeper's number for the error; None for a misused handle."""
    operation: Optional[str] = None
    """The call that failed, if known."""
    path: Optional[str] = None
    """The path that it was about, if known."""


CLASSES: dict[int, type[ZooKeeperException]] = {}


def _listed(made: type[_E]) -> type[_E]:
    assert made.code is not None
    CLASSES[made.code] = made
    made.__module__ = _MODULE
    return made


@_listed
class SystemErrorException(ZooKeeperException):
    """Something failed on the server or on the way, and nothing more is known.

    .. versionadded:: 0.1
    """

    code = c.SYSTEMERROR


@_listed
class RuntimeInconsistencyException(ZooKeeperException):
    """An operation of a transaction failed because another did.

    .. versionadded:: 0.1
    """

    code = c.RUNTIMEINCONSISTENCY


@_listed
class DataInconsistencyException(ZooKeeperException):
    """The data of the ensemble are inconsistent.

    .. versionadded:: 0.1
    """

    code = c.DATAINCONSISTENCY


@_listed
class ConnectionLossException(ZooKeeperException):
    """The connection was lost before the answer came; what was asked for may be done or not.

    .. versionadded:: 0.1
    """

    code = c.CONNECTIONLOSS


@_listed
class MarshallingErrorException(ZooKeeperException):
    """A message could not be written or read.

    .. versionadded:: 0.1
    """

    code = c.MARSHALLINGERROR


@_listed
class UnimplementedException(ZooKeeperException):
    """The server does not know the operation.

    .. versionadded:: 0.1
    """

    code = c.UNIMPLEMENTED


@_listed
class OperationTimeoutException(ZooKeeperException):
    """No answer came in time.

    .. versionadded:: 0.1
    """

    code = c.OPERATIONTIMEOUT


@_listed
class BadArgumentsException(ZooKeeperException):
    """An argument has a value that no server takes.

    .. versionadded:: 0.1
    """

    code = c.BADARGUMENTS


@_listed
class InvalidStateException(ZooKeeperException):
    """The session is over, or not ready.

    .. versionadded:: 0.1
    """

    code = c.INVALIDSTATE


@_listed
class ApiErrorException(ZooKeeperException):
    """A server refused a request, and had no better name for why.

    .. versionadded:: 0.1
    """

    code = c.APIERROR


@_listed
class NoNodeException(ZooKeeperException):
    """There is no such znode.

    .. versionadded:: 0.1
    """

    code = c.NONODE


@_listed
class NoAuthException(ZooKeeperException):
    """The ACL of the znode does not allow it.

    .. versionadded:: 0.1
    """

    code = c.NOAUTH


@_listed
class BadVersionException(ZooKeeperException):
    """The znode has another version.

    .. versionadded:: 0.1
    """

    code = c.BADVERSION


@_listed
class NoChildrenForEphemeralsException(ZooKeeperException):
    """An ephemeral znode has no children.

    .. versionadded:: 0.1
    """

    code = c.NOCHILDRENFOREPHEMERALS


@_listed
class NodeExistsException(ZooKeeperException):
    """There is such a znode already.

    .. versionadded:: 0.1
    """

    code = c.NODEEXISTS


@_listed
class NotEmptyException(ZooKeeperException):
    """The znode has children.

    .. versionadded:: 0.1
    """

    code = c.NOTEMPTY


@_listed
class SessionExpiredException(ZooKeeperException):
    """The session has expired: its ephemerals are gone, and another init is needed.

    .. versionadded:: 0.1
    """

    code = c.SESSIONEXPIRED


@_listed
class InvalidCallbackException(ZooKeeperException):
    """The library was given a callback that is none.

    .. versionadded:: 0.1
    """

    code = c.INVALIDCALLBACK


@_listed
class InvalidACLException(ZooKeeperException):
    """The ACL is none, or the servers refuse it.

    .. versionadded:: 0.1
    """

    code = c.INVALIDACL


@_listed
class AuthFailedException(ZooKeeperException):
    """The servers refused the credentials.

    .. versionadded:: 0.1
    """

    code = c.AUTHFAILED


@_listed
class ClosingException(ZooKeeperException):
    """The session was closed.

    .. versionadded:: 0.1
    """

    code = c.CLOSING


@_listed
class NothingException(ZooKeeperException):
    """There was nothing to do.

    .. versionadded:: 0.1
    """

    code = c.NOTHING


@_listed
class SessionMovedException(ZooKeeperException):
    """The session has moved to another server.

    .. versionadded:: 0.1
    """

    code = c.SESSIONMOVED


def _on_ended(of: type[_E]) -> type[_E]:
    """Make the class that a call on a handle whose session is over raises; also for ``except InvalidStateException``.

    The original raised InvalidStateException there. The class is no name of the module: it shows itself as ``of``.
    """
    own = {"__doc__": of.__doc__, "__module__": _MODULE, "__qualname__": of.__qualname__, "__reduce__": _reduced}
    return type(of.__name__, (of, InvalidStateException), own)


def _reduced(self: ZooKeeperException) -> tuple[Any, ...]:
    # Pickled by its name it would be ``of``, which is another class.
    return _unpickled, (self.code, self.args), self.__dict__


def _unpickled(code: int, arguments: tuple[Any, ...]) -> ZooKeeperException:
    return ON_ENDED[code](*arguments)


ON_ENDED: dict[int, type[ZooKeeperException]] = {
    c.SESSIONEXPIRED: _on_ended(SessionExpiredException),
    c.AUTHFAILED: _on_ended(AuthFailedException),
}
"""By the code: the classes for calls that found the session of their handle over, so that nothing was sent."""


def exception_for(error: ZooKeeperError) -> ZooKeeperException:
    """Make the old module's exception for an error of the core."""
    code = error.code
    if code is None:  # Only zkc knows it, such as a call in a forked process: its own words say what to do.
        made = ZooKeeperException(str(error))
    else:
        # A code that the old module had no name for (a read-only server's, say) is the base's, and not nothing.
        # A call that was perhaps carried out was sent while there was a session: InvalidStateException would deny that.
        known = ON_ENDED if code in ON_ENDED and not error.maybe_applied else CLASSES
        made = known.get(code, ZooKeeperException)(error_text(code))
        made.code = code
    made.operation = error.operation
    made.path = error.path
    return made


def bad_arguments(why: str) -> BadArgumentsException:
    """Make the exception for arguments that no server would take; the text says more than the old one did."""
    return BadArgumentsException(f"{error_text(c.BADARGUMENTS)}: {why}")
