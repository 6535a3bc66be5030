"""Helpers of the tests of recurring watches."""

from . import both
from .both import Events


class Data(Events):
    """A function for watch_data: keeps the data of each call."""

    def __call__(self, data, stat):
        assert (stat is None) is (data is None)
        self.put(data)

    async def until(self, data):
        """Wait until these data come; return those before."""
        before = []
        while True:
            before.append(await self.next())
            if before[-1] == data:
                return before[:-1]


class Names(Events):
    """A function for watch_children."""

    def __call__(self, names):
        self.put(names)


async def unwatched(zk):
    await both.eventually(lambda: zk.session.watch_count == 0)
