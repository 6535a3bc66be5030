"""Tests of Client and AsyncClient."""
