"""``zkc mv``: a znode and its descendants get another path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._safety import guard_root
from zkc.cli.write._changes import parent_of, would_create

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zkc.cli._walk import Node
    from zkc.cli.write._moving import Size

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("source", type=PATH)
@click.argument("target", type=PATH)
@click.option("-P", "--parents", is_flag=True, help="Create missing parents of TARGET.")
@pass_app
def command(app: App, source: str, target: str, parents: bool) -> None:
    """Move a znode and its descendants.

    ZooKeeper cannot rename. A small tree moves in one transaction. A large one is copied with data and ACLs, compared,
    and then deleted at its old path; a failure says what is where. The copies have new versions and times; containers
    and znodes with a TTL become persistent. A tree with an ephemeral znode is refused: it belongs to a session.

    TARGET is the new path, and must not exist.

    \b
    Examples:
      zkc mv /app/config /app/config.old
      zkc mv -P /app /archive/2026/app --dry-run
    """
    for path in (source, target):
        guard_root(path, app.settings.chroot, advice="it cannot be moved, or be a target")
    if source == target:
        raise click.UsageError(f"SOURCE and TARGET are the same, {source}")
    if f"{target}/".startswith(f"{source}/") or f"{source}/".startswith(f"{target}/"):
        raise click.UsageError(f"neither of {source} and {target} may be inside the other")
    app.check_writable()
    size = _look(app, source)
    created = would_create(app, target, parents=parents)
    if app.dry_run:
        _foretell(app, source, target, created)
        return
    if parents and len(created) > 1:
        app.change(app.client.ensure_path, parent_of(target), idempotent=True)
    from zkc.cli.write._moving import Move

    moved, at_once = Move(app, source, target, size).run()
    if app.out.is_json:
        app.out.record({"from": source, "to": target, "moved": moved, "bytes": size.bytes, "transaction": at_once})
    elif app.out.is_human or not at_once:
        app.out.note(f"moved {'1 znode' if moved == 1 else f'{moved:,} znodes'} to {target}")


def _look(app: App, source: str) -> Size:
    """Return the size of a tree that can be moved.

    Raises:
        CommandError: It has an ephemeral znode.
        NoAuthError: A znode may not be read.
    """
    from zkc.cli._progress import progress
    from zkc.cli._walk import walk
    from zkc.cli.write._moving import Size

    znodes = size = ephemerals = 0
    first = ""
    with progress(app, "counting") as bar:
        for node in walk(app, source):
            if node.error is not None:
                raise node.error
            znodes += 1
            size += node.stat.data_length
            if node.stat.ephemeral_owner:
                ephemerals += 1
                first = first or node.path
            bar.advance()
    if ephemerals:
        which = first if ephemerals == 1 else f"{first} and {ephemerals - 1:,} more"
        raise CommandError(
            f"nothing was moved: {which} would have to leave the session that owns it (ephemeral)", ExitCode.REFUSED,
            name="ephemeral", path=first, details={"ephemeral": ephemerals},
        )  # fmt: skip
    return Size(znodes, size)


def _foretell(app: App, source: str, target: str, created: list[tuple[str, str]]) -> None:
    from zkc.cli._walk import walk
    from zkc.cli.write._deleting import Plan, bottom_up

    with Plan() as plan, app.out.rows(["action", "path"]) as rows:
        for _, path in created[:-1]:
            rows.add({"action": "create", "path": path})

        def creates() -> Iterator[Node]:
            for node in walk(app, source):
                rows.add({"action": "create", "path": target + node.path[len(source) :]})
                yield node

        for node in bottom_up(creates()):
            plan.add(node)
        for path, _ in plan.entries():
            rows.add({"action": "delete", "path": path})
