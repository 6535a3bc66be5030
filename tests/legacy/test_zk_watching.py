"""Children and Properties: always current, and with callbacks."""

import gc
import logging
import threading

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN, Watcher, settle
from .zk_support import CONNECTION


@pytest.fixture
def other(make_zk):
    """Another session below the same chroot."""
    return make_zk()


def messages(log, level):
    return [record.getMessage() for record in log.records if record.levelno == level]


# --- what they have ---------------------------------------------------------------------------------------------------


def test_children(zk, other, eventually):
    zk.create("/test", "", OPEN)
    children = zk.children("/test")
    assert (list(children), len(children), bool(children)) == ([], 0, False)
    other.create("/test/a", "", OPEN)
    eventually(lambda: list(children) == ["a"])
    assert (len(children), bool(children), children.data) == (1, True, ["a"])
    other.create("/test/b", "", OPEN)
    eventually(lambda: sorted(children) == ["a", "b"])
    other.delete("/test/a")
    eventually(lambda: list(children) == ["b"])
    assert (children.path, children.real_path, children.deleted, children.session) == ("/test", "/test", False, zk)


def test_properties(zk, other, eventually):
    zk.create("/test", '{"a": 1}', OPEN)
    properties = zk.properties("/test")
    assert dict(properties) == properties.data == {"a": 1}
    assert (properties["a"], properties.get("b"), len(properties), "a" in properties) == (1, None, 1, True)
    assert properties.meta_data == zk.get("/test")[1]
    other.set("/test", '{"b": [2]}')
    eventually(lambda: dict(properties) == {"b": [2]})
    assert properties.meta_data["version"] == 1
    with pytest.raises(KeyError):
        properties["a"]


def test_names(zk):
    zk.create("/test", "", OPEN)
    assert str(zk.children("/test")) == repr(zk.children("/test")) == f"zc.zk.Children({zk.handle}, /test)"
    assert str(zk.properties("/test")) == f"zc.zk.Properties({zk.handle}, /test)"


def test_there_has_to_be_a_node(zk):
    for make in (zk.children, zk.properties):
        with pytest.raises(zookeeper.NoNodeException):
            make("/nothing")
    assert len(zk.watches) == 0


def test_data_read_as_bytes(zk, bytes_out, eventually):
    zk.create("/test", '{"a": "ä"}', OPEN)
    assert zk.get_properties("/test") == dict(zk.properties("/test")) == {"a": "ä"}
    zk.set("/test", "\udcff")
    assert zk.get("/test")[0] == b"\xff"
    assert zk.get_properties("/test") == {"string_value": "\udcff"}


# --- callbacks --------------------------------------------------------------------------------------------------------


def test_a_callback_is_called_now_and_after_each_change(zk, other):
    zk.create("/test", "", OPEN)
    told = []
    changed = threading.Event()

    @zk.children("/test")
    def children(children):
        told.append((children, sorted(children)))
        if len(children):
            changed.set()

    assert isinstance(children, zc_zk.Children)
    assert told == [(children, [])]
    assert len(children.callbacks) == 1
    other.create("/test/a", "", OPEN)
    assert changed.wait(30)
    assert told == [(children, []), (children, ["a"])]


def test_callbacks_of_properties(zk, other):
    zk.create("/test", "", OPEN)
    told = Watcher()
    properties = zk.properties("/test")
    assert properties(told) is properties
    other.set("/test", '{"a": 1}')
    assert told.wait_calls(2) == [(properties,)] * 2
    assert dict(properties) == {"a": 1}


def test_a_callback_that_raises_at_once_is_not_kept(zk):
    zk.create("/test", "", OPEN)
    children = zk.children("/test")
    for error in (ValueError, zc_zk.CancelWatch):

        def fail(_, error=error):
            raise error

        with pytest.raises(error):
            children(fail)
    assert children.callbacks == []


def test_a_callback_that_raises_later_is_logged_and_dropped(zk, log, eventually):
    zk.create("/test", "", OPEN)
    children, good = zk.children("/test"), Watcher()

    def bad(children):
        if len(children):
            raise ValueError("bad")

    children(good)
    children(bad)
    zk.create("/test/a", "", OPEN)
    good.wait_calls(2)
    eventually(lambda: len(children.callbacks) == 1)
    settle(zk.handle)
    assert messages(log, logging.ERROR) == [f"watch({children!r}, {bad!r})"]
    zk.create("/test/b", "", OPEN)
    good.wait_calls(3)
    assert len(messages(log, logging.ERROR)) == 1


def test_a_callback_cancels_itself(zk, log, eventually):
    zk.create("/test", "", OPEN)
    properties = zk.properties("/test")

    def once(properties):
        if properties:
            raise zc_zk.CancelWatch

    properties(once)
    zk.set("/test", '{"a": 1}')
    eventually(lambda: properties.callbacks == [])
    settle(zk.handle)
    assert messages(log, logging.DEBUG) == [f"cancelled watch({properties!r}, {once!r})"]
    assert messages(log, logging.ERROR) == []


def test_a_change_while_a_callback_is_called_first_is_not_missed(zk, other, eventually):
    zk.create("/test", "0", OPEN)
    properties, told = zk.properties("/test"), []

    def slow(properties):
        told.append(properties["string_value"])
        if told == ["0"]:
            other.set("/test", "1")
            eventually(lambda: properties["string_value"] == "1")

    properties(slow)
    assert told == ["0", "1"]


# --- deletion ---------------------------------------------------------------------------------------------------------


def test_a_deleted_node(zk, other, log, eventually):
    zk.create("/test", '{"a": 1}', OPEN)
    children, properties = zk.children("/test"), zk.properties("/test")
    told = {name: Watcher() for name in ("children", "properties")}
    wanting = []
    children(told["children"])
    children(lambda children: wanting.append(children))
    properties(told["properties"])
    other.delete("/test")
    for watcher in told.values():
        assert watcher.wait_calls(2)[1] == ()
    eventually(lambda: children.deleted and properties.deleted)
    assert (list(children), dict(properties), wanting) == ([], {}, [children])
    assert str(children) == f"DELETED: zc.zk.Children({zk.handle}, /test)"
    settle(zk.handle)
    assert sorted(messages(log, logging.ERROR)) == sorted(
        f"zc.zk.{name}({zk.handle}, /test) path went away" for name in ("Children", "Properties")
    )
    with pytest.raises(zookeeper.NoNodeException):
        properties.update(a=2)
    assert dict(properties) == {}


def test_errors_of_callbacks_of_a_deletion_are_logged(zk, log, eventually):
    zk.create("/test", "", OPEN)
    children = zk.children("/test")
    called = threading.Event()

    def inside(children=None):
        if children is None:
            raise TypeError("inside")

    def other(children=None):
        if children is None:
            called.set()
            raise ValueError("other")

    children(inside)
    children(other)
    zk.delete("/test")
    assert called.wait(30)
    settle(zk.handle)
    assert [text for text in messages(log, logging.ERROR) if text.startswith("Error")] == [
        f"Error {children!r} calling {callback!r}" for callback in (inside, other)
    ]


# --- who keeps them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["children", "properties"])
def test_the_session_keeps_nothing(zk, kind):
    zk.create("/test", "", OPEN)
    assert len(zk.watches) == 0
    made = getattr(zk, kind)("/test")
    assert len(zk.watches) == 1
    del made
    assert len(zk.watches) == 0

    made = getattr(zk, kind)("/test")

    @made
    def decorated(_):
        pass

    del made
    assert len(zk.watches) == 1
    del decorated
    assert len(zk.watches) == 0

    @getattr(zk, kind)("/test")
    def again(_):
        pass

    assert len(zk.watches) == 1
    del again
    assert len(zk.watches) == 0


def test_a_callback_keeps_its_object(zk):
    zk.create("/test", "", OPEN)
    changed = threading.Event()

    def callback(children):
        if len(children):
            changed.set()

    zk.children("/test")(callback)
    gc.collect()
    assert len(zk.watches) == 1
    zk.create("/test/a", "", OPEN)
    assert changed.wait(30)
    settle(zk.handle)  # Until the thread of the session has released the old one.
    zk.children("/test")(callback)  # The new one takes the place of the old one.
    assert len(zk.watches) == 1
    del callback
    assert len(zk.watches) == 0


def test_a_closed_session_is_not_kept_by_callbacks(make_zk):
    zk = make_zk()
    zk.create("/test", "", OPEN)

    def callback(_):
        pass

    zk.children("/test")(callback)
    watches = zk.watches
    assert len(watches) == 1
    zk.close()
    assert len(watches) == 0


def test_many_objects_for_one_node_share_a_watch(fake):
    zk = zc_zk.ZooKeeper(CONNECTION)
    kept = zk.properties("/fooservice")
    for _ in range(10):
        assert zk.properties("/fooservice")["threads"] == 1
    assert len(fake._traverse("/fooservice").watchers) == 1
    others = [zk.properties("/fooservice") for _ in range(3)]
    zk.set("/fooservice", '{"threads": 2}')
    assert [each["threads"] for each in [kept, *others]] == [2] * 4
    assert len(fake._traverse("/fooservice").watchers) == 1
    # No object uses it any more: the watch stays until its next event.
    del kept, others
    assert len(zk.watches) == 0
    assert dict(zk.properties("/fooservice")) == {"threads": 2}
    assert len(fake._traverse("/fooservice").watchers) == 1
    zk.set("/fooservice", "")
    assert fake._traverse("/fooservice").watchers == ()
    zk.close()


def test_objects_are_current_whatever_comes_between(zk, other):
    """Look at a node from several threads while it changes; in the end all have the last value."""
    zk.create("/test", "0", OPEN)
    kept, errors = [], []

    def look():
        try:
            kept.extend(zk.properties("/test") for _ in range(15))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 40):
        other.set("/test", str(number))
    for thread in threads:
        thread.join(60)
    other.set("/test", "the last")
    last, told = zk.properties("/test"), Watcher()
    last(told)
    if last["string_value"] != "the last":
        told.wait_calls(2)
    settle(zk.handle)
    settle(zk.handle)
    assert errors == []
    assert {properties["string_value"] for properties in kept} == {"the last"}
