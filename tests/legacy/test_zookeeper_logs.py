"""The library's log lines: which, in what form, and into every kind of file that old code gives."""

import contextlib
import fcntl
import gc
import io
import logging
import os
import re
import tempfile
import threading
import weakref

import pytest

from zkc import _zookeeper as core
from zkc.legacy import zookeeper
from zkc.legacy.zk import _logging
from zkc.testing import ZooKeeperServer

from .legacy_process import check

# The format that zc.zk takes apart.
LINE = re.compile(r".*:(ZOO_[A-Z]+)@(\w+)@(\d+): (.*)")


@pytest.fixture(autouse=True)
def logging_again():
    """Lines go where they went before, at the level that is there from the beginning: zc.zk's pipe, if it was made."""
    yield
    zookeeper.set_log_stream(_logging._writer)
    zookeeper.set_debug_level(zookeeper.LOG_LEVEL_INFO)


@pytest.fixture
def speak(hosts):
    """Return a function that has the library log something."""

    def open_and_close():
        h = zookeeper.init(hosts)
        zookeeper.get(h, "/")
        zookeeper.close(h)

    return open_and_close


class Lines:
    """A file of a program's own: it has a write, and nothing else."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text


def begin(stream):
    """Have the lines go to a stream; return that."""
    zookeeper.set_log_stream(stream)
    return stream


def test_a_stringio_has_the_lines_as_they_are(speak, eventually):
    stream = io.StringIO()
    assert zookeeper.set_log_stream(stream) is None
    speak()
    eventually(lambda: "Client environment:" in stream.getvalue() and "\n" in stream.getvalue())
    found = [LINE.fullmatch(line) for line in stream.getvalue().splitlines()]
    assert all(found), stream.getvalue()
    assert {match[1] for match in found} <= {"ZOO_INFO", "ZOO_WARN", "ZOO_ERROR"}
    environment = [match[4] for match in found if match[2] == "log_env"]
    assert environment[0].startswith("Client environment:zookeeper.version=")


def test_a_text_file(speak, eventually, tmp_path):
    with open(tmp_path / "log", "w", encoding="utf-8") as file:
        zookeeper.set_log_stream(file)
        speak()
        eventually(lambda: "Client environment:" in (tmp_path / "log").read_text())
        zookeeper.set_log_stream(None)


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_binary_file(speak, eventually, tmp_path, buffering):
    with open(tmp_path / "log", "wb", buffering) as file:
        zookeeper.set_log_stream(file)
        speak()
        eventually(lambda: b"Client environment:" in (tmp_path / "log").read_bytes())
        zookeeper.set_log_stream(None)
    assert LINE.fullmatch((tmp_path / "log").read_text().splitlines()[0])


def test_bytes_in_memory_and_temporary_files(speak, eventually):
    stream = io.BytesIO()
    zookeeper.set_log_stream(stream)
    speak()
    eventually(lambda: b"Client environment:" in stream.getvalue())
    with tempfile.TemporaryFile() as file, tempfile.SpooledTemporaryFile() as spooled:
        for other in (file, spooled):
            zookeeper.set_log_stream(other)
            speak()
            eventually(lambda other=other: other.tell() > 0)
        zookeeper.set_log_stream(None)


def test_anything_with_a_write(speak, eventually):
    stream = Lines()
    zookeeper.set_log_stream(stream)
    speak()
    eventually(lambda: "Client environment:" in stream.text)


def test_a_pipe_gives_the_lines_one_by_one(speak):
    read, write = os.pipe()
    with os.fdopen(read) as lines, os.fdopen(write, "w") as file:
        zookeeper.set_log_stream(file)
        thread = threading.Thread(target=speak)
        thread.start()
        for line in lines:
            assert LINE.fullmatch(line.rstrip("\n")), line
            if "Client environment:user.dir" in line:
                break
        thread.join()
        zookeeper.set_log_stream(None)


def test_a_pipe_without_a_reader_keeps_no_thread_waiting(speak, eventually):
    read, write = os.pipe()
    fcntl.fcntl(write, 1031, 4096)  # F_SETPIPE_SZ, which has a name since Python 3.10
    file = os.fdopen(write, "w")
    zookeeper.set_log_stream(file)
    for _ in range(10):
        speak()
    lines = Lines()
    zookeeper.set_log_stream(lines)
    os.close(read)  # the line that is being written fails
    speak()
    eventually(lambda: "Client environment:" in lines.text)
    with contextlib.suppress(BrokenPipeError):  # for what was left of the lines
        file.close()


NOT_WRITABLE = {
    "/dev/null": ("/dev/null", "r"),
    "/dev/null in binary": ("/dev/null", "rb"),
    "a file that is read": (__file__, "r"),
    "a file that is closed": (None, "w"),
}


@pytest.mark.parametrize("what", NOT_WRITABLE)
def test_what_cannot_be_written_to_takes_no_lines_and_harms_nothing(speak, eventually, tmp_path, capfd, what):
    name, mode = NOT_WRITABLE[what]
    with open(name or tmp_path / "closed", mode) as file:
        if name is None:
            file.close()
        zookeeper.set_log_stream(file)
        speak()
        lines = Lines()
        zookeeper.set_log_stream(lines)
        speak()
        eventually(lambda: "Client environment:" in lines.text)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_file_that_raises(speak, eventually, error):
    class Raises(Lines):
        def write(self, text):
            super().write(text)
            raise error("no")

    stream = Raises()
    zookeeper.set_log_stream(stream)
    speak()
    eventually(lambda: stream.text.count("Client environment:") > 1)


def test_a_new_stream_lets_the_old_one_go(speak, eventually):
    alive = weakref.ref(begin(Lines()))
    gc.collect()
    speak()
    eventually(lambda: "Client environment:" in alive().text)
    second = begin(Lines())
    eventually(lambda: gc.collect() is not None and alive() is None)
    speak()
    eventually(lambda: second.text)


def test_without_a_stream_lines_go_to_logging(speak, eventually, caplog):
    zookeeper.set_log_stream(io.StringIO())
    zookeeper.set_log_stream(None)
    with caplog.at_level(logging.INFO, "zkc.libzookeeper"):
        speak()
        eventually(lambda: "Client environment:" in caplog.text)


@pytest.mark.parametrize("file", [5, "/dev/null", b"x", object()])
def test_what_is_no_file(file):
    with pytest.raises(TypeError, match="must have a method write"):
        zookeeper.set_log_stream(file)


def test_sys_stdout(hosts, tmp_path):
    printed = check(
        """
import sys
from zkc.legacy import zookeeper
from zkc.legacy.zk import _logging
zookeeper.set_log_stream(sys.stdout)
h = zookeeper.init(sys.argv[1])
zookeeper.get(h, "/")
print("the end")
""",
        hosts,
        cwd=tmp_path,
    )
    assert "the end\n" in printed
    assert "ZOO_INFO@log_env@" in printed
    assert all(line == "the end" or LINE.fullmatch(line) for line in printed.splitlines())


# ---- levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        (zookeeper.LOG_LEVEL_DEBUG, {"ZOO_DEBUG", "ZOO_INFO"}),
        (zookeeper.LOG_LEVEL_INFO, {"ZOO_INFO"}),
        (zookeeper.LOG_LEVEL_ERROR, set()),
        (0, set()),
    ],
)
def test_set_debug_level(speak, eventually, level, wanted):
    stream = Lines()
    zookeeper.set_log_stream(stream)
    assert zookeeper.set_debug_level(level) is None
    speak()
    zookeeper.set_debug_level(zookeeper.LOG_LEVEL_INFO)
    quiet = stream.text
    speak()
    eventually(lambda: stream.text.count("user.dir") >= 1 + ("ZOO_INFO" in wanted))
    first = stream.text if wanted else stream.text[len(quiet) : stream.text.index("log_env")]
    kinds = set(re.findall("ZOO_[A-Z]+", first))
    assert wanted <= kinds
    assert ("ZOO_DEBUG" in stream.text) is ("ZOO_DEBUG" in wanted)
    assert stream.text.count("user.dir") == 1 + ("ZOO_INFO" in wanted)


@pytest.mark.parametrize("level", [-1, 5, 1000])
def test_a_level_that_is_none(level):
    with pytest.raises(zookeeper.BadArgumentsException, match="level"):
        zookeeper.set_debug_level(level)


def test_a_level_of_a_wrong_type():
    with pytest.raises(TypeError):
        zookeeper.set_debug_level("INFO")


def test_what_an_outage_repeats_is_for_debugging(eventually):
    with ZooKeeperServer(tick_time=0.5) as server:
        stream = begin(io.StringIO())
        zookeeper.set_debug_level(zookeeper.LOG_LEVEL_DEBUG)
        h = zookeeper.init(server.hosts, None, 9000)
        zookeeper.get(h, "/")
        server.stop()
        refused = re.compile(r".*:ZOO_DEBUG@\w+@\d+: .*refused to accept")
        eventually(lambda: len(refused.findall(stream.getvalue())) > 10, timeout=20)
        zookeeper.set_debug_level(zookeeper.LOG_LEVEL_INFO)
        assert core.flush_log(20.0)
        before = stream.getvalue()
        server.start()
        eventually(lambda: "session establishment complete" in stream.getvalue()[len(before) :], timeout=20)
        zookeeper.close(h)
        lines = [LINE.fullmatch(line) for line in before.splitlines()]
        assert all(lines), before
        troubles = [match[0] for match in lines if match[1] in ("ZOO_WARN", "ZOO_ERROR")]
        assert 1 <= len(troubles) <= 4, troubles
        assert "Host is down" not in before
        after = stream.getvalue()[len(before) :]
        assert "ZOO_DEBUG" not in after
        assert "refused to accept" not in after
        assert "lines that were logged as DEBUG)" in after
