"""``zkc rm``: deletes znodes and trees."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH, expand
from zkc.cli._safety import OF_SERVERS, confirm, guard_root
from zkc.cli.write._changes import parent_of

if TYPE_CHECKING:
    from zkc.cli._walk import Node
    from zkc.cli.write._deleting import Deletion, Plan

__all__ = ["command"]

_ROUNDS = 10  # Reads of a tree to which other clients add.


@click.command(cls=Command)
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="GLOB...")
@click.option("-r", "-R", "--recursive", is_flag=True, help="Delete the descendants, too. It asks first.")
@click.option("--version", type=click.IntRange(min=0), metavar="N", help="Fail unless the znode has version N.")
@click.option("--keep-root", is_flag=True, help="Delete the descendants only; implies -r.")
@click.option("--backup", metavar="FILE", help="Write the tree to FILE first, for `zkc restore`.")
@click.option("--missing-ok", is_flag=True, help="Succeed when there is no such znode.")
@click.option("--force", is_flag=True, help="Delete even all below the root, and replace the file of --backup.")
@pass_app
def command(app: App, paths: tuple[str, ...], recursive: bool, version: Optional[int], keep_root: bool,
            backup: Optional[str], missing_ok: bool, force: bool) -> None:  # fmt: skip
    """Delete znodes.

    A path may be a pattern: * and ? fit characters within one level. -r reads the tree first, says how many znodes it
    has, and asks; without a terminal --yes is the answer. --dry-run prints the exact list. Ctrl-C ends it with a count.

    \b
    Examples:
      zkc rm /app/config
      zkc rm '/app/jobs/job-*'
      zkc rm -r --dry-run /app
      zkc rm -r --yes --backup app.jsonl /app
    """
    recursive = recursive or keep_root
    if version is not None and (recursive or len(paths) > 1):
        raise click.UsageError("--version is for one znode, without -r")
    if backup is not None and len(paths) > 1:
        raise click.UsageError("--backup takes one path")
    app.check_writable()
    from zkc.cli.trees._source import join

    roots = _expand(app, paths, missing_ok)
    for root in roots:
        if recursive or root == "/" or join(app.settings.chroot, root) in OF_SERVERS:
            guard_root(root, app.settings.chroot, force=force and recursive)
    if backup is not None and len(roots) > 1:
        raise click.UsageError("--backup takes one znode, and the pattern fits several")
    if not recursive:
        _delete_each(app, roots, version, missing_ok, backup, force)
        return
    _delete_trees(app, _outermost(roots), keep_root, missing_ok, backup, force)


def _expand(app: App, patterns: Sequence[str], missing_ok: bool) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns:
        try:
            found.update(dict.fromkeys(expand(app, pattern)))
        except CommandError as error:
            if not missing_ok or error.exit_code != ExitCode.NO_NODE:
                raise
    return list(found)


def _outermost(paths: Sequence[str]) -> list[str]:
    """Leave out paths that are inside others."""
    kept: list[str] = []
    for path in sorted(paths):
        if not any(path == other or path.startswith(f"{other.rstrip('/')}/") for other in kept[-1:]):
            kept.append(path)
    return kept


def _list(app: App, items: Iterator[tuple[str, int]], root: str, backup: Optional[str], force: bool) -> None:
    """Write the exact list of a dry run, after a check of the file of --backup, which is for the root."""
    if backup is not None:
        from zkc.cli.write._backup import check_backup

        check_backup(backup, replace=force)
        app.out.note(f"would write {root} and all below it to {backup}")
    with app.out.rows(["path"]) as rows:
        if backup is not None and app.out.is_json:  # Otherwise each line is a znode to delete.
            rows.add({"action": "write", "path": root, "file": backup})
        for path, _ in items:
            rows.add({"action": "delete", "path": path})


# ---- single znodes --------------------------------------------------------------------------------------------------


def _foretell_each(app: App, paths: Sequence[str], version: Optional[int], missing_ok: bool, backup: Optional[str],
                   force: bool) -> None:  # fmt: skip
    from zkc.cli._bulk import read_many
    from zkc.cli.write._deleting import failure_records, none_deleted
    from zkc.errors import BadVersionError, NoNodeError, NotEmptyError, ZooKeeperError

    fine: list[tuple[str, int]] = []
    errors: list[ZooKeeperError] = []
    taken: dict[str, int] = {}  # The children that are deleted before their parents.
    for path, stat in zip(paths, read_many(app, app.client.exists_many, paths)):
        if stat is None:
            errors += [] if missing_ok else [NoNodeError(path=path, operation="delete")]
        elif isinstance(stat, ZooKeeperError):
            errors.append(stat)
        elif version is not None and stat.version != version:
            errors.append(BadVersionError(path=path, operation="delete"))
        elif stat.num_children > taken.get(path, 0):
            errors.append(NotEmptyError(path=path, operation="delete"))
        else:
            fine.append((path, -1))
            taken[parent_of(path)] = taken.get(parent_of(path), 0) + 1
    if backup is not None and paths:
        from zkc.cli.write._backup import check_backup

        check_backup(backup, replace=force)  # The run writes it before it deletes.
    if errors and not fine:
        raise none_deleted(errors, len(errors), len(paths))
    _list(app, iter(fine), paths[0] if paths else "/", backup if fine else None, force)
    if errors:
        details = {"deleted": 0, "total": len(paths), "failed": len(errors),
                   "failures": failure_records(errors)}  # fmt: skip
        text = (
            f"would delete {len(fine):,} of {len(paths):,} znodes, {len(errors):,} would fail. The first: {errors[0]}"
        )
        raise CommandError(text, ExitCode.PARTLY, details=details)


def _delete_each(app: App, paths: Sequence[str], version: Optional[int], missing_ok: bool, backup: Optional[str],
                 force: bool) -> None:  # fmt: skip
    if app.dry_run:
        _foretell_each(app, paths, version, missing_ok, backup, force)
        return
    if backup is not None and paths:
        from zkc.cli.write._backup import write_backup
        from zkc.errors import NoNodeError

        with contextlib.suppress(*([NoNodeError] if missing_ok else [])):
            write_backup(app, paths[0], backup, replace=force)
    from zkc.cli._progress import progress

    with progress(app, "deleting", len(paths)) as bar, _counted(app, bar, len(paths), not missing_ok) as deletion:
        deletion.run((path, -1 if version is None else version) for path in paths)
    _end(app, deletion, len(paths), {"paths": list(paths)})


@contextlib.contextmanager
def _counted(app: App, bar: Any, total: int, missing_fails: bool = False) -> Iterator[Deletion]:
    """Give a deletion. Ctrl-C and a lost connection say how much is done."""
    from zkc import ZooKeeperError
    from zkc.cli.write._deleting import Deletion

    deletion = Deletion(app, bar, missing_fails=missing_fails)
    try:
        yield deletion
    except KeyboardInterrupt:
        count = f"{'' if deletion.exact else 'at least '}{deletion.deleted:,}"
        raise CommandError(f"interrupted: deleted {count} of {total:,} znodes", ExitCode.INTERRUPTED,
                           details={"deleted": deletion.deleted, "exact": deletion.exact,
                                    "total": total}) from None  # fmt: skip
    except ZooKeeperError as error:
        if not deletion.deleted:
            raise
        from zkc.cli._errors import for_people

        text = f"deleted {deletion.deleted:,} of {total:,} znodes, then: {for_people(error)}"
        raise CommandError(text, ExitCode.PARTLY,
                           details={"deleted": deletion.deleted, "total": total,
                                    "maybe_applied": error.maybe_applied}) from None  # fmt: skip


def _end(app: App, deletion: Deletion, total: int, facts: dict[str, Any], *, noted: bool = False) -> None:
    """Report the result, or the failures. The result is noted in a pipe, too, if the beginning was."""
    from zkc.cli.write._deleting import failure_records, none_deleted

    failed = deletion.failures + deletion.not_empty
    if failed and not deletion.deleted:
        raise none_deleted(deletion.failed, failed, total)
    if failed:
        text = f"deleted {deletion.deleted:,} of {total:,} znodes, {failed:,} failed. The first: {deletion.first_text}"
        raise CommandError(text, ExitCode.PARTLY, details={
            "deleted": deletion.deleted, "total": total, "failed": failed,
            "failures": failure_records(deletion.failed), **facts,
        })  # fmt: skip
    if app.out.is_json:
        app.out.json({**facts, "deleted": deletion.deleted})
    elif noted or app.out.is_human or total > 1:
        app.out.note(f"deleted {_znodes(deletion.deleted)}")


def _znodes(count: int) -> str:
    return "1 znode" if count == 1 else f"{count:,} znodes"


# ---- trees ----------------------------------------------------------------------------------------------------------


def _walk(app: App, root: str, keep_root: bool) -> Iterator[Node]:
    """Return the znodes to delete, children before their parents."""
    from zkc.cli._walk import walk
    from zkc.cli.write._deleting import bottom_up

    chroot = app.settings.chroot
    system = None
    if "/zookeeper".startswith(chroot) and root == "/":
        system = "/zookeeper"[len(chroot.rstrip("/")) :]
    for node in bottom_up(walk(app, root, prune=lambda path: path == system)):
        if node.depth or not (keep_root or root == "/"):
            yield node


def _collect(app: App, plan: Plan, roots: Sequence[str], keep_root: bool, missing_ok: bool) -> None:
    from zkc.cli._progress import progress
    from zkc.errors import NoNodeError

    with progress(app, "counting") as bar:
        for root in roots:
            try:
                for node in _walk(app, root, keep_root):
                    plan.add(node)
                    bar.advance(1, node.stat.data_length)
            except NoNodeError:
                if not missing_ok:
                    raise


def _delete_trees(app: App, roots: Sequence[str], keep_root: bool, missing_ok: bool, backup: Optional[str],
                  force: bool) -> None:  # fmt: skip
    from zkc.cli._progress import progress
    from zkc.cli._text import size_text
    from zkc.cli.write._deleting import Plan

    with Plan() as plan:
        try:
            _collect(app, plan, roots, keep_root, missing_ok)
        except KeyboardInterrupt:
            raise CommandError("interrupted: nothing was deleted", ExitCode.INTERRUPTED,
                               details={"deleted": 0, "exact": True}) from None  # fmt: skip
        if app.dry_run:
            _list(app, plan.entries(), roots[0] if roots else "/", backup if plan.count else None, force)
        where = ", ".join(roots[:3]) + (f" and {len(roots) - 3:,} more" if len(roots) > 3 else "")
        what = f"{_znodes(plan.count)}, {plan.ephemerals:,} ephemeral, {size_text(plan.bytes)}"
        what += f" below {where}" if keep_root or where == "/" else f" at and below {where}"
        if plan.unreadable:
            what += f" ({plan.unreadable:,} may not be listed and are counted without what is below)"
        if app.dry_run:
            app.out.note(f"would delete {what}")
            return
        if plan.count:
            if app.yes:
                app.out.note(f"deleting {what}")
            confirm(app, f"delete {what}", roots[0] if len(roots) == 1 else where)
        if backup is not None and plan.count:
            from zkc.cli.write._backup import write_backup

            write_backup(app, roots[0], backup, replace=force)
        facts = {"paths": list(roots), "ephemeral": plan.ephemerals, "bytes": plan.bytes}
        with progress(app, "deleting", plan.count) as bar, _counted(app, bar, plan.count) as deletion:
            deletion.run((path, -1) for path, _ in plan.entries())
            _delete_what_came(app, deletion, roots, keep_root)
        _end(app, deletion, plan.count, facts, noted=True)


def _delete_what_came(app: App, deletion: Deletion, roots: Sequence[str], keep_root: bool) -> None:
    """Delete what other clients have added since the tree was read, unless they go on and on."""
    from zkc.errors import NoNodeError

    for _ in range(_ROUNDS):
        before = deletion.deleted
        if not deletion.not_empty:
            return
        deletion.start_again()
        for root in roots:
            with contextlib.suppress(NoNodeError):
                deletion.run((node.path, -1) for node in _walk(app, root, keep_root))
        if deletion.deleted == before:
            return
