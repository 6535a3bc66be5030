"""Every error that zkc raises: one class per code of ZooKeeper, all derived from :class:`ZooKeeperError`.

Each class derives from the builtin that fits as well, so ``except TimeoutError`` works where it reads better::

    ZooKeeperError                              code     also a
    ├── NoNodeError                             -101     FileNotFoundError
    ├── NodeExistsError                         -110     FileExistsError
    ├── BadVersionError                         -103
    ├── NotEmptyError                           -111     OSError
    ├── NoChildrenForEphemeralsError            -108
    ├── NoAuthError                             -102     PermissionError
    ├── InvalidACLError                         -114     ValueError
    ├── BadArgumentsError                         -8     ValueError
    ├── QuotaExceededError                      -125
    ├── NotReadOnlyError                        -119
    ├── EphemeralOnLocalSessionError            -120
    ├── NoWatcherError                          -121     LookupError
    ├── ThrottledError                          -127
    ├── UnimplementedError                        -6     NotImplementedError
    ├── ConnectionLossError                       -4     ConnectionError
    ├── SSLConnectionError                       -15     ConnectionError
    │   └── TLSError                             -15     (its `reason` says why)
    │       └── CertificateError                 -15
    ├── SessionMovedError                       -118     ConnectionError
    ├── OperationTimeoutError                     -7     TimeoutError
    │   └── ConnectTimeoutError                   -7     ConnectionError
    ├── RequestTimeoutError                     -122     TimeoutError
    ├── SessionLostError                                 (a family: the session is gone)
    │   ├── SessionExpiredError                 -112     ConnectionError
    │   │   └── UnknownSessionError              -12     (the server refused a request of it)
    │   ├── AuthFailedError                     -115     PermissionError
    │   ├── ClosingError                        -116     ConnectionError
    │   ├── InvalidStateError                     -9     ConnectionError
    │   └── SessionClosedRequireSaslAuthError   -124     PermissionError
    ├── NotStartedError                                  RuntimeError
    ├── ForkedError                                      RuntimeError
    ├── ReconfigError                                    (a family: the ensemble's members stay as they are)
    │   ├── NewConfigNoQuorumError               -13
    │   ├── ReconfigInProgressError              -14
    │   └── ReconfigDisabledError               -123
    ├── InternalError                                    (a family: libzookeeper or the server failed)
    │   ├── SystemFailureError                    -1
    │   ├── RuntimeInconsistencyError             -2
    │   ├── DataInconsistencyError                -3
    │   ├── MarshallingError                      -5
    │   ├── APIError                            -100
    │   ├── InvalidCallbackError                -113
    │   └── NothingError                        -117
    └── UnknownError                            any other code, kept as ``code``

Two questions decide what to do about an error, and every error answers both:

``maybe_applied``
    Did the data perhaps change? False means surely not: the request was never sent, or the servers refused it.
    True means that the client does not know: the answer was lost or not waited for. Read before writing again.
``session_lost``
    Is the session gone? If so its ephemeral znodes and its watches are gone too, or soon will be.

A read (get, exists, children and the like) changes nothing, so its ``maybe_applied`` is always False.

The classes are the one table of codes; two classes with the same code are refused when this module is imported.
"""

from __future__ import annotations

from zkc.errors import _base, _codes, _tls
from zkc.errors._base import *  # noqa: F403
from zkc.errors._base import SESSION_CODES as SESSION_CODES
from zkc.errors._codes import *  # noqa: F403
from zkc.errors._make import MAX_BUFFER as MAX_BUFFER
from zkc.errors._make import TLS_ADVICE as TLS_ADVICE
from zkc.errors._make import error_class as error_class
from zkc.errors._make import error_for as error_for
from zkc.errors._make import late_text as late_text
from zkc.errors._make import lost as lost
from zkc.errors._make import multi_error as multi_error
from zkc.errors._make import no_slot as no_slot
from zkc.errors._make import tls_error as tls_error
from zkc.errors._make import too_large as too_large
from zkc.errors._make import without_front as without_front
from zkc.errors._tls import *  # noqa: F403

# The classes, which zkc exports as well. The functions above are for the other modules of zkc.
__all__ = []
__all__ += _base.__all__
__all__ += _codes.__all__
__all__ += _tls.__all__
