"""ACL, WatchedEvent and the enums: frozen values that compare, copy, pickle and print well."""

import copy
import pickle
import sys

import pytest

from zkc import (
    ACL,
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    CreateMode,
    EventType,
    Perms,
    State,
    WatchedEvent,
)

VALUES = [
    ACL.world(),
    ACL.digest("ann", "secret", Perms.READ),
    WatchedEvent(EventType.CHANGED, State.CONNECTED, "/a"),
    WatchedEvent(EventType(99), State(77), "/ä"),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_survives_copy_and_pickle(value):
    assert copy.copy(value) == copy.deepcopy(value) == value
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        other = pickle.loads(pickle.dumps(value, protocol))
        assert other == value
        assert type(other) is type(value)
        assert hash(other) == hash(value)
        assert repr(other) == repr(value)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_cannot_be_changed(value):
    before = repr(value)
    name = type(value).__slots__[0]
    with pytest.raises(AttributeError, match=f"cannot assign to field '{name}'"):
        setattr(value, name, 1)
    with pytest.raises(AttributeError, match="cannot assign to field 'other'"):
        value.other = 1
    with pytest.raises(AttributeError, match=f"cannot delete field '{name}'"):
        delattr(value, name)
    assert not hasattr(value, "__dict__")
    assert repr(value) == before


def test_equality_is_by_value():
    assert ACL.world() == ACL(31, "world", "anyone")
    assert ACL.world() != ACL.world(Perms.READ)
    assert ACL.world() != (31, "world", "anyone")
    assert len({ACL.world(), ACL.world(), ACL.auth()}) == 2
    assert WatchedEvent(1, 3, "/a") == WatchedEvent(EventType.CREATED, State.CONNECTED, "/a")
    assert WatchedEvent(1, 3, "/a") != WatchedEvent(2, 3, "/a")


def test_values_can_be_matched():
    if sys.version_info < (3, 10):
        pytest.skip("match came with Python 3.10")
    assert ACL.__match_args__ == ("perms", "scheme", "id")
    assert WatchedEvent.__match_args__ == ("type", "state", "path")


def test_the_schemes_have_constructors():
    assert ACL.world(Perms.READ) == ACL(Perms.READ, "world", "anyone")
    assert ACL.auth() == ACL(Perms.ALL, "auth", "")
    assert ACL.ip("10.0.0.0/8", Perms.READ) == ACL(Perms.READ, "ip", "10.0.0.0/8")
    assert ACL.x509("CN=ann") == ACL(Perms.ALL, "x509", "CN=ann")
    assert ACL.sasl("ann") == ACL(Perms.ALL, "sasl", "ann")


def test_a_digest_is_that_of_zookeeper():
    # As org.apache.zookeeper.server.auth.DigestAuthenticationProvider prints it for super:test.
    assert ACL.digest("super", "test").id == "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
    assert ACL.digest("ann", "with:colon").id.startswith("ann:")
    with pytest.raises(ValueError, match="user must not contain a colon"):
        ACL.digest("a:b", "secret")


def test_the_usual_lists():
    assert (ACL.world(),) == OPEN_ACL_UNSAFE
    assert (ACL.world(Perms.READ),) == READ_ACL_UNSAFE
    assert (ACL.auth(),) == CREATOR_ALL_ACL


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("rw", "world", "anyone"), TypeError, "perms must be a Perms"),
        ((True, "world", "anyone"), TypeError, "perms must be a Perms"),
        ((32, "world", "anyone"), ValueError, "perms must be made of"),
        ((-1, "world", "anyone"), ValueError, "perms must be made of"),
        ((1, b"world", "anyone"), TypeError, "scheme must be a str, not bytes"),
        ((1, "world", None), TypeError, "id must be a str, not NoneType"),
        ((1, "", "anyone"), ValueError, "scheme must not be empty"),
        ((1, "wor\0ld", "anyone"), ValueError, "scheme must not contain a NUL"),
    ],
)
def test_a_bad_acl_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        ACL(*arguments)


def test_perms_are_flags():
    acl = ACL(5, "world", "anyone")
    assert isinstance(acl.perms, Perms)
    assert acl.perms == Perms.READ | Perms.CREATE
    assert str(acl.perms) == f"{acl.perms}" == "READ|CREATE"
    assert f"{acl.perms:d}" == "5"
    assert (str(Perms.ALL), str(Perms.NONE)) == ("ALL", "NONE")


@pytest.mark.parametrize("cls", [EventType, State])
def test_an_unknown_number_is_kept(cls):
    member = cls(4711)
    assert isinstance(member, cls)
    assert member == member.value == 4711
    assert hash(member) == hash(4711)
    assert member.name == str(member) == "UNKNOWN_4711"
    assert pickle.loads(pickle.dumps(member)) == member
    assert 4711 not in list(cls)


@pytest.mark.parametrize("value", ["3", 3.5, None, True])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="not a valid State"):
        State("3" if value is True else value)


def test_enums_print_as_their_names():
    assert str(State.CONNECTED) == f"{State.CONNECTED}" == "CONNECTED"
    assert f"{State.CONNECTED:>4d}" == "   3"
    assert str(CreateMode.EPHEMERAL_SEQUENTIAL) == "EPHEMERAL_SEQUENTIAL"


def test_states_say_what_they_mean():
    assert {state for state in State if state.connected} == {State.CONNECTED, State.READ_ONLY}
    assert {state for state in State if state.final} == {State.CLOSED, State.EXPIRED_SESSION, State.AUTH_FAILED}


def test_create_modes_say_what_they_mean():
    assert [mode.value for mode in CreateMode] == list(range(7))
    assert [mode.value for mode in CreateMode if mode.ephemeral] == [1, 3]
    assert [mode.value for mode in CreateMode if mode.sequential] == [2, 3, 6]
    assert [mode.value for mode in CreateMode if mode.ttl] == [5, 6]
