"""Fixtures for what the pages start and leave running for the life of a process."""

import logging

import pytest

from zkc.legacy import zk, zookeeper


@pytest.fixture(scope="session", autouse=True)
def log_of_zc_zk():
    """Begin the pipe and the thread of zc.zk's log before anything is counted, and leave the lines to logging."""
    assert zk._logging_pipe
    zookeeper.set_log_stream(None)


@pytest.fixture(autouse=True)
def levels_of_loggers():
    """Give the loggers back the levels that a page's snippet sets."""
    loggers = [
        logging.getLogger(name) for name in ("zkc", "zkc.libzookeeper", "zkc.client", "zkc.callback", "ZooKeeper")
    ]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before):
        logger.setLevel(level)
