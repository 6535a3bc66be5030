"""Ephemeral znodes that a client was asked to keep: made anew when a new session follows an expired one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Optional

from zkc._operations import CoreACL
from zkc._plans.flow import Flow, answer
from zkc._zookeeper import Request, Session
from zkc.constants import CreateMode
from zkc.errors import ConnectionLossError, NodeExistsError, SessionLostError, ZooKeeperError
from zkc.types import Data

__all__ = ["Kept"]

_log = logging.getLogger("zkc.client")
_WINDOW = 1000


@dataclass
class _Znode:
    data: Optional[bytes]
    acl: CoreACL


class Kept:
    """The znodes to keep, by path. Each change of the dict is one step of the interpreter's, so there is no lock."""

    def __init__(self) -> None:
        self._znodes: dict[str, _Znode] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._znodes

    def __len__(self) -> int:
        return len(self._znodes)

    def paths(self) -> list[str]:
        """Return the paths of the znodes that are kept."""
        return list(self._znodes)

    def add(self, path: str, data: Optional[Data], acl: CoreACL) -> None:
        """Keep a znode that was made."""
        self._znodes[path] = _Znode(_copy(data), acl)

    def changed(self, path: str, data: Optional[Data]) -> None:
        """Note that the data of a znode, if it is kept, was set."""
        znode = self._znodes.get(path)
        if znode is not None:
            znode.data = _copy(data)

    def forget(self, path: str) -> None:
        """Keep a znode no longer, if it is kept: it was deleted."""
        self._znodes.pop(path, None)

    def clear(self) -> None:
        """Keep nothing any longer."""
        self._znodes.clear()

    def recover(self, session: Session) -> Flow[None]:
        """Make all of them in a new session.

        One that cannot be made (its parent is gone, or somebody else has made it) is logged, and tried again in the
        session after that.

        Raises:
            ConnectionLossError: The connection went meanwhile: to be done again.
            SessionLostError: So did the session.
        """
        znodes = list(self._znodes.items())
        for start in range(0, len(znodes), _WINDOW):
            window = znodes[start : start + _WINDOW]
            requests = [_create(session, path, znode) for path, znode in window]
            for (path, _), request in zip(window, requests):
                if request is not None:
                    yield from self._made(session, path, request)

    def _made(self, session: Session, path: str, request: Request[str]) -> Flow[None]:
        try:
            yield from answer(request)
            if path not in self._znodes:  # Deleted by the user while this request was under way.
                yield from answer(session.delete(path))
        except (ConnectionLossError, SessionLostError):
            raise
        except NodeExistsError:
            stat = yield from answer(session.exists(path))
            if stat is not None and stat.ephemeral_owner != session.client_id[0]:
                _log.error("the kept ephemeral znode %s was not made anew: somebody else has made it meanwhile", path)
        except ZooKeeperError as error:
            _log.error("the kept ephemeral znode %s was not made anew: %s", path, error)


def _create(session: Session, path: str, znode: _Znode) -> Optional[Request[str]]:
    try:
        return session.create(path, znode.data, znode.acl, CreateMode.EPHEMERAL)
    except ZooKeeperError:
        raise
    except ValueError as error:
        # Its data fitted in a set, which is smaller. As text: a record that is kept would keep the session.
        _log.error("the kept ephemeral znode %s was not made anew: %s", path, str(error))
        return None


def _copy(data: Optional[Data]) -> Optional[bytes]:
    return None if data is None else bytes(data)
