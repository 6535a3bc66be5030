"""A worker with zkc's AsyncClient."""

from __future__ import annotations

import sys
from typing import Any

import tasks

import zkc


class Zkc(tasks.Worker):
    """An AsyncClient, with the timed operations."""

    async def connect(self) -> Any:
        client = zkc.AsyncClient(self.hosts, session_timeout=30.0)
        await client.start()
        return client

    async def close(self, client: Any) -> None:
        await client.close()

    async def get(self, path: str) -> tuple[bytes, int, int]:
        data, stat = await self.client.get(path)
        return data, stat.data_length, stat.version

    async def set(self, path: str, data: bytes) -> int:
        version: int = (await self.client.set(path, data)).version
        return version


def main() -> None:
    tasks.serve(Zkc(sys.argv[1]))


if __name__ == "__main__":
    main()
