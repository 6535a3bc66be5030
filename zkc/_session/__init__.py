"""One session after the other: states, listeners, and what the client re-creates after an expiry."""
