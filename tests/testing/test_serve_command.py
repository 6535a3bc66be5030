"""``python -m zkc.testing``."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zkc.testing._wire import WireConnection


def serve(*arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "zkc.testing", *arguments],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_ends_it(number):
    with serve("--json") as process:
        facts = json.loads(process.stdout.readline())
        host, port = facts["hosts"].split(":")
        with WireConnection((host, int(port))) as connection:
            assert connection.create("/here")
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert (output, errors, process.returncode) == ("", "", 0)
    (server,) = facts["servers"]
    assert server["mode"] == "standalone"
    assert not Path(f"/proc/{server['pid']}").exists()
    assert not Path(server["log"]).exists()


def test_an_ensemble_with_tls_and_sasl():
    with serve("--json", "--ensemble", "3", "--tls", "--sasl", "bob:secret", "--tick-time", "0.3") as process:
        facts = json.loads(process.stdout.readline())
        assert sorted(server["mode"] for server in facts["servers"]) == ["follower", "follower", "leader"]
        assert len(facts["tls_hosts"].split(",")) == 3
        assert Path(facts["ca"]).exists()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_person_gets_a_table():
    main, other = pty.openpty()
    with serve(stdout=other, stderr=other) as process:
        os.close(other)
        shown = b""
        while b"standalone" not in shown:
            shown += os.read(main, 4096)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    while b"Ended." not in shown:
        shown += os.read(main, 4096)
    os.close(main)
    text = shown.decode()
    assert "Ctrl-C ends it" in text
    assert "127.0.0.1:" in text
    assert process.returncode == 0


def test_the_data_can_be_kept(tmp_path):
    for created in (True, False):
        with serve("--json", "--data-dir", str(tmp_path / "data")) as process:
            host, port = json.loads(process.stdout.readline())["hosts"].split(":")
            with WireConnection((host, int(port))) as connection:
                assert connection.create("/kept") is created
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--sasl", "bob"], 2, "'bob' is not USER:PASSWORD"),
        (["--ensemble", "3", "--port", "2181"], 2, "for a single server"),
        (["--ensemble", "0"], 1, "An ensemble has at least one member, not 0."),
        (["--ensemble", "0", "--port", "2181"], 2, "for a single server"),
        (["--port", "1"], 1, None),
        (["--port", "99999"], 1, "port must be from 0 to 65535, not 99999"),
        (["--tick-time", "0"], 1, "tick_time must be at least 0.001 seconds"),
    ],
)
def test_what_cannot_be_is_reported_in_a_sentence(arguments, status, message, tmp_path):
    environment = dict(os.environ, JAVA_HOME=str(tmp_path))
    with serve(*arguments, env=environment) as process:
        output, errors = process.communicate(timeout=30)
    assert (output, process.returncode) == ("", status)
    assert "Traceback" not in errors
    assert (message or "JAVA_HOME is") in errors


def test_a_server_that_ends_by_itself_ends_the_command():
    with serve("--json") as process:
        facts = json.loads(process.stdout.readline())
        os.kill(facts["servers"][0]["pid"], signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "zookeeper ended by itself" in errors


def test_a_folder_that_cannot_be_made_is_reported_in_a_sentence():
    with serve("--data-dir", "/proc/x") as process:
        output, errors = process.communicate(timeout=30)
    assert (output, process.returncode) == ("", 1)
    assert errors.startswith("python -m zkc.testing: ")
    assert "/proc/x" in errors
    assert errors.count("\n") == 1
