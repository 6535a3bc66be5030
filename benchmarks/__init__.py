"""Benchmarks of zkc beside other clients: ``./dev bench`` runs them, README.md explains the results."""
