"""How a command says that there is no connection: one sentence with the address and the reason, and what to do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Optional

import pytest

from zkc.cli import _reach
from zkc.testing import Ensemble, ZooKeeperServer, make_tls_files

from ..tls_support import TLSFront


@contextlib.contextmanager
def answering(reply: Optional[bytes]) -> Iterator[str]:
    """Answer every connection with some bytes and close it; None: say nothing. Yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock = listener.accept()[0]
                    if reply is None:
                        held.append(sock)
                        continue
                    with sock:
                        sock.recv(100)
                        sock.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for sock in held:
                sock.close()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "closed"),
        (None, "silent"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "web_server"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", "tls_port"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not_zookeeper"),
        (b"This ZooKeeper instance is not currently serving requests\n", "no_quorum"),
        (b"Zookeeper version: 3.9.3\nMode: read-only\n", "read_only"),
        (b"Zookeeper version: 3.9.3\nMode: leader\n", "zookeeper"),
        (b"srvr is not executed because it is not in the whitelist.\n", "zookeeper"),
    ],
)
def test_what_answers_at_a_port_is_recognized(reply, reason):
    with answering(reply) as address:
        found = _reach.look(address, 0.3 if reply is None else 30.0)
    assert found.reason == reason
    assert found.reason in _reach.ADVICE


def test_a_closed_port_and_an_unknown_name_are_told():
    assert _reach.look("127.0.0.1:1").text == "connection refused"
    assert _reach.look("no-such-host.invalid:2181").text == "the name no-such-host.invalid does not resolve"


def failure(cli, *arguments: str, code: int) -> str:
    """Return the one line of stderr of a command that fails."""
    ended = cli("whoami", *arguments, code=code)
    assert ended.out == b""
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert "connect_timeout" not in lines[0]
    return str(lines[0])


def test_nothing_listens(cli):
    """Scenario 1."""
    line = failure(cli, "-s", "127.0.0.1:1", "--timeout", "2", code=6)
    assert line == (
        "zkc: error: no connection within 2 s to 127.0.0.1:1 (connection refused)."
        " Start the server, or give its address with --servers."
    )


def test_servers_are_told_each_once_with_their_reasons(cli):
    with answering(b"SSH-2.0-OpenSSH_9.6\r\n") as address:
        # A third of the timeout is for the answer.
        ended = cli("whoami", "-s", f"127.0.0.1:1,127.0.0.1:2,{address}", "--timeout", "3", "--json", code=6)
    assert "127.0.0.1:1, 127.0.0.1:2 (connection refused); " + address in ended.error["message"]
    assert [each["reason"] for each in ended.error["servers"]] == ["refused", "refused", "not_zookeeper"]
    assert ended.error["maybe_applied"] is False


def test_a_name_that_does_not_resolve_is_told_at_once(cli):
    line = failure(cli, "-s", "no-such-host.invalid:2181", "--timeout", "30", code=6)
    assert "no-such-host.invalid:2181 (the name no-such-host.invalid does not resolve)" in line


def test_a_malformed_list_of_servers_is_a_usage_error(cli):
    assert "port must be from 1 to 65535" in cli("whoami", "-s", "127.0.0.1:http", code=2).err


def test_a_person_who_waits_is_told_the_reason_early(in_terminal):
    process = in_terminal("whoami", "-s", "127.0.0.1:1", "--timeout", "30")
    process.expect_exact("zkc: waiting for 127.0.0.1:1 (connection refused)")
    process.sendintr()
    process.expect_exact("interrupted")


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory):
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(tls_files) -> Iterator[ZooKeeperServer]:
    with ZooKeeperServer(tls=tls_files) as server:
        yield server


def options(files, **more):
    chosen = {"ca": files.ca, "cert": files.client_cert, "key": files.client_key, **more}
    return [text for name, value in chosen.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def test_tls_works_and_each_way_to_fail_has_its_sentence(cli, secure, tls_files):
    """Scenario 31."""
    hosts = secure.tls_hosts
    cli("whoami", "-s", hosts, *options(tls_files))
    lines = [
        failure(cli, "-s", hosts, *options(tls_files, ca=tls_files.wrong_ca), code=5),
        failure(cli, "-s", hosts, *options(tls_files, tls_server_name="other.example"), code=5),
        failure(cli, "-s", secure.hosts, "--timeout", "5", *options(tls_files), code=5),
    ]
    assert "was issued by an authority that is not trusted" in lines[0]
    assert "servers' authority with --ca" in lines[0]
    assert "not for other.example" in lines[1]
    assert "--tls-server-name" in lines[1]
    assert "it may be a port for plain text" in lines[2]
    assert "secure port" in lines[2]
    for line in lines:
        assert "127.0.0.1:" in line
        assert "server_name" not in line
        assert " as ca" not in line


def test_an_expired_certificate_is_told(cli, tls_files):
    """Scenario 31."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files.expired.cert, tls_files.expired.key)
    with TLSFront(context) as front:
        ended = cli("whoami", "-s", front.hosts, "--json", *options(tls_files), code=5)
    assert f"the certificate of {front.hosts} expired at 2001-01-01" in ended.error["message"]
    assert (ended.error["error"], ended.error["reason"]) == ("certificate", "expired")


def test_a_secure_port_without_tls_is_told(cli, secure, eventually):
    def is_told() -> bool:
        line = failure(cli, "-s", secure.tls_hosts, "--timeout", "3", code=6)
        return f"{secure.tls_hosts} (the port speaks TLS). Give --tls" in line

    eventually(is_told, 60)  # A server that does not run for a second at that moment is silent for the command.


def test_a_missing_file_for_tls_is_a_usage_error(cli, hosts):
    assert failure(cli, "--ca", "/none/ca.pem", code=2).startswith("zkc: error: there is no file /none/ca.pem")


@pytest.mark.parametrize("command", [("whoami",), ("doctor",), ("status",), ("4lw", "srvr"), ("shell", "-c", "ls")])
def test_a_fault_of_a_file_for_tls_is_told_before_a_server_is_asked(cli, tls_files, tmp_path, command):
    """Each server got the blame for a file of this machine; with the servers down, nothing named the file."""
    nowhere = ("-s", "127.0.0.1:1", "--timeout", "1", "--ca", str(tls_files.ca))
    for more, text in [
        (("--ca", "/none/ca.pem"), "there is no file /none/ca.pem"),
        (("--cert", str(tls_files.client_cert), "--key", "/none/key.pem"), "there is no file /none/key.pem"),
        (("--cert", str(tls_files.client_cert)), f"{tls_files.client_cert} has no private key in it"),
        (("--key", str(tls_files.client_key)), "give its file with --cert"),
    ]:
        ended = cli(*command, *nowhere, *more, "--json", code=2)
        assert text in ended.error["message"]
        assert not ended.out
    certificate = ("--cert", str(tls_files.client_cert))
    mixed = cli(*command, *nowhere, *certificate, "--key", str(tls_files.expired.key), "--json", code=5).error
    assert f"private key in {tls_files.expired.key}" in mixed["message"].replace("key from", "key in")
    assert "belong together" in mixed["message"]
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("none")
    for more in (("--ca", str(garbage)), (*certificate, "--key", str(garbage))):
        assert str(garbage) in cli(*command, *nowhere, *more, "--json", code=5).error["message"]


def test_a_certificate_with_its_key_in_one_file_needs_no_other(cli, secure, tls_files, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(tls_files.client_cert.read_bytes() + tls_files.client_key.read_bytes())
    for command in (("whoami",), ("4lw", "ruok")):
        cli(*command, "-s", secure.tls_hosts, "--ca", str(tls_files.ca), "--cert", str(both))


def test_a_missing_chroot_is_told(cli, hosts):
    line = failure(cli, "-s", f"{hosts}/none", code=3)
    assert "/none does not exist. Create it: zkc -s " in line


def test_a_member_without_a_quorum_is_read_with_read_only(cli, cli_environment):
    with Ensemble(3, read_only_mode=True) as ensemble:
        cli_environment["ZKC_SERVERS"] = ensemble.hosts
        cli("create", "/a", "-d", "x")
        for member in ensemble.members[1:]:
            member.stop()
        cli_environment["ZKC_SERVERS"] = ensemble.members[0].hosts
        assert cli("get", "/a", "--read-only", "--timeout", "30").out == b"x"
        assert cli("set", "/a", "-d", "y", "--read-only", code=9).out == b""
        refused = cli("get", "/a", "--timeout", "3", code=6)
        assert "--read-only" in refused.err
