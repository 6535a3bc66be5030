"""Tests of packages, releases, hooks and checks."""
