"""Changes of ACLs: of one znode, or of a tree from the leaves up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc import ACL, Client, Future
    from zkc.cli._app import App
    from zkc.cli._out import Record
    from zkc.cli.write._requests import AclCheck

__all__ = ["Change", "change"]

_TRIES = 20  # How often a change is made again when another client has changed the ACL in between.
_AFTER_INTERRUPT = 0.4  # Seconds for the replies that are under way when a signal comes.
_WINDOW = 500  # Znodes whose ACLs are read and set at a time.


class Change(NamedTuple):
    """A change: what to make of an ACL, and where."""

    path: str
    make: Callable[[list[ACL]], list[ACL]]
    recursive: bool
    version: Optional[int]
    force: bool


def change(app: App, wanted: Change) -> Optional[int]:
    """Make a change, and return the exit code; None if all is done."""
    app.check_writable()
    if wanted.recursive:
        return _change_tree(app, wanted)
    if app.dry_run:
        from zkc.cli.write._requests import AclCheck

        app.out.would([_foretold(app, wanted, wanted.path, AclCheck(app))])
        return None
    _set(app, wanted, wanted.path)
    return None


def _set(app: App, wanted: Change, path: str) -> None:
    """Set the ACL of a znode, with the version that was read: a change by another client is not lost."""
    from zkc.errors import BadVersionError

    client = app.client
    for attempt in range(_TRIES):
        old, stat = app.read(client.get_acl, path)
        new = wanted.make(old)
        _check(wanted, new)
        _check_hashes(new, path)
        version = stat.aversion if wanted.version is None else wanted.version
        if new == old and wanted.version is None:
            return
        try:
            _set_once(app, client, path, new, version)
            return
        except BadVersionError:
            if wanted.version is not None or attempt == _TRIES - 1:
                raise


def _set_once(app: App, client: Client, path: str, acl: list[ACL], version: int) -> None:
    """Set an ACL. After a lost connection the znode is read, and the change made again only if it was not made."""
    from zkc import is_retriable
    from zkc.errors import ZooKeeperError

    try:
        client.set_acl(path, acl, version=version)
    except ZooKeeperError as error:
        if not is_retriable(error, idempotent=True):
            raise
        now, stat = app.read(client.get_acl, path)
        if stat.aversion == version:
            client.set_acl(path, acl, version=version)
        elif stat.aversion != version + 1 or sorted(map(repr, now)) != sorted(map(repr, acl)):
            raise


def _check(wanted: Change, acl: list[ACL]) -> None:
    from zkc import Perms

    if not acl:
        raise CommandError(f"{wanted.path} would have no entry left; the servers refuse an empty ACL", ExitCode.USAGE,
                           name="empty_acl", path=wanted.path)  # fmt: skip
    if not wanted.force and not any(each.perms & Perms.ADMIN for each in acl):
        raise CommandError(
            f"no entry of the new ACL of {wanted.path} has the permission a: no client could change it again."
            " --force means it",
            ExitCode.REFUSED,
            name="no_admin",
            path=wanted.path,
        )


def _check_hashes(acl: list[ACL], path: str) -> None:
    """Refuse to write an ``x`` that a server has shown instead of a hash: the user could not log in any more."""
    hidden = next((each for each in acl if each.scheme == "digest" and each.id.endswith(":x")), None)
    if hidden is not None:
        raise CommandError(
            f"the server hides the hash of {hidden.id.partition(':')[0]} in the ACL of {path}, so the entry cannot be"
            " kept: authenticate with an identity that has the permission a",
            ExitCode.NOT_ALLOWED,
            name="hidden_hash",
            path=path,
        )


def _foretold(app: App, wanted: Change, path: str, acls: AclCheck) -> Record:
    """Return what a dry run says of a znode. It raises what the change would, permissions aside."""
    from zkc.cli.security._access import acl_record, text_of
    from zkc.errors import BadVersionError

    old, stat = app.read(app.client.get_acl, path)
    acl = wanted.make(old)
    _check(wanted, acl)
    _check_hashes(acl, path)
    acls.check(path, acl, "set_acl")
    if wanted.version not in (None, stat.aversion):
        raise BadVersionError(path=path, operation="set_acl")
    message = f"{path}\t{','.join(map(text_of, acl))}"
    return {"action": "set_acl", "path": path, "acl": acl_record(acl), "message": message}


def _change_tree(app: App, wanted: Change) -> Optional[int]:
    from zkc.cli._progress import progress
    from zkc.cli._safety import confirm, guard_root
    from zkc.cli._walk import walk

    if wanted.version is not None:
        raise CommandError("--version is for one znode, not for -R", ExitCode.USAGE, name="usage")
    guard_root(wanted.path, app.settings.chroot, force=wanted.force)
    paths = [node.path for node in walk(app, wanted.path, prune=lambda path: path == "/zookeeper")]
    if app.dry_run:
        return _foretell_tree(app, wanted, paths)
    confirm(app, f"change the ACL of {len(paths):,} znodes at and below {wanted.path}", wanted.path)
    paths.reverse()  # From the leaves up, so that a run that was interrupted can be repeated from the same root.
    changes = _TreeChange(app, wanted)
    try:
        with progress(app, "changing", len(paths)) as shown:
            for start in range(0, len(paths), _WINDOW):
                changes.run(paths[start : start + _WINDOW])
                shown.at(start + _WINDOW)
    except KeyboardInterrupt:
        least = "" if changes.exact else "at least "
        raise CommandError(f"interrupted: changed the ACLs of {least}{changes.done:,} of {len(paths):,} znodes",
                           ExitCode.INTERRUPTED, details={"changed": changes.done, "exact": changes.exact,
                                                          "total": len(paths)}) from None  # fmt: skip
    return _report(app, changes.done, changes.failed)


def _foretell_tree(app: App, wanted: Change, paths: list[str]) -> Optional[int]:
    """Write what a run for a tree would do, and return its exit code."""
    from zkc.cli.write._requests import AclCheck
    from zkc.errors import NoNodeError

    failed: list[tuple[str, Exception]] = []
    acls = AclCheck(app)

    def changes() -> Iterator[Record]:
        for path in paths:
            try:
                found = _foretold(app, wanted, path, acls)
            except NoNodeError:
                continue  # Deleted since.
            except _failures() as error:
                failed.append((path, error))
            else:
                yield found

    app.out.would(changes())
    return _warn(app, failed)


class _TreeChange:
    """The changes of a tree's ACLs, with a count of what is done."""

    def __init__(self, app: App, wanted: Change) -> None:
        self._app, self._wanted = app, wanted
        self._before = 0
        self._changes: list[Optional[Future[None]]] = []  # Of one window; None for an ACL that stays, or is set later.
        self._again: set[str] = set()
        self._sending = False
        self._outcomes: list[Optional[BaseException]] = []
        self.exact = True
        """Whether no more than ``done`` are changed: False after an interruption whose requests have no replies."""
        self.failed: list[tuple[str, Exception]] = []
        """The znodes whose ACLs could not be changed, and why."""

    @property
    def done(self) -> int:
        """The number of znodes that have the wanted ACL."""
        return self._before + sum(outcome is None for outcome in self._outcomes)

    def run(self, paths: list[str]) -> None:
        """Change the ACLs of some znodes with two flights of requests.

        A znode for which that fails, for whatever reason, is changed by itself, which handles the reasons.

        Raises:
            KeyboardInterrupt: A signal. ``done`` counts what the servers have done.
        """
        try:
            self._send(paths)
            for path, made in zip(paths, self._changes):
                self._outcomes.append(self._take(path, made))
        except KeyboardInterrupt:
            self._settle(paths)
            raise
        self.failed += [(path, error) for path, error in zip(paths, self._outcomes) if isinstance(error, Exception)]
        self._before, self._outcomes = self.done, []

    def _send(self, paths: list[str]) -> None:
        """Read the ACLs, and send the changes."""
        from zkc.errors import ZooKeeperError

        client, wanted = self._app.client, self._wanted
        self._changes, self._again, self._sending = [], set(), False
        reads = [client.submit.get_acl(path) for path in paths]
        for path, read in zip(paths, reads):
            try:
                old, stat = read.result()
                new = wanted.make(old)
                _check(wanted, new)
                _check_hashes(new, path)
                self._sending = True
                self._changes.append(client.submit.set_acl(path, new, version=stat.aversion) if new != old else None)
                self._sending = False
            except (ZooKeeperError, CommandError):
                self._sending = False
                self._again.add(path)
                self._changes.append(None)

    def _take(self, path: str, made: Optional[Future[None]]) -> Optional[Exception]:
        """Return why an ACL could not be changed; None if it is."""
        from zkc.errors import ZooKeeperError

        if path in self._again:
            return _try(self._app, self._wanted, path)
        try:
            if made is not None:
                made.result()
        except ZooKeeperError:
            return _try(self._app, self._wanted, path)
        return None

    def _settle(self, paths: list[str]) -> None:
        """After an interruption, count the changes of the window that were sent: their replies are under way."""
        import concurrent.futures

        from zkc.errors import ZooKeeperError

        end = time.monotonic() + _AFTER_INTERRUPT
        begun = len(self._outcomes)
        # One that was being sent, or being changed by itself.
        self.exact = not self._sending and not (begun < len(self._changes) and paths[begun] in self._again)
        for path, made in list(zip(paths, self._changes))[begun:]:
            outcome: Optional[BaseException] = KeyboardInterrupt() if path in self._again else None
            try:
                if made is not None:
                    made.result(max(0.0, end - time.monotonic()))
            except ZooKeeperError as error:
                outcome = error
                self.exact = self.exact and not error.maybe_applied
            except concurrent.futures.TimeoutError as error:
                outcome, self.exact = error, False
            self._outcomes.append(outcome)


def _try(app: App, wanted: Change, path: str) -> Optional[Exception]:
    from zkc.errors import NoNodeError

    try:
        _set(app, wanted, path)
    except NoNodeError:
        return None  # Deleted since.
    except _failures() as error:
        return error
    return None


def _failures() -> tuple[type[Exception], ...]:
    """Return the errors that concern one znode of a tree: the others are changed."""
    from zkc.errors import BadVersionError, InvalidACLError, NoAuthError

    return NoAuthError, InvalidACLError, BadVersionError, CommandError


def _report(app: App, done: int, failed: list[tuple[str, Exception]]) -> Optional[int]:
    from zkc.cli._errors import name_of

    if app.out.is_json:
        app.out.json({"changed": done, "failed": [{"path": path, "error": name_of(error)} for path, error in failed]})
    else:
        app.out.note(f"changed the ACLs of {done:,} znodes")
    return _warn(app, failed)


def _warn(app: App, failed: list[tuple[str, Exception]]) -> Optional[int]:
    """Name znodes that failed, and return the exit code."""
    from zkc.cli._errors import for_people

    for path, error in failed[:20]:
        text = for_people(error)
        app.out.warn(text if text.startswith(f"{path}: ") else f"{path}: {text}")
    if len(failed) > 20:
        app.out.warn(f"and {len(failed) - 20:,} more")
    if not failed:
        return None
    return app.ends_with(ExitCode.PARTLY, f"the ACLs of {len(failed):,} znodes cannot be changed", failed=len(failed))
