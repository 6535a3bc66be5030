"""The synchronous client in programs whose threads are greenlets: gevent and eventlet, patched before and after."""

import os
import signal
import socket
import threading

import pytest

from zkc import Client

from ..green_support import KINDS, interrupt, run_patching_late, runner


@pytest.fixture(params=KINDS)
def patched(request):
    """How the program is patched."""
    return request.param


@pytest.fixture
def run(patched, hosts):
    """Return a function that runs a script in a patched program, which ends in silence, and gives what it printed."""
    return runner(patched, hosts)


CALLS = """
import zkc
with zkc.Client(hosts, connect_timeout=10.0) as client:
    client.create("/a", b"1", ephemeral=True)
    assert client.get("/a")[0] == b"1"
    assert client.submit.get("/a").result()[0] == b"1"
    assert client.submit.create("/b/c/d", make_parents=True).result(10) == "/b/c/d"
    assert client.submit.get("/a", timeout=10).exception() is None
    assert len(client.get_many(["/a"] * 2000)) == 2000
    assert {node.path for node in client.walk("/b")} == {"/b", "/b/c", "/b/c/d"}
    client.delete("/b", recursive=True)
    with client.transaction() as transaction:
        transaction.set("/a", b"2")
    import concurrent.futures
    futures = [client.submit.get("/a") for _ in range(100)]
    assert len(concurrent.futures.wait(futures, timeout=10).done) == 100
    futures = [client.submit.get("/a") for _ in range(100)]
    assert {future.result()[0] for future in concurrent.futures.as_completed(futures, timeout=10)} == {b"2"}
    answers = []
    threads = [spawn(lambda: answers.append(client.get("/a")[0])) for _ in range(300)]
    for thread in threads:
        thread.join()
    assert answers == [b"2"] * 300
assert client.state is zkc.ClientState.CLOSED
print("closed")
"""


def test_calls_are_made_as_in_any_program(run):
    assert run(CALLS) == "closed\n"


CALLBACKS = """
import zkc
seen = []
home = threading.get_native_id()
def note(name, client):
    assert threading.get_native_id() == home, "not on the hub's thread"
    current = greenlet.getcurrent()
    assert current is not main
    time.sleep(0.01)  # it may let others run, and the next callback waits for it
    seen.append((name, client.get("/a")[0]))
with zkc.Client(hosts) as client:
    client.create("/a", b"0", ephemeral=True)
    client.get("/a", watch=lambda event: note(event.type.name, client))
    client.exists("/a", watch=lambda event: note("second", client))
    client.set("/a", b"1")
    until(lambda: len(seen) == 2)
    assert sorted(seen) == [("CHANGED", b"1"), ("second", b"1")], seen
    del seen[:]
    adding, at_once = False, []
    def follow(number):
        if adding and greenlet.getcurrent() is main:
            at_once.append(number)  # Added to a future that was done already: it runs where it was added.
        else:
            note(number, client)
    for number in range(20):
        future = client.submit.get("/a")
        adding = True
        future.add_done_callback(lambda future, number=number: follow(number))
        adding = False
    until(lambda: len(seen) + len(at_once) == 20)
    assert seen == [(number, b"1") for number in range(20) if number not in at_once], seen
    found = []
    recurring = client.watch_data("/a", lambda *now: found.append(now[0]))
    events = client.watch("/a")
    spawn(lambda: (time.sleep(0.05), client.set("/a", b"2")))
    with others_run():
        assert next(events).type is zkc.EventType.CHANGED
    events.close()
    until(lambda: found == [b"1", b"2"])
    client.add_listener(lambda state: note(state.name, client) if state is not zkc.ClientState.CLOSED else None)
    closing = []
    client.exists("/z", watch=lambda event: (client.close(), closing.append(True)))
    client.submit.create("/z", ephemeral=True)
    until(lambda: closing)
    assert client.closed
"""


def test_callbacks_run_on_the_hub_in_order_and_may_call_the_client(run):
    run(CALLBACKS)


NO_SERVER = """
import zkc
client = zkc.Client(hosts, connect_timeout=0.4)
timing = others_run()
try:
    with timing:
        client.start()
except zkc.ConnectTimeoutError:
    assert 0.4 <= timing.spent < 10, timing.spent
else:
    raise AssertionError
"""


def test_a_start_without_a_server_ends_in_time(run, patched):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        runner(patched, f"127.0.0.1:{silent.getsockname()[1]}")(NO_SERVER)  # Accepts, and says nothing.
    runner(patched, "127.0.0.1:1")(NO_SERVER)


# The program pauses the server itself: then nothing answers what comes after that.
PAUSED = """
import concurrent.futures, zkc
pid = int(sys.argv[2])
client = zkc.Client(hosts, session_timeout=30.0, max_in_flight=2)
client.start()
client.create("/a", b"1", ephemeral=True)
pause(pid)
try:
    for wait in (
        lambda: client.get("/a", timeout=0.2),
        lambda: client.create("/b/c", make_parents=True, timeout=0.2),
        lambda: client.wait_for(zkc.ClientState.LOST, timeout=0.2),
    ):
        timing = others_run()
        try:
            with timing:
                wait()
        except zkc.OperationTimeoutError:
            assert 0.2 <= timing.spent < 10, timing.spent
        else:
            raise AssertionError
    assert client.session.in_flight == 2  # What was given up keeps its slot.
    outcome = []
    def wait_for_a_place(timeout):
        try:
            outcome.append(client.get("/a", timeout=timeout)[0])
        except zkc.OperationTimeoutError as error:
            outcome.append(error.maybe_applied)
    patient = spawn(wait_for_a_place, None)  # The limit of the other one is not its own.
    with others_run():
        wait_for_a_place(0.3)
    assert outcome == [False], outcome
finally:
    resume(pid)
patient.join()
assert outcome == [False, b"1"], outcome
pause(pid)
try:
    future = client.submit.get("/a", timeout=0.2)
    with others_run():
        assert isinstance(future.exception(), zkc.OperationTimeoutError)
    future = client.submit.get("/a")
    with others_run():
        try:
            future.result(timeout=0.2)
        except concurrent.futures.TimeoutError:
            pass
        else:
            raise AssertionError
finally:
    resume(pid)
calls = []
def fail():
    calls.append(1)
    raise zkc.ThrottledError()
try:
    with others_run():
        zkc.Retry(attempts=2, backoff=0.2, jitter=0.0).call(fail)
except zkc.ThrottledError:
    pass
assert len(calls) == 2
client.close()
"""


def test_while_a_thread_waits_the_others_run(run, zookeeper_server):
    try:
        run(PAUSED, zookeeper_server.pid)
    finally:
        os.kill(zookeeper_server.pid, signal.SIGCONT)


INTERRUPTED = """
import zkc
pid = int(sys.argv[2])
client = zkc.Client(hosts, session_timeout=30.0)
client.start()
pause(pid)
ticking.clear()
def tell():
    time.sleep(0.05)
    print("waiting", flush=True)
spawn(tell)
try:
    client.get("/")
except KeyboardInterrupt:
    resume(pid)
    print("interrupted")
else:
    resume(pid)
assert client.get("/", timeout=30)
client.close()
"""


def test_ctrl_c_ends_a_call(patched, hosts, zookeeper_server):
    try:
        assert interrupt(patched, INTERRUPTED, hosts, zookeeper_server.pid) == "interrupted\n"
    finally:
        os.kill(zookeeper_server.pid, signal.SIGCONT)


INTERRUPTED_START = """
import zkc
client = zkc.Client(hosts, connect_timeout=None)
ticking.clear()
def tell():
    time.sleep(0.05)
    print("waiting", flush=True)
spawn(tell)
try:
    client.start()
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_ends_a_start(patched):
    assert interrupt(patched, INTERRUPTED_START, "127.0.0.1:1") == "interrupted\n"


INTERRUPTED_WAKING = """
import zkc
client = zkc.Client(hosts, session_timeout=30.0, request_timeout=None)
client.start()
def current_hub():
    return gevent.get_hub() if "gevent" in sys.modules else eventlet.hubs.get_hub().greenlet
def press(_, frame):
    if frame is not None and frame.f_code.co_filename.endswith("_green.py") and greenlet.getcurrent() is current_hub():
        raise KeyboardInterrupt
done = []
def work():
    for _ in range(50):
        client.get("/")
    done.append(1)
for _ in range(40):
    spawn(work)
signal.signal(signal.SIGALRM, press)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
try:
    while len(done) < 40:
        try:
            until(lambda: len(done) == 40)
        except KeyboardInterrupt:
            pass
finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
client.close()
"""


def test_ctrl_c_while_the_hub_wakes_greenlets_leaves_none_asleep(run):
    """One of them got KeyboardInterrupt, and in gevent every other greenlet slept until its timeout, or for good."""
    run(INTERRUPTED_WAKING)


def test_a_timeout_of_the_hub_ends_a_call_and_no_more(run, patched, zookeeper_server):
    library = patched.split("-")[0]
    script = f"""
import {library}, zkc
pid = int(sys.argv[2])
client = zkc.Client(hosts, session_timeout=30.0)
client.start()
pause(pid)
try:
    try:
        with {library}.Timeout(0.1):
            client.get("/")
    except {library}.Timeout:
        print("late")
    victim = {library}.spawn(client.get, "/")
    {library}.sleep(0.01)
    victim.kill()
finally:
    resume(pid)
client.get("/")
client.close()
"""
    try:
        assert run(script, zookeeper_server.pid) == "late\n"
    finally:
        os.kill(zookeeper_server.pid, signal.SIGCONT)


CLOSED = """
import zkc
pid = int(sys.argv[2])
client = zkc.Client(hosts, session_timeout=30.0)
client.start()
pause(pid)
outcome = []
def wait():
    try:
        client.get("/")
    except zkc.ClosingError:
        outcome.append("closing")
thread = spawn(wait)
until(lambda: client.session.in_flight == 1)
closer = spawn(client.close)
with others_run():
    time.sleep(0.1)
    resume(pid)
    closer.join()
    thread.join()
assert outcome == ["closing"], outcome
"""


def test_a_close_ends_what_waits_and_the_others_run(run, zookeeper_server):
    try:
        run(CLOSED, zookeeper_server.pid)
    finally:
        os.kill(zookeeper_server.pid, signal.SIGCONT)


EXPIRED = """
import zkc
states = []
client = zkc.Client(hosts)
client.start()
client.create("/kept", b"%d" % client.session_id, ephemeral=True, keep=True)
client.add_listener(states.append)
client.create("/ready", client.session_password + b"%d" % client.session_id)
until(lambda: zkc.ClientState.LOST in states and states[-1] is zkc.ClientState.CONNECTED)
assert client.retry(client.exists, "/kept").ephemeral_owner == client.session_id
client.close()
"""


def test_a_session_that_expires_is_followed_by_another(run, hosts, zookeeper_server, eventually):
    failures = []

    def expire():
        try:
            with Client(hosts) as other:
                eventually(lambda: other.exists("/ready"))
                events = other.get("/ready")[0]
                zookeeper_server.expire(int(events[16:]), events[:16])
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=expire)
    thread.start()
    try:
        run(EXPIRED)
    finally:
        thread.join()
    assert not failures


def test_a_program_that_never_closes_ends_in_silence(run, hosts, client, eventually):
    script = """
import zkc
client = zkc.Client(hosts, session_timeout=60.0)
client.start()
client.create("/gone", ephemeral=True)
client.exists("/never", watch=print)
client.watch_data("/gone", lambda *_: None)
client.submit.get("/gone", timeout=60)
def for_ever():
    while True:
        client.get("/gone")
spawn(for_ever)
time.sleep(0.02)
raise SystemExit(0)
"""
    assert run(script) == ""
    eventually(lambda: client.exists("/gone") is None)  # Closed, and not left to its timeout.


def test_an_exception_ends_a_program_as_ever(run):
    script = """
import zkc
sys.excepthook = lambda *_: print("raised", flush=True)
import atexit
atexit.register(os._exit, 0)  # it runs last: the exit status is not what this is about
client = zkc.Client(hosts)
client.start()
raise ValueError
"""
    assert run(script) == "raised\n"


FAILING = """
import io, zkc
client = zkc.Client(hosts, request_timeout=20.0)
client.start()
start = gevent.spawn if "gevent" in sys.modules else eventlet.spawn
said = sys.stderr = io.StringIO()
for _ in range(3):
    start(client.get, "/missing")
until(lambda: said.getvalue().count("NoNodeError: ") >= 3)
sys.stderr = sys.__stderr__
assert client.get("/")
client.close()
"""


def test_a_greenlet_that_ends_with_an_error_takes_no_other_along(run):
    """The hub prints the error, and ends the callback that raised it."""
    run(FAILING)


FORKED = """
import warnings, zkc
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside other threads is what this is about
with zkc.Client(hosts) as client:
    client.create("/mine", ephemeral=True)
    client.exists("/told", watch=lambda event: print("told", flush=True))
    child = os.fork()
    if not child:
        if "eventlet" in sys.modules:
            eventlet.hubs.use_hub()  # as eventlet wants it
        try:
            client.get("/mine")
        except zkc.ForkedError:
            pass
        else:
            raise AssertionError
        seen = []
        with zkc.Client(hosts, connect_timeout=10.0) as own:
            own.get("/mine", watch=lambda event: seen.append(own.get("/mine")[0]))
            own.set("/mine", b"child")
            until(lambda: seen)
        import gc
        gc.collect()
        raise SystemExit(0 if seen == [b"child"] else 1)
    until(lambda: os.waitpid(child, os.WNOHANG)[0] == child)
    assert client.get("/mine")[0] == b"child"
    client.create("/told", ephemeral=True)
    client.get_many(["/mine"] * 500)
    time.sleep(0.1)
"""


def test_a_forked_child_has_clients_of_its_own(run):
    assert run(FORKED) == "told\n"


REAL_THREADS = """
import zkc
def work(client):
    assert threading.get_native_id() != os.getpid()
    assert client.get("/a")[0] == b"1"
    assert client.submit.get("/a").result(10)[0] == b"1"
    assert client.submit.create("/p/q", make_parents=True).result(10) == "/p/q"
    client.wait_for(zkc.ClientState.CONNECTED, timeout=10)
    return client.get("/a", timeout=10)[0]
def alone():
    seen = []
    with zkc.Client(hosts, connect_timeout=10.0) as own:
        own.exists("/made", watch=lambda event: seen.append((threading.get_native_id(), own.exists("/made"))))
        own.create("/made", ephemeral=True)
        assert own.submit.create("/r/s", make_parents=True).result(10) == "/r/s"
        end = time.monotonic() + 20
        while not seen and time.monotonic() < end:
            own.get("/a")
        return seen[0][0] not in (os.getpid(), threading.get_native_id()), own.get("/a")[0]
with zkc.Client(hosts) as client:
    client.create("/a", b"1", ephemeral=True)
    for _ in range(10):
        assert on_thread(work, client) == b"1"
        client.delete("/p", recursive=True)
    def wait():
        try:
            client.wait_for(zkc.ClientState.LOST, timeout=0.2)
        except zkc.OperationTimeoutError:
            return True
    with others_run():
        assert on_thread(wait)
    assert on_thread(alone) == (True, b"1")
"""


def test_a_real_thread_waits_by_itself(run):
    run(REAL_THREADS)


@pytest.mark.parametrize("kind", ["gevent", "gevent-later"])  # eventlet's hub never gives up
def test_a_program_that_only_waits_for_a_watch_goes_on_waiting(kind, hosts):
    script = """
import gevent.event, zkc
told = gevent.event.Event()
def create():
    time.sleep(0.2)
    try:
        client.create("/a", ephemeral=True)
    except zkc.ClosingError:
        pass  # The event comes before the reply.
with zkc.Client(hosts) as client:
    client.exists("/a", watch=lambda event: told.set())
    spawn(create)
    assert told.wait()
"""
    runner(kind, hosts)(script)


BEFORE = """
import zkc
c = zkc.Client(hosts, connect_timeout=10.0)
c.start()
c.ensure_path("/late")
where = []
c.exists("/late", watch=lambda event: (where.append(threading.get_native_id()), c.get("/late"), c.close()))
c.submit.get("/late").result(10)
"""
CLOSED_BY_PROGRAM = """
c.close()
assert c.closed
"""
CLOSED_BY_CALLBACK = """
import os, time
c.set("/late", b"")
end = time.monotonic() + 20
while not c.closed or not where:
    assert time.monotonic() < end
    time.sleep(0.002)
assert where[0] != os.getpid()  # a real thread, as before the patching
"""
SECOND = """
with zkc.Client(hosts, connect_timeout=10.0) as second:
    assert second.get("/late")[0] == b""
    assert second.submit.get("/late").result(10)[0] == b""
"""


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
@pytest.mark.parametrize(
    "after",
    [CLOSED_BY_PROGRAM, "", CLOSED_BY_PROGRAM + SECOND, SECOND, CLOSED_BY_CALLBACK, SECOND + CLOSED_BY_CALLBACK],
    ids=["closed", "left open", "closed, second", "left open, second", "by a callback", "second, by a callback"],
)
def test_a_client_made_before_the_patching_keeps_its_threads_and_ends_in_silence(library, after, hosts):
    run_patching_late(library, BEFORE, after, hosts)
