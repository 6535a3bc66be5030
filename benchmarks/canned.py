"""The canned server, which replies from memory at once: native/server.c."""

from __future__ import annotations

import subprocess
from types import TracebackType
from typing import Optional

from benchmarks import native


class CannedServer:
    """The canned server in a separate process, as a context manager.

    Attributes:
        hosts: Its connection string, inside the context.
    """

    hosts: str

    def __enter__(self) -> CannedServer:
        self._process = subprocess.Popen(
            [str(native.build_server())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C must not end it.
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the canned server did not start; its message stands above")
        self.hosts = f"127.0.0.1:{port}"
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()  # The server ends when its standard input does.
        self._process.wait(30)
        self._process.stdout.close()
