"""A worker with aiozk."""

from __future__ import annotations

import logging
import sys
from typing import Any

import aiozk
import tasks


class Aiozk(tasks.Worker):
    """A client of aiozk, with the timed operations."""

    async def connect(self) -> Any:
        client = aiozk.ZKClient(self.hosts, session_timeout=30.0)
        await client.start()
        return client

    async def close(self, client: Any) -> None:
        await client.close()

    async def get(self, path: str) -> tuple[bytes, int, int]:
        data, stat = await self.client.get(path)
        return data, stat.data_length, stat.version

    async def set(self, path: str, data: bytes) -> int:
        version: int = (await self.client.set(path, data, -1)).version
        return version


def main() -> None:
    logging.getLogger("aiozk").setLevel(logging.ERROR)
    tasks.serve(Aiozk(sys.argv[1]))


if __name__ == "__main__":
    main()
