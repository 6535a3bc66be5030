"""The full screen of ``zkc ui``. textual runs it in an event loop, and an AsyncClient works in the same."""
