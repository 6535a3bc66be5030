"""Claims of a queue's items: take one, give it back, end it together with its item.

A claim is an ephemeral znode with the name of the item. Its creation also creates a child of the item, in the same
transaction. So it fails if the item is gone, and the server's count of created children is the number of deliveries.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Flow, Pause, result_of, sub_result_of
from zkc.constants import CreateMode
from zkc.errors import (
    ConnectionLossError,
    NodeExistsError,
    NoNodeError,
    SessionLostError,
    ZooKeeperError,
    without_front,
)

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Request, Session, Stat
    from zkc.recipes._queue_layout import Entry, QueueLayout

__all__ = ["Claim", "ClaimLostError", "Claimer"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_OPERATION = "get"


class ClaimLostError(Exception):
    """The claim, or its item, is gone."""


class Claim:
    """A claim that is sent, and perhaps held.

    Args:
        client: The client.
        session: The session that owns it.
        entry: The item.
        path: The path of the item's znode.
        claims: The parent of the claims.
        proves: Whether an ephemeral child of the item proves the claim as long as it is held.
        acl: The access control list of created znodes.
    """

    def __init__(
        self,
        client: BaseClient,
        session: Session,
        entry: Entry,
        path: str,
        claims: str,
        proves: bool,
        acl: CoreACL,
    ) -> None:
        self._client = client
        self.session = session
        self.entry = entry
        self.path = path
        self.claim_path = f"{claims}/{entry.name}"
        self._marker = uuid.uuid4().hex
        proof = f"{path}/{self._marker}"
        self._proof = proof if proves else None
        operations: list[tuple[Any, ...]] = [
            ("create", self.claim_path, self._marker.encode(), acl, CreateMode.EPHEMERAL),
            ("create", proof, b"", acl, CreateMode.EPHEMERAL if proves else CreateMode.PERSISTENT),
        ]
        if not proves:
            operations.append(("delete", proof, -1))
        self._begun = False
        self._claiming: Optional[Request[list[Any]]] = None
        self._reading: Optional[Request[tuple[Optional[bytes], Stat]]] = None
        self._operations = operations
        self.unsure: Optional[object] = None  # The transaction of an end whose reply the caller did not wait for.

    def send(self) -> None:
        """Send the claim, and the read of the item, in one flight."""
        self._begun = True
        self._claiming = self.session.multi(self._operations)
        self._reading = self.session.get(self.path)

    def taken(self) -> Flow[bool]:
        """Wait for the claim; return whether it is held.

        Raises:
            NoNodeError: The item is gone (``index`` 1), or the parent of the claims is (``index`` 0).
            NodeExistsError: Another consumer has the item.
        """
        assert self._claiming is not None
        try:
            yield from sub_result_of(self._claiming, _OPERATION, self.path)
        except ConnectionLossError as error:
            if not error.maybe_applied:
                raise
            return (yield from self._is_mine())
        return True

    def _is_mine(self) -> Flow[bool]:
        """Return whether the claim is held, after a lost reply."""
        while True:
            try:
                synced, reading = self.session.sync(self.claim_path), self.session.get(self.claim_path)
                yield from sub_result_of(synced, _OPERATION, self.path)
                data, _stat = yield from sub_result_of(reading, _OPERATION, self.path)
                return data == self._marker.encode()
            except NoNodeError:
                return False
            except ConnectionLossError:
                yield Pause(_PAUSE, _OPERATION, self.path)

    def read(self) -> Flow[tuple[Optional[bytes], Stat]]:
        """Return the data and stat of the item, which the claim keeps."""
        request = self._reading
        while True:
            assert request is not None
            try:
                return (yield from sub_result_of(request, _OPERATION, self.path))
            except ConnectionLossError:
                yield Pause(_PAUSE, _OPERATION, self.path)
            request = self.session.get(self.path)

    # ---- ending -----------------------------------------------------------------------------------------------------

    def _release(self) -> list[tuple[Any, ...]]:
        proof = [] if self._proof is None else [("delete", self._proof, -1)]
        return [*proof, ("delete", self.claim_path, -1)]

    def withdraw(self) -> Flow[None]:
        """Give up a claim that was sent, whatever became of it."""
        if not self._begun:
            return
        try:
            # Without a request, a signal handler has raised during the send.
            if (yield from (self._is_mine() if self._claiming is None else self.taken())):
                yield from self.give_back()
        except ZooKeeperError:
            return  # It was not created, or has ended with its session.

    def give_back(self) -> Flow[bool]:
        """Delete the claim, so that the item is free again; return whether it was held until now."""
        try:
            yield from self.end([], [])
        except (ClaimLostError, SessionLostError):
            return False
        return True

    def end(
        self, operations: Sequence[tuple[Any, ...]], behind: Sequence[tuple[Any, ...]], note: object = None
    ) -> Flow[list[Any]]:
        """Delete the claim in one transaction with other operations; return the results of those behind.

        Args:
            operations: Operations on the item that belong to the end, such as its deletion.
            behind: Further operations.
            note: What stands for these operations, if the call is made again after one without a reply.

        Raises:
            ClaimLostError: The claim is gone; nothing was carried out.
            SessionLostError: The session has ended; ``maybe_applied`` says whether the transaction may be carried out.
            ZooKeeperError: One of the operations behind failed; nothing was carried out. ``index`` counts these.
        """
        own = [*self._release(), *operations]
        if self.unsure is not None and not (yield from self._held()):
            if self.unsure is note:
                return []
            raise ClaimLostError
        while True:
            self.unsure = note if note is not None else self  # Also for a caller that does not wait for the reply.
            try:
                results = yield from self._multi([*own, *behind])
            except ConnectionLossError as error:
                if not error.maybe_applied:
                    self.unsure = None
                    yield Pause(_PAUSE)
                elif not (yield from self._held()):
                    return []  # The session goes on, so the claim was deleted by this transaction.
                continue
            except ZooKeeperError as error:
                if not (isinstance(error, SessionLostError) and error.maybe_applied):
                    self.unsure = None
                if isinstance(error, SessionLostError):
                    raise
                if error.index is not None and error.index < len(own):
                    if isinstance(error, (NoNodeError, NodeExistsError)):
                        raise ClaimLostError from None
                elif error.index is not None:
                    without_front(error, len(own))
                raise
            self.unsure = None
            return results[len(own) :]

    def _multi(self, operations: Sequence[tuple[Any, ...]]) -> Flow[list[Any]]:
        change = self._client._kept.transaction(operations, self.session)
        if change is None:
            return (yield from result_of(self.session.multi(operations)))
        return (yield from change.result_of(change.send(self.session.multi, operations)))

    def _held(self) -> Flow[bool]:
        """Return whether the claim is held, and clear the doubt if it is."""
        if not (yield from self._is_mine()):
            return False
        self.unsure = None
        return True


class Claimer:
    """The claims of one queue: sent in one flight, withdrawn in the background."""

    def __init__(self, client: BaseClient, items: str, claims: str, layout: QueueLayout, acl: CoreACL) -> None:
        self._client = client
        self._items = items
        self._claims = claims
        self._layout = layout
        self._acl = acl

    def send(self, session: Session, entries: Sequence[Entry]) -> list[Claim]:
        """Send the claims of items in one flight."""
        sent: list[Claim] = []
        try:
            for entry in entries:
                path = f"{self._items}/{entry.name}"
                sent.append(Claim(self._client, session, entry, path, self._claims, self._layout.proves, self._acl))
                sent[-1].send()
        except BaseException:
            self.withdraw(sent)
            raise
        return sent

    def withdraw(self, claims: Sequence[Claim]) -> None:
        """Withdraw claims in the background."""
        for claim in claims:
            with contextlib.suppress(ZooKeeperError):
                self._client._background(claim.withdraw())
