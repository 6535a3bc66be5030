"""The checks of the tree, as far as a few seconds reach: wide and large znodes, hidden ones, stuck locks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from zkc.cli._text import size_text
from zkc.cli.health._lock_checks import Locks

if TYPE_CHECKING:
    from zkc import Client
    from zkc.cli._app import App
    from zkc.cli._walk import Node
    from zkc.cli.health._findings import Report

__all__ = ["check_tree"]

_WIDE = 50_000  # Children: their names are about 1 MB, which is the limit of older clients for one reply.
_LARGE = 512 * 1024  # Bytes: half of the default limit for one znode.


def check_tree(app: App, client: Client, report: Report, seconds: float, age: float) -> None:
    """Walk through the tree for some seconds, and report what is unusual.

    Args:
        app: What the command works with.
        client: A client without a chroot.
        report: Takes the findings.
        seconds: The time for it.
        age: A lock with waiters that is held for longer is a warning, in seconds.
    """
    from zkc.cli._walk import walk

    looked = _Look(report, Locks(report, age, lambda path: app.read(client.exists, path)))
    end = time.monotonic() + seconds
    whole = True
    for node in walk(app, app.settings.chroot, with_data=True, client=client, prune=lambda path: path == "/zookeeper"):
        looked.take(node)
        if time.monotonic() > end:
            whole = False
            break
    looked.finish()
    if whole:
        report.ok("tree", f"looked at all {looked.count:,} znodes")
    else:
        report.note(
            "tree", f"looked at the first {looked.count:,} znodes, for {seconds:g} s", "--deep looks at all of them"
        )


class _Look:
    """The findings of a walk so far."""

    def __init__(self, report: Report, locks: Locks) -> None:
        self._report, self._locks = report, locks
        self.count = 0
        self._hidden: list[str] = []

    def take(self, node: Node) -> None:
        """Look at a znode."""
        self.count += 1
        path, stat = node.path, node.stat
        if node.error is not None:
            self._hidden.append(path)
        if stat.num_children >= _WIDE:
            self._report.warn(
                "wide",
                f"{path} has {stat.num_children:,} children: one list of their names is a reply of some megabytes",
                "spread them over more levels; zkc ls streams them",
                path=path,
            )
        if stat.data_length >= _LARGE:
            self._report.warn(
                "large",
                f"{path} has {size_text(stat.data_length)} of data; a znode may have 1 MB",
                "keep large data elsewhere, and their place in the znode",
                path=path,
            )
        self._locks.take(node)

    def finish(self) -> None:
        """Report what only all znodes together show."""
        if self._hidden:
            more = f" and {len(self._hidden) - 1:,} more" if len(self._hidden) > 1 else ""
            self._report.warn(
                "hidden",
                f"this session may not read {self._hidden[0]}{more}",
                f"zkc acl get {self._hidden[0]}, with --auth of an owner",
                path=self._hidden[0],
            )
        self._locks.finish()
