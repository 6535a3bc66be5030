"""Benchmarks of zkc against a real server: ``./dev bench`` runs them, README.md tells how to read them."""
