"""Properties that are set and updated, whatever other sessions change at the same time."""

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN, Watcher, settle


@pytest.fixture
def other(make_zk):
    """Another session below the same chroot."""
    return make_zk()


def test_set_and_update(zk, other, eventually):
    zk.create("/test", '{"a": 1}', OPEN)
    properties, theirs = zk.properties("/test"), other.properties("/test")
    for change, expected in [
        (lambda: properties.set({"x": 1}), {"x": 1}),
        (lambda: properties.set({"x": 1}, x=2, y=3), {"x": 2, "y": 3}),
        (lambda: properties.set([("z", 1)]), {"z": 1}),
        (lambda: properties.update(a=1), {"a": 1, "z": 1}),
        (lambda: properties.update({"b": 1}, a=2), {"a": 2, "b": 1, "z": 1}),
        (lambda: properties.update(data={"b": 2}), {"a": 2, "b": 2, "z": 1}),
        (lambda: properties.set(string_value="xxx"), {"string_value": "xxx"}),
        (lambda: properties.set(), {}),
    ]:
        change()
        assert dict(properties) == zk.get_properties("/test") == expected  # At once, before the event.
        eventually(lambda expected=expected: dict(theirs) == expected)
    assert zk.get("/test")[0] == ""


def test_updates_one_after_the_other_lose_nothing(zk, other):
    """The read after the event of one change comes while the next is made, or after it."""
    zk.create("/test", "", OPEN)
    properties = zk.properties("/test")
    for number in range(50):
        properties.update({f"a{number}": number})
        assert properties[f"a{number}"] == number
        other.set("/test", zk.get("/test")[0])
    settle(zk.handle)
    assert len(properties) == len(zk.get_properties("/test")) == 50


def test_what_comes_while_a_change_fails_is_not_lost(zk, other, eventually):
    zk.create("/test", "0", OPEN)
    properties, told = zk.properties("/test"), Watcher()
    exists, real_set = zookeeper.exists, zookeeper.set

    def exists_later(h, path, *arguments):
        """Have another client change the node between a change and the look at it."""
        if path == "/test" and not told.calls:
            told("changed", other.set("/test", "theirs"))
        return exists(h, path, *arguments)

    def fail(h, path, *arguments):
        if h == zk.handle:
            settle(h)  # The other client's value is read, and refused.
            raise zookeeper.ConnectionLossException("connection loss")
        return real_set(h, path, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "exists", exists_later)
        properties.set(string_value="mine")
        patch.setattr(zookeeper, "set", fail)
        with pytest.raises(zookeeper.ConnectionLossException):
            properties.set(string_value="never")
    settle(zk.handle)
    assert dict(properties) == {"string_value": "theirs"}


def test_a_node_made_again_is_no_older_than_what_was_set(zk, log, eventually):
    zk.create("/test", "", OPEN)
    zk.create("/older", '{"b": 1}', OPEN)
    zk.create("/link", '{"l ->": "/test"}', OPEN)
    properties, linked = zk.properties("/test"), zk.properties("/link/l")
    for number in range(3):
        properties.update(a=number)
        linked.update(a=number)
    zk.ln("/older", "/link/l")
    zk.delete("/test")
    eventually(lambda: dict(linked) == {"b": 1})
    assert linked.real_path == "/older"
    eventually(lambda: properties.deleted)
    settle(zk.handle)
    log.clear()  # The tracebacks keep the session.


def test_a_change_that_fails_changes_nothing(zk):
    zk.create("/test", '{"a": 1}', [zc_zk.world_permission()])
    properties = zk.properties("/test")
    with pytest.raises(zookeeper.NoAuthException):
        properties.update(a=2)
    with pytest.raises(TypeError, match="property 'b' cannot be written as JSON"):
        properties.update(b={1})
    with pytest.raises(TypeError, match="name of a property must be str, not int"):
        properties.update({1: 2})
    assert dict(properties) == {"a": 1}
