"""Commands that read znodes."""
