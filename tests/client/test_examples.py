"""The examples run, and say what they should."""

import subprocess
import sys
from pathlib import Path

import pytest

from zkc import Client

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments], capture_output=True, text=True, timeout=100
    )


def test_the_tour_shows_everything_and_cleans_up(hosts, client):
    client.create("/before")
    done = run("tour.py", "--hosts", hosts, "--count", "250")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "connected to 127.0.0.1",
        "created /config",
        "BadVersionError: set '/config'",
        "NotEmptyError: delete '/workers'",
        "worker-0000000002",
        "the watch fired: /config was CHANGED",
        "/here was DELETED by the servers",
        "every znode has its data: yes",
        "create 250",
    ):
        assert words in done.stdout
    assert "\x1b" not in done.stdout, "no colours and no progress bar but on a terminal"
    assert client.children("/") == ["before"]


def test_the_tour_starts_a_server_of_its_own():
    done = run("tour.py", "--count", "10")
    assert (done.returncode, done.stderr) == (0, "")
    assert "started at 127.0.0.1:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hosts", "127.0.0.1:port"], "tour: hosts: the port must be from 1 to 65535"),
        (["--count", "0"], "argument --count: invalid"),
    ],
)
def test_the_tour_says_what_is_wrong(arguments, message):
    done = run("tour.py", *arguments)
    assert done.returncode > 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_ten_lines(hosts):
    done = run("ten_lines.py", hosts)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("b'hello' 0 ")
    assert "CHANGED /greeting-0000000000" in lines
    assert any(line.startswith("set '/greeting-0000000000': the znode has another version") for line in lines)
    assert "None ['greeting-0000000000']" in lines
    with Client(hosts) as client:
        assert client.children("/") == []
