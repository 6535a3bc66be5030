"""The plainest use of the old module: one call that waits, one that does not."""

from zkc.legacy import zookeeper

from .legacy_support import OPEN, completed


def test_one_call_of_each_kind(h):
    assert zookeeper.create(h, "/a", "x", OPEN) == "/a"
    assert completed(zookeeper.aget, h, "/a")[:2] == (0, "x")
