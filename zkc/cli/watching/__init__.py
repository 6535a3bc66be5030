"""Commands that wait for changes."""
