"""Durations, sizes and numbers as arguments, and their bounds."""

from __future__ import annotations

import pytest

import zkc
from zkc.cli._members import check_member
from zkc.cli._types import MOST, parse_duration, parse_size

from ..build_support import needs_long_session_timeouts


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


@pytest.mark.parametrize(
    ("name", "most"), [("timeout", 11_000 * 86_400), ("session_timeout", 2_147_483.647)], ids=["timeout", "session"]
)
def test_seconds_that_are_too_many_are_told_with_the_largest(cli, cli_environment, name, most):
    """ "must be a positive number, not 1000000000.0" was no help."""
    option = f"--{name.replace('_', '-')}"
    text = f"{name} is too large, 1000000000.0: the largest is {most} seconds (the option {option})"
    assert text in cli("ls", "/", option, "1e9", code=2).err
    cli_environment[f"ZKC_{name.upper()}"] = str(most + 1)
    assert f"the largest is {most} seconds (the variable" in cli("ls", "/", code=2).err
    assert check_member(name, str(most)) == most


@needs_long_session_timeouts
def test_the_longest_session_timeout_connects(cli):
    cli("ls", "/", "--session-timeout", "2147483.647")


def test_a_sasl_mechanism_that_the_client_does_not_have_is_a_usage_error(cli):
    error = cli("ls", "/", "--sasl", "NOPE", "--json", code=2).error
    assert "there is no SASL mechanism NOPE" in error["message"]
    assert ", ".join(zkc.build_info()["sasl_mechanisms"]) in error["message"]


@pytest.mark.parametrize("option", ["--user", "--password-file"])
def test_an_option_for_sasl_without_sasl_is_a_usage_error(cli, option, tmp_path):
    """They were ignored: the session had no identity."""
    assert f"{option} is for SASL" in cli("ls", "/", option, str(tmp_path / "a"), code=2).err
