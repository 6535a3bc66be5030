"""``zkc snapshot``: the stream of an AdminServer, and everything that keeps it from coming."""

from __future__ import annotations

import http.server
import threading

import pytest

import zkc
from zkc.testing import ZooKeeperServer

from .fix_admin import admin_ports

SNAPSHOT = b"ZKSN" + bytes(range(256)) * 5000


class AdminServer39(http.server.BaseHTTPRequestHandler):
    """The snapshot command of AdminServer 3.9, with its status codes and headers."""

    sent = SNAPSHOT
    status = 200

    def do_GET(self):
        streaming = "streaming=true" in self.path
        if self.headers.get("Authorization") != "digest super:secret":
            self.answer(401, b'{"command": "snapshot", "error": "Auth info is missing for the command"}')
        elif self.status != 200:
            self.answer(self.status, b'{"command": "snapshot", "error": null}')
        elif streaming:
            self.answer(200, self.sent, "application/octet-stream")
        else:
            self.answer(200, b'{"command": "snapshot", "error": null}')

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 200:
            self.send_header("last_zxid", "0x2a")
            self.send_header("snapshot_size", str(len(SNAPSHOT)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def admin39(cli_environment, tmp_path):
    """Serve the snapshot command, and return its class, whose attributes a test may change, with the options."""
    handler = type("Handler", (AdminServer39,), {})
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("secret\n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
        cli_environment["ZKC_ADMIN_PORT"] = str(server.server_port)
        yield handler, ["--auth", f"digest:super:{password}"]
        server.shutdown()
        thread.join()


def test_the_stream_goes_to_a_pipe_or_a_file(admin39, cli, tmp_path):
    _, auth = admin39
    ended = cli("snapshot", *auth)
    assert ended.out == SNAPSHOT
    assert "zxid 0x2a" in ended.err
    file = tmp_path / "backup.zk"
    assert cli("snapshot", "-O", str(file), "--json", *auth).json["last_zxid"] == "0x2a"
    assert file.read_bytes() == SNAPSHOT
    assert file.stat().st_mode & 0o777 == 0o600
    assert cli("snapshot", "-O", str(file), *auth, code=4).out == b""
    cli("snapshot", "-O", str(file), "--force", *auth)
    assert cli("snapshot", "--no-stream", *auth).out == b""


def test_a_cut_stream_leaves_no_file(admin39, cli, tmp_path):
    handler, auth = admin39
    handler.sent = SNAPSHOT[:1000]
    folder = tmp_path / "backups"
    folder.mkdir()
    ended = cli("snapshot", "-O", str(folder / "backup.zk"), "--json", *auth, code=6)
    assert ended.error["error"] == "closed"
    assert f"1000 of {len(SNAPSHOT)} bytes" in ended.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "code", "name"), [(403, 5, "forbidden"), (429, 10, "rate_limited"), (500, 10, "failed")]
)
def test_a_refusal_has_a_name(admin39, cli, status, code, name):
    handler, auth = admin39
    handler.status = status
    ended = cli("snapshot", "--json", *auth, code=code)
    assert (ended.out, ended.error["error"]) == (b"", name)


def test_without_credentials_the_command_says_what_it_needs(admin39, cli):
    """Scenario 5: exit 5, and the error is JSON."""
    ended = cli("snapshot", "--json", code=5)
    assert ended.error["error"] == "unauthorized"
    assert "--auth" in ended.error["message"]


def test_a_server_without_the_command_is_told(admin_ensemble, cli, cli_environment):
    cli_environment["ZKC_SERVERS"] = admin_ensemble.hosts
    cli_environment["ZKC_ADMIN_PORT"] = admin_ports(admin_ensemble)
    if admin_ensemble.members[0].version < (3, 9):
        ended = cli("snapshot", "--json", code=10)
        assert ended.error["error"] == "unknown_command"
        assert "3.9" in ended.error["message"]
    else:
        assert cli("snapshot", "--json", code=5).error["error"] == "unauthorized"


@pytest.mark.servers
def test_a_real_server_sends_its_snapshot(server_homes, cli, cli_environment, tmp_path):
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("super\n")
    with ZooKeeperServer(home=server_homes[-1], admin=True) as server:
        cli_environment.update(ZKC_SERVERS=server.hosts, ZKC_ADMIN_PORT=str(server.admin_port))
        with zkc.Client(server.hosts) as client:
            client.create("/in-the-snapshot", b"data")
        ended = cli("snapshot", "--auth", f"digest:super:{password}")
        assert ended.out.startswith(b"ZKSN")
        assert b"in-the-snapshot" in ended.out
        again = cli("snapshot", "--auth", f"digest:super:{password}", "--json", code=None)
        assert again.code == 0 or again.error["error"] == "rate_limited"
