"""What zkc.testing raises."""

from __future__ import annotations


class TestingError(RuntimeError):
    """Base of what :mod:`zkc.testing` raises about servers.

    .. versionadded:: 0.1
    """

    # pytest would otherwise take the name for a class of tests.
    __test__ = False


class NotInstalledError(TestingError):
    """Raised when ZooKeeper, Java or OpenSSL's command is not on this machine; the message says how to get it.

    .. versionadded:: 0.1
    """


class ServerStartError(TestingError):
    """Raised when a server does not come up; the message ends with the last lines of its log.

    .. versionadded:: 0.1
    """


class PortTakenError(ServerStartError):
    """Raised when another process holds the port that a server was told to use.

    .. versionadded:: 0.1
    """
