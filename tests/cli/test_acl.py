"""``zkc acl``, ``zkc digest`` and ``zkc whoami``."""

from __future__ import annotations

import pytest

import zkc
from zkc import ACL, Perms


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "alice.secret"
    file.write_text("geheim\n")
    file.chmod(0o600)
    return str(file)


def test_an_acl_is_printed_as_it_is_set(cli, client):
    client.create("/a")
    entries = cli("acl", "get", "/a").lines
    assert entries == ["world:anyone:cdrwa"]
    cli("acl", "set", "/a", "world:anyone:cdra", "ip:10.0.0.0/8:rw,ip:127.0.0.1:all")
    assert cli("acl", "get", "/a").lines == ["world:anyone:cdra", "ip:10.0.0.0/8:rw", "ip:127.0.0.1:cdrwa"]
    shown = cli("acl", "get", "/a", "--json").json
    assert shown["version"] == 1
    assert shown["acl"][1] == {"scheme": "ip", "id": "10.0.0.0/8", "perms": "rw"}


def test_entries_are_added_and_removed(cli, client):
    client.create("/a")
    cli("acl", "add", "/a", "ip:127.0.0.1:r")
    cli("acl", "add", "/a", "ip:127.0.0.1:rw")
    assert cli("acl", "get", "/a").lines == ["world:anyone:cdrwa", "ip:127.0.0.1:rw"]
    cli("acl", "remove", "/a", "ip:127.0.0.1")
    assert client.get_acl("/a")[0] == [ACL.world()]


def test_an_acl_that_locks_everyone_out_needs_force(cli, client):
    client.create("/a")
    assert cli("acl", "set", "/a", "read", "--json", code=9).error["error"] == "no_admin"
    assert cli("acl", "remove", "/a", "world:anyone", code=2).out == b""
    cli("acl", "set", "/a", "read", "--force")
    assert client.get_acl("/a")[0] == [ACL.world(Perms.READ)]


@pytest.mark.parametrize("entry", ["world:anyone", "world:anyone:x", "nothing", "world:anyone:"])
def test_a_malformed_entry_is_a_usage_error(cli, client, entry):
    client.create("/a")
    assert "acl" in cli("acl", "set", "/a", entry, code=2).err.lower()


def test_another_version_is_a_conflict(cli, client):
    client.create("/a")
    cli("acl", "set", "/a", "open", "--version", "7", code=4)
    cli("acl", "set", "/a", "ip:127.0.0.1:all", "--version", "0")
    assert client.get_acl("/a")[1].aversion == 1


def test_a_tree_changes_and_what_may_not_be_changed_is_reported(cli, client):
    """Scenario 30, with few znodes."""
    client.create_many([("/t", b""), *((f"/t/{number:02}", b"") for number in range(30))])
    client.create("/t/locked", b"", acl=[ACL.world(Perms.READ)])
    refused = cli("acl", "set", "-R", "/t", "ip:127.0.0.1:all", code=9)
    assert "32 znodes" in refused.err
    foretold = cli("acl", "set", "-R", "/t", "ip:127.0.0.1:all", "--dry-run").lines
    assert len(foretold) == 32
    assert client.get_acl("/t")[0] == [ACL.world()]
    ended = cli("acl", "set", "-R", "/t", "ip:127.0.0.1:all", "--yes", "--json", code=8)
    assert ended.json == {"changed": 31, "failed": [{"path": "/t/locked", "error": "no_auth"}]}
    assert client.get_acl("/t/07")[0] == [ACL(Perms.ALL, "ip", "127.0.0.1")]


@pytest.mark.full
def test_ten_thousand_acls_change(cli, client):
    """Scenario 30."""
    client.create_many([("/t", b""), *((f"/t/{number:05}", b"") for number in range(10_000))])
    ended = cli("acl", "add", "-R", "/t", "ip:127.0.0.1:all", "--yes", "--progress", "json", "--json")
    assert ended.json == {"changed": 10_001, "failed": []}


def test_the_whole_tree_is_guarded(cli):
    assert "--force" in cli("acl", "set", "-R", "/", "open", "--yes", code=9).err


def test_what_an_identity_may_do_is_told(cli, client):
    alice_only = ACL.digest("alice", "geheim", Perms.READ | Perms.WRITE)
    client.create("/a", acl=[alice_only, ACL(Perms.ALL, "ip", "10.0.0.0/8"), ACL.world(Perms.READ)])
    alice = cli("acl", "check", "/a", "--as", "digest:alice", "--json").json
    assert (alice["perms"], alice["read"], alice["set_acl"], alice["delete"]) == ("rw", True, False, True)
    assert cli("acl", "check", "/a", "--as", "ip:10.1.2.3", "--json").json["perms"] == "cdrwa"
    cli("acl", "check", "/a", "--as", "digest:bob", "--for", "rw", code=1)
    cli("acl", "check", "/a", "--as", "digest:alice", "--for", "rw")


def test_the_id_of_a_user_opens_what_it_protects(cli, client, secret):
    made = cli("digest", "alice", "--password-file", secret).text.strip()
    assert made == ACL.digest("alice", "geheim").id
    client.create("/a", b"x")
    cli("acl", "set", "/a", f"digest:{made}:all")
    refused = cli("get", "/a", "--json", code=5)
    assert refused.error["error"] == "no_auth"
    assert cli("get", "/a", "--auth", f"digest:alice:{secret}").out == b"x"
    who = cli("whoami", "--auth", f"digest:alice:{secret}", "--json").json
    assert {"scheme": "digest", "user": "alice"} in who


def test_the_acls_of_a_tree_are_printed(cli, client):
    client.create("/t", acl=[ACL.world(Perms.ALL)])
    client.create("/t/a", acl=[ACL.world(Perms.READ), ACL(Perms.ALL, "ip", "127.0.0.1")])
    client.create("/t/hidden", acl=[ACL.digest("alice", "geheim")])
    for option in ("-R", "-r"):
        ended = cli("acl", "get", option, "/t")
        assert ended.lines == ["/t\tworld:anyone:cdrwa", "/t/a\tworld:anyone:r,ip:127.0.0.1:cdrwa"]
        assert "hide 1 ACL from this session" in ended.err
        assert "/t/hidden" in ended.err
    shown = cli("acl", "get", "-R", "/t", "--json").json
    assert [each["path"] for each in shown] == ["/t", "/t/a"]
    assert shown[0]["acl"] == [{"scheme": "world", "id": "anyone", "perms": "cdrwa"}]


def test_a_password_in_the_place_of_its_file_is_not_printed(cli, tmp_path):
    for given in ("sesame", "se/same", "s" * 300, "s" * 300 + "/t", "~nobody-of-this-name/same"):
        told = cli("get", "/a", "--auth", f"digest:alice:{given}", code=2).err
        assert "never the password itself" in told
        assert "Errno" not in told
        assert given not in told
    assert f"{tmp_path}/none cannot be read: No such file" in cli("get", "/a", "--auth", f"digest:a:{tmp_path}/none",
                                                                 code=2).err  # fmt: skip


def test_an_acl_that_the_servers_hide_is_not_advised_again(cli, client):
    client.create("/a", b"x", acl=[ACL.digest("alice", "geheim")])
    assert "unless the servers hide that" in cli("get", "/a", code=5).err
    for refused in (("get", "/a"), ("check", "/a", "--as", "digest:bob")):
        told = cli("acl", *refused, code=5).err
        assert "the servers hide the ACL from this session" in told
        assert "--auth" in told
        assert "acl get" not in told


def test_a_hash_that_the_server_hides_is_not_written_back(cli, client, secret):
    client.create("/a", acl=[ACL.digest("alice", "geheim"), ACL.world(Perms.READ)])
    cli("acl", "add", "/a", "ip:127.0.0.1:r", code=5)
    with zkc.Client(client.hosts, auth=[("digest", "alice:geheim")]) as alice:
        assert ACL.digest("alice", "geheim") in alice.get_acl("/a")[0]
