"""A forked child: every use of the parent's session raises ForkedError, and the parent's session lives on."""

from __future__ import annotations

import pytest

from zkc import _zookeeper as core

# Each line is a use of what the parent made; the child must refuse every one of them at once.
USES = {
    "create": 'session.create("/x", b"", ANYONE)',
    "create_with_stat": 'session.create_with_stat("/x", b"", ANYONE)',
    "delete": 'session.delete("/x")',
    "exists": 'session.exists("/", watch=print)',
    "get": 'session.get("/", watch=print)',
    "set": 'session.set("/", b"")',
    "get_children": 'session.get_children("/", watch=print)',
    "get_children_with_stat": 'session.get_children_with_stat("/", watch=print)',
    "get_acl": 'session.get_acl("/")',
    "set_acl": 'session.set_acl("/", ANYONE)',
    "sync": 'session.sync("/")',
    "multi": 'session.multi([("check", "/", -1)])',
    "add_auth": 'session.add_auth("digest", b"u:p")',
    "get_config": "session.get_config(watch=print)",
    "reconfig": 'session.reconfig(leaving="3")',
    "get_ephemerals": "session.get_ephemerals()",
    "count_descendants": 'session.count_descendants("/")',
    "whoami": "session.whoami()",
    "multi_read": 'session.multi_read([("get", "/")])',
    "add_watch": 'session.add_watch("/", watch)',
    "remove_watches": 'session.remove_watches("/", watch)',
    "remove_all_watches": 'session.remove_all_watches("/")',
    "wait_connected": "session.wait_connected(1)",
    "close": "session.close()",
    "begin_close": "session.begin_close()",
    "delivers_here": "session.delivers_here()",
    "open_error": "session.open_error()",
    "metrics": "session.metrics()",
    "closed": "session.closed",
    "state": "session.state",
    "unrecoverable": "session.unrecoverable",
    "client_id": "session.client_id",
    "negotiated_timeout": "session.negotiated_timeout",
    "last_answered": "session.last_answered",
    "current_server": "session.current_server",
    "connected_address": "session.connected_address",
    "in_flight": "session.in_flight",
    "watch_count": "session.watch_count",
    "tls_error": "session.tls_error",
    "unanswered": "session.unanswered",
    "watches_on": 'session.watches_on("/")',
    "tls_futile": "session.tls_futile",
    "set_servers": 'session.set_servers("127.0.0.1:1")',
    "set_resolution_delay": "session.set_resolution_delay(1)",
    "cycle_next_server": "session.cycle_next_server()",
    "result of a pending request": "pending.result(1)",
    "exception of a pending request": "pending.exception(1)",
    "callback of a pending request": "pending.add_done_callback(print)",
    "wait for a pending request": "pending.wait(1)",
    "future of a pending request": "pending.resolve(watch)",
    "end of a pending request": "pending.abandon()",
    "result of a finished request": "finished.result()",
    "exception of a finished request": "finished.exception()",
    "callback of a finished request": "finished.add_done_callback(print)",
}
# Harmless: they say what is known and touch nothing.
OTHERS = {"delivery", "hosts", "set_watcher"}

SETUP = """
session = core.Session(hosts)
session.wait_connected(20)
session.create("/mine", b"data", ANYONE, 1).result(20)
watch = lambda *event: print("watch", *event, flush=True)
session.get("/", watch=watch).result(20)
finished = session.get("/")
finished.result(20)
gate = threading.Event()
session.get("/", callback=lambda _: gate.wait(20))
pending = session.get("/")
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
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
def parent_is_well():
    gate.set()
    assert session.exists("/mine").result(20).ephemeral_owner == session.client_id[0]
    assert pending.result(20) is not None
    session.close()
    print("parent is well")
"""


def test_every_public_name_is_in_the_table():
    public = {name for name in dir(core.Session) if not name.startswith("_")}
    assert public == {name for name in USES if " " not in name} | OTHERS


def test_every_use_in_the_child_is_refused(run_script):
    uses = ",\n".join(f"({name!r}, lambda: {use})" for name, use in USES.items())
    result = run_script(
        SETUP
        + f"""
def body():
    for name, use in [{uses}]:
        begin = time.monotonic()
        try:
            found = use()
        except errors.ForkedError:
            pass
        else:
            print(name, "gave", found)
        if time.monotonic() - begin > 5:
            print(name, "took long")
    print("child done")
in_child(body)
parent_is_well()
"""
    )
    lines = result.ended_in_silence().splitlines()
    assert lines[0] == "child done"
    assert lines[-1] == "parent is well"


def test_the_childs_garbage_collection_touches_nothing(run_script):
    result = run_script(
        SETUP
        + """
def body():
    global session, pending, finished, watch
    del session, pending, finished, watch
    gc.collect()
    print("collected")
in_child(body)
parent_is_well()
"""
    )
    assert result.ended_in_silence().splitlines()[0] == "collected"
    assert "parent is well" in result.stdout


def test_a_child_that_exits_as_python_does(run_script):
    result = run_script(
        SETUP
        + """
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    sys.exit(7)  # atexit handlers run, the interpreter is finalized
print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
parent_is_well()
"""
    )
    assert result.ended_in_silence().splitlines()[0] == "7"
    assert "parent is well" in result.stdout


def test_a_child_may_open_a_session_of_its_own(run_script):
    result = run_script(
        SETUP
        + """
def body():
    own = core.Session(hosts)
    own.wait_connected(20)
    seen = threading.Event()
    own.get("/", watch=lambda *_: seen.set()).result(20)
    own.set("/", b"from the child").result(20)
    assert seen.wait(20)
    own.close()
    print("own session works")
in_child(body)
parent_is_well()
"""
    )
    assert "own session works" in result.ended_in_silence()
    assert "parent is well" in result.stdout


def test_a_fork_while_other_threads_call(run_script):
    # Locks of the core and of the library are held at the moment of some of these forks.
    result = run_script(
        SETUP
        + """
gate.set()
stop = threading.Event()
def busy():
    while not stop.is_set():
        session.get("/", watch=lambda *_: None).result(20)
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads: thread.start()
def body():
    for use in (lambda: session.get("/"), lambda: session.watch_count, session.close, pending.result):
        try:
            use()
        except errors.ForkedError:
            continue
        raise SystemExit(1)
    own = core.Session(hosts)
    own.wait_connected(20)
    own.close()
for _ in range(15):
    in_child(body)
stop.set()
for thread in threads: thread.join()
parent_is_well()
"""
    )
    assert result.ended_in_silence().splitlines()[-1] == "parent is well"


def test_multiprocessing(run_script):
    result = run_script(
        SETUP
        + """
import multiprocessing
def work(number):
    try:
        session.get("/")
    except errors.ForkedError:
        pass
    else:
        raise RuntimeError("no ForkedError")
    own = core.Session(hosts)
    own.wait_connected(20)
    path = own.create(f"/{number}", b"", ANYONE).result(20)
    own.close()
    return path
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(sorted(pool.map(work, range(4))))
    pool.close()
    pool.join()
parent_is_well()
"""
    )
    lines = result.ended_in_silence().splitlines()
    assert lines[0] == "['/0', '/1', '/2', '/3']"
    assert "parent is well" in lines


def test_a_fork_from_a_callback(run_script):
    result = run_script(
        SETUP
        + """
gate.set()
done = threading.Event()
def callback(_):
    def body():
        try:
            session.get("/")
        except errors.ForkedError:
            print("refused")
    in_child(body)
    done.set()
session.get("/", callback=callback)
assert done.wait(20)
parent_is_well()
"""
    )
    assert result.ended_in_silence().splitlines()[0] == "refused"
    assert "parent is well" in result.stdout


@pytest.mark.skipif(core.build_info()["linkage"] == "system", reason="libzookeeper leaves its socket to programs")
def test_exec_takes_no_descriptor_along(run_script):
    result = run_script(
        SETUP
        + """
import subprocess
out = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, close_fds=False).stdout
print([line for line in out.splitlines() if "socket:" in line or "eventfd" in line])
parent_is_well()
"""
    )
    assert result.ended_in_silence().splitlines()[0] == "[]"
