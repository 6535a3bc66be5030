"""The synchronous client among threads and processes: forks, exits, and who forgets to close."""

import re
import subprocess
import sys
import threading

import pytest

from zkc import Client


def run(script, *arguments):
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done


def test_many_threads_share_a_client(client):
    client.create("/n", b"x")
    wrong = []

    def work(number):
        for i in range(50):
            path = client.create(f"/n/{number}-{i}", b"%d" % i)
            if client.get(path)[0] != b"%d" % i:
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(client.children("/n")) == 400


def test_a_close_with_calls_under_way_ends_the_session_at_once(hosts, client, eventually):
    for number in (10, 100, 1000, 10, 100, 1000):
        with Client(hosts, session_timeout=60) as busy:
            busy.create("/mine", ephemeral=True)
            for _ in range(number):
                busy.submit.get("/mine")
        eventually(lambda: client.exists("/mine") is None)  # and not when the servers have waited long enough


FORKED = """
import os, sys, warnings, zkc
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside other threads is what this is about
with zkc.Client(sys.argv[1]) as client:
    client.create("/mine", ephemeral=True)
    child = os.fork()
    if not child:
        caught = []
        for call in (
            lambda: client.get("/mine"),
            client.start,
            client.close,
            lambda: client.state,
            lambda: client.wait_for(zkc.ClientState.LOST),
            lambda: client.submit.get("/mine"),
            lambda: client.ensure_path("/mine"),
        ):
            try:
                call()
            except zkc.ForkedError as error:
                caught.append(str(error))
        assert len(caught) == 7, caught
        assert "make a new client" in caught[0].lower(), caught
        print(repr(client))
        with zkc.Client(sys.argv[1]) as own:
            assert own.exists("/mine") is not None
        raise SystemExit(7)
    assert os.waitpid(child, 0)[1] == 7 << 8
    assert client.exists("/mine").ephemeral_owner == client.session_id
"""


def test_a_forked_child_gets_an_error_and_the_parents_session_lives(hosts):
    done = run(FORKED, hosts)
    assert done.stdout == f"<zkc.Client {hosts} of the parent process>\n"


def test_a_script_that_never_closes_ends_in_silence(hosts):
    script = """
import sys, zkc
client = zkc.Client(sys.argv[1], request_timeout=5)
client.start()
client.create("/a")
client.submit.get("/a", timeout=60)
client.submit.create("/b-", sequential=True, protected=True)
"""
    assert run(script, hosts).stdout == ""


def test_a_forgotten_client_warns(hosts):
    client = Client(hosts)
    client.start()
    with pytest.warns(ResourceWarning, match=re.escape("was not closed")):
        del client


def test_a_forgotten_client_that_was_used_in_every_way_warns(hosts, zookeeper_server):
    client = Client(hosts, request_timeout=60.0)
    client.start()
    client.add_listener(print)
    client.create("/kept", ephemeral=True, keep=True)
    client.get("/kept", watch=print)
    client.submit.get("/kept", timeout=60).result()
    with client.transaction() as transaction:
        transaction.check("/kept")
    del transaction
    with pytest.warns(ResourceWarning, match=re.escape("was not closed")):
        del client


INTERRUPTED = """
import os, signal, sys, threading, zkc
from zkc.testing import FaultProxy
host, port = sys.argv[2].split(":")
with FaultProxy(host, int(port)) as proxy, zkc.Client(proxy.hosts + sys.argv[1], session_timeout=30) as client:
    proxy.pause()
    for call in (
        lambda: client.get("/"),
        lambda: client.ensure_path("/a/b"),
        lambda: client.create("/p-", sequential=True, protected=True),
        lambda: client.wait_for(zkc.ClientState.LOST),
    ):
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            call()
        except KeyboardInterrupt:
            print("interrupted")
        timer.join()
    proxy.resume()
    # What no caller knows of is deleted: the create was under way, and carried out later.
    client.sync()
    while [name for name in client.children("/") if "p-" in name]:
        pass
    print(client.state)
"""


def test_ctrl_c_ends_any_call_and_leaves_no_orphan(hosts, zookeeper_server):
    done = run(INTERRUPTED, hosts[len(zookeeper_server.hosts) :], zookeeper_server.hosts)
    assert done.stdout.splitlines() == ["interrupted"] * 4 + ["CONNECTED"]
    with Client(hosts) as client:
        assert not [name for name in client.children("/") if "p-" in name]
