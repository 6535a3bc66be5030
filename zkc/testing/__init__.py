"""A real ZooKeeper server, or an ensemble, for tests and for trying things out.

>>> from zkc.testing import ZooKeeperServer
>>> with ZooKeeperServer() as server:
...     print(server.hosts)
127.0.0.1:41325

Needs Java and ZooKeeper's jars; of Python it needs the standard library only. Runs on Unix.

.. versionadded:: 0.1
"""

from ._config import ServerOptions
from ._errors import NotInstalledError, PortTakenError, ServerStartError, TestingError
from .certificates import Certificate, CertificateAuthority, TLSFiles, make_tls_files
from .ensemble import Ensemble, Member
from .proxy import FaultProxy
from .server import ZooKeeperServer

__all__ = [
    "Certificate",
    "CertificateAuthority",
    "Ensemble",
    "FaultProxy",
    "Member",
    "NotInstalledError",
    "PortTakenError",
    "ServerOptions",
    "ServerStartError",
    "TLSFiles",
    "TestingError",
    "ZooKeeperServer",
    "make_tls_files",
]
