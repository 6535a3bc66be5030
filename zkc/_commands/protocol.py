"""The client as commands see it."""

from __future__ import annotations

from typing import Protocol

from zkc._session.ephemerals import RecreatedEphemerals
from zkc._session.protocol import SessionClient
from zkc._watch.subscriptions import Subscriptions
from zkc._watch.wrappers import Watchers
from zkc._zookeeper import ReadGroups

__all__ = ["CommandClient"]


class CommandClient(SessionClient, Protocol):
    """The members of a client that commands need. Both clients have them."""

    _kept: RecreatedEphemerals
    _read_groups: ReadGroups
    _watches: Watchers

    @property
    def _subscriptions(self) -> Subscriptions:
        """The subscriptions of the client, made when the first of them is."""
