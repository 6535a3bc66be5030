"""Commands that change znodes."""
