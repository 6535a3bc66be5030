"""``zkc quota``: the znodes of the servers, the limits, and what they do."""

from __future__ import annotations

import pytest

import zkc
from zkc.cli.servers._quotas import format_limits, parse_limits
from zkc.testing import ZooKeeperServer

HARD = {"zookeeper.enforceQuota": "true"}


@pytest.fixture(scope="module")
def quota_server():
    with ZooKeeperServer(properties=HARD, start_timeout=110) as server:
        yield server


@pytest.fixture(params=["", "chroot"])
def place(request, quota_server, cli_environment):
    """A client without a chroot, and the root of the commands: none, or one of their own."""
    hosts = quota_server.new_chroot()
    root = hosts.partition("/")[2]
    cli_environment["ZKC_SERVERS"] = hosts if request.param else quota_server.hosts
    with zkc.Client(quota_server.hosts) as client:
        client.create(f"/{root}/app", b"12345")
        yield client, f"/{root}", "" if request.param else f"/{root}"


def test_the_text_of_limits_is_that_of_the_servers():
    assert format_limits({"count": 0, "bytes": 0}) == b"count=0,bytes=0"
    full = {"count": 10, "bytes": -1, "countHardLimit": 5, "byteHardLimit": 7}
    assert format_limits(full) == b"count=10,bytes=-1=;byteHardLimit=7;countHardLimit=5"
    assert parse_limits(format_limits(full)) == full
    assert parse_limits(b"count=4,bytes=5") == {"count": 4, "bytes": 5}
    assert parse_limits(b"nonsense") == parse_limits(None) == {}


def test_a_quota_is_set_read_changed_and_removed(place, cli):
    client, root, prefix = place
    assert cli("quota", "get", f"{prefix}/app", "--json", code=3).error["error"] == "no_quota"
    told = cli("quota", "set", f"{prefix}/app", "--count", "10", "-b", "1k").err
    assert told == f"zkc: set the quota of {prefix}/app: count 10, bytes 1000\n"
    limits, _ = client.get(f"/zookeeper/quota{root}/app/zookeeper_limits")
    assert limits == b"count=10,bytes=1000=;byteHardLimit=-1;countHardLimit=-1"
    got = cli("quota", "get", f"{prefix}/app", "--json").json
    assert got == {"path": f"{prefix}/app", "used_count": 1, "used_bytes": 5, "count": 10, "bytes": 1000,
                   "hard_count": None, "hard_bytes": None, "exceeded": []}  # fmt: skip
    cli("quota", "set", f"{prefix}/app", "-N", "20")
    assert [(each["path"], each["count"], each["hard_count"]) for each in cli("quota", "get", "--json").json
            if each["path"] == f"{prefix}/app"] == [(f"{prefix}/app", 10, 20)]  # fmt: skip
    told = cli("quota", "rm", "-n", f"{prefix}/app")  # No limit is lost: the short option is that of a dry run.
    assert told.text == f"would remove from the quota of {prefix}/app: all limits\n"
    assert cli("quota", "get", f"{prefix}/app", "--json").json["count"] == 10
    assert "removed from the quota" in cli("quota", "rm", f"{prefix}/app", "--count").err
    assert cli("quota", "get", f"{prefix}/app", "--json").json["count"] is None
    assert "would remove" in cli("quota", "rm", f"{prefix}/app", "--dry-run").text
    removed = cli("quota", "rm", f"{prefix}/app", "--json").json
    assert removed == {"path": f"{prefix}/app", "removed": ["count", "bytes", "hard_count", "hard_bytes"]}
    assert client.exists(f"/zookeeper/quota{root}") is None
    assert cli("quota", "rm", f"{prefix}/app", code=3).out == b""


def test_quotas_are_listed_at_a_path_and_below_it(place, cli):
    client, root, prefix = place
    for name in ("/app/x", "/app/y", "/apple"):
        client.create(f"{root}{name}")
        made = cli("quota", "set", f"{prefix}{name}", "--count", "5", "--json").json
        assert (made["path"], made["count"]) == (f"{prefix}{name}", 5)
    listed = [each["path"] for each in cli("quota", "ls", f"{prefix}/app", "--json").json]
    assert listed == [f"{prefix}/app/x", f"{prefix}/app/y"]
    assert f"{prefix}/apple" in cli("quota", "ls").text
    assert cli("quota", "ls", f"{prefix}/none").out == b""


def test_a_hard_limit_is_refused_by_the_servers(place, cli):
    client, root, prefix = place
    cli("quota", "set", f"{prefix}/app", "--hard-count", "2", "--hard-bytes", "10")
    client.create(f"{root}/app/one")
    with pytest.raises(zkc.QuotaExceededError):
        client.create(f"{root}/app/two")
    with pytest.raises(zkc.QuotaExceededError):
        client.set(f"{root}/app", b"x" * 20)


def test_quotas_do_not_nest(place, cli):
    client, root, prefix = place
    client.create(f"{root}/app/x")
    client.create(f"{root}/app/x/y")
    cli("quota", "set", f"{prefix}/app/x", "--count", "5")
    for other in ("/app", "/app/x/y"):
        ended = cli("quota", "set", f"{prefix}{other}", "--count", "5", "--json", code=4)
        assert ended.error["error"] == "nested_quota"
    assert "counts it" in cli("quota", "get", f"{prefix}/app/x/y", code=3).err
    # A neighbour whose name begins alike is no descendant.
    client.create(f"{root}/app/xx")
    cli("quota", "set", f"{prefix}/app/xx", "--count", "5")


def test_a_quota_that_cannot_be_is_refused(place, cli, quota_server):
    _, _, prefix = place
    assert cli("quota", "set", f"{prefix}/none", "--count", "1", code=3).out == b""
    assert cli("quota", "set", f"{prefix}/app", code=2).out == b""
    assert cli("quota", "set", f"{prefix}/app", "--count", "1", "--read-only", code=9).out == b""
    assert cli("quota", "set", "/", "--count", "1", "-s", quota_server.hosts, code=9).out == b""
    assert cli("quota", "set", "/zookeeper", "--count", "1", "-s", quota_server.hosts, code=9).out == b""
    assert "would set the quota" in cli("quota", "set", f"{prefix}/app", "--count", "1", "--dry-run").text
    assert cli("quota", "get", f"{prefix}/app", code=3).out == b""


def test_a_limit_that_is_exceeded_already_is_told(place, cli):
    client, root, prefix = place
    client.create(f"{root}/app/one")
    assert "exceeds count" in cli("quota", "set", f"{prefix}/app", "--count", "1").err
    assert cli("quota", "get", f"{prefix}/app", "--json").json["exceeded"] == ["count"]
    assert "app" in cli("quota", "get", f"{prefix}/app", "-o", "human").text
