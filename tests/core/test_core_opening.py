"""Opening without waiting: what is refused until then, what the watcher gets, and an end in the middle of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import CLOSED, CONNECTED, CONNECTING, SESSION, WAIT, Recorder

OPENED = core.OPENED


def test_the_first_event_says_that_it_is_open(open_session):
    events = Recorder()
    session = open_session(wait=False, connected=False, watcher=events)
    assert events.next() == (OPENED, 0, "")
    assert session.open_error() is None
    session.get("/").result(WAIT)  # it waits for the connection like any other
    assert events.next() == (SESSION, CONNECTED, "")


def test_who_waits_for_the_connection_waits_for_the_opening_too(open_session):
    session = open_session(wait=False)
    assert session.state == CONNECTED


def test_an_opening_that_is_waited_for_is_not_announced(open_session):
    events = Recorder()
    open_session(watcher=events)
    assert events.next() == (SESSION, CONNECTED, "")


def test_an_opening_that_failed(open_session):
    events = Recorder()
    session = open_session("no-such-name.invalid:2181", wait=False, connected=False, watcher=events)
    kind, number, path = events.next()
    assert (kind, path) == (OPENED, "")
    assert number > 0
    error = session.open_error()
    assert type(error) is errors.ConnectionLossError
    assert "none of the servers has an address" in str(error)
    assert error.__traceback__ is None
    for call in (lambda: session.get("/"), lambda: session.wait_connected(WAIT), lambda: session.client_id):
        with pytest.raises(errors.ConnectionLossError, match="none of the servers has an address") as caught:
            call()
        assert not caught.value.maybe_applied
    assert (session.state, session.unrecoverable, session.closed) == (CLOSED, True, False)
    assert session.close(WAIT) is True
    assert events.next() == (SESSION, CLOSED, "")


def test_a_limit_of_what_is_not_waited_for():
    with pytest.raises(ValueError, match="open_timeout"):
        core.Session("127.0.0.1:1", wait=False, open_timeout=1)


# ---- while names are looked up


@pytest.fixture(scope="module")
def slow_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the library that holds name look-ups up."""
    target = tmp_path_factory.mktemp("slow") / "slow_names.so"
    source = Path(__file__).with_name("slow_names.c")
    compiler = os.environ.get("CC", "gcc").split()
    # A sanitizer that is preloaded here would find the compiler's own leaks.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    command = [*compiler, "-shared", "-fPIC", str(source), "-o", str(target), "-ldl"]
    subprocess.run(command, check=True, env=environment)
    return target


@pytest.fixture
def run_slowly(run_script, slow_names, tmp_path, monkeypatch):
    """Return a function that runs a script whose look-ups end when it calls ``go()``."""
    monkeypatch.setenv("SLOW_NAMES", str(tmp_path / "go"))
    monkeypatch.setenv("LD_PRELOAD", ":".join(filter(None, (os.environ.get("LD_PRELOAD"), str(slow_names)))))
    prelude = """
import queue
events = queue.Queue()
hosts = hosts.replace("127.0.0.1", "localhost")  # a name: an address is not looked up
def go():
    open(os.environ["SLOW_NAMES"], "w").close()
def opened(**options):
    return core.Session(hosts, wait=False, watcher=lambda *event: events.put(event), **options)
"""
    return lambda source: run_script(prelude + source)


@pytest.mark.parametrize("deliver", ["thread", "manual"])
def test_everything_is_refused_until_then(run_slowly, deliver):
    result = run_slowly(f"""
deliver = {deliver!r}
session = opened(deliver=deliver)
uses = [
    lambda: session.create("/x", b"", ANYONE), lambda: session.delete("/x"), lambda: session.exists("/", watch=print),
    lambda: session.multi([("check", "/", -1)]), lambda: session.add_auth("digest", b"u:p"),
    lambda: session.get_config(watch=print), lambda: session.remove_all_watches("/"),
    lambda: session.remove_watches("/", print), lambda: session.client_id, lambda: session.negotiated_timeout,
    lambda: session.current_server, lambda: session.connected_address, lambda: session.set_servers("127.0.0.1:1"),
    lambda: session.set_resolution_delay(1), lambda: session.cycle_next_server(),
    lambda: session.sync("/", callback=print),
]
for use in uses:
    try:
        use()
    except errors.ConnectionLossError as error:
        assert "still being opened" in str(error) and not error.maybe_applied, error
    else:
        print("not refused")
print(session.state, session.unrecoverable, session.closed, session.open_error(), session.in_flight)
print(sum(session.metrics()["requests"].values()), events.qsize(), core.live_counts()["requests"])
try:
    session.wait_connected(0.05)
except errors.OperationTimeoutError:
    print("timeout")
go()
session.wait_connected(20)
if deliver == "manual":
    while events.qsize() < 2:
        session.delivery.deliver()
print(events.get(timeout=20), events.get(timeout=20))
session.get("/").result(20)
session.close()
""")
    lines = result.ended_in_silence().splitlines()
    assert lines == [f"{CONNECTING} False False None 0", "0 0 0", "timeout", f"({OPENED}, 0, '') (-1, {CONNECTED}, '')"]


def test_a_close_in_the_middle_is_carried_out_when_names_are_known(run_slowly):
    result = run_slowly("""
session = opened()
session.begin_close()
try:
    session.get("/")
except errors.ClosingError:
    print("closing")
assert events.empty()
go()
print(session.close(20))
heard = []
while not heard or heard[-1] != (-1, 0, ""):
    heard.append(events.get(timeout=20))
print(*heard, events.qsize())
""")
    closing, closed, heard = result.ended_in_silence().splitlines()
    assert (closing, closed) == ("closing", "True")
    # Between the two it may have been connected for a moment: a server that is near answers at once.
    assert heard.replace(f"(-1, {CONNECTED}, '') ", "") == f"({OPENED}, 0, '') (-1, 0, '') 0"


def test_a_close_that_does_not_wait_for_the_names(run_slowly):
    result = run_slowly("""
session = opened()
print(session.close(0))
print(events.get(timeout=20))
go()
print(session.close(20), events.qsize())
""")
    assert result.ended_in_silence().splitlines() == ["False", "(-1, 0, '')", "True 0"]


def test_an_exit_in_the_middle(run_slowly):
    result = run_slowly("""
session = opened(deliver="manual")
threading.Timer(0.2, go).start()
print("end of script")
""")
    assert result.ended_in_silence() == "end of script\n"
