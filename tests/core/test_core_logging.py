"""libzookeeper's log lines arrive in logging, with their level, and nowhere else."""

from __future__ import annotations

import logging
import threading

import pytest

from zkc import _zookeeper as core

from .core_support import WAIT

LOGGER = "zkc.libzookeeper"


@pytest.fixture
def log_level():
    """Return the function that sets the library's level; it is put back."""
    yield core.set_log_level
    core.set_log_level(3)


@pytest.fixture
def lines(eventually):
    """Collect what arrives; the lines come from a thread of their own."""

    class Collector(logging.Handler):
        def __init__(self):
            super().__init__()
            self.records = []
            self.threads = set()

        def emit(self, record):
            self.records.append(record)
            self.threads.add(threading.current_thread().name)

        def wait_for(self, text, level=None):
            def found():
                return any(text in r.getMessage() and level in (None, r.levelno) for r in self.records)

            eventually(found)

    collector = Collector()
    logger = logging.getLogger(LOGGER)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(collector)
    yield collector
    logger.removeHandler(collector)
    logger.setLevel(before)


def test_lines_have_their_level_and_their_place(open_session, lines):
    open_session()
    lines.wait_for("Initiating client connection", logging.INFO)
    lines.wait_for("session establishment complete", logging.INFO)
    record = next(r for r in lines.records if "Initiating" in r.getMessage())
    assert record.name == LOGGER
    assert record.filename.startswith("zookeeper.c")
    assert record.lineno > 0
    assert record.funcName.startswith("zookeeper_init")
    assert "ZOO_INFO" not in record.getMessage()
    assert lines.threads == {"zkc-log"}


def test_a_lost_connection_is_an_error(open_session, own_server, lines):
    session = open_session(own_server.hosts)
    own_server.restart()
    session.wait_connected(WAIT)
    lines.wait_for("failed while receiving a server response", logging.ERROR)


def test_the_level_decides_what_the_library_logs(open_session, lines, log_level):
    log_level(4)
    open_session().get("/").result(WAIT)
    lines.wait_for("Calling COMPLETION_DATA", logging.DEBUG)
    log_level(1)
    # Closing what was opened logs once more; from here on there is nothing below an error.
    open_session().close()
    count = len([r for r in lines.records if "Initiating" in r.getMessage()])
    assert count == 1
    log_level(0)
    open_session("127.0.0.1:1", connected=False).close()
    assert not [r for r in lines.records if "Connection refused" in r.getMessage()]


def test_a_handler_that_raises_stops_nothing(open_session, lines):
    class Broken(logging.Handler):
        def emit(self, record):
            raise RuntimeError("a handler's own mistake")

    broken = Broken()
    logging.getLogger(LOGGER).addHandler(broken)
    try:
        open_session().close()
    finally:
        logging.getLogger(LOGGER).removeHandler(broken)
    open_session()
    lines.wait_for("session establishment complete")


def test_a_handler_may_use_a_session(open_session, session, lines, eventually):
    class Writer(logging.Handler):
        seen = None

        def emit(self, record):
            self.seen = session.exists("/").result(WAIT)

    writer = Writer()
    logging.getLogger(LOGGER).addHandler(writer)
    try:
        open_session()
        eventually(lambda: writer.seen is not None)
    finally:
        logging.getLogger(LOGGER).removeHandler(writer)


def test_what_the_library_knows_of_the_machine_is_logged_on_demand(open_session, lines):
    open_session()
    lines.wait_for("session establishment complete")
    assert not [r for r in lines.records if "Client environment" in r.getMessage()]
    open_session(log_client_env=True)
    lines.wait_for("Client environment:host.name", logging.INFO)


def test_without_logging_set_up_a_script_says_nothing(run_script):
    result = run_script("""
        session = core.Session(hosts)
        session.wait_connected(20)
        refused = core.Session("127.0.0.1:1")
        try:
            refused.wait_connected(0.5)
        except errors.OperationTimeoutError:
            print("nobody there")
        refused.close()
        session.close()
    """)
    assert result.ended_in_silence() == "nobody there\n"


def test_with_logging_set_up_a_script_sees_the_lines(run_script):
    result = run_script("""
        import logging
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
        session = core.Session(hosts)
        session.wait_connected(20)
        session.close()
    """)
    assert "zkc.libzookeeper INFO Initiating client connection" in result.ended_in_silence()
