"""``zkc shell``: watches in the background and in commands, which share one connection."""

from __future__ import annotations

import re

import pytest

from zkc import EventType, Retry, State, WatchedEvent
from zkc.cli._app import App
from zkc.cli.programs._shell.runner import Runner
from zkc.cli.programs._shell.watches import Watches, _of_znode


@pytest.fixture
def app(hosts):
    """The context of a shell's commands."""
    app = App()
    app.in_shell = True
    app.give("servers", hosts)
    yield app
    app.close()


@pytest.mark.parametrize("line", ["watch /a --for 100ms", "watch -r /a --for 100ms", "wait /a --exists",
                                  "wait /b --gone", "wait /a --children 0 --timeout 5"])  # fmt: skip
def test_a_command_leaves_no_watch_behind(app, client, eventually, line):
    """Each `watch` in a shell was followed until the shell's end."""
    client.create("/a")
    assert Runner(app).run(line) in (0, 6)
    eventually(lambda: app.client.session.watch_count == 0)


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_two_kinds_of_watches_on_a_path_report_no_gap_without_a_reconnect(app, client, eventually, order):
    told = []
    watches = Watches(app, told.append)
    for recursive in order:
        watches.add("/a", recursive)
    seen = []
    end = watches.part_of_tree("/a", lambda event: seen.append(event.type))
    client.create("/a")
    client.create("/a/b")
    client.delete("/a/b")
    expected = ["created /a", "created /a", "created /a/b", "child /a", "deleted /a/b", "child /a"]
    eventually(lambda: len(told) >= len(expected) and len(seen) >= 3)
    assert sorted(re.sub("^[0-9:]+ |  0x.*", "", each) for each in told) == sorted(expected)
    assert seen == [EventType.CREATED, EventType.CHILD, EventType.CHILD]
    end()
    assert watches.end(["/a"]) == 2
    client.set("/a", b"x")
    app.client.sync()
    assert (len(told), len(seen)) == (6, 3)
    assert watches.part_of_tree("/a", print) is None


def test_a_notice_of_a_gap_follows_a_reply_of_the_server(app, client):
    """The server has the watches again when it answers a read: what changes after the notice is reported."""
    told = []

    def note(line):
        told.append((line.partition(" ")[2], app.client.metrics().requests["exists"]))

    watches = Watches(app, note)
    before = app.client.metrics().requests.get("exists", 0)
    watches._event(WatchedEvent(EventType.GAP, State.CONNECTED, "/a"))
    assert told == [("gap at /a: changes may be missing", before + 1)]


def test_the_events_of_a_znode_are_those_of_its_tree_that_concern_it():
    def of(path, type_, event_path):
        return [(each.type, each.path) for each in _of_znode(path, WatchedEvent(type_, State.CONNECTED, event_path))]

    assert of("/a", EventType.GAP, "/a") == [(EventType.GAP, "/a")]
    assert of("/a", EventType.CREATED, "/a/b") == [(EventType.CHILD, "/a")]
    assert of("/", EventType.DELETED, "/b") == [(EventType.CHILD, "/")]
    assert of("/a", EventType.CHANGED, "/a/b") == []
    assert of("/a", EventType.CREATED, "/a/b/c") == []


def test_each_watch_of_a_path_reports_one_gap_for_a_reconnect(open_terminal, client, zookeeper_server):
    client.create("/a")
    terminal = open_terminal("shell", "--color", "never", rows=40)
    terminal.see("^zkc />$")
    terminal.type("watch -r /a &\rwatch /a\r")
    terminal.see("watching /a; Ctrl-C")
    zookeeper_server.stop()
    terminal.see("connection is lost")
    zookeeper_server.start()
    # What changes after these lines is reported. After "connected again" it may not be.
    terminal.see(r"^\[.*gap at /a")
    terminal.see("^[0-9:]+ gap +/a")
    client.retry(lambda: client.set("/a", b"x"), policy=Retry(deadline=30, attempts=None, idempotent=True))
    terminal.see(r"^\[.*changed /a")
    terminal.see("^[0-9:]+ changed +/a")
    assert len(re.findall(r"^\[.*gap at /a", terminal.text, re.MULTILINE)) == 1
    assert len(re.findall("^[0-9:]+ gap +/a", terminal.text, re.MULTILINE)) == 1
    terminal.type("\x03")
    terminal.see("interrupted")
    terminal.type("\x04")
    assert terminal.wait() == 0
