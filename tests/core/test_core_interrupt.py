"""Ctrl-C and timeouts during a blocked call, in a process of its own with a paused server."""

from __future__ import annotations

import pytest

# The start of every script: a session, the server asleep, and a thread that presses Ctrl-C and notes when.
SETUP = """
server = int(sys.argv[2])
session = core.Session(hosts, session_timeout=30)
session.wait_connected(20)
session.create("/a", b"data", ANYONE).result(20)
pressed = []
def press():
    time.sleep(0.3)
    pressed.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
freeze(server)
"""
BLOCKING_CALLS = {
    "result": 'session.get("/a").result()',
    "result_with_timeout": 'session.get("/a").result(60)',
    "exception": 'session.get("/a").exception()',
    "close": "session.close(60)",
    "wait_connected": "core.Session(hosts).wait_connected(60)",
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
def test_ctrl_c_ends_a_blocked_call_at_once(run_against_paused, name):
    result = run_against_paused(f"""
threading.Thread(target=press).start()
try:
    {BLOCKING_CALLS[name]}
except KeyboardInterrupt:
    late = time.monotonic() - pressed[0]
    print("at once" if late <= 0.3 else late)
thaw(server)
if not session.closed:
    print(session.get("/a").result(20)[0])
gc.collect()
""")
    lines = result.stdout.splitlines()
    assert lines[:1] == ["at once"], result
    assert lines[1:] == ([] if name == "close" else ["b'data'"])
    # A session that was not closed, because Ctrl-C came in its wait_connected, warns where warnings are shown.
    assert (result.returncode, result.stderr) == (0, "")


def test_ctrl_c_again_and_again(run_against_paused):
    result = run_against_paused("""
late = []
for _ in range(5):
    threading.Thread(target=press).start()
    try:
        session.get("/a").result()
    except KeyboardInterrupt:
        late.append(time.monotonic() - pressed[-1])
thaw(server)
print(len(late), max(late) <= 0.3, session.get("/a").result(20)[0])
session.close()
""")
    assert result.ended_in_silence() == "5 True b'data'\n"


def test_a_timeout_is_kept(run_against_paused):
    result = run_against_paused("""
for call in ("result", "exception"):
    begin = time.monotonic()
    try:
        getattr(session.get("/a"), call)(timeout=0.2)
    except errors.OperationTimeoutError:
        took = time.monotonic() - begin
        print("in time" if 0.2 <= took < 5 else took)  # Without the timeout it would wait until the server goes on.
thaw(server)
print(session.get("/a").result(20)[0])
session.close()
""")
    assert result.ended_in_silence().splitlines() == ["in time", "in time", "b'data'"]


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
