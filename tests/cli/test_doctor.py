"""``zkc doctor``: it finds each planted fault, and says what to do."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
import time
from types import SimpleNamespace

import pytest

import zkc
from zkc import ACL
from zkc.cli._walk import Node
from zkc.cli.health._findings import Report
from zkc.cli.health._lock_checks import Locks
from zkc.cli.health._quorum_checks import Modes, check_quorum
from zkc.cli.health._session_checks import _report_limit
from zkc.testing import Ensemble, ZooKeeperServer, make_tls_files

from ..tls_support import TLSFront
from .cut_support import DyingLink


@pytest.fixture
def doctor(cli, cli_environment):
    """Return a function that runs the doctor: its findings by check, after a look at the exit code."""

    def run(servers=None, *arguments, code=1):
        if servers is not None:
            cli_environment["ZKC_SERVERS"] = servers
        found = cli("doctor", "--json", "--timeout", "20", *arguments, code=code).json
        for each in found:
            assert each["level"] in ("ok", "note") or each["advice"], each
        return {each["check"]: each for each in found}

    return run


def test_a_server_that_is_well_has_no_findings(doctor):
    found = doctor(code=0)
    assert {"server", "session", "read", "write", "sync", "clock", "tree"} <= set(found)
    assert {each["level"] for each in found.values()} <= {"ok", "note"}


def test_a_closed_port_and_an_unknown_name_are_found(doctor):
    """Scenario 33."""
    refused = doctor("127.0.0.1:1")["refused"]
    assert refused["level"] == "problem"
    assert "127.0.0.1:1" not in refused["text"], "the address is in front of it"
    assert "disk is full" in refused["advice"]
    assert doctor("no-such-host.invalid:2181")["unresolved"]["level"] == "problem"


def test_a_server_that_hangs_is_found(doctor):
    """Scenario 33: a server that is paused accepts connections."""
    with ZooKeeperServer() as server:
        server.pause()
        found = doctor(server.hosts)
        server.resume()
    assert {"silent", "timeout", "no_answer"} & set(found)


def test_a_web_server_is_found(doctor):
    """Scenario 33: the port of AdminServer, or of any other web server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            found = doctor(f"127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()
            thread.join()
    assert "AdminServer" in found["web_server"]["advice"]


def test_a_server_that_tells_no_metrics_is_found(doctor):
    """Scenario 33: a whitelist without mntr."""
    with ZooKeeperServer(config={"4lw.commands.whitelist": "srvr"}) as server:
        assert doctor(server.hosts)["monitoring"]["level"] == "warning"


def test_a_member_without_a_quorum_and_a_stopped_one_are_found(doctor, eventually):
    """Scenario 33."""
    with Ensemble(3) as ensemble:
        for member in ensemble.members[1:]:
            member.stop()
        eventually(lambda: ensemble.members[0].mode is None)  # It has seen that it is alone.
        found = doctor(ensemble.hosts)
        assert found["refused"]["level"] == "problem"
        assert found["no_quorum"]["level"] == "problem"
        assert found["ensemble"]["level"] == "problem"


def test_the_quorum_of_an_ensemble_and_its_leader_are_found(doctor, admin_ensemble, eventually):
    """With one of three servers down one more loss stops the ensemble."""
    hosts = admin_ensemble.hosts
    found = doctor(hosts, "--no-tree", code=0)
    assert found["quorum"]["level"] == "ok"
    assert "3 of 3 servers serve: the ensemble goes on after the loss of 1" in found["quorum"]["text"]
    assert found["leader"]["server"] in hosts.split(",")
    part = doctor(hosts.rpartition(",")[0], "--no-tree", code=0)
    assert part["quorum"]["level"] == "note"
    assert "2 of 3 voting servers" in part["quorum"]["text"]
    admin_ensemble.members[0].stop()
    # If it led, they elect another leader.
    eventually(lambda: sorted(str(member.mode) for member in admin_ensemble.members[1:]) == ["follower", "leader"], 60)
    found = doctor(hosts, "--no-tree")
    assert found["refused"]["level"] == "problem"
    assert found["quorum"]["level"] == "warning"
    assert "2 of 3 servers serve: one more loss stops the ensemble" in found["quorum"]["text"]


@pytest.mark.parametrize(
    ("serving", "voters", "level", "text"),
    [(2, 2, "note", "the loss of one stops"), (4, 5, "warning", "goes on after the loss of 1 more"), (5, 5, "ok", "2")],
)
def test_the_losses_that_an_ensemble_bears_are_counted(serving, voters, level, text):
    report = Report()
    modes = [("a", "leader"), *(("b", "follower") for _ in range(serving - 1)), ("c", "observer")]
    check_quorum(None, None, Modes(voters + 1, modes), report)
    [leader, quorum] = report.findings
    assert (leader.check, quorum.check, quorum.level) == ("leader", "quorum", level)
    assert text in quorum.text


def test_a_read_only_member_is_found(doctor, eventually):
    """Scenario 33."""
    with Ensemble(3, read_only_mode=True) as ensemble:
        for member in ensemble.members[1:]:
            member.stop()
        member = ensemble.members[0]
        eventually(lambda: member.mode == "read-only", 60)
        assert "read_only" in doctor(member.hosts, "--timeout", "3")  # There will be no session.


def test_a_server_with_too_many_connections_is_found(doctor):
    """Scenario 33: maxClientCnxns."""
    with ZooKeeperServer(config={"maxClientCnxns": "2"}) as server, contextlib.ExitStack() as stack:
        for _ in range(2):  # A client tries until the server has a place for it.
            stack.enter_context(zkc.Client(server.hosts))
        found = doctor(server.hosts)
    assert "closed" in found, [each["text"] for each in found.values()]
    assert "maxClientCnxns" in found["closed"]["text"]


def test_a_wrong_certificate_and_a_plain_port_are_found(doctor, eventually):
    """Scenario 31."""
    with ZooKeeperServer(tls=True) as server, ZooKeeperServer(tls=True) as other:
        files = server.tls
        mine = ("--cert", str(files.client_cert), "--key", str(files.client_key))
        doctor(server.tls_hosts, "--ca", str(files.ca), *mine, code=0)
        wrong = doctor(server.tls_hosts, "--ca", str(other.tls.ca), *mine)
        assert "--ca" in wrong["tls"]["advice"]
        assert "secureClientPort" in doctor(server.hosts, "--ca", str(files.ca), *mine)["not_tls"]["advice"]

        def is_told():
            plain = doctor(server.tls_hosts)
            return any("--tls" in plain[name]["advice"] for name in ("tls_port", "wants_tls") if name in plain)

        eventually(is_told, 60)  # A server that does not run for two seconds at that moment is silent for the doctor.


@pytest.fixture(scope="session")
def doctors_tls(tmp_path_factory):
    """Certificates that are good, have expired, or are for another name."""
    return make_tls_files(tmp_path_factory.mktemp("doctors-tls"))


@pytest.fixture
def front_of(zookeeper_server):
    """Return a function that gives a front with TLS for the server: a context manager."""

    def make(certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert, certificate.key)
        return TLSFront(context, zookeeper_server.port)

    return make


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("expired", "the certificate expired at 2001-01-01 00:00:00 UTC", "Have it renewed"),
        ("not_yet_valid", "the certificate is not valid before 2099-01-01 00:00:00 UTC", "Check the clock"),
        ("wrong_host", "the certificate is for elsewhere.invalid, 192.0.2.1, not for 127.0.0.1", "--tls-server-name"),
        ("wrong_ca_signed", "an authority that is not trusted: zkc other test CA", "--ca"),
        ("self_signed", "the certificate is self-signed", "--ca"),
    ],
)
def test_a_refused_certificate_is_told_by_each_command_for_servers(
    doctor, cli, front_of, doctors_tls, name, text, advice
):
    """Scenario 31: as `zkc ls` tells it. Without verification the doctor warns."""
    files = doctors_tls
    trusted = ("--ca", str(files.ca))
    with front_of(getattr(files, name)) as front:
        found = doctor(front.hosts, *trusted)["tls"]
        assert text in found["text"]
        assert advice in found["advice"]
        warned = doctor(front.hosts, "--insecure", *trusted, "--no-tree")["certificate"]
        assert warned["level"] == "warning"
        assert text in warned["text"]
        error = cli("4lw", "srvr", "-s", front.hosts, *trusted, "--json", code=5).error
        assert error["message"].startswith(f"{front.hosts}: ")
        assert text in error["message"]
        assert advice in error["message"]
        [record] = cli("status", "-s", front.hosts, *trusted, "--admin-port", "1", "--json", code=6).json
        assert text in record["message"]


@pytest.mark.parametrize(
    ("own", "text"),
    [(False, "demands a client certificate, and we have none to show"), (True, "refused our client certificate")],
)
def test_a_server_that_wants_another_client_certificate_is_told_as_sessions_tell_it(doctor, cli, own, text):
    with ZooKeeperServer(tls=True) as server:
        files = server.tls
        mine = ("--cert", str(files.self_signed.cert), "--key", str(files.self_signed.key)) if own else ()
        found = doctor(server.tls_hosts, "--ca", str(files.ca), *mine)["tls"]
        for command in (("whoami",), ("4lw", "srvr")):
            error = cli(*command, "--ca", str(files.ca), *mine, "--json", code=5).error
            assert text in error["message"]
            assert error["reason"] == "client_certificate"
    assert text in found["text"]
    assert "--cert" in found["advice"]


def test_a_good_certificate_that_is_not_verified_is_a_note(doctor, front_of, doctors_tls):
    files = doctors_tls
    good = SimpleNamespace(cert=files.server_cert, key=files.server_key)
    with front_of(good) as front:
        found = doctor(front.hosts, "--ca", str(files.ca), "--insecure", "--no-tree", code=0)
    assert found["certificate"]["level"] == "note"


def test_a_missing_chroot_is_found(doctor, zookeeper_server):
    found = doctor(f"{zookeeper_server.hosts}/none")
    assert "create -P /none" in found["chroot"]["advice"]


def test_what_is_unusual_in_the_tree_is_found(doctor, client, zookeeper_server):
    """A hidden znode, large data, and a quota that is used up."""
    client.create("/hidden", acl=[ACL.digest("ann", "secret")])
    client.create("/large", bytes(600_000))
    found = doctor()
    assert found["large"]["path"].endswith("/large")
    assert found["hidden"]["path"].endswith("/hidden")
    with zkc.Client(zookeeper_server.hosts) as root:
        root.create("/limited", b"")
        root.ensure_path("/zookeeper/quota/limited")
        root.create("/zookeeper/quota/limited/zookeeper_limits", b"count=1,bytes=-1")
        root.create("/zookeeper/quota/limited/zookeeper_stats", b"count=1,bytes=0")
        try:
            assert doctor()["quota"]["path"] == "/limited"
        finally:
            root.delete_tree("/limited")
            for name in ("zookeeper_limits", "zookeeper_stats"):
                root.delete(f"/zookeeper/quota/limited/{name}")
            root.delete("/zookeeper/quota/limited")


@pytest.mark.parametrize("option", ["--read-only", "--dry-run"])
def test_nothing_is_written_with_read_only(doctor, client, option):
    before = client.exists("/").cversion
    found = doctor(None, option, code=0)
    assert option in found["write"]["text"]
    assert found["write"]["level"] == "note"
    assert client.exists("/").cversion == before


@pytest.mark.parametrize("marker", [b"/zkc-doctor-", b"/zkc-doctor-0"], ids=["create", "set"])
def test_a_server_that_goes_away_at_a_write_is_found(doctor, client, zookeeper_server, marker):
    """A server whose disk is full ends at the first write: what was found before is reported."""
    with DyingLink(zookeeper_server.port, marker) as link:
        found = doctor(link.hosts, "--timeout", "600")  # No check waits for a server that is gone.
    assert {"server", "session", "read"} <= {name for name, each in found.items() if each["level"] == "ok"}
    assert "tree" in found  # What it says depends on what other tests have left on the server.
    assert found["write"]["level"] == "problem"
    assert found["write"]["server"] == link.hosts
    assert "the server went away during the write check" in found["write"]["text"]
    assert "disk" in found["write"]["advice"]


def test_the_doctor_writes_a_few_times_only(doctor, here, eventually, tmp_path):
    wanted = ["create_session", "create", *["set_data"] * 3, "close_session"]

    def written():
        """Return the types of the doctor's transactions. Others may come between them, as a session that expires."""
        records = here("txnlog", tmp_path / "data", "--json").json
        [session] = {each["session"] for each in records if each.get("path", "").startswith("/zkc-doctor-")}
        return [each["type"] for each in records if each["session"] == session]

    with ZooKeeperServer(data_dir=tmp_path / "data") as server:
        doctor(server.hosts, "--no-tree", code=0)
        eventually(lambda: written() == wanted)


@pytest.mark.parametrize(
    ("name", "used", "limit", "level", "shown", "option"),
    [
        ("hard_bytes", 2000, 2010, "warning", "2,000 of 2,010 bytes", "-B SIZE"),
        ("hard_bytes", 2010, 2010, "problem", "2,010 of 2,010 bytes", "-B SIZE"),
        ("hard_count", 5, 5, "problem", "5 of 5 znodes", "-N N"),
        ("bytes", 2011, 2010, "warning", "soft limit of /app is exceeded", "-b SIZE"),
        ("count", 5, 5, "note", "5 of 5 znodes", "-n N"),
    ],
)
def test_the_limits_of_quotas_are_graded(name, used, limit, level, shown, option):
    """Limits that refuse writes are worse than those that are only logged, and rounding hides nothing."""
    report = Report()
    _report_limit(report, "/app", name, used, limit)
    [found] = report.findings
    assert (found.check, found.level, found.path) == ("quota", level, "/app")
    assert shown in found.text
    assert f"zkc quota set /app {option} " in found.advice


def test_each_limit_of_a_quota_is_looked_at(doctor, client, zookeeper_server):
    """A soft limit that is exceeded does not hide the hard one behind it."""
    chroot = zookeeper_server.new_chroot("quotas")[len(zookeeper_server.hosts) :]
    with zkc.Client(zookeeper_server.hosts) as root:
        parent = f"/zookeeper/quota{chroot}"
        root.ensure_path(parent)
        root.create(f"{parent}/zookeeper_limits", b"count=1,bytes=-1=;byteHardLimit=-1;countHardLimit=3")
        root.create(f"{parent}/zookeeper_stats", b"count=1,bytes=0")
        try:
            for name in "ab":
                root.create(f"{chroot}/{name}")
            found = doctor(zookeeper_server.hosts, "--no-tree")
            assert found["quota"]["level"] == "problem"
            assert "3 of 3 znodes" in found["quota"]["text"]
        finally:
            for name in ("zookeeper_limits", "zookeeper_stats"):
                root.delete(f"{parent}/{name}")
            root.delete(parent)


class _Lock:
    """A lock that a walk sees: a test cannot wait for ten minutes, so the check gets znodes that are as old."""

    def __init__(self, age: float = 600.0) -> None:
        self.report = Report()
        self.pzxid = 0
        self.locks = Locks(self.report, age, lambda path: SimpleNamespace(pzxid=self.pzxid))

    def see(self, path: str, zxid: int, hours_ago: float, session: int = 0, data: bytes | None = None) -> None:
        """Give a znode that was created at that time, and that contends if it has a session."""
        moment = int((time.time() - hours_ago * 3600) * 1000)
        node = Node(path, 2, False)
        node.data = data
        node.stat = SimpleNamespace(czxid=zxid, mzxid=zxid, ctime=moment, mtime=moment, ephemeral_owner=session)
        self.locks.take(node)

    def queue(self, *hours_ago: float) -> None:
        """Give contenders; their zxids are 100, 110, ..."""
        for number, hours in enumerate(hours_ago):
            name = f"_c_x-lock-{number + 7:010}"
            self.see(f"/app/lock/{name}", 100 + 10 * number, hours, 0x17 + number, b"ann@host-1")

    def found(self):
        """Return the one finding."""
        self.locks.finish()
        [found] = self.report.findings
        assert found.path == "/app/lock"
        assert "zkc lock ls /app/lock" in found.advice
        assert "zkc lock break /app/lock" in found.advice
        return found


def test_a_lock_that_is_stuck_is_found():
    """Its last waiter came three hours ago, and no contender has left since then."""
    lock = _Lock()
    lock.queue(4, 3)
    lock.pzxid = 110
    found = lock.found()
    assert found.level == "warning"
    assert "0x17" in found.text
    assert "ann@host-1" in found.text
    assert "held for 3 h or longer" in found.text
    assert "1 waits" in found.text


@pytest.mark.parametrize(("written", "level"), [(0.01, "note"), (2, "warning"), (None, "note")])
def test_a_lock_whose_holder_was_long_in_the_queue_is_not_stuck(written, level):
    """A contender left at an unknown time: only a later write, if there was one, says when at the latest."""
    lock = _Lock()
    lock.queue(4, 3)
    lock.see("/before", 150, 2.5)
    lock.pzxid = 200
    if written is not None:
        lock.see("/other", 201, written)
    found = lock.found()
    assert found.level == level
    if level == "warning":
        assert "held for 2 h or longer" in found.text
    else:
        assert "came to the queue 4 h ago" in found.text


def test_the_age_of_a_lock_is_an_option(doctor, client):
    with client.lock("/app/lock", identifier="ann").acquire():
        waiting = [client.submit.create("/app/lock/_c_x-lock-", b"", ephemeral=True, sequential=True) for _ in "12"]
        for each in waiting:
            each.result()
        note = doctor(code=0)["lock"]
        assert note["level"] == "note"
        assert "2 wait" in note["text"]
        assert "ann" in note["text"]
        assert "zkc lock break" in note["advice"]
        assert doctor(None, "--lock-age", "0s")["lock"]["level"] == "warning"


def test_readers_that_share_a_lock_do_not_wait():
    lock = _Lock()
    for number in range(3):
        lock.see(f"/app/lock/_c_x-__READ__{number:010}", 100 + number, 3, 0x17)
    lock.locks.finish()
    assert lock.report.findings == []


def test_many_locks_with_waiters_are_a_few_notes():
    lock = _Lock()
    for number in range(20):
        for side in range(2):
            lock.see(f"/app/lock-{number}/_c_x-lock-{side:010}", 100, 0.01, 0x17)
    lock.pzxid = 1000
    lock.locks.finish()
    assert len(lock.report.findings) == 6
    assert lock.report.findings[-1].text == "15 more locks with waiters"


def test_lock_ls_says_when_a_contender_came_to_the_queue(cli, client):
    with client.lock("/app/lock", identifier="ann").acquire() as hold:
        [row] = cli("lock", "ls", "/app/lock", "--json").json
        assert row["queued"][:4].isdigit()
        assert "since" not in row
        told = cli("lock", "break", "/app/lock", "--dry-run").err
        assert "ann holds it, in the queue for" in told
        assert hold.path
