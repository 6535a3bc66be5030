"""The sources of trees: znodes of an ensemble, dump files, and snapshot files of a server.

All give their znodes as records, in one order: a parent before its children, and children by name, as
:func:`zkc.cli._walk.walk` has it. So two sources are compared, or one is copied, while both are read, in a bounded
memory. :func:`key_of` makes of a path what sorts in this order.

>>> source = open_source(app, "prod:/app")
>>> for record in source.records(with_acl=True):
...     record.path, record.data, record.acl, record.stat

The paths of the records are relative to the root of the source: ``/`` is the root, ``/x`` its child.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._paths import Target, parse_target

if TYPE_CHECKING:
    from concurrent.futures import Future

    from zkc import ACL, Client, Stat, ZooKeeperError
    from zkc.cli._app import App
    from zkc.cli._progress import Progress
    from zkc.cli.trees._filter import Filter

__all__ = [
    "Record",
    "Source",
    "TreeSource",
    "expect",
    "join",
    "key_of",
    "open_file",
    "open_source",
    "open_target",
    "relative",
]


class Record(NamedTuple):
    """A znode of a source."""

    path: str
    """The path below the root of the source."""
    data: Optional[bytes]
    """The data; None without any, and when they were not asked for."""
    acl: Optional[tuple[ACL, ...]] = None
    """The ACL; None when it was not asked for, or the source has none."""
    stat: Optional[Stat] = None
    """The stat; None when a dump has none."""
    ephemeral: bool = False
    error: Optional[ZooKeeperError] = None
    """Why the znode could not be read, or not be listed."""


def key_of(path: str) -> str:
    """Return what sorts paths in the order of a walk. No path has a NUL, so it stands for the end of a name."""
    return "" if path == "/" else path.replace("/", "\0")


def join(root: str, path: str) -> str:
    """Return a relative path below a root."""
    return path if root == "/" else root if path == "/" else root + path


def relative(root: str, path: str) -> str:
    """Return a path below a root as a relative one."""
    return path if root == "/" else path[len(root) :] or "/"


class Source:
    """A tree that can be read, as often as is wanted.

    Args:
        name: How the command line names it.
        filter: What is left out.
    """

    def __init__(self, name: str, filter: Filter) -> None:  # noqa: A002 - the word for it
        self.name = name
        self.filter = filter
        self.passing = filter.begin("/", "/")
        """The counts of what the last reading left out."""

    def records(self, *, with_data: bool = True, with_acl: bool = False) -> Iterator[Record]:
        """Iterate over the znodes in the order of a walk.

        Args:
            with_data: Whether to give data.
            with_acl: Whether to give ACLs.

        Raises:
            NoNodeError: There is no root. The first step raises it.
            CommandError: A file cannot be read, is damaged, or has no such root.
        """
        raise NotImplementedError

    def count(self, take: Callable[[int], object]) -> None:
        """Give the number of znodes to a function, from another thread, when it is known. Not all sources know it."""


class TreeSource(Source):
    """The tree at a znode of an ensemble."""

    def __init__(self, app: App, name: str, target: Target, filter: Filter, *, depth: Optional[int] = None) -> None:  # noqa: A002
        super().__init__(name, filter)
        self._app = app
        self.target = target
        self.depth = depth
        self.children = 0
        """The number of children of the root, when it was read."""

    @property
    def client(self) -> Client:
        """The client of the ensemble."""
        return self._app.client_of(self.target.profile)

    @property
    def chroot(self) -> str:
        """The chroot of the client."""
        return self._app.settings_of(self.target.profile).chroot

    def records(self, *, with_data: bool = True, with_acl: bool = False) -> Iterator[Record]:
        from zkc.cli._walk import walk
        from zkc.cli.trees._acls import with_acls

        root = self.target.path
        self.passing = chosen = self.filter.begin(self.chroot, root)
        nodes = walk(self._app, root, depth=self.depth, with_data=with_data, prune=chosen.prunes, client=self.client)
        for node, acl, error in with_acls(self._app, self.client, nodes, wanted=with_acl):
            if node.depth == 0:
                self.children = node.stat.num_children
            if chosen.takes(node.stat.ephemeral_owner != 0):
                yield Record(relative(root, node.path), node.data, acl, node.stat, node.stat.ephemeral_owner != 0,
                             node.error or error)  # fmt: skip

    def count(self, take: Callable[[int], object]) -> None:
        def known(found: Future[int]) -> None:
            if not found.cancelled() and found.exception() is None:  # No such znode, or servers before 3.6.
                take(1 + found.result())

        if self.depth is None:
            self.client.submit.count_descendants(self.target.path).add_done_callback(known)


class SnapshotSource(Source):
    """The tree at a znode of a server's snapshot file."""

    def __init__(self, name: str, file: str, root: str, filter: Filter) -> None:  # noqa: A002
        super().__init__(name, filter)
        self._file, self._root = file, root

    def records(self, *, with_data: bool = True, with_acl: bool = False) -> Iterator[Record]:
        from zkc.cli.offline._snapshot import SnapshotFile
        from zkc.cli.offline._tree import walk

        self.passing = chosen = self.filter.begin("/", self._root)
        with SnapshotFile(self._file) as snapshot:
            for node in walk(snapshot, self._root, with_data=with_data):
                if snapshot.damage is not None:  # The file was read to its end, or as far as possible.
                    raise snapshot.damage
                ephemeral = node.stat.ephemeral_owner != 0
                if not chosen.skips(node.path) and chosen.takes(ephemeral):
                    yield Record(relative(self._root, node.path), node.data, node.acl if with_acl else None, node.stat,
                                 ephemeral)  # fmt: skip


def expect(app: App, source: Source, bar: Progress) -> None:
    """Let a progress know how many znodes a source has, for the time to go, if it is shown."""
    import sys

    form = app.option("progress", "auto")
    if form == "json" or (form == "auto" and sys.stderr.isatty() and not app.out.quiet):
        source.count(lambda count: setattr(bar, "total", count))


def open_source(app: App, text: str, filter: Optional[Filter] = None) -> Source:  # noqa: A002
    """Return the source that an argument names.

    * ``/app`` and ``PROFILE:/app`` are znodes. What begins with a slash is always a znode.
    * Everything else is a file, also ``file:/tmp/app.jsonl``; ``-`` is a dump on stdin. ``FILE:/sub`` is a part of it.

    The first bytes of a file tell whether it is a dump or a snapshot.

    Raises:
        CommandError: There is no such file, or it is neither.
    """
    from zkc.cli.trees._filter import Filter

    chosen = filter or Filter()
    file, root = _file_of(text, in_shell=app.in_shell)
    if file is None:
        return TreeSource(app, text, parse_target(text, app.folder, in_shell=app.in_shell), chosen)
    return _open(text, file, root, chosen)


def open_file(app: App, text: str, filter: Filter) -> Source:  # noqa: A002
    """Return the dump or the snapshot that an argument names.

    Raises:
        CommandError: There is no such file, or it is neither.
    """
    file, root = _file_of(text, in_shell=False, files_only=True)
    return _open(text, text if file is None else file, root, filter)


def open_target(app: App, text: str, filter: Optional[Filter] = None) -> TreeSource:  # noqa: A002
    """Return the tree at a path, or at ``PROFILE:/path``, to write to."""
    from zkc.cli.trees._filter import Filter

    profile, colon, _ = text.partition(":/")
    if not text.startswith("/") and not (colon and "/" not in profile) and not app.in_shell:
        raise CommandError(f"the path {text!r} must begin with / or PROFILE:/", ExitCode.USAGE, name="usage")
    return TreeSource(app, text, parse_target(text, app.folder, in_shell=app.in_shell), filter or Filter())


def _open(name: str, file: str, root: str, chosen: Filter) -> Source:
    from zkc.cli.trees._dumpfile import DumpSource

    if file == "-":
        return DumpSource(name, file, root, chosen)
    if not os.path.exists(file):
        text = f"there is no file {file or repr(file)}. A path of a znode begins with / or PROFILE:/"
        raise CommandError(text, ExitCode.USAGE, name="no_file")
    if os.path.isdir(file):
        raise CommandError(f"{file} is a folder: give a file in it", ExitCode.USAGE, name="no_file")
    if os.path.isfile(file):
        from zkc.cli.offline._snapshot import is_snapshot

        if is_snapshot(file):
            return SnapshotSource(name, file, root, chosen)
    return DumpSource(name, file, root, chosen)


def _file_of(text: str, *, in_shell: bool, files_only: bool = False) -> tuple[Optional[str], str]:
    """Return the file that an argument names, and the root in it; None for a znode."""
    if text.startswith("/") and not files_only:
        return None, "/"
    rest = text[len("file:") :] if text.startswith("file:") else text
    if rest == "-" or os.path.exists(rest):
        return rest, "/"
    file, colon, root = rest.rpartition(":/")
    if colon and (file == "-" or os.path.isfile(file)):
        return file, f"/{root.strip('/')}"
    profile, colon, path = text.partition(":")
    if rest is text and not files_only and ((colon and "/" not in profile and path.startswith("/")) or in_shell):
        return None, "/"
    return rest, "/"
