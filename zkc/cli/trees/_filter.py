"""The znodes that commands on trees leave out: --exclude, the znodes of the servers, and ephemeral znodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional

from zkc.cli._paths import glob_matcher

__all__ = ["Filter", "Passing"]

SYSTEM = "/zookeeper"


class Filter:
    """A filter of the znodes to leave out.

    Args:
        exclude: Patterns. One without a slash fits names at every level; one with a slash fits paths below the root,
            level by level. What lies below a znode that fits is left out, too.
        system: Whether the znodes of the servers are taken, which are at and below /zookeeper.
        ephemerals: Whether ephemeral znodes are taken.
    """

    def __init__(self, exclude: Sequence[str] = (), *, system: bool = False, ephemerals: bool = True) -> None:
        self.exclude, self.system, self.ephemerals = tuple(exclude), system, ephemerals
        self._matchers = [(number, _matcher(pattern)) for number, pattern in enumerate(self.exclude)]

    def begin(self, chroot: str, root: str) -> Passing:
        """Begin to read a source.

        Args:
            chroot: The chroot of the paths.
            root: The root of the source, as its paths have it.
        """
        below = not self.system and chroot == "/" and not f"{root}/".startswith(f"{SYSTEM}/")
        return Passing(self, root, SYSTEM if below else None, self._matchers)


class Passing:
    """One reading of a source, and the counts of what was left out."""

    def __init__(
        self,
        chosen: Filter,
        root: str,
        system: Optional[str],
        matchers: Sequence[tuple[int, Callable[[list[str]], bool]]],
    ) -> None:
        self._ephemerals_taken, self._matchers, self._system = chosen.ephemerals, matchers, system
        self._exclude = chosen.exclude
        self._start = len("" if root == "/" else root) + 1
        self.ephemerals = 0
        """The ephemeral znodes, taken or not."""
        self.excluded = 0
        """The roots of what --exclude left out."""
        self._used: set[int] = set()
        self._skipped: Optional[str] = None

    def prunes(self, path: str) -> bool:
        """Return whether a znode is left out, with all below it."""
        if path == self._system:
            return True
        if self._matchers:
            parts = path[self._start :].split("/")
            if parts != [""]:
                for number, fits in self._matchers:
                    if fits(parts):
                        self._used.add(number)
                        self.excluded += 1
                        return True
        return False

    def takes(self, ephemeral: bool) -> bool:
        """Return whether a znode is taken, and count it if it is ephemeral."""
        self.ephemerals += ephemeral
        return self._ephemerals_taken or not ephemeral

    def skips(self, path: str) -> bool:
        """Return whether a znode is left out, or is below one that is: for paths in the order of a walk."""
        if self._skipped is not None:
            if path.startswith(self._skipped):
                return True
            self._skipped = None
        if not self.prunes(path):
            return False
        self._skipped = f"{path}/"
        return True

    @property
    def unused(self) -> list[str]:
        """The patterns that no znode fitted."""
        return [pattern for number, pattern in enumerate(self._exclude) if number not in self._used]


def _matcher(pattern: str) -> Callable[[list[str]], bool]:
    """Return a function that says whether the names of a relative path fit a pattern."""
    if "/" not in pattern.rstrip("/"):
        fits = glob_matcher(pattern.rstrip("/"))
        return lambda parts: fits(parts[-1])
    each = [glob_matcher(part) for part in pattern.strip("/").split("/")]
    return lambda parts: len(parts) == len(each) and all(fits(part) for fits, part in zip(each, parts))
