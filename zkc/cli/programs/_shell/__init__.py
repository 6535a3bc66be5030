"""The parts of ``zkc shell``."""
