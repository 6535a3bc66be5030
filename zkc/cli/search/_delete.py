"""``find --delete``: what was found is counted, confirmed and deleted, children before their parents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._safety import confirm, guard_root
from zkc.cli._text import size_text

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli._walk import Node
    from zkc.cli.write._deleting import Deletion, Plan

__all__ = ["delete_found"]


def delete_found(app: App, root: str, found: Iterable[Node], tested: bool, *, force: bool) -> int:
    """Delete the znodes that were found, if they still have the version that was seen, and return the exit code.

    A znode that keeps a child, one that was not found, stays: it is counted before the question.

    Args:
        app: What the command works with.
        root: Where the search began.
        found: The znodes, parents before their children.
        tested: Whether there are tests: without any, the whole tree goes.
        force: Whether the root of the ensemble or of the chroot may be emptied.

    Raises:
        CommandError: Refused, or done in part.
    """
    from zkc.cli.write._deleting import Plan

    app.check_writable()
    # With tests a search may begin at the root: the root itself is never deleted.
    guard_root(root, app.settings.chroot, force=force or tested)
    with Plan() as plan:
        try:
            kept = _choose(found, plan)
        except KeyboardInterrupt:
            raise CommandError("interrupted: nothing was deleted", ExitCode.INTERRUPTED,
                               details={"deleted": 0, "exact": True}) from None  # fmt: skip
        if app.dry_run:
            with app.out.rows(["path"]) as rows:
                for path, _ in plan.entries():
                    rows.add({"action": "delete", "path": path})
            app.out.note(f"would {_what(plan, root)}" + (f"; {_kept(kept)}" if kept else ""))
            return _ends(app, kept)
        if kept:
            app.out.warn(_kept(kept))
        if plan.count:
            confirm(app, _what(plan, root), root)
        return _delete(app, plan, kept)


def _choose(found: Iterable[Node], plan: Plan) -> int:
    """Add to the plan what can be deleted, children first; return the number of znodes that keep a child."""
    above: list[Node] = []
    going: list[int] = []  # For each of them, the number of its children that go.
    kept = 0

    def leave() -> None:
        nonlocal kept
        node, gone = above.pop(), going.pop()
        if node.error is not None or gone != node.stat.num_children:
            kept += 1
            return
        plan.add(node)
        if above and above[-1].path == node.path.rpartition("/")[0]:
            going[-1] += 1

    for node in found:
        if node.path == "/":
            continue
        while above and above[-1].depth >= node.depth:
            leave()
        above.append(node)
        going.append(0)
    while above:
        leave()
    return kept


def _what(plan: Plan, root: str) -> str:
    count = "1 znode" if plan.count == 1 else f"{plan.count:,} znodes"
    return f"delete {count}, {plan.ephemerals:,} ephemeral, {size_text(plan.bytes)} found at and below {root}"


def _kept(kept: int) -> str:
    return f"{kept:,} of what was found stay: they have children that were not found"


def _delete(app: App, plan: Plan, kept: int) -> int:
    """Delete all of the plan, and return the exit code."""
    from zkc.cli._progress import progress
    from zkc.cli.write._deleting import Deletion
    from zkc.errors import ZooKeeperError

    with progress(app, "deleting", plan.count) as bar:
        deletion = Deletion(app, bar)
        try:
            deletion.run(plan.entries())
        except KeyboardInterrupt:
            least = "" if deletion.exact else "at least "
            message = f"interrupted: deleted {least}{deletion.deleted:,} of {plan.count:,} znodes"
            details = {**_facts(deletion, kept), "exact": deletion.exact, "total": plan.count}
            raise CommandError(message, ExitCode.INTERRUPTED, details=details) from None
        except ZooKeeperError as error:
            from zkc.cli._errors import for_people

            message = f"{deletion.deleted:,} of {plan.count:,} znodes are deleted, then: {for_people(error)}"
            raise CommandError(message, ExitCode.PARTLY, details=_facts(deletion, kept, error)) from None
    return _end(app, plan, deletion, kept)


def _facts(deletion: Deletion, kept: int, error: Optional[Exception] = None) -> dict[str, object]:
    facts: dict[str, object] = {
        "deleted": deletion.deleted,
        "gone": deletion.missing,
        "failed": deletion.failures + deletion.not_empty,
        "kept": kept,
    }
    if error is not None:
        facts["maybe_applied"] = bool(getattr(error, "maybe_applied", False))
    return facts


def _end(app: App, plan: Plan, deletion: Deletion, kept: int) -> int:
    facts = _facts(deletion, kept)
    if app.out.is_json:
        app.out.record(facts)
    else:
        gone = f"; {deletion.missing:,} were gone already" if deletion.missing else ""
        number = "1 znode" if deletion.deleted == 1 else f"{deletion.deleted:,} znodes"
        app.out.note(f"deleted {number}{gone}")
    if facts["failed"]:
        from zkc.cli.write._deleting import failure_records

        raise CommandError(
            f"{facts['failed']:,} of {plan.count:,} znodes are not deleted: they have changed, or must not be"
            f" deleted. The first: {deletion.first_text}",
            ExitCode.PARTLY,
            details={**facts, "failures": failure_records(deletion.failed)},
        )
    return _ends(app, kept)


def _ends(app: App, kept: int) -> int:
    return app.ends_with(ExitCode.PARTLY, _kept(kept), kept=kept) if kept else int(ExitCode.DONE)
