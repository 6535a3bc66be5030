"""How a policy spaces attempts, and which policies make no sense."""

import copy
import pickle
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zkc
from zkc.retry import Retry

policies = st.builds(
    Retry,
    attempts=st.integers(1, 30),
    backoff=st.floats(0.001, 1.0),
    max_backoff=st.floats(1.0, 100.0),
    multiplier=st.floats(1.0, 1000.0),
    jitter=st.floats(0.0, 1.0),
    deadline=st.none() | st.floats(0.001, 500.0),
)


@settings(deadline=None)  # How long one example takes is up to the machine.
@given(policies)
def test_the_pauses_grow_within_their_bounds(policy):
    delays = list(policy.delays())
    assert len(delays) == policy.attempts - 1
    longest = policy.backoff
    for delay in delays:
        assert longest * (1 - policy.jitter) * 0.999 <= delay <= longest <= policy.max_backoff
        longest = min(longest * policy.multiplier, policy.max_backoff)


@settings(deadline=None)  # How long one example takes is up to the machine.
@given(policies, st.floats(0.0, 10.0))
def test_no_attempt_is_begun_after_the_deadline(policy, taken):
    clock = Clock()
    begun = []

    def function():
        begun.append(clock.now)
        clock.now += taken
        raise zkc.ConnectionLossError(operation="get")

    with mock.patch("zkc.retry.time", clock), pytest.raises(zkc.ConnectionLossError):
        policy.call(function)
    assert 1 <= len(begun) <= policy.attempts
    if policy.deadline is None:
        assert len(begun) == policy.attempts
    else:
        assert begun[-1] <= policy.deadline
        assert clock.now <= policy.deadline + taken  # No pause that leads to nothing.


class Clock:
    """Time that passes by sleeping only."""

    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_without_a_limit_the_pauses_go_on():
    delays = Retry(attempts=None, jitter=0.0).delays()
    assert [next(delays) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    for _ in range(2000):
        assert next(delays) == 5.0


def test_chance_is_different_each_time():
    policy = Retry(attempts=20)
    assert list(policy.delays()) != list(policy.delays())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"attempts": 0}, ValueError, "attempts must be from 1"),
        ({"attempts": 2.0}, TypeError, "attempts must be an int"),
        ({"backoff": 0}, ValueError, "backoff must be a positive"),
        ({"backoff": "1"}, TypeError, "backoff must be a number"),
        ({"backoff": 2.0, "max_backoff": 1.0}, ValueError, "max_backoff must not be less than backoff"),
        ({"max_backoff": float("inf")}, ValueError, "max_backoff must be a positive, finite"),
        ({"multiplier": 0.5}, ValueError, "multiplier must be from 1"),
        ({"multiplier": float("nan")}, ValueError, "multiplier must be from 1"),
        ({"multiplier": None}, TypeError, "multiplier must be a number"),
        ({"jitter": 1.5}, ValueError, "jitter must be from 0 to 1"),
        ({"jitter": True}, TypeError, "jitter must be a number"),
        ({"deadline": 0}, ValueError, "deadline must be a positive"),
        ({"idempotent": 1}, TypeError, "idempotent must be True or False"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Retry(**arguments)


def test_a_policy_is_a_value():
    policy = Retry(7, deadline=60.0)
    assert pickle.loads(pickle.dumps(policy)) == copy.copy(policy) == policy != Retry()
    assert hash(policy) == hash(copy.deepcopy(policy))
    assert "attempts=7" in repr(policy)
    with pytest.raises(AttributeError):
        policy.attempts = 8
