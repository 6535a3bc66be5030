"""Programs of the project's developers; none is installed."""
