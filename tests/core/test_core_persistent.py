"""Persistent and recursive watches: which events come, beside which other watches, and where there is a gap.

The servers before 3.9 keep one kind of watch per path. What user code sees is the same on all of them.
"""

import threading
import time
from collections.abc import Callable

import pytest

from zkc import errors

from ..build_support import needs_newer_calls
from .core_support import ANYONE, WAIT

pytestmark = needs_newer_calls
CREATED, DELETED, CHANGED, CHILD, SESSION, NOT_WATCHING, GAP = 1, 2, 3, 4, -1, -2, -3
DATA_KIND, CHILDREN_KIND, ANY, PERSISTENT, RECURSIVE = 2, 1, 3, 4, 5


class Events:
    """A watch that keeps (type, path) of its events."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []
        self.zxids: list[object] = []
        self._changed = threading.Condition()

    def __call__(self, type_: int, state: int, path: str, zxid: object = None) -> None:
        with self._changed:
            self.seen.append((type_, path))
            self.zxids.append(zxid)
            self._changed.notify_all()

    def wait(self, condition: Callable[[list[tuple[int, str]]], object]) -> list[tuple[int, str]]:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.seen), WAIT), self.seen
            return list(self.seen)


def barrier(session, path="/barrier"):
    """Return once every event of what was done before was delivered: events come in the order of the changes."""
    mark = Events()
    session.exists(path, mark).result(WAIT)
    session.create(path, b"", ANYONE).result(WAIT)
    mark.wait(bool)
    session.delete(path, -1).result(WAIT)


def run(session, *steps):
    for operation, *arguments in steps:
        if operation == "create":
            session.create(arguments[0], b"", ANYONE).result(WAIT)
        elif operation == "set":
            session.set(arguments[0], b"x", -1).result(WAIT)
        else:
            session.delete(arguments[0], -1).result(WAIT)
    barrier(session)


LIFE = [
    ("create", "/n"),
    ("set", "/n"),
    ("create", "/n/k"),
    ("set", "/n/k"),
    ("create", "/n/k/l"),
    ("delete", "/n/k/l"),
    ("delete", "/n/k"),
    ("delete", "/n"),
    ("create", "/n"),
]
PERSISTENT_LIFE = [(CREATED, "/n"), (CHANGED, "/n"), (CHILD, "/n"), (CHILD, "/n"), (DELETED, "/n"), (CREATED, "/n")]
RECURSIVE_LIFE = [
    (CREATED, "/n"),
    (CHANGED, "/n"),
    (CREATED, "/n/k"),
    (CHANGED, "/n/k"),
    (CREATED, "/n/k/l"),
    (DELETED, "/n/k/l"),
    (DELETED, "/n/k"),
    (DELETED, "/n"),
    (CREATED, "/n"),
]


def test_a_persistent_watch_gets_the_data_and_child_events_of_its_path(session, other):
    events = Events()
    session.add_watch("/n", events).result(WAIT)
    run(other, *LIFE)
    barrier(session)
    assert events.seen == PERSISTENT_LIFE


def test_a_recursive_watch_gets_the_data_events_of_all_paths_below(session, other):
    events = Events()
    session.add_watch("/n", events, recursive=True).result(WAIT)
    run(other, *LIFE)
    barrier(session)
    assert events.seen == RECURSIVE_LIFE


def test_the_zxid_of_a_change_is_told_where_the_server_reports_it(session):
    events, once = Events(), Events()
    once.takes_zxid = True
    session.add_watch("/n", events).result(WAIT)
    session.exists("/n", once).result(WAIT)
    session.create("/n", b"", ANYONE).result(WAIT)
    stat = session.exists("/n").result(WAIT)
    events.wait(bool)
    once.wait(bool)
    assert events.zxids in ([None], [stat.czxid])
    assert once.zxids == events.zxids


def test_both_kinds_on_one_path(session, other):
    persistent, recursive = Events(), Events()
    session.add_watch("/n", persistent).result(WAIT)
    session.add_watch("/n", recursive, recursive=True).result(WAIT)
    run(other, *LIFE)
    barrier(session)
    assert (persistent.seen, recursive.seen) == (PERSISTENT_LIFE, RECURSIVE_LIFE)


def test_overlapping_recursive_watches_get_each_event_once(session, other):
    upper, lower, root = Events(), Events(), Events()
    session.add_watch("/n", upper, recursive=True).result(WAIT)
    session.add_watch("/n/k", lower, recursive=True).result(WAIT)
    session.add_watch("/", root, recursive=True).result(WAIT)
    run(other, *LIFE)
    barrier(session)
    assert upper.seen == RECURSIVE_LIFE
    assert lower.seen == [event for event in RECURSIVE_LIFE if event[1].startswith("/n/k")]
    assert [event for event in root.seen if "/barrier" not in event[1]] == RECURSIVE_LIFE


@pytest.mark.parametrize("recursive", [False, True], ids=["persistent", "recursive"])
def test_one_shot_watches_on_the_same_path_do_not_end_it(session, other, recursive):
    events, data, exists, children = Events(), Events(), Events(), Events()
    session.create("/n", b"", ANYONE).result(WAIT)
    session.add_watch("/n", events, recursive).result(WAIT)
    session.get("/n", data).result(WAIT)
    session.get_children("/n", children).result(WAIT)
    run(other, ("set", "/n"), ("create", "/n/k"), ("set", "/n"), ("delete", "/n/k"), ("delete", "/n"))
    barrier(session)
    session.exists("/n", exists).result(WAIT)
    run(other, ("create", "/n"), ("set", "/n"))
    barrier(session)
    below = [[(CHILD, "/n")], [(CREATED, "/n/k")]][recursive], [[(CHILD, "/n")], [(DELETED, "/n/k")]][recursive]
    assert events.seen == [
        *[(CHANGED, "/n"), *below[0], (CHANGED, "/n"), *below[1], (DELETED, "/n")],
        *[(CREATED, "/n"), (CHANGED, "/n")],
    ]
    assert (data.seen, children.seen, exists.seen) == ([(CHANGED, "/n")], [(CHILD, "/n")], [(CREATED, "/n")])


def test_a_one_shot_child_watch_beside_both_kinds_adds_no_event(session, other):
    persistent, recursive, children = Events(), Events(), Events()
    session.create("/n", b"", ANYONE).result(WAIT)
    session.add_watch("/n", persistent).result(WAIT)
    session.add_watch("/n", recursive, recursive=True).result(WAIT)
    for child in ("/n/k", "/n/l"):
        session.get_children("/n", children).result(WAIT)
        run(other, ("create", child), ("delete", child))
        barrier(session)
    assert [event for event in persistent.seen if event[0] != GAP] == 4 * [(CHILD, "/n")]
    below = [(type_, child) for child in ("/n/k", "/n/l") for type_ in (CREATED, DELETED)]
    assert [event for event in recursive.seen if event[0] != GAP] == below
    assert children.seen == 2 * [(CHILD, "/n")]


@pytest.mark.parametrize("recursive", [False, True], ids=["persistent", "recursive"])
def test_one_shot_watches_that_were_set_before_still_fire(session, other, recursive):
    events, data, children = Events(), Events(), Events()
    session.create("/n", b"", ANYONE).result(WAIT)
    session.get("/n", data).result(WAIT)
    session.get_children("/n", children).result(WAIT)
    session.add_watch("/n", events, recursive).result(WAIT)
    run(other, ("create", "/n/k"), ("set", "/n"), ("set", "/n"))
    barrier(session)
    assert (data.seen, children.seen) == ([(CHANGED, "/n")], [(CHILD, "/n")])
    assert events.seen == [[(CHILD, "/n"), (CREATED, "/n/k")][recursive], (CHANGED, "/n"), (CHANGED, "/n")]


def test_a_pipelined_one_shot_watch_leaves_the_persistent_one(session, other):
    """The two requests cross on the wire: a server before 3.9 replaces the watch, and it is set again."""
    events, data = Events(), Events()
    session.create("/n", b"", ANYONE).result(WAIT)
    adding = session.add_watch("/n", events, recursive=True)
    reading = session.get("/n", data)
    adding.result(WAIT)
    reading.result(WAIT)
    session.sync("/").result(WAIT)  # behind the repair
    run(other, ("set", "/n"), ("create", "/n/k"), ("set", "/n"))
    barrier(session)
    assert [event for event in events.seen if event[0] != GAP] == [(CHANGED, "/n"), (CREATED, "/n/k"), (CHANGED, "/n")]
    assert data.seen == [(CHANGED, "/n")]


@pytest.mark.parametrize("kind", [PERSISTENT, RECURSIVE], ids=["persistent", "recursive"])
def test_a_watch_that_is_removed_leaves_the_others_of_its_path(session, other, kind):
    watches = {PERSISTENT: Events(), RECURSIVE: Events()}
    data, children = Events(), Events()
    session.create("/n", b"", ANYONE).result(WAIT)
    session.add_watch("/n", watches[PERSISTENT]).result(WAIT)
    session.add_watch("/n", watches[RECURSIVE], recursive=True).result(WAIT)
    session.get("/n", data).result(WAIT)
    session.get_children("/n", children).result(WAIT)
    session.remove_watches("/n", watches[kind], kind).result(WAIT)
    session.sync("/").result(WAIT)  # behind what is set again
    run(other, ("set", "/n"), ("create", "/n/k"), ("set", "/n"))
    barrier(session)
    left = watches[PERSISTENT + RECURSIVE - kind]
    assert [event for event in watches[kind].seen if event[0] != GAP] == [(NOT_WATCHING, "/n")]
    below = (CREATED, "/n/k") if kind == PERSISTENT else (CHILD, "/n")
    assert [event for event in left.seen if event[0] != GAP] == [(CHANGED, "/n"), below, (CHANGED, "/n")]
    assert (data.seen, children.seen) == ([(CHANGED, "/n")], [(CHILD, "/n")])


def test_one_shot_watches_that_are_removed_leave_the_persistent_one(session, other):
    events, data, children = Events(), Events(), Events()
    session.create("/n", b"", ANYONE).result(WAIT)
    session.add_watch("/n", events).result(WAIT)
    session.get("/n", data).result(WAIT)
    session.get_children("/n", children).result(WAIT)
    session.remove_all_watches("/n", DATA_KIND).result(WAIT)
    session.remove_watches("/n", children, CHILDREN_KIND).result(WAIT)
    run(other, ("set", "/n"), ("create", "/n/k"))
    barrier(session)
    assert (data.seen, children.seen) == ([(NOT_WATCHING, "/n")], [(NOT_WATCHING, "/n")])
    assert events.seen == [(CHANGED, "/n"), (CHILD, "/n")]


def test_any_removes_all_kinds(session, other):
    persistent, recursive, data = Events(), Events(), Events()
    session.create("/n", b"", ANYONE).result(WAIT)
    session.add_watch("/n", persistent).result(WAIT)
    session.add_watch("/n", recursive, recursive=True).result(WAIT)
    session.get("/n", data).result(WAIT)
    session.remove_all_watches("/n", ANY).result(WAIT)
    run(other, ("set", "/n"), ("create", "/n/k"))
    barrier(session)
    for events in (persistent, recursive, data):
        assert events.seen == [(NOT_WATCHING, "/n")]
    with pytest.raises(errors.NoWatcherError):
        session.remove_all_watches("/n", RECURSIVE).result(WAIT)


def test_a_gap_is_told_after_a_reconnect_and_the_watch_goes_on(own_server, open_session):
    session = open_session(own_server.hosts)
    persistent, recursive = Events(), Events()
    session.add_watch("/n", persistent).result(WAIT)
    session.add_watch("/n", recursive, recursive=True).result(WAIT)
    own_server.restart()
    persistent.wait(bool)
    recursive.wait(bool)
    session.create("/n", b"", ANYONE).result(WAIT)
    session.create("/n/k", b"", ANYONE).result(WAIT)
    assert persistent.wait(lambda seen: len(seen) > 2) == [(GAP, "/n"), (CREATED, "/n"), (CHILD, "/n")]
    assert recursive.wait(lambda seen: len(seen) > 2) == [(GAP, "/n"), (CREATED, "/n"), (CREATED, "/n/k")]


def test_the_end_of_the_session_is_the_last_event(open_session, zookeeper_chroot):
    session = open_session(zookeeper_chroot)
    events = Events()
    session.add_watch("/n", events).result(WAIT)
    session.close()
    assert events.wait(bool) == [(SESSION, "/n")]


def test_a_slow_consumer_gets_a_gap_and_not_an_endless_queue(open_session, zookeeper_chroot, other):
    session = open_session(zookeeper_chroot, max_queued_events=10)
    busy, go_on = threading.Event(), threading.Event()
    events = Events()

    def slow(type_, state, path, zxid):
        busy.set()
        assert go_on.wait(WAIT)
        events(type_, state, path, zxid)

    other.create("/n", b"", ANYONE).result(WAIT)
    session.add_watch("/n", slow).result(WAIT)
    other.set("/n", b"", -1).result(WAIT)
    assert busy.wait(WAIT)
    for _ in range(100):
        other.set("/n", b"", -1)
    other.sync("/").result(WAIT)
    session.sync("/").result(WAIT)  # Its reply comes behind the events.
    deadline = time.monotonic() + WAIT
    while session.metrics()["dropped_events"] < 90 and time.monotonic() < deadline:
        session.sync("/").result(WAIT)
    dropped = session.metrics()["dropped_events"]
    go_on.set()
    events.wait(lambda seen: seen[-1:] == [(GAP, "/n")])
    assert events.seen.count((CHANGED, "/n")) + dropped == 101
    other.set("/n", b"", -1).result(WAIT)
    assert events.wait(lambda seen: seen[-1:] != [(GAP, "/n")])[-2:] == [(GAP, "/n"), (CHANGED, "/n")]


def test_events_behind_the_gap_of_a_reconnect_are_kept(own_server, open_session):
    """Only a full queue drops events. The GAP of a reconnect may wait for long, and the events are queued behind it."""
    session, busy, go_on = open_session(own_server.hosts), threading.Event(), threading.Event()
    persistent, recursive = Events(), Events()
    session.add_watch("/n", persistent).result(WAIT)
    session.add_watch("/n", recursive, True).result(WAIT)

    def hold(request):
        busy.set()
        assert go_on.wait(WAIT)

    session.sync("/", callback=hold)
    assert busy.wait(WAIT)
    own_server.restart()
    for _ in range(2):  # The first may be lost with the connection.
        session.sync("/").exception(WAIT)
    for step in ("create", "set", "delete"):
        getattr(session, step)("/n", *{"create": (b"", ANYONE), "set": (b"", -1), "delete": (-1,)}[step]).result(WAIT)
    go_on.set()
    for events in (persistent, recursive):
        seen = events.wait(lambda seen: (DELETED, "/n") in seen)
        assert seen[0] == (GAP, "/n")
        assert [event for event in seen if event[0] != GAP] == [(CREATED, "/n"), (CHANGED, "/n"), (DELETED, "/n")]


def test_an_abandoned_call_sets_no_watch(session, other):
    events = Events()
    request = session.add_watch("/n", events)
    assert request.abandon()
    run(other, ("create", "/n"))
    barrier(session)
    assert events.seen == []


@pytest.mark.parametrize("watch", [None, 1, "watch"])
def test_what_cannot_be_called_is_refused(session, watch):
    with pytest.raises(TypeError, match="watch must be callable"):
        session.add_watch("/n", watch)


def test_a_path_that_servers_would_take_and_never_fire_is_refused(session):
    for path in ("n", "/n/", "", "/a//b"):
        with pytest.raises(errors.BadArgumentsError):
            session.add_watch(path, print)
