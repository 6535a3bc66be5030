"""The shell, the full screen, and what sets zkc up."""
