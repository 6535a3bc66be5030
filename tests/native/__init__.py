"""Tests of the bridge, in C programs without Python."""
