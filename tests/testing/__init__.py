"""Tests of zkc.testing."""
