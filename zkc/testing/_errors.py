"""The errors of zkc.testing."""

from __future__ import annotations


class TestingError(RuntimeError):
    """Base class of the errors that :mod:`zkc.testing` raises about servers.

    .. versionadded:: 0.1
    """

    # By its name, pytest would collect this class as tests.
    __test__ = False


class NotInstalledError(TestingError):
    """Raised when ZooKeeper, Java or the ``openssl`` command is not installed; the message says how to install it.

    .. versionadded:: 0.1
    """


class ServerStartError(TestingError):
    """Raised when a server does not start; the message ends with the last lines of its log.

    .. versionadded:: 0.1
    """


class PortTakenError(ServerStartError):
    """Raised when another process holds the port that a server was configured with.

    .. versionadded:: 0.1
    """
