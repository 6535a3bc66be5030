"""The project's own tools; none of them is installed."""
