"""Stubs of the methods in zkc/_api as AsyncClient and client.submit have them. tools/stubs.py writes them."""
