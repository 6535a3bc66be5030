"""Snapshots of a cache: they cost nothing to take, and stay as they are whatever changes."""

import random
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkc._zookeeper import RLock
from zkc.recipes._cache_tree import CacheTree, make_znode, parent_of

PATHS = ["/r", "/r/a", "/r/b", "/r/a/c", "/r/a/d", "/r/a/c/e", "/r/b/f"]


class Writer:
    """A tree, and the changes that its cache would make."""

    def __init__(self):
        self.lock = RLock()
        self.tree = CacheTree("/r", self.lock)
        self.count = 0

    def change(self, path, remove=False):
        with self.lock:
            held = self.tree.nodes.get(path)
            self.count += 1
            data = b"%d" % self.count
            if remove:
                if held is not None:
                    self.tree.remove(self.tree.below(path))
            elif held is not None:
                self.tree.replace(held, make_znode(path, data, None))
            else:
                self.tree.add(path, data, None)


def _all_of(view):
    return {path: (view.get(path), view.children(path)) for path in PATHS}


CHANGES = st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(["put", "put", "remove", "take", "drop"])))


@settings(deadline=None, max_examples=300)
@given(CHANGES)
def test_a_snapshot_stays(changes):
    writer, taken = Writer(), []
    for path, what in changes:
        if what == "take":
            snapshot = writer.tree.snapshot()
            taken.append((snapshot, _all_of(snapshot), list(snapshot)))
            assert len(snapshot) == len(writer.tree.nodes)
            assert snapshot  # Also the empty one.
            live = {each: (writer.tree.nodes.get(each), writer.tree.children(each)) for each in PATHS}
            assert taken[-1][1] == live
        elif what == "drop" and taken:
            del taken[len(taken) // 2]
        else:
            writer.change(path, what == "remove")
        for snapshot, everything, paths in taken:
            assert _all_of(snapshot) == everything
            assert list(snapshot) == paths
            assert len(snapshot) == len(paths)
    assert writer.tree.size == sum(400 + len(node.path) + len(node.data) for node in writer.tree.nodes.values())
    assert set(writer.tree.lists) == {parent_of(path) for path in writer.tree.nodes if path != "/r"}


def test_a_snapshot_is_consistent_while_a_thread_writes():
    """A writer changes a pair of znodes under the lock: no snapshot has one of them without the other."""
    writer = Writer()
    for path in ("/r", "/r/a", "/r/b"):
        writer.change(path)
    over = threading.Event()

    def write():
        while not over.is_set():
            with writer.lock:
                number = writer.count
                for path in ("/r/a", "/r/b"):
                    held = writer.tree.nodes.get(path)
                    data = b"%d" % number
                    if held:
                        writer.tree.replace(held, make_znode(path, data, None))
                    else:
                        writer.tree.add(path, data, None)
                writer.count += 1
                if random.random() < 0.1:
                    for path in ("/r/a", "/r/b"):
                        writer.tree.remove(writer.tree.below(path))

    thread = threading.Thread(target=write)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        held = []
        for number in range(1000):
            snapshot = writer.tree.snapshot()
            names = snapshot.children("/r")
            assert names in ([], ["a", "b"])
            pair = [snapshot.get(f"/r/{name}").data for name in names]
            assert len(set(pair)) == (1 if pair else 0)
            if number % 50 == 0:
                held.append((snapshot, names, pair))
        for snapshot, names, pair in held:
            assert snapshot.children("/r") == names
            assert [snapshot.get(f"/r/{name}").data for name in names] == pair
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(before)


@pytest.mark.parametrize("size", [10, 50_000])
def test_a_snapshot_costs_nothing_to_take(size):
    writer = Writer()
    writer.change("/r")
    for number in range(size):
        writer.change(f"/r/{number}")
    begun = time.process_time()
    for _ in range(1000):
        writer.tree.snapshot()
    assert time.process_time() - begun < 1.0  # A copy of 50,000 entries, a thousand times, takes longer.


def test_what_was_saved_goes_with_the_snapshot():
    writer = Writer()
    writer.change("/r")
    snapshot = writer.tree.snapshot()
    writer.change("/r")
    assert len(snapshot._changed()) == 1
    del snapshot
    writer.change("/r")
    assert writer.tree._newest is None
