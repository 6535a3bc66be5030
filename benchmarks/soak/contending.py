"""A contender of the soak of recipes: it takes a hold, or an item of a queue, and proves it by fenced writes.

It is written once, for both clients. At each stage it knows the errors that disturbances may cause; any other error is
a failure of the run.
"""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import zkc
from benchmarks.soak.overlaps import CAPACITY, DONE, GRANTS, MANY, QUEUE, grant
from zkc.recipes import LockInDoubtError, LockLostError, LockTimeoutError, QueueTimeoutError

TIMEOUT = 5.0  # Of an acquire, in seconds.
KINDS = (*CAPACITY, "queue")

_LOST = (zkc.ConnectionLossError, zkc.SessionExpiredError)
# The errors of each stage. The end of a block raises LockLostError if its hold was lost.
EXPECTED: dict[str, tuple[type[BaseException], ...]] = {
    "acquire": (LockTimeoutError,),
    "write": (LockLostError, *_LOST),
    "downgrade": (LockLostError,),
    "release": (LockLostError, LockInDoubtError),
    "put": _LOST,
    "get": (QueueTimeoutError,),
    "ack": (LockLostError, zkc.SessionExpiredError),
}


async def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a method of either client, and await its result if it is for asyncio."""
    result = function(*arguments, **options)
    return await result if inspect.isawaitable(result) else result


@contextlib.asynccontextmanager
async def entered(block: Any) -> AsyncIterator[Any]:
    """Enter and leave a block of either client."""
    if hasattr(block, "__aenter__"):
        async with block as value:
            yield value
    else:
        with block as value:
            yield value


class Contender:
    """A contender for one recipe.

    Args:
        client: A client of either kind.
        process: The name of its process, which begins with a number.
        index: Its number in the process.
        pause: Waits for some seconds.
        count: Counts what happens.
        put: The list that takes the data of the items that it has put.
    """

    def __init__(
        self,
        client: Any,
        process: str,
        index: int,
        pause: Callable[[float], Any],
        count: Callable[[str], None],
        put: list[str],
    ) -> None:
        self.kind = KINDS[(index + int(process.partition("-")[0])) % len(KINDS)]
        self.stage = ""
        self._client = client
        self._name = f"{process} {index}"
        self._pause = pause
        self._count = count
        self._put = put
        self._number = 0
        self._rng = random.Random(self._name)

    async def turn(self) -> None:
        """Hold the recipe once, or put, get and ack one item.

        Raises:
            ZooKeeperError: It is none of the errors that a disturbance may cause.
        """
        try:
            await (self._work() if self.kind == "queue" else self._hold())
        except zkc.ZooKeeperError as error:
            self._note(error)
            await self._pause(0.1)  # Without a connection, a loop would only fail faster.

    def _note(self, error: zkc.ZooKeeperError) -> None:
        """Count an error that a disturbance may cause; raise any other."""
        if not isinstance(error, EXPECTED[self.stage]):
            raise error
        doubt = " (in doubt)" if isinstance(error, _LOST) and error.maybe_applied else ""
        self._count(f"{self.kind}: {self.stage}: {type(error).__name__}{doubt}")

    # ---- holds ------------------------------------------------------------------------------------------------------

    async def _hold(self) -> None:
        block, weight = self._block()
        self.stage = "acquire"
        async with entered(block) as hold:
            self._count(f"{self.kind}: granted")
            held = await self._use(hold, weight)
            if held and weight == MANY and self._rng.random() < 0.5:
                self.stage = "downgrade"
                reader = await call(hold.downgrade)
                async with entered(reader):
                    self._count(f"{self.kind}: downgraded")
                    await self._use(reader, 1)
                    self.stage = "release"
            self.stage = "release"

    def _block(self) -> tuple[Any, int]:
        """Return a block that holds the recipe, and the weight of the hold."""
        if self.kind == "lock":
            return self._client.lock("/lock").held(timeout=TIMEOUT), 1
        if self.kind == "semaphore":
            return self._client.semaphore("/semaphore", CAPACITY[self.kind]).held(timeout=TIMEOUT), 1
        if self.kind == "election":
            return self._client.election("/election", identifier=self._name).lead(timeout=TIMEOUT), 1
        both = self._client.rwlock("/rwlock")
        chosen, weight = self._rng.choice([(both.read, 1), (both.write, MANY)])
        return chosen.held(timeout=TIMEOUT), weight

    async def _use(self, hold: Any, weight: int) -> bool:
        """Write twice, with a pause in which the hold may be lost; return whether both writes were carried out."""
        for _ in range(2):
            self.stage = "write"
            try:
                transaction = hold.transaction()
                transaction.set(f"{GRANTS}/{self.kind}", grant(self.kind, hold, weight))
                await call(transaction.commit)
            except zkc.ZooKeeperError as error:
                self._note(error)
                return False
            self._count(f"{self.kind}: written")
            # Most holds are short; a long one leaves the time for a disturbance.
            await self._pause(self._rng.uniform(0.0, 0.1) if self._rng.random() < 0.97 else 1.0)
        return True

    # ---- the queue --------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        queue = self._client.queue(QUEUE)
        self._number += 1
        name = f"{self._name} {self._number}"
        self.stage = "put"
        try:
            await call(queue.put, name.encode())
            self._put.append(name)
            self._count("queue: put")
        except zkc.ZooKeeperError as error:
            self._note(error)  # The item may be there or not; if it is, some consumer gets it.
        self.stage = "get"
        item = await call(queue.get, timeout=TIMEOUT)
        self._count("queue: granted")
        if item.attempts > 1:
            self._count("queue: delivered again")
        await self._pause(self._rng.uniform(0.0, 0.05))  # The work.
        self.stage = "ack"
        transaction = self._client.transaction()
        transaction.set(DONE, item.data)
        await call(item.ack, transaction)
        self._count("queue: written")
