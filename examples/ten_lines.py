"""Ten lines of zkc: python examples/ten_lines.py host:port"""

import queue
import sys

import zkc

changes = queue.SimpleQueue()
with zkc.Client(sys.argv[1], session_timeout=10.0) as client:
    path = client.create("/greeting-", b"hello", ephemeral=True, sequential=True)
    data, stat = client.get(path, watch=changes.put)
    print(data, stat.version, stat.created)
    client.set(path, b"hello, world", version=stat.version)
    event = changes.get()  # the event of the watch, which another thread delivers
    print(event.type, event.path)
    try:
        client.set(path, b"too late", version=stat.version)
    except zkc.BadVersionError as error:
        print(error)
    print(client.exists("/nothing"), sorted(client.children("/")))
