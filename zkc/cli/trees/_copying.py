"""The run of ``cp``, ``sync`` and ``restore``: foretell, ask, write, delete and report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli.trees._plan import CONFLICT, CREATE, DELETE, REPLACE, SAME, SKIP, Plan

if TYPE_CHECKING:
    from zkc import ACL
    from zkc.cli._app import App
    from zkc.cli.trees._pairs import Pair
    from zkc.cli.trees._source import Record, Source, TreeSource
    from zkc.cli.trees._writing import Writer
    from zkc.cli.write._deleting import Deletion

__all__ = ["Wishes", "copy"]


class Wishes(NamedTuple):
    """The choices for a copy."""

    title: str
    """The work, for the progress: ``copying``."""
    policy: str
    """The action for a znode that the target has: ``fail``, ``skip`` or ``replace``."""
    acl: str | tuple[ACL, ...] = "keep"
    """``keep``, ``drop``, or the ACL for all."""
    parents: bool = False
    """Whether to create the missing parents of the target."""
    delete: bool = False
    """Whether to delete what the source has not."""
    side_by_side: bool = False
    """Whether to read the whole target, instead of looking up the znodes of the source."""
    force: bool = False


def copy(app: App, source: Source, target: TreeSource, wishes: Wishes) -> Optional[int]:
    """Copy a tree to another, and return the exit code; None if all is done.

    Raises:
        CommandError: It is refused, or was done in part.
        ZooKeeperError: Nothing was changed.
    """
    from zkc.cli._safety import guard_root

    guard_root(target.target.path, target.chroot, force=wishes.force or not wishes.delete)
    app.check_writable(target.target.profile)
    _check_apart(app, source, target)
    run = _Run(app, source, target, wishes)
    if app.dry_run:
        return run.foretell()
    run.ask()
    return run.write()


def _check_apart(app: App, source: Source, target: TreeSource) -> None:
    """Refuse to copy a tree into itself."""
    from zkc.cli.trees._source import TreeSource, join

    if not isinstance(source, TreeSource):
        return
    places = []
    for each in (source, target):
        settings = app.settings_of(each.target.profile) if each.target.profile else app.settings
        places.append((set(settings.addresses), join(settings.chroot, each.target.path)))
    (servers, path), (other_servers, other) = places
    if servers & other_servers and any(
        f"{a}/".startswith(f"{b.rstrip('/')}/") for a, b in ((path, other), (other, path))
    ):
        if path == other:
            raise CommandError(f"{source.name} and {target.name} are the same", ExitCode.USAGE, name="usage")
        raise CommandError(f"neither of {source.name} and {target.name} may be inside the other", ExitCode.USAGE,
                           name="usage")  # fmt: skip


class _Run:
    """One run of a copy."""

    def __init__(self, app: App, source: Source, target: TreeSource, wishes: Wishes) -> None:
        self._app, self._source, self._target, self._wishes = app, source, target, wishes
        self._plan = self._new_plan()
        self._equal = False  # Whether both trees were compared, and there is nothing to write.

    def _new_plan(self) -> Plan:
        wishes = self._wishes
        return Plan(self._target.target.path, self._target.chroot, wishes.policy, wishes.acl, delete=wishes.delete)

    def _pairs(self) -> Iterator[Pair]:
        from zkc.cli.trees._pairs import looked_up, merged

        records = self._source.records(with_acl=self._wishes.acl == "keep")
        with_acl = self._wishes.acl != "drop" and self._wishes.policy == "replace"
        if self._wishes.side_by_side:
            return merged(records, self._there(with_acl=with_acl))
        return looked_up(self._app, records, self._target, with_acl=with_acl)

    def _there(self, *, with_acl: bool) -> Iterator[Record]:
        """Yield the znodes of the target; none if its root is missing."""
        from zkc.errors import NoNodeError

        try:
            yield from self._target.records(with_acl=with_acl)
        except NoNodeError as error:
            if error.path != self._target.target.path:
                raise

    # ---- before ----------------------------------------------------------------------------------------------------

    def foretell(self) -> Optional[int]:
        """Write what the run would do."""
        from zkc.cli.trees._foresight import Foresight

        app, plan = self._app, self._plan
        foresight = Foresight(app, self._target)
        with app.out.rows(["action", "path", "what"]) as rows:
            for change in plan.changes(self._pairs()):
                foresight.look(change)
                if change.action == CREATE and change.path == self._target.target.path:
                    self._check_parent()
                if change.action != SAME:
                    rows.add({"action": change.action, "path": change.path, "what": list(change.what)})
        plan.check_hidden()
        self._note_left_out()
        app.out.note(f"would have {self._summary(plan.counts)}")
        foresight.end()
        return None

    def _check_parent(self) -> None:
        """Raise what the creation of the target's root would: a parent is missing, or has no children."""
        from zkc.cli.trees._writing import no_parent
        from zkc.cli.write._changes import missing_above
        from zkc.errors import NoNodeError

        path = self._target.target.path
        try:
            missing_above(self._app, path, parents=self._wishes.parents, client=self._target.client)
        except NoNodeError:
            raise no_parent(path) from None

    def ask(self) -> None:
        """Ask before znodes are replaced or deleted. Look for conflicts when only the root is known to be none."""
        app, wishes = self._app, self._wishes
        path = self._target.target.path
        asks = (wishes.policy == "replace" or wishes.delete) and not app.yes
        if not asks and not (wishes.policy == "fail" and path == "/"):
            return
        from zkc.cli._progress import progress
        from zkc.cli._safety import confirm
        from zkc.cli.trees._source import expect

        plan = self._plan
        with progress(app, "comparing") as bar:
            expect(app, self._source, bar)
            for change in plan.changes(self._pairs()):
                bar.advance()
                if change.action == CONFLICT:
                    raise CommandError(f"{change.path} exists: nothing was changed", ExitCode.CONFLICT,
                                       name="node_exists", path=change.path)  # fmt: skip
        plan.check_hidden()
        counts = plan.counts
        if not (counts[CREATE] or counts[REPLACE] or counts[DELETE]):
            self._equal = True
            return
        self._plan = self._new_plan()
        if asks and (counts[REPLACE] or counts[DELETE]):
            parts = [f"{verb} {_znodes(counts[action])}" for verb, action in (("replace", REPLACE), ("delete", DELETE))
                     if counts[action]]  # fmt: skip
            confirm(app, f"{' and '.join(parts)} at and below {self._target.name}", path,
                    profile=self._target.target.profile)  # fmt: skip

    # ---- the work --------------------------------------------------------------------------------------------------

    def write(self) -> Optional[int]:
        """Write and delete."""
        from zkc.cli._progress import progress
        from zkc.cli.trees._source import expect
        from zkc.cli.trees._writing import Writer
        from zkc.cli.write._deleting import Deletion

        app, target, wishes, plan = self._app, self._target, self._wishes, self._plan
        client = target.client
        parent = target.target.path.rpartition("/")[0]
        if wishes.parents and parent and not self._equal:
            app.change(client.ensure_path, parent, idempotent=True)
        with progress(app, wishes.title) as bar:
            deletion = Deletion(app, None, client)
            writer = Writer(app, target, bar, deletion, policy=wishes.policy, check=plan.check_hidden)
            with self._counted(writer, deletion):
                if not self._equal:
                    expect(app, self._source, bar)
                    writer.run(plan.changes(self._pairs()))
        writer.skipped = plan.counts[SKIP] if self._equal else writer.skipped
        self._note_left_out()
        return self._report(writer, deletion)

    @contextlib.contextmanager
    def _counted(self, writer: Writer, deletion: Deletion) -> Iterator[None]:
        """Say how much is done when the run ends early."""
        from zkc import ZooKeeperError

        try:
            yield
        except (KeyboardInterrupt, ZooKeeperError, CommandError) as error:
            facts = self._facts(writer, deletion)
            summary = self._summary(facts)
            if isinstance(error, KeyboardInterrupt):
                raise CommandError(f"interrupted: {summary}", ExitCode.INTERRUPTED, details=facts) from None
            if not writer.done:
                raise
            if isinstance(error, ZooKeeperError):
                facts["maybe_applied"] = error.maybe_applied
            from zkc.cli._errors import for_people

            text = error.format_message() if isinstance(error, CommandError) else for_people(error)
            raise CommandError(f"{summary}, then: {text}", ExitCode.PARTLY, path=error.path, details=facts) from None

    # ---- after -----------------------------------------------------------------------------------------------------

    def _facts(self, writer: Writer, deletion: Deletion) -> dict[str, Any]:
        return {
            "created": writer.created,
            "replaced": writer.replaced,
            "skipped": writer.skipped,
            "deleted": deletion.deleted,
        }

    def _summary(self, counts: dict[str, Any]) -> str:
        """Say the counts in words; those of a plan or of :meth:`_facts`."""
        verbs = (("created", CREATE), ("replaced", REPLACE), ("skipped", SKIP), ("deleted", DELETE))
        parts = [f"{verb} {counts[key]:,}" for verb, name in verbs
                 for key in (name if name in counts else verb,) if counts[key] or verb == "created"]  # fmt: skip
        return f"{', '.join(parts)} znodes"

    def _note_left_out(self) -> None:
        passing, out = self._source.passing, self._app.out
        if passing.ephemerals and not self._source.filter.ephemerals:
            out.note(f"left out {_znodes(passing.ephemerals, 'ephemeral ')}")
        unused = set(passing.unused)
        if self._wishes.side_by_side:
            unused &= set(self._target.passing.unused)
        for pattern in sorted(unused):
            out.warn(f"nothing fits --exclude {pattern}. A pattern with a slash is one for paths below the root")
        if self._plan.kept:
            out.warn(f"{_znodes(self._plan.kept)} of the target stay: ephemeral ones are below")

    def _report(self, writer: Writer, deletion: Deletion) -> Optional[int]:
        app = self._app
        facts = self._facts(writer, deletion)
        failed = deletion.failures + deletion.not_empty
        ephemerals = 0 if self._source.filter.ephemerals else self._source.passing.ephemerals
        whole = {"source": self._source.name, "target": self._target.name, **facts, "ephemerals": ephemerals}
        if failed:
            raise CommandError(
                f"{self._summary(facts)}; {_znodes(failed)} could not be deleted. The first: {deletion.first_text}",
                ExitCode.PARTLY, details={**whole, "failed": failed},
            )  # fmt: skip
        if app.out.is_json:
            app.out.json(whole)
        else:
            app.out.note(self._summary(facts))
        return None


def _znodes(count: int, kind: str = "") -> str:
    return f"1 {kind}znode" if count == 1 else f"{count:,} {kind}znodes"
