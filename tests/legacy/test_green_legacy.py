"""The drop-ins in programs whose threads are greenlets: gevent and eventlet, patched before and after."""

import os
import signal

import pytest

from ..green_support import KINDS, interrupt, run_patching_late, runner


@pytest.fixture(params=KINDS)
def patched(request):
    """How the program is patched."""
    return request.param


@pytest.fixture
def run(patched, hosts):
    """Return a function that runs a script in a patched program, which ends in silence, and gives what it printed."""
    return runner(patched, hosts)


PRELUDE = """
from zkc.legacy import zookeeper
OPEN = [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}]
"""

ZOOKEEPER = """
home = threading.get_native_id()
told, answers, fired = [], [], []
def watcher(*event):
    assert threading.get_native_id() == home and greenlet.getcurrent() is not main
    told.append(event)
h = zookeeper.init(hosts, watcher)
zookeeper.create(h, "/a", "1", OPEN, zookeeper.EPHEMERAL)
assert zookeeper.get(h, "/a")[0] == "1"
until(lambda: told)
assert told[0][:3] == (h, zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE), told
def fire(h, type_, state, path):
    fired.append((type_, path, zookeeper.get(h, path)[0]))  # a callback may make any call
zookeeper.get(h, "/a", fire)
zookeeper.set(h, "/a", "2")
until(lambda: fired)
assert fired == [(zookeeper.CHANGED_EVENT, "/a", "2")], fired
def answered(h, code, data, stat):
    assert threading.get_native_id() == home
    answers.append((code, data, zookeeper.exists(h, "/a") is not None))
assert zookeeper.aget(h, "/a", None, answered) == zookeeper.OK
until(lambda: answers)
assert answers == [(zookeeper.OK, "2", True)], answers
got = []
threads = [spawn(lambda: got.append(zookeeper.get(h, "/a")[0])) for _ in range(100)]
for thread in threads:
    thread.join()
assert got == ["2"] * 100
assert on_thread(zookeeper.get, h, "/a")[0] == "2"  # a real thread
closed = []
zookeeper.aexists(h, "/a", None, lambda *_: closed.append(zookeeper.close(h)))
until(lambda: closed)
try:
    zookeeper.get(h, "/a")
except zookeeper.ZooKeeperException:
    print("closed")
"""


def test_zookeeper_works_as_in_any_program(run):
    assert run(PRELUDE + ZOOKEEPER) == "closed\n"


PAUSED = """
pid = int(sys.argv[2])
h = zookeeper.init(hosts, None, 30000)
zookeeper.get(h, "/")
pause(pid)
got = []
try:
    thread = spawn(lambda: got.append(zookeeper.get(h, "/")))
    with others_run():
        time.sleep(0.1)
    assert not got
finally:
    resume(pid)
thread.join()
assert got
"""


def test_while_a_call_waits_the_others_run(run, zookeeper_server):
    try:
        run(PRELUDE + PAUSED, zookeeper_server.pid)
    finally:
        os.kill(zookeeper_server.pid, signal.SIGCONT)


INTERRUPTED = """
ticking.clear()
pid = int(sys.argv[2])
h = zookeeper.init(hosts, None, 30000)
zookeeper.get(h, "/")
pause(pid)
def tell():
    time.sleep(0.05)
    print("waiting", flush=True)
spawn(tell)
try:
    zookeeper.get(h, "/")
except KeyboardInterrupt:
    print("interrupted")
finally:
    resume(pid)
zookeeper.close(h)
"""


def test_ctrl_c_ends_a_call(patched, hosts, zookeeper_server):
    try:
        assert interrupt(patched, PRELUDE + INTERRUPTED, hosts, zookeeper_server.pid) == "interrupted\n"
    finally:
        os.kill(zookeeper_server.pid, signal.SIGCONT)


FORGOTTEN = """
h = zookeeper.init(hosts, lambda *_: None)
zookeeper.exists(h, "/never", print)
zookeeper.aget(h, "/", None, lambda *_: None)
"""


def test_a_program_that_never_closes_ends_in_silence(run):
    assert run(PRELUDE + FORGOTTEN) == ""


LEFT_OPEN = """
import atexit, logging
from zkc.legacy import zookeeper
from zkc.legacy import zk as zc_zk
logging.getLogger("ZooKeeper").addHandler(logging.NullHandler())
atexit.register(time.sleep, 0.1)  # It runs behind zkc's exit handler, and the hub runs the greenlets once more.
h = zookeeper.init(hosts, lambda *_: None)
zookeeper.aget(h, "/", None, lambda *_: None)
zk = zc_zk.ZooKeeper(hosts)
"""


def test_a_program_whose_hub_runs_at_its_exit_ends_in_silence(run):
    assert run(LEFT_OPEN) == ""


FULL = """
import fcntl
from zkc.legacy.zk import _logging
read, write = os.pipe()
os.set_blocking(write, False)
writer = _logging._Writer(write)
for _ in range(fcntl.fcntl(write, 1032) // 100 + 10):  # F_GETPIPE_SZ
    assert writer.write("x" * 100) == 100
"""


def test_a_line_that_the_pipe_has_no_room_for_is_lost(run):
    assert run(FULL) == ""


ZC_ZK = """
import logging
from zkc.legacy import zk as zc_zk
lines = []
class Keep(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("ZooKeeper").addHandler(Keep())
logging.getLogger("ZooKeeper").setLevel(logging.DEBUG)
zk = zc_zk.ZooKeeper(hosts)
with others_run():
    until(lambda: lines)  # The library's own, by way of a pipe that a thread of zkc reads.
    time.sleep(0.05)
zk.import_tree('''
/app
  /providers
  color = "red"
''')
properties = zk.properties("/app")
children = zk.children("/app/providers")
seen = []
@properties
def changed(properties):
    seen.append(dict(properties)["color"])
zk.register_server("/app/providers", ("127.0.0.1", 8080))
until(lambda: list(children) == ["127.0.0.1:8080"])
properties.update(color="blue")
until(lambda: seen[-1] == "blue")
zk.close()
print("closed")
"""


def test_zc_zk_works_as_in_any_program(run):
    assert run(ZC_ZK) == "closed\n"


NO_SERVER = """
from zkc.legacy import zk as zc_zk
import logging
logging.getLogger("ZooKeeper").addHandler(logging.NullHandler())
zc_zk.ZooKeeper.initial_connection_wait = 0.3
try:
    with others_run():
        zc_zk.ZooKeeper("127.0.0.1:1")
except zc_zk.FailedConnect:
    print("failed")
"""


def test_zc_zk_gives_up_in_time(run):
    assert run(NO_SERVER) == "failed\n"


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_handle_made_before_the_patching_ends_in_silence(library, closed, hosts):
    before = """
from zkc.legacy import zookeeper
h = zookeeper.init(hosts)
assert zookeeper.get(h, "/")[1]["version"] >= 0
"""
    run_patching_late(library, before, "assert zookeeper.close(h) == zookeeper.OK" if closed else "", hosts)
