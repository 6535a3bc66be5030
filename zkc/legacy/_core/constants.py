"""The numbers of the old module, under their old names. zkc.constants and zkc.errors have more of them."""

from __future__ import annotations

from typing import Final

from zkc._zookeeper import LIBZOOKEEPER_VERSION

__version__ = LIBZOOKEEPER_VERSION

PERM_READ: Final = 1
PERM_WRITE: Final = 2
PERM_CREATE: Final = 4
PERM_DELETE: Final = 8
PERM_ADMIN: Final = 16
PERM_ALL: Final = 31

EPHEMERAL: Final = 1
SEQUENCE: Final = 2

EXPIRED_SESSION_STATE: Final = -112
AUTH_FAILED_STATE: Final = -113
CONNECTING_STATE: Final = 1
ASSOCIATING_STATE: Final = 2
CONNECTED_STATE: Final = 3

CREATED_EVENT: Final = 1
DELETED_EVENT: Final = 2
CHANGED_EVENT: Final = 3
CHILD_EVENT: Final = 4
SESSION_EVENT: Final = -1
NOTWATCHING_EVENT: Final = -2

LOG_LEVEL_ERROR: Final = 1
LOG_LEVEL_WARN: Final = 2
LOG_LEVEL_INFO: Final = 3
LOG_LEVEL_DEBUG: Final = 4

OK: Final = 0
SYSTEMERROR: Final = -1
RUNTIMEINCONSISTENCY: Final = -2
DATAINCONSISTENCY: Final = -3
CONNECTIONLOSS: Final = -4
MARSHALLINGERROR: Final = -5
UNIMPLEMENTED: Final = -6
OPERATIONTIMEOUT: Final = -7
BADARGUMENTS: Final = -8
INVALIDSTATE: Final = -9
APIERROR: Final = -100
NONODE: Final = -101
NOAUTH: Final = -102
BADVERSION: Final = -103
NOCHILDRENFOREPHEMERALS: Final = -108
NODEEXISTS: Final = -110
NOTEMPTY: Final = -111
SESSIONEXPIRED: Final = -112
INVALIDCALLBACK: Final = -113
INVALIDACL: Final = -114
AUTHFAILED: Final = -115
CLOSING: Final = -116
NOTHING: Final = -117
SESSIONMOVED: Final = -118
