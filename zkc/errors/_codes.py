"""The classes of the error tree, one per code."""

from __future__ import annotations

from typing import Optional

from zkc.errors._base import ZooKeeperError

__all__ = [
    "APIError",
    "AuthFailedError",
    "BadArgumentsError",
    "BadVersionError",
    "ClosingError",
    "ConnectTimeoutError",
    "ConnectionLossError",
    "DataInconsistencyError",
    "EphemeralOnLocalSessionError",
    "ForkedError",
    "InternalError",
    "InvalidACLError",
    "InvalidCallbackError",
    "InvalidStateError",
    "MarshallingError",
    "NewConfigNoQuorumError",
    "NoAuthError",
    "NoChildrenForEphemeralsError",
    "NoNodeError",
    "NoWatcherError",
    "NodeExistsError",
    "NotEmptyError",
    "NotReadOnlyError",
    "NotStartedError",
    "NothingError",
    "OperationTimeoutError",
    "QuotaExceededError",
    "ReconfigDisabledError",
    "ReconfigError",
    "ReconfigInProgressError",
    "RequestTimeoutError",
    "RuntimeInconsistencyError",
    "SessionClosedRequireSaslAuthError",
    "SessionExpiredError",
    "SessionLostError",
    "SessionMovedError",
    "SystemFailureError",
    "ThrottledError",
    "UnimplementedError",
    "UnknownError",
    "UnknownSessionError",
]

# ---- replies about znodes -------------------------------------------------------------------------------------------


class NoNodeError(ZooKeeperError, FileNotFoundError):
    """There is no znode at the path; for a create: none at its parent."""

    code = -101
    c_name = "ZNONODE"
    what = "there is no such znode"
    advice = "create it first, or check the path and the chroot in the hosts"

    @classmethod
    def describe(
        cls,
        operation: Optional[str] = None,
        path: Optional[str] = None,
        text: Optional[str] = None,
        code: Optional[int] = None,
    ) -> str:
        """Return a message: for a create it is the parent that is missing."""
        if text is None and operation is not None and operation.startswith("create"):
            text = "the parent does not exist. Create that first, or check the path and the chroot in the hosts"
        return super().describe(operation, path, text, code)


class NodeExistsError(ZooKeeperError, FileExistsError):
    """A znode is at the path already."""

    code = -110
    c_name = "ZNODEEXISTS"
    what = "the znode exists already"
    advice = "set its data, delete it first, or choose another name"


class BadVersionError(ZooKeeperError):
    """The znode's version is not the one given: another client or call changed it in between."""

    code = -103
    c_name = "ZBADVERSION"
    what = "the znode has another version than the one given: it was changed in between"
    advice = "read it again and decide with the new data, or give version=-1 to accept any version"


class NotEmptyError(ZooKeeperError, OSError):
    """The znode has children, so it cannot be deleted."""

    code = -111
    c_name = "ZNOTEMPTY"
    what = "the znode has children"
    advice = "delete its children first"


class NoChildrenForEphemeralsError(ZooKeeperError):
    """The parent is ephemeral, and ephemeral znodes have no children."""

    code = -108
    c_name = "ZNOCHILDRENFOREPHEMERALS"
    what = "the parent is ephemeral and can have no children"
    advice = "create under a persistent znode"


class NoAuthError(ZooKeeperError, PermissionError):
    """The ACL of the znode does not allow the operation."""

    code = -102
    c_name = "ZNOAUTH"
    what = "the znode's ACL does not allow this"
    advice = "add credentials with add_auth, or have the ACL changed (a create or delete needs the parent's)"


class InvalidACLError(ZooKeeperError, ValueError):
    """The ACL given is empty, or has an entry that the servers refuse."""

    code = -114
    c_name = "ZINVALIDACL"
    what = "the servers refused this ACL"
    advice = "give one entry or more, with schemes the servers know and, for 'auth', credentials added before"


class BadArgumentsError(ZooKeeperError, ValueError):
    """libzookeeper or the servers refused an argument."""

    code = -8
    c_name = "ZBADARGUMENTS"
    what = "an argument was refused"
    advice = "check the path and the values given"


class QuotaExceededError(ZooKeeperError):
    """The quota on a subtree allows no more znodes or bytes."""

    code = -125
    c_name = "QUOTAEXCEEDED"
    what = "the quota on this subtree is used up"
    advice = "delete something in it, or have the quota raised"


class NotReadOnlyError(ZooKeeperError):
    """A change was asked of a server that is in read-only mode."""

    code = -119
    c_name = "ZNOTREADONLY"
    what = "the server is read-only at present and takes no changes"
    advice = "wait until the session is CONNECTED to a server with a quorum"


class EphemeralOnLocalSessionError(ZooKeeperError):
    """A local session cannot make an ephemeral znode."""

    code = -120
    c_name = "ZEPHEMERALONLOCALSESSION"
    what = "a local session cannot make ephemeral znodes"
    advice = "let the servers upgrade local sessions (localSessionsUpgradingEnabled)"


class NoWatcherError(ZooKeeperError, LookupError):
    """There is no such watch to remove."""

    code = -121
    c_name = "ZNOWATCHER"
    what = "there is no such watch"
    advice = (
        "it fired already, or was set on another path or with another callable; persistent and recursive watches need "
        "their watch_type"
    )


class ThrottledError(ZooKeeperError):
    """The server is overloaded and dropped the request without carrying it out."""

    code = -127
    c_name = "ZTHROTTLEDOP"
    what = "the server is overloaded and dropped the request without carrying it out"
    advice = "try again later, and send less at once"


class UnimplementedError(ZooKeeperError, NotImplementedError):
    """The server, or the libzookeeper in use, does not know the operation."""

    code = -6
    c_name = "ZUNIMPLEMENTED"
    what = "the server or this libzookeeper does not know the operation"
    advice = "check the servers' version and settings (TTL znodes: zookeeper.extendedTypesEnabled=true)"


# ---- the connection to the servers ----------------------------------------------------------------------------------


class ConnectionLossError(ZooKeeperError, ConnectionError):
    """The connection broke before the reply came. The session may go on: libzookeeper reconnects by itself."""

    code = -4
    c_name = "ZCONNECTIONLOSS"
    what = "the connection was lost before the answer came"
    advice = "the client reconnects by itself; read what is there before writing again"
    maybe_applied = True

    request_size: Optional[int] = None
    """Size of the request in bytes, as the servers compare it with their ``jute.maxbuffer``. None up to 128 KiB: so
    small a request is not why a server closed the connection."""


class SessionMovedError(ZooKeeperError, ConnectionError):
    """The session has moved to another server; this one ignored the request."""

    code = -118
    c_name = "ZSESSIONMOVED"
    what = "the session has moved to another server, and this one ignored the request"
    advice = "try again: the client finds the other server by itself"


class OperationTimeoutError(ZooKeeperError, TimeoutError):
    """The reply did not come in the time given. The request is not recalled."""

    code = -7
    c_name = "ZOPERATIONTIMEOUT"
    what = "no answer in the time given"
    advice = "the request is not recalled: read what is there before writing again, or give a longer timeout"
    maybe_applied = True


class ConnectTimeoutError(OperationTimeoutError, ConnectionError):
    """No session could be made in the time given."""

    what = "no session in the time given"
    advice = "check that the servers run, that host, port and TLS settings are right, or give a longer connect_timeout"
    maybe_applied = False


class RequestTimeoutError(ZooKeeperError, TimeoutError):
    """The servers gave up waiting for their own quorum."""

    code = -122
    c_name = "REQUESTTIMEOUT"
    what = "the servers did not agree in time"
    advice = "read what is there before writing again"
    maybe_applied = True


# ---- the end of the session -----------------------------------------------------------------------------------------


class SessionLostError(ZooKeeperError):
    """Family of the errors after which the session is of no further use."""

    session_lost = True


class SessionExpiredError(SessionLostError, ConnectionError):
    """The servers ended the session: they heard nothing from it for its timeout."""

    code = -112
    c_name = "ZSESSIONEXPIRED"
    what = "the session has expired"
    advice = (
        "a zkc.Client or zkc.AsyncClient that was started makes a new session by itself; ephemeral znodes and one-shot "
        "watches of the old one are gone"
    )
    maybe_applied = True


class UnknownSessionError(SessionExpiredError):
    """The server no longer knows the session of a request: it ended while the request was on its way."""

    code = -12
    c_name = "UNKNOWNSESSION"
    what = "the server does not know the session any more: it has expired, or was closed"
    maybe_applied = False


class AuthFailedError(SessionLostError, PermissionError):
    """The servers refused the credentials, and with them the session."""

    code = -115
    c_name = "ZAUTHFAILED"
    what = "the servers refused the credentials"
    advice = (
        "check scheme, user and password, and start a new session. For SASL with DIGEST-MD5, check the servers too: "
        "since 3.9 they refuse it unless they run with -Dzookeeper.fips-mode=false"
    )
    maybe_applied = True


class ClosingError(SessionLostError, ConnectionError):
    """The session was closed by the client, before the call or while its reply was awaited."""

    code = -116
    c_name = "ZCLOSING"
    what = "the session is closed"
    advice = "call start() of the client to go on with a new one"
    maybe_applied = True


class InvalidStateError(SessionLostError, ConnectionError):
    """The session has ended, so the request was not sent."""

    code = -9
    c_name = "ZINVALIDSTATE"
    what = "the session has ended (expired, or its credentials were refused), so nothing was sent"
    advice = "start a new session"


class SessionClosedRequireSaslAuthError(SessionLostError, PermissionError):
    """The servers closed the session: they demand SASL, and it had not authenticated."""

    code = -124
    c_name = "ZSESSIONCLOSEDREQUIRESASLAUTH"
    what = "the servers demand SASL authentication and closed the session"
    advice = "connect with SASL credentials"


class NotStartedError(ZooKeeperError, RuntimeError):
    """The client has no session yet."""

    what = "the client has not been started"
    advice = "call start() first, or use it in a with statement"


class ForkedError(ZooKeeperError, RuntimeError):
    """The client was made before a fork, and this is the child. The parent's session lives on."""

    what = "this client belongs to the parent process: it was made before the fork"
    advice = "make a new client in this process; the parent's session lives on"


# ---- changing the ensemble ------------------------------------------------------------------------------------------


class ReconfigError(ZooKeeperError):
    """Family of the errors of a reconfiguration: the ensemble stays as it was."""


class NewConfigNoQuorumError(ReconfigError):
    """No quorum of the new configuration is connected and up to date."""

    code = -13
    c_name = "ZNEWCONFIGNOQUORUM"
    what = "no quorum of the new configuration is connected and up to date"
    advice = "start the joining servers and let them catch up first"


class ReconfigInProgressError(ReconfigError):
    """Another reconfiguration is under way."""

    code = -14
    c_name = "ZRECONFIGINPROGRESS"
    what = "another reconfiguration is under way"
    advice = "try again when it is done"


class ReconfigDisabledError(ReconfigError):
    """The servers do not allow reconfiguration."""

    code = -123
    c_name = "ZRECONFIGDISABLED"
    what = "the servers do not allow reconfiguration"
    advice = "set reconfigEnabled=true on the servers"


# ---- faults of a server or of libzookeeper --------------------------------------------------------------------------


class InternalError(ZooKeeperError):
    """Family of the errors where libzookeeper or a server failed."""

    advice = "this points to a fault in a server or in libzookeeper: see their logs"
    maybe_applied = True


class SystemFailureError(InternalError):
    """A system call failed."""

    code = -1
    c_name = "ZSYSTEMERROR"
    what = "a system call failed"


class RuntimeInconsistencyError(InternalError):
    """Answers came out of order; in a failed transaction: the operation was not carried out."""

    code = -2
    c_name = "ZRUNTIMEINCONSISTENCY"
    what = "something was found in a state it cannot be in"


class DataInconsistencyError(InternalError):
    """The servers' data is inconsistent."""

    code = -3
    c_name = "ZDATAINCONSISTENCY"
    what = "the servers' data is inconsistent"


class MarshallingError(InternalError):
    """A request or a reply could not be encoded or decoded."""

    code = -5
    c_name = "ZMARSHALLINGERROR"
    what = "a request or its answer could not be encoded or decoded"


class APIError(InternalError):
    """The servers failed in a way they have no code for."""

    code = -100
    c_name = "ZAPIERROR"
    what = "the servers failed in a way they have no code for"


class InvalidCallbackError(InternalError):
    """libzookeeper refused a callback."""

    code = -113
    c_name = "ZINVALIDCALLBACK"
    what = "libzookeeper refused a callback"


class NothingError(InternalError):
    """There was no answer to process."""

    code = -117
    c_name = "ZNOTHING"
    what = "there was no answer to process"


class UnknownError(ZooKeeperError):
    """A code that this version has no name for; it is kept as ``code``."""

    what = "the error has a code that zkc does not know"
    advice = "see the documentation of the servers' version"
    maybe_applied = True
