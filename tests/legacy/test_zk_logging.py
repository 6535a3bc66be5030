"""The way of libzookeeper's log lines into logging; what an import begins, and what the first session does."""

import logging
import os
import subprocess
import sys
import textwrap
import threading

from zkc.legacy import zk as zc_zk

from .legacy_support import TIMEOUT


def test_the_librarys_lines_are_logged(log_pipe, zk, caplog, eventually):
    caplog.set_level(logging.DEBUG, "ZooKeeper")

    def logged(text, level):
        return [r for r in caplog.records if r.name == "ZooKeeper" and r.levelno == level and text in r.getMessage()]

    line = b"2012-01-06 16:45:44,572:43673(0x1004f6000):ZOO_%s@function@1461: %s\n"
    os.write(log_pipe[1], line % (b"WARN", b"Exceeded deadline by 27747ms"))
    os.write(log_pipe[1], b"\n" + line % (b"WARN", b"something 100%"))
    os.write(log_pipe[1], line % (b"ERROR", b"bad \xff"))
    os.write(log_pipe[1], b"no level here\n")
    os.write(log_pipe[1], line % (b"DEBUG", b"the last"))
    eventually(lambda: logged("the last", logging.DEBUG))
    assert logged("function@1461: Exceeded deadline by", logging.DEBUG)
    assert not logged("Exceeded deadline by", logging.WARNING)
    assert logged("something 100%", logging.WARNING)
    assert logged("bad \ufffd", logging.ERROR)
    assert logged("no level here", logging.INFO)


def test_importing_begins_nothing_and_the_first_session_does(hosts):
    program = textwrap.dedent("""
        import logging, os, sys, threading
        import zkc.legacy
        descriptors = os.listdir("/proc/self/fd")
        zkc.legacy.install()
        import zc.zk, zc.zk.testing, zc.zk.scripts, zkc.legacy.zk
        assert zc.zk is zkc.legacy.zk and zc.zk.testing is zkc.legacy.zk.testing
        assert os.listdir("/proc/self/fd") == descriptors
        assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
        assert "_logging_pipe" not in vars(zc.zk)

        seen = threading.Event()
        class Handler(logging.Handler):
            def emit(self, record):
                if "Client environment:zookeeper.version" in record.getMessage():
                    seen.set()
        logging.getLogger("ZooKeeper").addHandler(Handler())
        logging.getLogger("ZooKeeper").setLevel(logging.INFO)
        zk = zc.zk.ZooKeeper(sys.argv[1])
        assert seen.wait(30)
        assert zc.zk._logging_pipe == zc.zk._logging_pipe
        zk.create("/e", "", zc.zk.OPEN_ACL_UNSAFE, 1)
    """)
    done = subprocess.run(
        [sys.executable, "-c", program, hosts], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_was_logged_when_no_session_can_be_opened_was_logged_before_the_error():
    """A host's name that cannot be resolved; nothing may get lost at the end of the program either."""
    program = textwrap.dedent("""
        import logging, sys
        import zkc.legacy
        zkc.legacy.install()
        import zc.zk, zookeeper

        lines = []
        class Handler(logging.Handler):
            def emit(self, record):
                lines.append(record.getMessage())
        logging.getLogger("ZooKeeper").addHandler(Handler())
        logging.getLogger("ZooKeeper").setLevel(logging.INFO)
        for _ in range(3):
            del lines[:]
            try:
                zc.zk.ZooKeeper("no-such-host.invalid:2181")
            except zookeeper.ZooKeeperException:
                assert sum("Client environment:" in line for line in lines) == 8, lines
                assert any("Initiating client connection" in line for line in lines), lines
            else:
                raise AssertionError("the name is known here")
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_slow_handler_of_log_lines_stops_no_session(log_pipe, make_zk):
    blocked, go_on = threading.Event(), threading.Event()

    class Slow(logging.Handler):
        def emit(self, record):
            blocked.set()
            go_on.wait(TIMEOUT)

    logger, handler = logging.getLogger("ZooKeeper"), Slow()
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        os.write(log_pipe[1], b"hold it\n")
        assert blocked.wait(TIMEOUT)
        line = "x" * 1000
        for _ in range(200):  # More than the pipe takes.
            zc_zk._logging._writer.write(line + "\n")
        zk = make_zk()
        assert zk.get_children("/") == []
        zk.close()
    finally:
        go_on.set()
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_a_forked_child_does_not_log_in_its_parent(hosts):
    program = textwrap.dedent("""
        import logging, os, sys, threading
        from zkc.legacy import zk as zc_zk, zookeeper

        zk = zc_zk.ZooKeeper(sys.argv[1])
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            zk.close()
            sys.exit(os.waitstatus_to_exitcode(status))
        seen = threading.Event()
        class Handler(logging.Handler):
            def emit(self, record):
                if "Initiating client connection" in record.getMessage():
                    seen.set()
        logging.getLogger("zkc.libzookeeper").addHandler(Handler())
        logging.getLogger("zkc.libzookeeper").setLevel(logging.INFO)
        zookeeper.init(sys.argv[1])
        os._exit(0 if seen.wait(30) else 1)
    """)
    run = subprocess.run(
        [sys.executable, "-c", program, hosts], capture_output=True, text=True, timeout=4 * TIMEOUT, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
