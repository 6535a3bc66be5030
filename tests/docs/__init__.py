"""Tests of the documentation: its snippets, its commands, its site."""
