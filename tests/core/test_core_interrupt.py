"""Ctrl-C and timeouts during a blocked call, in a process of its own with a paused server."""

from __future__ import annotations

import pytest

# The start of every script: a session, the server asleep, and a thread that presses Ctrl-C. Each of these waits goes on
# until the script is killed, or (40 s later) the server is given up and the request is done. What ends it before is
# Ctrl-C, however slow the machine is.
SETUP = """
server = int(sys.argv[2])
session = core.Session(hosts, session_timeout=60)
session.wait_connected(20)
session.create("/a", b"data", ANYONE).result(20)
def press():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
freeze(server)
"""
# What is done before, the call, and what shows that nothing else has ended it.
BLOCKING_CALLS = {
    "result": ('request = session.get("/a")', "request.result()", "not request.done()"),
    "result_with_timeout": ('request = session.get("/a")', "request.result(600)", "not request.done()"),
    "exception": ('request = session.get("/a")', "request.exception()", "not request.done()"),
    "wait_connected": ("other = core.Session(hosts)", "other.wait_connected(600)", "other.state != 3"),
}


@pytest.fixture
def run_against_paused(run_script, zookeeper_server):
    """Return a function that runs a script after SETUP, and sees to it that the server wakes up."""

    def run(source, **options):
        try:
            return run_script(SETUP + source, str(zookeeper_server.pid), **options)
        finally:
            # Paused and resumed here, so that its own idea of its state is right whatever the script did.
            zookeeper_server.pause()
            zookeeper_server.resume()

    return run


@pytest.mark.parametrize("name", BLOCKING_CALLS)
def test_ctrl_c_ends_a_blocked_call(run_against_paused, name):
    before, call, unended = BLOCKING_CALLS[name]
    result = run_against_paused(f"""
{before}
try:
    threading.Thread(target=press).start()
    {call}
except KeyboardInterrupt:
    print("interrupted" if {unended} else "late")
thaw(server)
print(session.get("/a").result(20)[0])
gc.collect()
""")
    # A session that was not closed, because Ctrl-C came in its wait_connected, warns where warnings are shown.
    assert result.ended_in_silence() == "interrupted\nb'data'\n"


def test_ctrl_c_ends_a_close(run_against_paused):
    """The library waits 1.5 s for the server, and close() then for the callback; Ctrl-C has to end the first wait."""
    result = run_against_paused("""
def block(_):
    entered.set()
    gate.wait()
for _ in range(20):  # A machine that stands still for longer than the library waits shows nothing.
    thaw(server)
    closing = core.Session(hosts, session_timeout=60)
    closing.wait_connected(20)
    entered, gate = threading.Event(), threading.Event()
    closing.get("/a", callback=block)
    entered.wait()
    handles = core.live_counts()["handles"]
    freeze(server)
    try:
        threading.Thread(target=press).start()
        closing.close(600)
    except KeyboardInterrupt:
        unended = core.live_counts()["handles"] == handles
    gate.set()
    if unended:
        print("interrupted", closing.closed)
        break
thaw(server)
""")
    assert result.ended_in_silence() == "interrupted True\n"


def test_ctrl_c_again_and_again(run_against_paused):
    result = run_against_paused("""
interrupted = 0
request = session.get("/a")
for _ in range(5):
    try:
        threading.Thread(target=press).start()
        request.result()
    except KeyboardInterrupt:
        interrupted += not request.done()
thaw(server)
print(interrupted, request.result(20)[0])
session.close()
""")
    assert result.ended_in_silence() == "5 b'data'\n"


def test_a_timeout_is_kept(run_against_paused):
    result = run_against_paused("""
for call in ("result", "exception"):
    request = session.get("/a")
    begin = time.monotonic()
    try:
        getattr(request, call)(timeout=0.2)
    except errors.OperationTimeoutError:
        print(time.monotonic() - begin >= 0.2, request.done())  # Without the timeout it would wait until it is done.
thaw(server)
print(session.get("/a").result(20)[0])
session.close()
""")
    assert result.ended_in_silence().splitlines() == ["True False", "True False", "b'data'"]


def test_a_signal_with_a_handler_does_not_end_the_call(run_against_paused):
    result = run_against_paused("""
handled = []
signal.signal(signal.SIGUSR1, lambda *_: handled.append(threading.current_thread() is threading.main_thread()))
def poke():
    for _ in range(20):
        time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGUSR1)
    thaw(server)
threading.Thread(target=poke).start()
print(session.get("/a").result(30)[0], len(handled) > 10, all(handled))
session.close()
""")
    assert result.ended_in_silence() == "b'data' True True\n"


def test_a_handler_that_raises_ends_the_call_with_its_error(run_against_paused):
    result = run_against_paused("""
class Alarm(Exception): pass
def ring(*_): raise Alarm
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    session.get("/a").result()
except Alarm:
    print("rang")
thaw(server)
session.close()
""")
    assert result.ended_in_silence() == "rang\n"


def test_ctrl_c_interrupts_the_main_thread_only(run_against_paused):
    result = run_against_paused("""
found = []
other = threading.Thread(target=lambda: found.append(session.get("/a").result(30)[0]))
other.start()
threading.Thread(target=press).start()
try:
    session.get("/a").result()
except KeyboardInterrupt:
    print("interrupted")
thaw(server)
other.join()
print(found)
session.close()
""")
    assert result.ended_in_silence() == "interrupted\n[b'data']\n"


def test_ctrl_c_while_names_are_looked_up(run_script):
    # getaddrinfo waits for a name server that never answers; it cannot be interrupted, but who waits for it can.
    result = run_script("""
import socket
mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def press():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press).start()
begin = time.monotonic()
try:
    core.Session("no-such-name.invalid:2181", open_timeout=60).wait_connected(60)
except (KeyboardInterrupt, errors.ConnectionLossError) as error:
    print("ended", time.monotonic() - begin < 10)
try:
    time.sleep(1)
except KeyboardInterrupt:
    pass
mute.close()
""")
    assert result.stdout == "ended True\n"
