"""A script that never closes its session ends in silence with its own status, whatever is going on."""

from __future__ import annotations

import pytest

OPEN = """
session = core.Session(hosts)
session.wait_connected(20)
session.create("/mine", b"", ANYONE, 1).result(20)
"""
UNDER_WAY = {
    "nothing": "",
    "requests": "requests = [session.get('/') for _ in range(1000)]",
    "requests with callbacks": "requests = [session.get('/', callback=lambda r: r.result()) for _ in range(1000)]",
    "watches": """
for number in range(200):
    session.exists(f"/{number}", watch=lambda *_: print("never"))
session.exists("/x", watch=lambda *_: print("never")).result(20)
""",
    "a callback that calls": """
def again(_):
    session.get("/", callback=again)
again(None)
""",
    "a callback that blocks": "session.get('/', callback=lambda _: time.sleep(60)); session.get('/').result(20)",
    "a thread that calls": """
def work():
    try:
        while True:
            session.get("/").result(20)
    except errors.ClosingError:
        pass
threading.Thread(target=work, daemon=True).start()
time.sleep(0.05)
""",
    "a thread that works on": """
def work():
    time.sleep(0.3)
    assert session.exists("/mine").result(20) is not None
    print("worked")
threading.Thread(target=work).start()
""",
    "a cycle": "class Node: pass\nnode = Node(); node.me = node; node.session = session; del session, node",
    "several sessions": "more = [core.Session(hosts) for _ in range(10)]",
    "a session without a server": "lost = core.Session('127.0.0.1:1')",
    "a session that is gone": "core.Session(hosts).close(); session.close()",
    "log lines": "import logging; logging.basicConfig(level=logging.DEBUG, stream=sys.stdout); core.set_log_level(4)",
}
FLAGS = {"plain": (), "dev": ("-X", "dev", "-W", "error"), "optimized": ("-OO",)}


@pytest.mark.parametrize(
    ("what", "flags"), [("nothing", "optimized"), *((what, flags) for what in UNDER_WAY for flags in ("plain", "dev"))]
)
def test_a_script_that_never_closes(run_script, what, flags):
    result = run_script(OPEN + UNDER_WAY[what] + "\nprint('end of script')\n", flags=FLAGS[flags])
    printed = result.ended_in_silence()
    assert "end of script" in printed
    assert "never" not in printed
    assert ("worked" in printed) == (what == "a thread that works on")


def test_the_session_ends_on_the_server_with_the_script(run_script, session, eventually):
    # A timeout longer than the wait below, which sees no expiry. The script waits for the server, but not for long.
    script = OPEN.replace("Session(hosts)", "Session(hosts, session_timeout=60)")
    run_script(script, hosts=session.hosts).ended_in_silence()
    eventually(lambda: session.exists("/mine").result(20) is None)


ENDS = {
    "sys.exit": ("sys.exit(3)", 3),
    "os._exit": ("os._exit(4)", 4),
    "os._exit in a callback": ("session.get('/', callback=lambda _: os._exit(5)); time.sleep(20)", 5),
    "execv": ("os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(6)'])", 6),
    "os._exit in another thread": ("threading.Thread(target=lambda: os._exit(7)).start(); time.sleep(20)", 7),
}


@pytest.mark.parametrize("how", ENDS)
def test_every_way_out_keeps_its_status(run_script, how):
    source, status = ENDS[how]
    run_script(OPEN + source).ended_in_silence(status)


def test_an_error_in_the_script_is_all_that_is_shown(run_script):
    result = run_script(OPEN + "raise ValueError('of the script')")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "ValueError: of the script"
    assert result.stderr.count("Traceback") == 1


@pytest.mark.parametrize("flags", FLAGS)
def test_exit_with_a_paused_server_is_bounded(run_script, zookeeper_server, flags):
    try:
        result = run_script(
            OPEN
            + """
freeze(int(sys.argv[2]))
requests = [session.get("/", watch=print) for _ in range(100)]
""",
            str(zookeeper_server.pid),
            flags=FLAGS[flags],
        )
    finally:
        zookeeper_server.pause()
        zookeeper_server.resume()
    result.ended_in_silence()


def test_no_session_is_opened_any_more_while_the_interpreter_exits(run_script):
    result = run_script("""
import atexit
def late():
    try:
        core.Session(hosts)
    except RuntimeError as error:
        print(error)
atexit.register(late)  # runs after what the first session registers later
session = core.Session(hosts)
session.wait_connected(20)
""")
    assert "exiting" in result.ended_in_silence()


def test_exit_handlers_and_finalizers_may_use_the_session(run_script):
    result = run_script("""
import atexit
session = core.Session(hosts)
session.wait_connected(20)
atexit.register(lambda: print(session.get("/").result(20)[0]))  # before the core's own handler
def late():
    try:
        session.get("/")
    except errors.ClosingError:
        print("closed")
class Finalizer:
    def __del__(self):
        late()
keep = Finalizer()
""")
    assert result.ended_in_silence().splitlines() == ["b''", "closed"]


@pytest.mark.parametrize("flags", ["plain", "dev"])
def test_a_forgotten_session_warns_and_is_closed(run_script, session, flags, eventually):
    result = run_script(
        """
import warnings
warnings.simplefilter("error" if sys.flags.dev_mode else "always")
def forget():
    session = core.Session(hosts, session_timeout=60)
    session.wait_connected(20)
    session.create("/forgotten", b"", ANYONE, 1).result(20)
forget()
gc.collect()
deadline = time.monotonic() + 20
# The dispatcher gives its reference back a moment before it ends.
while (any(core.live_counts().values()) or threading.active_count() > 2) and time.monotonic() < deadline:
    time.sleep(0.01)
print(core.live_counts())
print([thread.name for thread in threading.enumerate()])
""",
        flags=FLAGS[flags],
        hosts=session.hosts,
    )
    assert result.returncode == 0
    assert "ResourceWarning: a zkc session to" in result.stderr
    assert "was not closed" in result.stderr
    counts, threads = result.stdout.splitlines()
    assert counts == "{'sessions': 0, 'handles': 0, 'requests': 0, 'watches': 0, 'items': 0}"
    assert threads == "['MainThread', 'zkc-log']"
    eventually(lambda: session.exists("/forgotten").result(20) is None)  # Long before the session would expire.
