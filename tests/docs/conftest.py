"""What the pages begin that lasts for the life of a process."""

import pytest

from zkc.legacy import zk, zookeeper


@pytest.fixture(scope="session", autouse=True)
def log_of_zc_zk():
    """Begin the pipe and the thread of zc.zk's log before anything is counted, and leave the lines to logging."""
    assert zk._logging_pipe
    zookeeper.set_log_stream(None)
