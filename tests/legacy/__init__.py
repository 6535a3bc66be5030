"""Tests of the drop-ins for zookeeper and zc.zk."""
