"""The parts of :mod:`zkc.legacy.zookeeper`, which is made of what stands here."""
