"""The option ``admin``: AdminServer on a port of its own."""

import json
import urllib.request

import pytest

from zkc.testing import Ensemble, TestingError, ZooKeeperServer


def asked(port, command):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/commands/{command}", timeout=10) as answer:
        return json.load(answer)


def test_a_server_with_admin_answers_over_http():
    with ZooKeeperServer(admin=True) as server:
        assert asked(server.admin_port, "server_stats")["server_stats"]["server_state"] == "standalone"
        port = server.admin_port
        server.restart()
        assert server.admin_port == port
        assert asked(port, "ruok")["error"] is None


def test_each_member_of_an_ensemble_has_its_admin_port():
    with Ensemble(2, admin=True) as ensemble:
        ports = {member.admin_port for member in ensemble.members}
        assert len(ports) == 2
        states = {asked(port, "server_stats")["server_stats"]["server_state"] for port in ports}
        assert states == {"leader", "follower"}


def test_without_admin_there_is_no_port(zookeeper_server):
    with pytest.raises(TestingError, match="admin=True"):
        _ = zookeeper_server.admin_port
