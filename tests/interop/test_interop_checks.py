"""The checks find what they are for."""

from __future__ import annotations

import pytest

from .interop_support import Interval, check_exclusion, check_order


def test_a_planted_overlap_is_found():
    one, other = Interval("zkc", "lock", 1, 10, 20), Interval("kazoo", "lock", 2, 19, 30)
    with pytest.raises(AssertionError, match="overlap"):
        check_exclusion([one, other])
    assert check_exclusion([one, Interval("kazoo", "lock", 2, 20, 30)]) == 1
    assert check_exclusion([one, other], limit=2) == 2


def test_readers_overlap_each_other_and_no_writer():
    one, other = Interval("zkc", "read", 1, 10, 20), Interval("kazoo", "read", 2, 15, 30)
    assert check_exclusion([one, other]) == 2
    with pytest.raises(AssertionError, match="overlap"):
        check_exclusion([one, other, Interval("zkc", "write", 3, 29, 31)])


def test_a_planted_overtaking_is_found():
    late, early = Interval("zkc", "lock", 1, 30, 40), Interval("kazoo", "lock", 2, 10, 20)
    with pytest.raises(AssertionError, match="overtook"):
        check_order([late, early])
    check_order([Interval("zkc", "read", 1, 30, 40), Interval("kazoo", "read", 2, 10, 20)])
    with pytest.raises(AssertionError, match="overtook"):
        check_order([Interval("zkc", "write", 1, 30, 40), Interval("kazoo", "read", 2, 10, 20)])
