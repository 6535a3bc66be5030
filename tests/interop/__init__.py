"""Recipes of zkc beside those of kazoo and Curator, on the same paths of a real server."""
