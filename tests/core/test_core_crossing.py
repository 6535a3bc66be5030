"""Requests that set and remove watches of one path, sent without waiting: servers before 3.9 keep the outcome of 3.9.

Such a server keeps one kind of watch per path, and cannot remove one kind by itself. So the client sets again what
other requests have replaced. Those that cross on the way must not undo each other.
"""

from __future__ import annotations

import os
import random

import pytest

from zkc import errors

from ..build_support import needs_newer_calls
from .core_support import ANYONE, WAIT
from .test_core_persistent import (
    CHANGED,
    CHILD,
    CREATED,
    DELETED,
    GAP,
    NOT_WATCHING,
    PERSISTENT,
    RECURSIVE,
    Events,
    barrier,
)

pytestmark = needs_newer_calls
DATA, EXISTS, CHILDREN = "data", "exists", "children"
STAY = (PERSISTENT, RECURSIVE)
SEQUENCES = int(os.environ.get("ZKC_WATCH_SEQUENCES", 0))  # How many to run; 0: as many as the test says.


class Watch(Events):
    """One watch of a path, and what it should see."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.armed = True
        self.expected = []

    def event(self, type_, path, wanted="/n"):
        """Expect an event of a znode, if the watch of ``wanted`` gets it from a server that keeps each kind."""
        own = path == wanted
        shown = {
            DATA: own and type_ != CHILD,
            EXISTS: own and type_ != CHILD,
            CHILDREN: own and type_ in (CHILD, DELETED),
            PERSISTENT: own,
            RECURSIVE: type_ != CHILD,
        }[self.kind]
        if self.armed and shown:
            self.expected.append((type_, path))
            self.armed = self.kind in STAY

    def agrees(self):
        return [event for event in self.seen if event[0] != GAP] == self.expected


class Crowd:
    """Requests for one path that are sent without waiting, and their outcome at a server that keeps each kind."""

    def __init__(self, session, other, seed):
        self.session = session
        self.other = other
        self.random = random.Random(seed)
        self.exists = self.random.random() < 0.7
        self.watches = []
        self.steps = [("exists", self.exists)]
        self.requests = []

    def run(self):
        if self.exists:
            self.other.create("/n", b"", ANYONE).result(WAIT)
        for _ in range(self.random.randint(1, 4)):
            for _ in range(self.random.randint(1, 5)):
                self.random.choice([self.one_shot, self.stay, self.stay, self.remove])()
            if self.random.random() < 0.5:
                self.check_requests()
            if self.random.random() < 0.5:
                self.settle()
                self.change(CHANGED, "/n") if self.exists else self.change(CREATED, "/n")
                barrier(self.session)
        self.settle()
        for change in [(CREATED, "/n")] * (not self.exists) + [(CREATED, "/n/k"), (CHANGED, "/n"), (DELETED, "/n/k")]:
            self.change(*change)
        self.change(DELETED, "/n")
        barrier(self.session)
        wrong = [(watch.kind, watch.seen, watch.expected) for watch in self.watches if not watch.agrees()]
        assert not wrong, "\n".join(map(str, [*wrong, *self.steps]))
        for kind in STAY:
            if any(watch.armed and watch.kind == kind for watch in self.watches):
                self.session.remove_all_watches("/n", kind).result(WAIT)
        assert self.session.watch_count == 0

    def one_shot(self):
        kind = self.random.choice([DATA, EXISTS, CHILDREN] if self.exists else [EXISTS])
        watch = Watch(kind)
        self.steps.append(("watch", kind))
        call = {DATA: self.session.get, EXISTS: self.session.exists, CHILDREN: self.session.get_children}[kind]
        self.watches.append(watch)
        self.requests.append((call("/n", watch), None))

    def stay(self):
        watch = Watch(self.random.choice(STAY))
        self.steps.append(("watch", watch.kind))
        self.watches.append(watch)
        self.requests.append((self.session.add_watch("/n", watch, watch.kind == RECURSIVE), None))

    def remove(self):
        kind = self.random.choice(STAY)
        removed = [watch for watch in self.watches if watch.armed and watch.kind == kind]
        self.steps.append(("remove", kind, len(removed)))
        for watch in removed:
            watch.expected.append((NOT_WATCHING, "/n"))
            watch.armed = False
        request = self.session.remove_all_watches("/n", kind)
        self.requests.append((request, None if removed else errors.NoWatcherError))

    def check_requests(self):
        self.steps.append("wait")
        for request, error in self.requests:
            found = request.exception(WAIT)
            assert type(found) is (error or type(None)), "\n".join(map(str, [found, *self.steps]))
        self.requests.clear()

    def settle(self):
        """Return when what the client has set again is set."""
        self.check_requests()
        for _ in range(2):
            self.session.sync("/").result(WAIT)

    def change(self, type_, path):
        self.steps.append((type_, path))
        call = {CREATED: "create", CHANGED: "set", DELETED: "delete"}[type_]
        arguments = {CREATED: (b"", ANYONE), CHANGED: (b"x", -1), DELETED: (-1,)}[type_]
        getattr(self.other, call)(path, *arguments).result(WAIT)
        if path == "/n":
            self.exists = type_ != DELETED
        for watch in self.watches:
            watch.event(type_, path)
        if path != "/n" and type_ != CHANGED:
            for watch in self.watches:
                watch.event(CHILD, "/n")


def run_crowds(session, other, seeds):
    for seed in seeds:
        Crowd(session, other, seed).run()


def test_requests_that_cross_have_the_outcome_of_their_order(session, other):
    run_crowds(session, other, range(SEQUENCES or 150))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_requests_that_cross_have_the_outcome_of_their_order_many_times(session, other):
    run_crowds(session, other, range(SEQUENCES or 3000))


def test_a_new_watch_outlives_the_removal_of_the_one_before(open_session, zookeeper_chroot, other):
    """The first removal at a server before 3.9 is refused, and sent in another way: behind the new watch."""
    session = open_session(zookeeper_chroot)
    old, new = Events(), Events()
    session.add_watch("/n", old, True).result(WAIT)
    removal = session.remove_all_watches("/n", RECURSIVE)
    session.add_watch("/n", new, True).result(WAIT)
    removal.result(WAIT)
    barrier(session)  # What crossed is set again by now.
    other.create("/n", b"", ANYONE).result(WAIT)
    other.create("/n/k", b"", ANYONE).result(WAIT)
    barrier(session)
    assert [event for event in old.seen if event[0] != GAP] == [(NOT_WATCHING, "/n")]
    assert [event for event in new.seen if event[0] != GAP] == [(CREATED, "/n"), (CREATED, "/n/k")]
    session.remove_all_watches("/n", RECURSIVE).result(WAIT)
    assert new.wait(lambda seen: seen[-1][0] == NOT_WATCHING)
