"""A link to a server that counts the requests on it, and that may delay everything by a fixed time.

On a link with a long delay, the time of an operation is that of its round trips: those that the client waits for.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections import deque
from types import TracebackType
from typing import Optional

__all__ = ["Link"]

_CHUNK = 64 * 1024
_LENGTH = struct.Struct(">i")
_TYPE = struct.Struct(">i")
_TYPE_AT = 4  # Behind the number of the request.
# Requests that no call makes: ping, auth, the watches of a new connection, the end of a session.
_UNCOUNTED = frozenset((11, 100, 101, 105, -11))


class Link:
    """A TCP link between clients and one server, as a context manager.

    Args:
        hosts: The server as ``host:port``.
        delay: The delay of each direction in seconds.
    """

    def __init__(self, hosts: str, delay: float) -> None:
        host, _, port = hosts.rpartition(":")
        self._target = (host, int(port))
        self.delay = delay
        self.requests = 0
        """The number of requests of calls so far."""
        self.hosts = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bench-link", daemon=True)

    def __enter__(self) -> Link:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self.hosts = "127.0.0.1:" + str(server.result().sockets[0].getsockname()[1])
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(
                self._forward(reader, back_writer, _Frames(self)), self._forward(back_reader, writer, None)
            )
        except asyncio.CancelledError:
            pass  # The link ends; asyncio would log the cancellation of a task of its own.
        finally:
            writer.close()
            back_writer.close()

    async def _forward(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, frames: Optional[_Frames]
    ) -> None:
        waiting: deque[bytes] = deque()

        def pass_on() -> None:
            if not sink.is_closing():
                sink.write(waiting.popleft())

        try:
            while data := await source.read(_CHUNK):
                if frames is not None:
                    frames.take(data)
                waiting.append(data)
                self._loop.call_later(self.delay, pass_on)
        except ConnectionError:
            pass
        finally:
            await asyncio.sleep(self.delay)
            sink.close()


class _Frames:
    """The requests of one connection, cut out of its bytes."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._bytes = bytearray()
        self._connected = False  # The first frame is that of the handshake.

    def take(self, data: bytes) -> None:
        """Count the requests that are complete with this data."""
        self._bytes += data
        while len(self._bytes) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._bytes)
            if len(self._bytes) < _LENGTH.size + size:
                return
            if self._connected:
                (kind,) = _TYPE.unpack_from(self._bytes, _LENGTH.size + _TYPE_AT)
                self._link.requests += kind not in _UNCOUNTED
            self._connected = True
            del self._bytes[: _LENGTH.size + size]
