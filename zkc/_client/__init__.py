"""The clients, and how each of them waits: in a thread, in an event loop, or with futures."""
