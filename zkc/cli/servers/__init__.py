"""Commands that ask the servers about themselves."""
