"""Tests of the native core, zkc._zookeeper."""
