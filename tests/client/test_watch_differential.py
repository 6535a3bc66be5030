"""Random watches of all kinds, changes and reconnects: on every server user code sees what a model of 3.9 says.

With ZKC_ZOOKEEPER_HOME the sequences run against that server and against the machine's: what both show is compared
with the model, and so with each other. An event of type GAP may stand anywhere; after a reconnect there has to be one.
ZKC_WATCH_SEQUENCES sets the number of sequences.
"""

import contextlib
import os
import random
import time

import pytest

import zkc
from zkc import EventType, WatchType
from zkc.testing import FaultProxy, ZooKeeperServer

from ..build_support import needs_newer_calls
from . import both

pytestmark = needs_newer_calls
CREATED, DELETED, CHANGED, CHILD, NOT_WATCHING, GAP = "CREATED", "DELETED", "CHANGED", "CHILD", "NOT_WATCHING", "GAP"
DATA, EXISTS, CHILDREN, PERSISTENT, RECURSIVE = "data", "exists", "children", "persistent", "recursive"
SEQUENCES = int(os.environ.get("ZKC_WATCH_SEQUENCES", 0))  # How many to run; 0: as many as the test says.
FOUND = (44, 106, 131, 210, 245, 377, 437, 621, 754, 847)  # Sequences that have shown a fault.
BELOW = ("", "/x", "/x/y", "/z")
TYPES = {PERSISTENT: WatchType.PERSISTENT, RECURSIVE: WatchType.RECURSIVE}


class Watch:
    """One watch: what it has seen, and what the model says that it sees."""

    def __init__(self, kind, path):
        self.kind = kind
        self.path = path
        self.seen = []
        self.expected = []
        self.armed = True
        self.subscription = None

    def __call__(self, event):
        self.seen.append((EventType(event.type).name, event.path))

    def fire(self, type_, path):
        if self.armed:
            self.expected.append((type_, path))
            self.armed = self.kind in TYPES

    def agrees(self):
        """Whether it has seen what it should; more GAPs than that are allowed."""
        return _matches(list(self.seen), self.expected)

    def __repr__(self):
        return f"{self.kind} {self.path}: seen {self.seen}, expected {self.expected}"


def _matches(seen, expected):
    """Whether events are the expected ones; those of a list within them may come in any order."""
    if seen and seen[0][0] == GAP and _matches(seen[1:], expected):
        return True
    if not expected:
        return not seen
    first, *rest = expected
    if not isinstance(first, list):
        return seen[:1] == [first] and _matches(seen[1:], rest)
    left = list(first)
    if not left:
        return _matches(seen, rest)
    if not seen or seen[0] not in left:
        return False
    left.remove(seen[0])
    return _matches(seen[1:], [left, *rest])


def parent(path):
    return path.rpartition("/")[0]


class Model:
    """The znodes with their zxids, and the watches as servers since 3.9 keep them."""

    def __init__(self):
        self.znodes = {}  # Path: (mzxid, pzxid).
        self.watches = []
        self.zxid = 0
        self.away = False

    def changed(self, type_, path):
        self.zxid += 1
        above = parent(path)
        if type_ == DELETED:
            del self.znodes[path]
        elif type_ == CREATED:
            self.znodes[path] = (self.zxid, self.zxid)
        else:
            self.znodes[path] = (self.zxid, self.znodes[path][1])
        if type_ != CHANGED and above in self.znodes:
            self.znodes[above] = (self.znodes[above][0], self.zxid)
        if not self.away:
            for watch in self.watches:
                self._show(watch, type_, path, above)

    def _show(self, watch, type_, path, above):
        kind = watch.kind
        if watch.path == path and (kind in (DATA, EXISTS, PERSISTENT) or (kind == CHILDREN and type_ == DELETED)):
            watch.fire(type_, path)
        elif watch.path == above and type_ != CHANGED and kind in (CHILDREN, PERSISTENT):
            watch.fire(CHILD, above)
        elif kind == RECURSIVE and (path + "/").startswith(watch.path + "/"):
            watch.fire(type_, path)

    def reconnected(self, since, before):
        """Fire the one-shot watches whose znodes have changed; those that stay get a GAP, and what the others get.

        A server sends an event for each path and kind of one-shot watch that has missed something, and the client shows
        it to all watches of the path: it does not know for which the server has sent it.
        """
        self.away = False
        missed = {}
        for watch in self.watches:
            if watch.armed and watch.kind not in TYPES:
                kind = CHILDREN if watch.kind == CHILDREN else DATA if watch.path in before else EXISTS
                type_ = self._missed(kind, watch.path, since)
                if type_ is not None:
                    missed[kind, watch.path] = type_
        for watch in self.watches:
            if watch.kind in TYPES:
                watch.fire(GAP, watch.path)
        seen = {watch: [] for watch in self.watches if watch.armed and watch.kind in TYPES}
        recursive = {watch.path for watch in seen if watch.kind == RECURSIVE}
        for (kind, path), type_ in missed.items():
            for watch in self.watches:
                if watch in seen:
                    if self._shows(watch, type_, path):
                        seen[watch].append((type_, path))
                    # An event without a zxid may be of a server before 3.9, which sends no child event for it.
                    beside = watch.kind == PERSISTENT and watch.path in recursive
                    if beside and type_ in (CREATED, DELETED) and watch.path == parent(path):
                        seen[watch].append((CHILD, watch.path))
                elif watch.path == path and (type_ == DELETED or (watch.kind == CHILDREN) == (kind == CHILDREN)):
                    watch.fire(type_, path)
        for watch, events in seen.items():
            watch.expected.append(events)

    def _missed(self, kind, path, since):
        znode = self.znodes.get(path)
        if kind == EXISTS:
            return None if znode is None else CREATED
        if znode is None:
            return DELETED
        if kind == CHILDREN:
            return CHILD if znode[1] > since else None
        return CHANGED if znode[0] > since else None

    @staticmethod
    def _shows(watch, type_, path):
        if watch.kind == PERSISTENT:
            return watch.path == path
        return type_ != CHILD and (path + "/").startswith(watch.path + "/")

    def removed(self, watches):
        for watch in watches:
            watch.fire(NOT_WATCHING, watch.path)
            watch.armed = False


class Run:
    """One random sequence, by one client behind a proxy and another that makes the changes."""

    def __init__(self, client, other, proxy, seed):
        self.client, self.other, self.proxy = client, other, proxy
        self.random = random.Random(seed)
        self.base = f"/s{seed}"
        self.model = Model()
        self.steps = []

    def run(self):
        for _ in range(self.random.randint(8, 25)):
            self.step()
        mark = both.Events()
        self.client.exists("/mark", watch=mark)
        self.other.create("/mark")
        mark.get(timeout=30)
        self.other.delete("/mark")
        wrong = [watch for watch in self.model.watches if not watch.agrees()]
        assert not wrong, "\n".join(map(str, [*wrong, *self.steps]))
        self.clean()

    def step(self):
        step = self.random.choices(
            [self.change, self.one_shot, self.stay, self.pair, self.take_away, self.remove, self.reconnect],
            [10, 5, 3, 1, 2, 1, 0.4],
        )[0]
        step()

    def note(self, *step):
        self.steps.append(step)

    def settle(self):
        """Return when what the client has set again is set."""
        for _ in range(2):
            self.client.sync()

    def drain(self, watches):
        """Return when some watches have seen all that they should: a removed one gets nothing more."""
        self.settle()
        deadline = time.monotonic() + 20
        while not all(watch.agrees() for watch in watches) and time.monotonic() < deadline:
            time.sleep(0.001)  # Until the callbacks of the events that came before the replies have run.

    # ---- steps ------------------------------------------------------------------------------------------------------

    def change(self):
        path = self.base + self.random.choice(BELOW)
        znodes = self.model.znodes
        if path not in znodes:
            if parent(path) and parent(path) not in znodes:
                return
            self.other.create(path)
            type_ = CREATED
        elif self.random.random() < 0.5 or any(each.startswith(path + "/") for each in znodes):
            self.other.set(path, b"x")
            type_ = CHANGED
        else:
            self.other.delete(path)
            type_ = DELETED
        self.note(type_, path)
        self.model.changed(type_, path)

    def one_shot(self, path=None, calls=None):
        path = path or self.base + self.random.choice(BELOW)
        kind = self.random.choice([DATA, EXISTS, CHILDREN] if path in self.model.znodes else [EXISTS])
        watch = Watch(kind, path)
        method = {DATA: "get", EXISTS: "exists", CHILDREN: "children"}[kind]
        self.note("watch", kind, path)
        self.model.watches.append(watch)
        return getattr(calls or self.client, method)(path, watch=watch)

    def stay(self, path=None, calls=None):
        path = path or self.base + self.random.choice(BELOW)
        watch = Watch(self.random.choice(list(TYPES)), path)
        self.note("watch", watch.kind, path)
        made = (calls or self.client).watch_events(path, watch, recursive=watch.kind == RECURSIVE)
        watch.subscription = made
        self.model.watches.append(watch)
        if calls is None:
            self.settle()
        return made

    def pair(self):
        """Send a one-shot watch and one that stays without waiting, in either order."""
        path = self.base + self.random.choice(BELOW)
        steps = [self.one_shot, self.stay]
        self.random.shuffle(steps)
        self.note("pipelined:")
        for future in [step(path, self.client.submit) for step in steps]:
            future.result()
        for watch in self.model.watches:
            if watch.kind in TYPES and not isinstance(watch.subscription, zkc.EventSubscription):
                watch.subscription = watch.subscription.result()
        self.settle()

    def take_away(self):
        """Remove one watch by its function."""
        armed = [watch for watch in self.model.watches if watch.armed]
        if not armed:
            return
        watch = self.random.choice(armed)
        self.note("remove", watch.kind, watch.path)
        self.drain([watch])
        if watch.kind not in TYPES:
            self.client.remove_watches(watch.path, watch)
            self.model.removed([watch])
        else:
            watch.armed = False
            if self.random.random() < 0.5:
                watch.subscription.cancel()
            else:
                self.client.remove_watches(watch.path, watch, watch_type=TYPES[watch.kind])
        self.settle()

    def remove(self):
        """Remove all watches of a kind from a path."""
        path = self.base + self.random.choice(BELOW)
        type_, kinds = self.random.choice(
            [
                (WatchType.DATA, (DATA, EXISTS)),
                (WatchType.CHILDREN, (CHILDREN,)),
                (WatchType.ANY, (DATA, EXISTS, CHILDREN)),
                (WatchType.PERSISTENT, (PERSISTENT,)),
                (WatchType.RECURSIVE, (RECURSIVE,)),
            ]
        )
        armed = [watch for watch in self.model.watches if watch.armed and watch.path == path and watch.kind in kinds]
        self.note("remove all", type_, path)
        self.drain(armed)
        if not armed:
            with pytest.raises(zkc.NoWatcherError):
                self.client.remove_watches(path, watch_type=type_)
            return
        self.client.remove_watches(path, watch_type=type_)
        if kinds[0] in TYPES:
            for watch in armed:
                watch.armed = False
        else:
            self.model.removed(armed)
        self.settle()

    def reconnect(self):
        """Cut the connection, and make changes before the client has another."""
        self.client.sync()
        states = both.Events()
        self.client.add_listener(states)
        self.proxy.refuse()
        self.proxy.drop_connections()
        assert states.get(timeout=30) is zkc.ClientState.SUSPENDED
        self.note("cut")
        since, before = self.model.zxid, set(self.model.znodes)
        self.model.away = True
        for _ in range(self.random.randint(0, 4)):
            self.change()
        self.proxy.accept()
        assert states.get(timeout=30) is zkc.ClientState.CONNECTED
        self.client.remove_listener(states)
        self.note("connected")
        self.model.reconnected(since, before)
        self.settle()

    def clean(self):
        for watch in self.model.watches:
            if watch.subscription is not None:
                watch.subscription.cancel()
        self.settle()
        for path in BELOW:
            with contextlib.suppress(zkc.NoWatcherError):
                self.client.remove_watches(self.base + path)
        with contextlib.suppress(zkc.NoNodeError):
            self.other.delete_tree(self.base)
        self.settle()
        assert self.client.session.watch_count == 0, "\n".join(map(str, self.steps))


def servers():
    """Make the server that ZKC_ZOOKEEPER_HOME names, if it names one, and the machine's."""
    yield ZooKeeperServer()
    if "ZKC_ZOOKEEPER_HOME" in os.environ:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("ZKC_ZOOKEEPER_HOME")
            yield ZooKeeperServer()


def compare(seeds):
    with contextlib.ExitStack() as stack:
        runs = []
        for server in servers():
            stack.enter_context(server)
            proxy = stack.enter_context(FaultProxy("127.0.0.1", server.port))
            other = stack.enter_context(zkc.Client(server.hosts))
            runs.append((stack.enter_context(zkc.Client(proxy.hosts)), other, proxy))
        for seed in seeds:
            for client, other, proxy in runs:
                Run(client, other, proxy, seed).run()


@pytest.mark.timeout(600)
def test_every_kind_of_watch_sees_what_the_model_says():
    compare(range(SEQUENCES) if SEQUENCES else [*FOUND, *range(30)])


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_every_kind_of_watch_sees_what_the_model_says_a_thousand_times():
    compare(range(SEQUENCES or 1000))
