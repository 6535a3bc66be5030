"""Whole processes: their end with sessions open, and a fork."""

import pytest

from .legacy_process import check, python

PRELUDE = """
import os, sys, threading, time
from zkc.legacy import zookeeper
OPEN = [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}]
h = zookeeper.init(sys.argv[1])
zookeeper.create(h, "/mine", "x", OPEN, zookeeper.EPHEMERAL)
"""


@pytest.fixture
def run(hosts, tmp_path):
    """Return a function that runs a script with a handle ``h``, which ends in silence, and gives what it printed."""
    return lambda script: check(PRELUDE + script, hosts, cwd=tmp_path)


# ---- the end ---------------------------------------------------------------------------------------------------------

UNDER_WAY = {
    "nothing": "",
    "watches": """
for number in range(100):
    zookeeper.exists(h, f"/{number}", lambda *_: print("never"))
""",
    "calls": "for number in range(1000): zookeeper.aget(h, '/mine', None, lambda *_: None)",
    "calls in calls": """
def again(*_):
    zookeeper.aget(h, "/mine", None, again)
again()
""",
    "a callback that blocks": """
entered = threading.Event()
zookeeper.aget(h, "/mine", None, lambda *_: (entered.set(), time.sleep(60)))
entered.wait(30)
""",
    "a watcher of sessions": """
settled = threading.Event()
zookeeper.aget(h, "/mine", None, lambda *_: settled.set())
settled.wait(30)  # the event of the connection is before it
zookeeper.set_watcher(h, lambda *_: print("never"))
""",
    "a thread that calls": """
def work():
    try:
        while True:
            zookeeper.get(h, "/mine")
    except zookeeper.ClosingException:
        pass
threading.Thread(target=work, daemon=True).start()
zookeeper.get(h, "/mine")
""",
    "32 handles": "handles = [zookeeper.init(sys.argv[1]) for _ in range(32)]",
    "a handle that never connects": "zookeeper.init('127.0.0.1:1')",
    "a handle that is closed": "zookeeper.close(h)",
    "log lines to stdout": "zookeeper.set_log_stream(sys.stdout); zookeeper.set_debug_level(4); zookeeper.get(h, '/')",
    "log lines to a pipe without a reader": """
read, write = os.pipe()
os.set_blocking(write, False)
while True:
    try:
        os.write(write, bytes(4096))
    except BlockingIOError:
        break
os.set_blocking(write, True)
zookeeper.set_log_stream(os.fdopen(write, "w", closefd=False))
zookeeper.set_debug_level(4)
zookeeper.get(h, "/")
""",
}


@pytest.mark.parametrize("what", UNDER_WAY)
def test_open_sessions_do_not_block_exit(run, what):
    printed = run(UNDER_WAY[what] + "\nprint('the end')\n")
    assert "the end" in printed
    assert "never" not in printed


def test_exit_ends_the_sessions_at_the_server(run, h, eventually):
    from zkc.legacy import zookeeper

    run("""
lasting = zookeeper.init(sys.argv[1], None, 60000)
zookeeper.create(lasting, "/lasting", "", OPEN, zookeeper.EPHEMERAL)
""")
    # The exit waits for the server, but not for long. This is long before the session would expire.
    eventually(lambda: zookeeper.exists(h, "/lasting") is None)


@pytest.mark.parametrize("how", ["sys.exit(3)", "os._exit(3)", "raise SystemExit(3)"])
def test_the_status_is_that_of_the_script(hosts, tmp_path, how):
    done = python("-W", "error", "-c", PRELUDE + how, hosts, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, "")


def test_what_a_callback_raises_stands_on_stderr(hosts, tmp_path):
    script = """
called = threading.Event()
def completion(*_):
    threading.Timer(0.0, called.set)
    raise SystemExit("of the callback")
zookeeper.aget(h, "/mine", None, completion)
zookeeper.aget(h, "/mine", None, lambda *_: called.set())
assert called.wait(30)
print("the end")
"""
    done = python("-W", "error", "-c", PRELUDE + script, hosts, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "the end\n")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.splitlines()[-1] == "SystemExit: of the callback"


def test_a_signal_reaches_a_call_that_waits(run):
    printed = run("""
import signal, socket
def handler(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, handler)
silent = socket.create_server(("127.0.0.1", 0))
lost = zookeeper.init(f"127.0.0.1:{silent.getsockname()[1]}", None, 60000)
try:
    signal.setitimer(signal.ITIMER_REAL, 0.2)  # Inside: on a busy machine the signal may come before the call.
    zookeeper.get(lost, "/")
except KeyboardInterrupt:
    print("interrupted")
silent.close()
""")
    assert printed == "interrupted\n"


# ---- fork ------------------------------------------------------------------------------------------------------------

FORKING = """
def in_child(body):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            body()
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
def parent_is_well():
    assert zookeeper.exists(h, "/mine")["ephemeralOwner"] == zookeeper.client_id(h)[0]
    zookeeper.set(h, "/mine", "y")
    print("parent is well")
"""
USES = """
uses = {
    "create": lambda: zookeeper.create(h, "/x", "", OPEN),
    "delete": lambda: zookeeper.delete(h, "/mine"),
    "exists": lambda: zookeeper.exists(h, "/mine", print),
    "get": lambda: zookeeper.get(h, "/mine", print),
    "set": lambda: zookeeper.set(h, "/mine", ""),
    "set2": lambda: zookeeper.set2(h, "/mine", ""),
    "get_children": lambda: zookeeper.get_children(h, "/", print),
    "get_acl": lambda: zookeeper.get_acl(h, "/"),
    "set_acl": lambda: zookeeper.set_acl(h, "/", -1, OPEN),
    "acreate": lambda: zookeeper.acreate(h, "/x", "", OPEN),
    "async": lambda: zookeeper.async_(h, "/"),
    "adelete": lambda: zookeeper.adelete(h, "/mine"),
    "aset_acl": lambda: zookeeper.aset_acl(h, "/", -1, OPEN),
    "add_auth": lambda: zookeeper.add_auth(h, "digest", "a:b", print),
    "aexists": lambda: zookeeper.aexists(h, "/mine", print, print),
    "aset": lambda: zookeeper.aset(h, "/mine", ""),
    "aget": lambda: zookeeper.aget(h, "/mine", print, print),
    "aget_children": lambda: zookeeper.aget_children(h, "/", print, print),
    "aget_acl": lambda: zookeeper.aget_acl(h, "/", print),
    "state": lambda: zookeeper.state(h),
    "recv_timeout": lambda: zookeeper.recv_timeout(h),
    "client_id": lambda: zookeeper.client_id(h),
    "is_unrecoverable": lambda: zookeeper.is_unrecoverable(h),
    "close": lambda: zookeeper.close(h),
}
"""


def test_every_use_in_a_forked_child_is_refused_and_says_why(run):
    printed = run(
        FORKING
        + USES
        + """
def body():
    for name, use in uses.items():
        try:
            found = use()
        except zookeeper.ZooKeeperException as error:
            if "fork" not in str(error):
                print(name, "raised", error)
        else:
            print(name, "gave", found)
in_child(body)
parent_is_well()
"""
    )
    assert printed == "parent is well\n"


def test_a_child_makes_a_handle_of_its_own(run):
    printed = run(
        FORKING
        + """
def body():
    own = zookeeper.init(sys.argv[1])
    print("handle", own)
    seen = threading.Event()
    zookeeper.get(own, "/mine", lambda *_: seen.set())
    zookeeper.set(own, "/mine", "from the child")
    assert seen.wait(30)
    zookeeper.close(own)
in_child(body)
parent_is_well()
"""
    )
    assert printed == "handle 1\nparent is well\n"


def test_a_child_that_closes_the_parents_handle_first(run):
    printed = run(
        FORKING
        + """
def body():
    try:
        zookeeper.close(h)
    except zookeeper.ZooKeeperException:
        pass
    own = zookeeper.init(sys.argv[1])
    print("handle", own)
    assert zookeeper.get(own, "/mine")[0] == "x"
    zookeeper.close(own)
in_child(body)
parent_is_well()
"""
    )
    assert printed == "handle 0\nparent is well\n"


def test_a_fork_while_other_threads_use_handles(run):
    # The lock of the handles is held at the moment of some of these forks. (No names are looked up then: glibc's
    # getaddrinfo has a lock of its own, which a child may inherit held.)
    printed = run(
        FORKING
        + """
stop = threading.Event()
def busy():
    while not stop.is_set():
        try:
            zookeeper.close(1000)
        except zookeeper.ZooKeeperException:
            pass
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads: thread.start()
def body():
    own = zookeeper.init(sys.argv[1])
    assert own == 1
    assert zookeeper.get(own, "/mine")[0] == "x"
    zookeeper.close(own)
sys.setswitchinterval(1e-6)
for _ in range(15):
    in_child(body)
stop.set()
for thread in threads: thread.join()
parent_is_well()
"""
    )
    assert printed == "parent is well\n"
