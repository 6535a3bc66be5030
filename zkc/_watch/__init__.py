"""Watches across reconnects and sessions."""
