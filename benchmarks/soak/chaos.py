"""Disturbances of the ensemble and of the sessions while the clients work."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from zkc.testing import Ensemble, ServerStartError

_log = logging.getLogger("benchmarks.soak.chaos")


class Chaos(threading.Thread):
    """A thread that disturbs an ensemble at random until ``stopping`` is set, and leaves it complete.

    Args:
        ensemble: The ensemble.
        clients: The clients whose sessions it may expire.
        seed: The seed of the random choices.
    """

    def __init__(self, ensemble: Ensemble, clients: list[Any], seed: int) -> None:
        super().__init__(name="chaos", daemon=True)
        self.ensemble = ensemble
        self.clients = clients
        self.rng = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.actions = [self.kill, self.kill, self.pause, self.pause, self.pause_two, self.restart, self.expire]
        self.stopping = threading.Event()
        self.error: BaseException | None = None
        # While this is set, calls may wait: there may be no quorum.
        self.disturbed = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopping.wait(self.rng.uniform(1, 8)):
                # One disturbance at a time. An ensemble that loses its leader while another member is still catching
                # up may lose acknowledged changes, and then no client can be right.
                self._wait_until_complete()
                action = self.rng.choice(self.actions)
                self.disturbed.set()
                _log.warning("%s begins", action.__name__)
                action()
                _log.warning("%s is over", action.__name__)
                self.done[action.__name__] += 1
                self.disturbed.clear()
        except BaseException as error:
            self.error = error
            raise

    def _wait_between(self, least: float, most: float) -> None:
        self.stopping.wait(self.rng.uniform(least, most))

    def kill(self) -> None:
        """Kill a member, and start it again later."""
        member = self.rng.choice(self.ensemble.members)
        member.kill()
        self._wait_between(0.5, 8)
        self._retry(member.start)

    def restart(self) -> None:
        """Restart a member in order."""
        self._retry(self.rng.choice(self.ensemble.members).restart)

    def pause(self) -> None:
        """Pause a member's process, for more or less than a session timeout."""
        member = self.rng.choice(self.ensemble.members)
        member.pause()
        self._wait_between(0.5, 12)
        member.resume()

    def pause_two(self) -> None:
        """Pause two of three members: no client can write."""
        members = self.rng.sample(self.ensemble.members, 2)
        for member in members:
            member.pause()
        self._wait_between(0.5, 6)
        for member in members:
            member.resume()

    def expire(self) -> None:
        """End the session of a client."""
        client = self.rng.choice(self.clients)
        with contextlib.suppress(Exception):  # The ensemble may be too busy.
            self.ensemble.expire(client.session_id, client.session_password)

    def _wait_until_complete(self) -> None:
        try:
            self.ensemble.wait_ready(30.0)
        except ServerStartError:
            # Seen with 3.8.0: all members reply, but the leader commits nothing more until it is ended.
            _log.warning("the ensemble is stuck: restarting all members")
            self.done["stuck"] += 1
            self._retry(self.ensemble.restart)

    def _retry(self, action: Callable[[], None]) -> None:
        """Run an action that may fail on a slow machine; try it up to six times."""
        for _ in range(5):
            try:
                action()
                return
            except Exception:  # noqa: BLE001 - the last attempt raises it
                time.sleep(2)  # Leave the machine to a Java server that was too slow to start.
        action()
