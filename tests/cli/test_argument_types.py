"""Durations, sizes and numbers as arguments, and their bounds."""

from __future__ import annotations

import pytest

from zkc.cli._types import MOST, parse_duration, parse_size


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5h", 5400), ("250ms", 0.25), ("11000d", 11000 * 86400)])
def test_durations_are_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["9999999999999d", "36501d", "9" * 400, "9" * 400 + "ms"])
def test_a_duration_has_a_bound(text):
    with pytest.raises(ValueError, match=r"^.{1,70} is too long: the longest duration is 11000d"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "size"), [("10k", 10_000), ("1.5MB", 1_500_000), ("1MiB", 1 << 20),
                                            (str(MOST), MOST), (str(MOST - 1), MOST - 1)])  # fmt: skip
def test_sizes_are_exact_bytes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", [str(MOST + 1), "9223372036854775.808k", "9223372037g", "9" * 400, "9" * 5000 + "k"])
def test_a_size_has_a_bound(text):
    with pytest.raises(ValueError, match=rf"^.{{1,70}} is too much: the largest size is {MOST} bytes"):
        parse_size(text)


def test_long_waits_are_usage_errors(cli):
    for arguments in (["watch", "/app", "--for"], ["wait", "/app", "--timeout"], ["find", "/", "--mtime"]):
        assert "is too long" in cli(*arguments, "9999999999999d", code=2).err


@pytest.mark.parametrize("option", ["--timeout", "--session-timeout"])
def test_seconds_are_finite(cli, option):
    assert "no finite number" in cli(option, "nan", "ls", "/", code=2).err
    assert "no finite number" in cli("ls", "/", option, "inf", code=2).err


def test_the_servers_get_no_limit_that_they_cannot_read(cli):
    for option in ("--count", "--hard-count", "--bytes", "--hard-bytes"):
        assert option in cli("quota", "set", "/app", option, str(MOST + 1), code=2).err
