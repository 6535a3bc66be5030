"""Tests of zkc."""
