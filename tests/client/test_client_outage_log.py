"""The log of an outage: a line per change of state, and repeats counted or at DEBUG."""

import logging

import pytest

import zkc
from zkc import ClientState
from zkc._log_repeats import Repeats
from zkc.testing import ZooKeeperServer

from . import both


@pytest.fixture
def own_server():
    with ZooKeeperServer(tick_time=0.5) as server:
        yield server


async def test_an_outage_has_a_few_lines(make_zk, own_server, caplog):
    caplog.set_level(logging.DEBUG, "zkc")

    def lines(least, *texts):
        # A copy: the lines come from another thread.
        return [
            record.getMessage()
            for record in list(caplog.records)
            if record.levelno >= least and any(text in record.getMessage() for text in texts)
        ]

    zk = make_zk(own_server.hosts, session_timeout=20.0)
    await zk.start()
    await both.eventually(lambda: lines(logging.INFO, "session establishment complete"))
    for outage in (1, 2):
        caplog.clear()
        own_server.stop()
        # The library tries again all the time, and says so each time.
        await both.eventually(lambda: len(lines(logging.DEBUG, "refused to accept")) > 10)
        await both.eventually(lambda: lines(logging.INFO, "is SUSPENDED"))  # Another thread says so.
        warnings = lines(logging.WARNING, "")
        assert 1 <= len(warnings) <= 4, warnings
        assert len(lines(logging.INFO, "refused to accept", "Delaying")) == 2
        assert len(lines(logging.INFO, "is SUSPENDED")) == 1
        assert lines(logging.ERROR, "the server closed the connection"), warnings
        assert not lines(logging.DEBUG, "Host is down")
        own_server.start()
        await zk.wait_for(ClientState.CONNECTED, timeout=60)
        ends = await both.eventually(lambda: lines(logging.INFO, "session establishment complete"))
        assert len(ends) == 1, outage
        assert "lines that were logged as DEBUG)" in ends[0]


async def test_a_level_below_information_changes_nothing_of_that(make_zk, own_server, caplog):
    caplog.set_level(logging.DEBUG, "zkc.libzookeeper")
    zkc.set_log_level(zkc.LogLevel.ERROR)
    try:
        zk = make_zk(own_server.hosts, session_timeout=20.0)
        await zk.start()
        for _ in range(2):
            caplog.clear()
            own_server.stop()
            refused = await both.eventually(
                lambda: len([r for r in list(caplog.records) if "refused to accept" in r.getMessage()]) > 10
            )
            assert refused
            own_server.start()
            await zk.wait_for(ClientState.CONNECTED, timeout=60)
            assert [r.levelno for r in list(caplog.records) if "refused" in r.getMessage()].count(logging.ERROR) == 1
        assert not [r for r in list(caplog.records) if r.levelno in (logging.INFO, logging.WARNING)]
    finally:
        zkc.set_log_level(zkc.LogLevel.INFO)


# ---- how repeats are counted, by a clock of the test ---------------------------------------------------------------


class Log:
    """The log lines of a session, and when they come."""

    def __init__(self):
        self.now = 0.0
        self.repeats = Repeats(lambda: self.now)

    def refused(self, thread="a"):
        text = "Socket 127.0.0.1:1 zk retcode=-4, errno=111(Connection refused): server refused to accept the client"
        return self.repeats.judge(thread, logging.ERROR, "check_events", "100", text)

    def established(self, thread="a"):
        return self.repeats.judge(thread, logging.INFO, "finalize_session_establishment", "200", "complete")


def test_repeats_are_counted_once_a_minute():
    log = Log()
    assert log.refused()[0] == logging.ERROR
    for _ in range(41):
        log.now += 1.0
        assert log.refused()[0] == logging.DEBUG
    log.now = 60.0
    level, text = log.refused()
    assert level == logging.ERROR
    assert text.endswith("refused to accept the client (… 41 more in 60 s)")
    assert log.refused()[0] == logging.DEBUG
    log.now = 200.0
    assert "… 1 more in 140 s" in log.refused()[1]
    log.now = 400.0
    assert "more" not in log.refused()[1]


def test_each_session_has_its_own_lines():
    log = Log()
    assert log.refused("a")[0] == log.refused("b")[0] == logging.ERROR
    log.repeats.judge("a", logging.INFO, "zookeeper_close", "300", "Closing")
    assert log.refused("a")[0] == logging.ERROR  # Another session's, on a thread with the same number.
    assert log.refused("b")[0] == logging.DEBUG


def test_connections_that_come_and_go_have_few_lines():
    log = Log()
    events = 0
    for _ in range(1000):
        log.now += 0.05
        events += (log.refused()[0] > logging.DEBUG) + (log.established()[0] > logging.DEBUG)
    assert 2 <= events <= 13
