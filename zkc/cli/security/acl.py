"""``zkc acl``: read, change and check ACLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Group, pass_app
from zkc.cli._paths import PATH
from zkc.cli._types import ACL_TYPE

if TYPE_CHECKING:
    from zkc import ACL

__all__ = ["command"]

_RECURSIVE = click.option("-R", "-r", "--recursive", is_flag=True, help="Change all znodes below, too.")
_VERSION = click.option("--version", type=click.IntRange(min=0), metavar="N", help="The version the ACL must have.")
_FORCE = click.option("--force", is_flag=True, help="Allow an ACL without the admin permission, and the root with -R.")


@click.group(cls=Group)
def command() -> None:
    """Read, change and check ACLs.

    An entry is scheme:id:permissions, such as world:anyone:r, digest:USER:HASH:cdrwa or ip:10.0.0.0/8:rw. The
    permissions are letters: c create children, d delete children, r read, w set data, a set the ACL; or all. Several
    entries are separated by commas, or are arguments of their own. The words open (all for everyone), read (reading for
    everyone) and creator (all for this session's identities) are ACLs, too.

    \b
    Examples:
      zkc acl get /app
      zkc acl add -R /app ip:10.0.0.0/8:r
      zkc acl check /app --as digest:alice
    """


@command.command("get")
@click.argument("path", type=PATH)
@click.option("-R", "-r", "--recursive", is_flag=True, help="Print the ACLs of the znode and of all znodes below.")
@pass_app
def get(app: App, path: str, recursive: bool) -> None:
    """Print the ACL of a znode.

    In a pipe a line for each entry, as `zkc acl set` takes it. Servers show the hashes of passwords only to
    identities with the admin permission, and x to others. With -R a line for each znode: the path, a tab, and the
    entries separated by commas. A warning tells how many ACLs the servers hide.
    """
    if recursive:
        _get_tree(app, path)
        return
    from zkc.cli.security._access import acl_record, text_of

    acl, stat = app.read(app.client.get_acl, path)
    if app.out.is_json:
        app.out.json({"path": path, "version": stat.aversion, "acl": acl_record(acl)})
    elif app.out.is_human:
        app.out.table(["scheme", "id", "perms"], acl_record(acl))
    else:
        for entry in acl:
            app.out.line(text_of(entry))


def _get_tree(app: App, path: str) -> None:
    from zkc.cli._progress import progress
    from zkc.cli._text import encodable, shown
    from zkc.cli._walk import Unreadable, walk
    from zkc.cli.security._access import acl_record, text_of
    from zkc.cli.trees._acls import with_acls

    hidden, first, then = 0, "", "what is below them is left out"
    with app.out.rows(["path", "acl"]) as rows, progress(app, "reading") as done, Unreadable(app, then) as unreadable:
        nodes = unreadable.noted(done.passing(walk(app, path)))
        for node, acl, _ in with_acls(app, app.client, nodes):
            if acl is None:
                hidden, first = hidden + 1, first or node.path
            elif app.out.is_json:
                rows.add({"path": node.path, "acl": acl_record(acl)})
            else:
                name = shown(node.path, lines=False) if app.out.is_human else encodable(node.path)
                app.out.line(f"{name}\t{','.join(map(text_of, acl))}")
    if hidden:
        what = "1 ACL" if hidden == 1 else f"{hidden:,} ACLs"
        app.out.warn(f"the servers hide {what} from this session: --auth gives credentials. The first is of {first}")


@command.command("set")
@click.argument("path", type=PATH)
@click.argument("entries", type=ACL_TYPE, nargs=-1, required=True, metavar="ENTRY...")
@_RECURSIVE
@_VERSION
@_FORCE
@pass_app
def set_(
    app: App, path: str, entries: tuple[list[ACL], ...], recursive: bool, version: Optional[int], force: bool
) -> Optional[int]:
    """Replace the ACL of a znode.

    With -R the ACL of each znode below is replaced as well, from the leaves up.
    """
    from zkc.cli.security._change import Change, change

    wanted = [entry for each in entries for entry in each]
    return change(app, Change(path, lambda _: wanted, recursive, version, force))


@command.command("add")
@click.argument("path", type=PATH)
@click.argument("entries", type=ACL_TYPE, nargs=-1, required=True, metavar="ENTRY...")
@_RECURSIVE
@_VERSION
@_FORCE
@pass_app
def add(
    app: App, path: str, entries: tuple[list[ACL], ...], recursive: bool, version: Optional[int], force: bool
) -> Optional[int]:
    """Add entries to the ACL of a znode.

    An entry replaces one of the same scheme and id. A change by another client in between is not lost.
    """
    from zkc.cli.security._change import Change, change

    more = [entry for each in entries for entry in each]
    new = {(each.scheme, each.id) for each in more}

    def with_more(acl: list[ACL]) -> list[ACL]:
        return [each for each in acl if (each.scheme, each.id) not in new] + more

    return change(app, Change(path, with_more, recursive, version, force))


@command.command("remove")
@click.argument("path", type=PATH)
@click.argument("identities", nargs=-1, required=True, metavar="SCHEME:ID...")
@_RECURSIVE
@_VERSION
@_FORCE
@pass_app
def remove(
    app: App, path: str, identities: tuple[str, ...], recursive: bool, version: Optional[int], force: bool
) -> Optional[int]:
    """Remove the entries of identities from the ACL of a znode.

    An identity is scheme:id, such as world:anyone, or digest:USER without the hash.
    """
    from zkc.cli.security._change import Change, change

    named = [_identity(each) for each in identities]

    def without(acl: list[ACL]) -> list[ACL]:
        return [each for each in acl if not any(_names(each, scheme, name) for scheme, name in named)]

    return change(app, Change(path, without, recursive, version, force))


@command.command("check")
@click.argument("path", type=PATH)
@click.option("--as", "identity", required=True, metavar="SCHEME:ID", help="The identity, such as digest:alice.")
@click.option("--for", "needed", metavar="LETTERS", help="Exit with 1 unless all of these permissions are given.")
@pass_app
def check(app: App, path: str, identity: str, needed: Optional[str]) -> int:
    """Print what an identity may do with a znode.

    The answer comes from the ACL alone: the identity need not exist, and a superuser may do all. To delete a znode,
    the permission d is needed at its parent: the last line is about that.
    """
    from zkc.cli.security._access import allowed

    scheme, name = _identity(identity)
    unknown = set(needed or "") - set("cdrwa")
    if unknown:
        raise click.UsageError(f"--for takes letters of cdrwa, not {''.join(sorted(unknown))!r}")
    acl, _ = app.read(app.client.get_acl, path)
    letters = allowed(acl, scheme, name)
    parent = path.rpartition("/")[0] or "/"
    above, _ = app.read(app.client.get_acl, parent)
    record: dict[str, Any] = {
        "path": path,
        "identity": f"{scheme}:{name}",
        "perms": letters,
        "read": "r" in letters,
        "set_data": "w" in letters,
        "create_children": "c" in letters,
        "delete_children": "d" in letters,
        "set_acl": "a" in letters,
        "delete": path != "/" and "d" in allowed(above, scheme, name),
    }
    app.out.record(record)
    return int(ExitCode.DONE if set(needed or "") <= set(letters) else ExitCode.NO)


def _identity(text: str) -> tuple[str, str]:
    scheme, colon, name = text.partition(":")
    if not scheme or not colon:
        raise CommandError(
            f"{text!r} is no identity: give scheme:id, such as digest:alice", ExitCode.USAGE, name="usage"
        )
    return scheme, name


def _names(entry: ACL, scheme: str, name: str) -> bool:
    if entry.scheme != scheme:
        return False
    return entry.id == name or (scheme == "digest" and ":" not in name and entry.id.partition(":")[0] == name)
