"""Tests of libzookeeper: how it is fetched, patched and built, and what it does."""
