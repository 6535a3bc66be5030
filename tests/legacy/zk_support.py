"""Helpers of the tests of zc.zk's drop-in."""

from zkc.legacy import zookeeper

from .legacy_support import TIMEOUT

CONNECTION = "zookeeper.example.com:2181"  # Of the ZooKeeper in memory.


def expire(server, zk, eventually):
    """End the session of a client, and wait until it has another."""
    before, password = zk.client_id()
    server.expire(before, password.encode("latin-1"))

    def renewed():
        try:
            return zk.connected.is_set() and zk.client_id()[0] != before
        except zookeeper.ZooKeeperException:
            return False

    eventually(renewed, TIMEOUT)
