"""Programs under the monkey patching of gevent and eventlet: each is a process of its own."""

import functools
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

# eventlet says at its import, and at each fork, that it is not to be used for anything new.
_GEVENT = "from gevent import monkey; monkey.patch_all()"
_EVENTLET = """
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning, message=r"\\s*(Eventlet|Using fork)")
import eventlet; eventlet.monkey_patch()"""

_PATCHES = {"gevent": _GEVENT, "eventlet": _EVENTLET}
KINDS = ("gevent", "gevent-later", "eventlet", "eventlet-later")
_PATCH = {
    "gevent": _GEVENT,
    "gevent-later": f"import zkc, zkc.legacy.zookeeper, zkc.legacy.zk\n{_GEVENT}",
    "eventlet": _EVENTLET,
    "eventlet-later": f"import zkc, zkc.legacy.zookeeper, zkc.legacy.zk\n{_EVENTLET}",
}

# Names of every program: ``hosts``; ``spawn`` and ``on_thread``, for greenlets and real threads; ``ticking``, which
# has the hub run something always; ``until``, which lets it run; and ``others_run``, which checks that a block does.
_PRELUDE = """
import greenlet, os, pathlib, signal, sys, threading, time
hosts = sys.argv[1]
main = greenlet.getcurrent()
if "gevent" in sys.modules:
    import gevent, gevent.threadpool
    pool = gevent.threadpool.ThreadPool(2)
    def on_thread(function, *arguments):
        return pool.apply(function, arguments)
else:
    import eventlet.tpool
    on_thread = eventlet.tpool.execute
def spawn(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread
ticking = [True]
def tick():
    while ticking:
        time.sleep(0.002)
spawn(tick)
def until(predicate, limit=20.0):
    end = time.monotonic() + limit
    while not predicate():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.002)
def pause(pid):
    os.kill(pid, signal.SIGSTOP)
    while not all(map(is_stopped, pathlib.Path(f"/proc/{pid}/task").iterdir())):
        pass
def is_stopped(task):
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return True  # It ended just then.
def resume(pid):
    os.kill(pid, signal.SIGCONT)
class others_run:
    def __enter__(self):
        self.begun, self.turns, self.over = time.monotonic(), 0, False
        spawn(self.turn)
    def turn(self):
        while not self.over:
            self.turns += 1
            time.sleep(0)  # Its turns take no time: on a busy machine the program may be held up for most of a wait.
    def __exit__(self, *error):
        self.spent, self.over = time.monotonic() - self.begun, True
        assert self.turns > 5, "the hub stood still"
"""


def _arguments(kind, script, *arguments):
    return [sys.executable, "-W", "error", "-c", f"{_PATCH[kind]}\n{_PRELUDE}\n{script}", *map(str, arguments)]


def run(kind, script, *arguments):
    """Run a patched program that is to end well and in silence, and return what it printed."""
    done = subprocess.run(_arguments(kind, script, *arguments), capture_output=True, text=True, timeout=40, check=False)
    assert (done.returncode, done.stderr) == (0, ""), (done.stdout, done.stderr)
    return done.stdout


def interrupt(kind, script, *arguments):
    """Run one, press Ctrl-C at its first line of output, and return the rest, as :func:`run` does."""
    with subprocess.Popen(
        _arguments(kind, script, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            _until_asleep(process.pid)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=25)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0, (out, errors)
    # gevent's hub prints on its own account, also when it is time.sleep() that is interrupted; with a traceback when it
    # is in the middle of a callback.
    printed = r"((Traceback .*\n(  .*\n)+)?KeyboardInterrupt\n\S+Z( <.* failed with KeyboardInterrupt)?\n\s*)?"
    assert re.fullmatch(printed if kind.startswith("gevent") else "", errors), errors
    return out


def _until_asleep(pid):
    """Wait until nothing of a program runs: what is raised in a thread of its own would end that, and not the wait."""
    asleep = 0
    while asleep < 20:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        if state == "Z":
            return  # It has ended, and says why.
        asleep = asleep + 1 if state == "S" else 0
        time.sleep(0.005)


def run_patching_late(library, before, after, *arguments):
    """Run what is there before a program patches itself, then what comes after; it is to end as in :func:`run`."""
    script = f"import sys, threading\nhosts = sys.argv[1]\n{before}\n{_PATCHES[library]}\n{after}"
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert (done.returncode, done.stderr) == (0, ""), (done.stdout, done.stderr)
    return done.stdout


def runner(kind, hosts):
    """Return :func:`run` for a kind of program and a server."""
    return functools.partial(_run_with, kind, hosts)


def _run_with(kind, hosts, script, *arguments):
    return run(kind, script, hosts, *arguments)
