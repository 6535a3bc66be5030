"""Properties as the data of a znode, ACLs, addresses."""

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkc.legacy import zk, zookeeper

# How long one example takes is up to the machine.
ON_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        ("", {}),
        (" \n", {}),
        ("foo", {"string_value": "foo"}),
        (" foo\n", {"string_value": " foo\n"}),
        ('{"a":1}', {"a": 1}),
        (' {"a": [1, null]}\n', {"a": [1, None]}),
        ("[1]", {"string_value": "[1]"}),
        (b'{"a":1}', {"a": 1}),
        (b"\xff", {"string_value": "\udcff"}),
    ],
)
def test_decode(text, properties):
    assert zk.decode(text) == properties


def test_broken_json_is_text_and_is_logged(caplog):
    assert zk.decode("{xxx}", "/the/path") == {"string_value": "{xxx}"}
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("zc.zk", logging.ERROR)
    assert record.getMessage() == "bad json data in node at '/the/path'"


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({}, ""),
        ({"string_value": "foo"}, "foo"),
        ({"string_value": "{xxx}"}, "{xxx}"),
        ({"a": 1, "b": ["ä"]}, '{"a":1,"b":["\\u00e4"]}'),
        ({"string_value": "foo", "a": 1}, '{"string_value":"foo","a":1}'),
        # As text these would be read as something else.
        ({"string_value": ""}, '{"string_value":""}'),
        ({"string_value": '{"a":1}'}, '{"string_value":"{\\"a\\":1}"}'),
        ({"string_value": 5}, '{"string_value":5}'),
    ],
)
def test_encode(properties, text):
    assert zk.encode(properties) == text


@ON_ANY_MACHINE
@given(st.dictionaries(st.text() | st.just("string_value"), JSON, max_size=3))
def test_what_is_encoded_is_decoded(properties):
    assert zk.decode(zk.encode(properties)) == properties


@ON_ANY_MACHINE
@given(st.text() | st.binary())
def test_what_is_read_can_be_written_and_read_again(data):
    properties = zk.decode(data)
    assert zk.decode(zk.encode(properties)) == properties


def test_what_is_no_json_is_refused_by_name():
    with pytest.raises(TypeError, match=r"property 'b' cannot be written as JSON: .*bytes"):
        zk.encode({"a": 1, "b": b"\xff"})


def test_join_and_parse_addr():
    assert zk.join("/a", "b", "c") == "/a/b/c"
    assert zk.parse_addr("example.com:8080") == ("example.com", 8080)


def test_acls():
    assert zk.world_permission() == {"perms": zookeeper.PERM_READ, "scheme": "world", "id": "anyone"}
    assert [zk.world_permission(zookeeper.PERM_ALL)] == zk.OPEN_ACL_UNSAFE
    assert [zk.world_permission()] == zk.READ_ACL_UNSAFE


def test_classes_are_those_of_zc_zk():
    classes = [getattr(zk, name) for name in zk.__all__ if isinstance(getattr(zk, name), type)]
    assert {cls.__module__ for cls in classes} == {"zc.zk"}
    assert zk.ZK is zk.ZooKeeper
    assert zk.logger.name == "zc.zk"


def test_there_is_no_other_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        zk.nothing  # noqa: B018
