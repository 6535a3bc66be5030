"""``zkc top``: on the full screen of a pseudo-terminal, and as records for machines."""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections import deque

import pexpect
import pytest

import zkc
from zkc.cli.servers._reach import AskError
from zkc.cli.servers._top_model import Row, TopModel
from zkc.cli.servers._top_view import bars, top_lines

from .fix_admin import admin_ports
from .fix_cli import COMMAND, Terminal, end_in_terminal

TIMEOUT = 90.0  # Seconds: a machine under load needs its time to start a server again.


@pytest.fixture
def environment(admin_ensemble, cli_environment):
    cli_environment["ZKC_SERVERS"] = admin_ensemble.hosts
    cli_environment["ZKC_ADMIN_PORT"] = admin_ports(admin_ensemble)
    return cli_environment


@pytest.fixture
def top(environment):
    """Return a function that starts ``zkc top`` from a shell, which shows the terminal's modes before and after."""
    started = []

    def start(*arguments):
        command = shlex.join([*COMMAND, "top", "--interval", "0.3", *arguments])
        script = f"echo before=$(stty -g); {command}; echo code=$?; echo after=$(stty -g); echo END"
        kept = {name: value for name, value in environment.items() if name != "COLUMNS"}
        process = pexpect.spawn("/bin/bash", ["-c", script], env=kept, dimensions=(24, 80), encoding="utf-8")
        started.append(process)
        return Terminal(process, 24, 80)

    yield start
    for process in started:
        end_in_terminal(process)


def row_of(terminal, member):
    """Return the line of a server; its name may be cut."""
    return next((line for line in terminal.lines if line.startswith(member.hosts[:15])), "")


def modes(terminal):
    """Return the terminal's modes before and after."""
    found = dict(re.findall(r"(before|after)=(\S+)", terminal.raw))
    return found["before"], found["after"]


def test_top_survives_a_restart_and_a_resize_and_leaves_the_terminal_as_it_was(top, admin_ensemble):
    """Scenario 35."""
    terminal = top()
    members = admin_ensemble.members
    terminal.until(lambda: all(re.search("leader|follower", row_of(terminal, each)) for each in members), TIMEOUT)
    assert len(terminal.lines) == 24
    assert terminal.lines[23].startswith("every 0.3 s")
    victim = members[1]
    victim.kill()
    terminal.until(lambda: "refused" in row_of(terminal, victim), TIMEOUT)
    # If it was the leader, the other two serve no clients until they have a new one.
    terminal.until(lambda: "1 down" in terminal.text, TIMEOUT)
    victim.start()
    terminal.until(lambda: re.search("leader|follower", row_of(terminal, victim)) is not None, TIMEOUT)
    # A picture is never wiped: only its changed lines are written. The first one, and a new size, begin empty.
    assert terminal.raw.count("\x1b[2J") == 1
    terminal.resize(30, 120)
    terminal.until(lambda: terminal.lines[29].startswith("every 0.3 s") and "QUEUE" in terminal.text, TIMEOUT)
    assert terminal.lines[23] == ""
    terminal.resize(10, 60)
    terminal.until(lambda: terminal.lines[9].startswith("every 0.3 s"), TIMEOUT)
    terminal.type("q")
    terminal.wait(TIMEOUT)
    assert "code=0" in terminal.raw
    before, after = modes(terminal)
    assert before == after
    assert terminal.raw.count("\x1b[?1049h") == terminal.raw.count("\x1b[?1049l") == 1
    assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")


def test_the_keys_of_top(top):
    terminal = top()
    terminal.see("every 0.3 s", TIMEOUT)
    terminal.type("+")
    terminal.see("every 0.6 s", TIMEOUT)
    terminal.type("p")
    terminal.until(lambda: terminal.lines[23].startswith("paused"), TIMEOUT)
    terminal.type("p")
    terminal.see("every 0.6 s", TIMEOUT)
    terminal.type("x")  # no key of top
    terminal.type("\x03")
    terminal.wait(TIMEOUT)
    assert "code=130" in terminal.raw
    assert modes(terminal)[0] == modes(terminal)[1]


def test_a_signal_ends_top_in_order(environment, open_terminal):
    terminal = open_terminal("top", "--interval", "0.3")
    terminal.see("every 0.3 s", TIMEOUT)
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.wait(TIMEOUT) == 128 + signal.SIGTERM
    assert terminal.raw.rindex("\x1b[?1049l") > terminal.raw.rindex("\x1b[?1049h")


def test_top_has_records_for_machines(admin_ensemble, environment, cli):
    leader = admin_ensemble.wait_for_leader()
    with zkc.Client(leader.hosts) as client:
        client.create(f"/top-{os.getpid()}", ephemeral=True)
        records = cli("top", "--once", "--json", "--interval", "0.5", "--within", "50").json
    assert [record["server"] for record in records] == admin_ensemble.hosts.split(",")
    assert all(record["requests_per_second"] >= 0 for record in records)
    (led,) = [record for record in records if record["mode"] == "leader"]
    assert led["connections"] >= 1
    assert "counters" not in led
    assert cli("top", code=2).out == b""
    assert "--interval" in cli("top", "--once", "--interval", "0", code=2).err


def record(**changes):
    facts = dict.fromkeys(
        ("error", "message", "received", "latency_avg", "zxid", "lag", "mode", "version", "connections", "watches",
         "znodes", "outstanding", "uptime", "ephemerals", "data_size", "sessions")
    )  # fmt: skip
    return {**facts, "via": "admin", "server": "zk:1", "mode": "leader", **changes}


def test_rates_are_those_of_the_interval():
    counters = {"sum_readlatency": 0, "cnt_readlatency": 0, "sum_updatelatency": 0, "cnt_updatelatency": 0}
    row = Row("zk:1")
    row.add(10.0, record(received=100, counters=counters))
    row.add(12.0, record(received=300, counters={**counters, "sum_readlatency": 50, "cnt_readlatency": 100}))
    assert (row.requests[-1], row.latencies[-1]) == (100.0, 0.5)
    # The server was restarted: its counters began with 0.
    row.add(14.0, record(received=20, counters={**counters, "sum_updatelatency": 30, "cnt_updatelatency": 10}))
    assert (row.requests[-1], row.latencies[-1]) == (10.0, 3.0)
    row.add(16.0, record(error="refused", message="no"))
    assert row.down
    assert (row.requests[-1], row.latencies[-1]) == (None, None)
    # The first sample after an outage has no interval.
    row.add(18.0, record(received=5, counters=counters))
    assert row.requests[-1] is None
    # Two of the requests are the questions themselves.
    row.add(20.0, record(received=9, counters=counters, via="4lw"))
    assert row.requests[-1] == 1.0


def test_bars_show_gaps_and_the_highest():
    assert bars([1, None, 2, 4], 6) == "  ▃ ▅█"
    assert bars([0, 0], 2) == "▁▁"
    assert bars([], 3) == "   "
    assert bars(range(10), 3) == "▆▇█"


@pytest.mark.parametrize("size", [(80, 24), (20, 4), (200, 60), (79, 8)])
def test_a_picture_has_exactly_the_size_of_the_screen(size):
    model = TopModel()
    for number in range(12):
        row = Row(f"a-server-with-a-very-long-name-{number}.example.org:2181")
        row.record = record(server=row.name, znodes=123456789, watches=10**7, connections=4, lag=3, zxid="0x10000000a",
                            version="3.9.6", uptime=86400.0 * 400, outstanding=1000)  # fmt: skip
        if number % 3 == 0:
            row.record = record(server=row.name, error="refused", message="évil \x1b[2J" + "x" * 300)
        row.requests = deque([1.0, None, 1e9])
        model.rows[row.name] = row
    lines = top_lines(model, *size, title="prod", status="every 2 s")
    assert len(lines) == size[1]
    assert max(line.cell_len for line in lines) <= size[0]
    assert "\x1b" not in "".join(line.plain for line in lines)


def test_the_reason_for_a_refused_certificate_fits_80_columns():
    model = TopModel()
    row = model.rows["127.0.0.1:12345"] = Row("127.0.0.1:12345")
    text = "the certificate expired at 2001-01-01 00:00:00 UTC"
    row.record = record(server=row.name, error="tls", message=str(AskError("tls", text, advice="Have it renewed")))
    lines = top_lines(model, 80, 24, title="prod", status="every 2 s")
    assert any(f"tls: {text}" in line.plain for line in lines)


def test_a_longer_reason_is_wrapped_where_there_is_room():
    model = TopModel()
    text = "the certificate of 10.0.0.1:12345 is for zookeeper-1.example.org, zookeeper-2.example.org, not for 10.0.0.1"
    for number in range(3):
        row = model.rows[f"127.0.0.1:1234{number}"] = Row(f"127.0.0.1:1234{number}")
        row.record = record(server=row.name, error="hostname", message=text)
    lines = [line.plain.rstrip() for line in top_lines(model, 80, 24, title="prod", status="")]
    assert "hostname:" in lines[5]
    assert lines[6].startswith(" " * 18)
    assert " ".join(" ".join(lines[5:9]).split()).startswith(f"127.0.0.1:12340 hostname: {text} 127.0.0.1:12341")
    narrow = [line.plain.rstrip() for line in top_lines(model, 80, 10, title="prod", status="")]
    assert len(narrow) == 10
    assert [line[:15] for line in narrow[5:8]] == list(model.rows)
    assert all(line.endswith("…") for line in narrow[5:8])
