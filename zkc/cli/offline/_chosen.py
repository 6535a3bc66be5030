"""The transactions that a command wants: by path, session, type and time."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional

import click

from zkc.cli._paths import glob_matcher, is_pattern
from zkc.cli._types import parse_duration
from zkc.cli.offline._txns import NAMES, Head, Txn

__all__ = ["MOMENT", "SESSION", "TYPES", "Chosen", "Moment"]

TYPES = sorted(set(NAMES.values()))


class Moment(NamedTuple):
    """A zxid, or a time in milliseconds since 1970: the other is None."""

    zxid: Optional[int]
    time: Optional[int]

    def before(self, txn: Head) -> bool:
        """Return whether it is before a transaction, or at it."""
        if self.zxid is not None:
            return self.zxid <= txn.zxid
        assert self.time is not None
        return self.time <= txn.time

    def behind(self, txn: Head) -> bool:
        """Return whether it is behind a transaction, or at it."""
        if self.zxid is not None:
            return txn.zxid <= self.zxid
        assert self.time is not None
        return txn.time <= self.time

    def after(self, other: Moment) -> bool:
        """Return whether it is after another one of its kind. A zxid and a time are not comparable: False."""
        if self.zxid is not None and other.zxid is not None:
            return self.zxid > other.zxid
        return self.time is not None and other.time is not None and self.time > other.time


class _MomentType(click.ParamType):
    name = "moment"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        if not isinstance(value, str):
            return value
        text = value.strip()
        if text.lower().startswith("0x"):
            try:
                return Moment(int(text, 16), None)
            except ValueError:
                self.fail(f"{value!r} is no zxid", param, ctx)
        try:
            return Moment(None, int((time.time() - parse_duration(text)) * 1000))
        except ValueError:
            pass
        try:
            # Python before 3.11 does not know the Z of UTC.
            moment = datetime.datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        except ValueError:
            self.fail(
                f"{value!r} is none: give a zxid (0x1f), a time (2026-11-28T22:00:00Z) or an age (10m)", param, ctx
            )
        try:
            if moment.tzinfo is None:
                moment = moment.astimezone()
            return Moment(None, int(moment.timestamp() * 1000))
        except (OverflowError, ValueError, OSError):  # In the year 1 or 9999.
            self.fail(f"{value!r} is no time that a log can have", param, ctx)


class _SessionType(click.ParamType):
    name = "session"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        if not isinstance(value, str):
            return value
        try:
            number = int(value, 0)
        except ValueError:
            try:
                number = int(value, 16)
            except ValueError:
                self.fail(f"{value!r} is no session: give its id, such as 0x1000003a2b10001", param, ctx)
        return number & (1 << 64) - 1


MOMENT = _MomentType()
SESSION = _SessionType()


class Chosen:
    """The choice of transactions.

    Args:
        paths: A path stands for itself and all below, a pattern for the paths that fit, with ``*`` for slashes too.
        sessions: The sessions' ids, as unsigned numbers.
        types: The types, of transactions or of operations in a multi.
        since: The first of interest.
        until: The last of interest.
    """

    def __init__(
        self,
        paths: Sequence[str] = (),
        sessions: Sequence[int] = (),
        types: Sequence[str] = (),
        since: Optional[Moment] = None,
        until: Optional[Moment] = None,
    ) -> None:
        self._paths = [_matcher(path) for path in paths]
        self._sessions, self._types = frozenset(sessions), frozenset(types)
        self._since, self._until = since, until

    def wants(self, head: Head) -> bool:
        """Return whether a transaction is wanted, as far as its header tells."""
        if self._since is not None and not self._since.before(head):
            return False
        # One behind a zxid is wanted nevertheless: it tells that no other follows.
        if self._until is not None and self._until.zxid is None and not self._until.behind(head):
            return False
        return not self._sessions or head.session & (1 << 64) - 1 in self._sessions

    def takes(self, txn: Txn) -> bool:
        """Return whether a transaction is wanted of those that :meth:`wants` has let through."""
        if self._types and txn.type not in self._types and not any(each.type in self._types for each in txn.operations):
            return False
        return not self._paths or any(matches(path) for path in txn.paths for matches in self._paths)

    def ended(self, txn: Txn) -> bool:
        """Return whether no later transaction is wanted, since zxids only grow. Times may not."""
        return self._until is not None and self._until.zxid is not None and txn.zxid > self._until.zxid


def _matcher(path: str) -> Callable[[str], bool]:
    if is_pattern(path):
        return glob_matcher(path)
    below = "/" if path == "/" else f"{path}/"
    return lambda other: other == path or other.startswith(below)
