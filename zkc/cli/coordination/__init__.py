"""Commands on locks, elections and the other recipes."""
