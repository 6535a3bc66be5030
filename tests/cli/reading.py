"""The commands that only read, for tests that run all of them. Who adds such a command adds it here."""

from __future__ import annotations

# Arguments of commands on the tree that test_reading.py makes. /wide has 300 children, /bytes no UTF-8, /null no data.
READING: list[tuple[str, ...]] = [
    ("acl", "get", "/text"),
    ("acl", "check", "/text", "--as", "digest:ann"),
    ("count", "/"),
    ("du", "/"),
    ("exists", "/text", "/bytes"),
    ("find", "/", "--size", "+1"),
    ("find", "/", "--name", "1*", "-0"),
    ("get", "/bytes"),
    ("get", "/null"),
    ("get", "-s", "/text"),
    ("get", "--hex", "/bytes"),
    ("grep", "needle", "/"),
    ("json", "/json", ".a.b"),
    ("ls", "/"),
    ("ls", "-l", "/wide"),
    ("ls", "-R", "/"),
    ("stat", "/text", "/wide"),
    ("tree", "/"),
    ("wait", "/text", "--exists"),
    ("whoami",),
    ("wide", "/"),
]
