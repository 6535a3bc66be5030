"""``zkc serve``: servers for people, in the foreground."""

from __future__ import annotations

import json
import os
import signal
import socket

import pytest

import zkc


def test_a_server_serves_until_the_interrupt_and_says_what_to_type(start_cli, tmp_path):
    process = start_cli("serve", "--data", str(tmp_path / "data"), "--json")
    facts = json.loads(process.stdout.readline())
    with zkc.Client(facts["hosts"]) as client:
        client.create("/kept", b"x")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    again = start_cli("serve", "--data", str(tmp_path / "data"))
    lines = []
    while not lines or "In another terminal" not in lines[-1]:
        lines.append(again.stdout.readline().decode())
        assert lines[-1], again.stderr.read()
    hosts = next(line.split()[1] for line in lines if line.strip().startswith("hosts"))
    with zkc.Client(hosts) as client:
        assert client.get("/kept")[0] == b"x"
    again.send_signal(signal.SIGTERM)
    assert again.wait(30) == 0


def test_a_folder_that_is_served_is_refused(cli, start_cli, tmp_path):
    process = start_cli("serve", "--data", str(tmp_path / "data"), "--json")
    assert process.stdout.readline()
    error = cli("serve", "--data", str(tmp_path / "data"), "--json", code=10).error
    assert error["error"] == "not_served"
    assert f"process {process.pid} serves it" in error["message"]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "0.01", "x"])
def test_a_tick_that_is_none_is_a_usage_error_before_anything_starts(cli, seconds):
    ended = cli("serve", "--tick-time", seconds, code=2)
    assert "--tick-time" in ended.err
    assert "starting" not in ended.err


def test_an_empty_name_of_the_folder_is_not_the_current_folder(cli):
    """As the variable of a script has it that is not set."""
    assert "'--data': it is empty" in cli("serve", "--data", "", code=2).err


def test_a_folder_that_cannot_be_made_is_refused_by_name(cli):
    assert (
        "The folder /proc/zkc-data for the data cannot be used" in cli("serve", "--data", "/proc/zkc-data", code=10).err
    )


def test_an_ensemble_serves_with_tls(start_cli):
    process = start_cli("serve", "--ensemble", "3", "--tls", "--json")
    facts = json.loads(process.stdout.readline())
    assert len(facts["servers"]) == 3
    tls = zkc.TLS(facts["ca"], facts["client_cert"], facts["client_key"])
    with zkc.Client(facts["tls_hosts"], tls=tls) as client:
        assert client.exists("/zookeeper")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_an_ensemble_goes_on_without_a_server_and_ends_with_the_last(start_cli):
    """It ended with the first one, and took the data of all with it."""
    process = start_cli("serve", "--ensemble", "3", "--json")
    facts = json.loads(process.stdout.readline())
    first, *others = facts["servers"]
    os.kill(first["pid"], signal.SIGKILL)
    while b"has ended" not in (line := process.stderr.readline()):
        assert line, "serve has ended"
    assert b"zkc: warning: server 1 (%s) has ended by itself: killed by SIGKILL" % first["hosts"].encode() in line
    assert b"2 of 3 servers" in line
    with zkc.Client(facts["hosts"]) as client:
        client.create("/after", b"x")
    for each in others:
        os.kill(each["pid"], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 10
    assert json.loads(err.splitlines()[-1])["error"] == "server_ended"
    assert not os.path.exists(first["log"]), "its folder is removed at the end"


def test_an_ensemble_that_has_lost_a_server_ends_by_ctrl_c(start_cli):
    process = start_cli("serve", "--ensemble", "2", "--json")
    facts = json.loads(process.stdout.readline())
    os.kill(facts["servers"][1]["pid"], signal.SIGKILL)
    while b"has ended" not in (line := process.stderr.readline()):
        assert line, "serve has ended"
    assert b"too few to serve" in line
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not os.path.exists(facts["servers"][0]["log"])


def test_a_port_that_is_taken_is_named(cli):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = cli("serve", "--port", str(port), "--json", code=10)
    assert str(port) in ended.error["message"]


def test_options_of_one_server_are_refused_for_an_ensemble(cli):
    assert "--ensemble" in cli("serve", "--ensemble", "3", "--port", "2181", code=2).err


def test_without_zookeeper_the_command_says_what_to_install(cli, cli_environment, tmp_path):
    cli_environment["ZKC_ZOOKEEPER_HOME"] = str(tmp_path)
    assert "ZooKeeper" in cli("serve", code=10).err
