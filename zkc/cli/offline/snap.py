"""``zkc snap``: the snapshot files of a server, read without a server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, Group, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import data_record, hex_text
from zkc.cli.offline._open import OpenSnapshot
from zkc.cli.trees._choices import exclude_option, system_option

__all__ = ["command"]

_LINES, _BYTES = 1000, 1 << 20  # Of a dump, that are written at once.


@click.group(cls=Group)
def command() -> None:
    """Read a server's snapshot files.

    FILE is a snapshot, plain or compressed by gzip or snappy, or a server's data folder, whose newest snapshot is read.
    It needs neither a server nor Java. A file that is damaged or cut off is read as far as possible, with exit code 8.

    A server that runs writes a snapshot while clients change znodes: such a file may have changes that are newer than
    its name says. `zkc txnlog` shows them.
    """


@command.command(name="info", cls=Command)
@click.argument("file")
@pass_app
def info(app: App, file: str) -> None:
    """Check a snapshot, and print what it has.

    It reads the whole file, and compares the checksum: exit code 8 if the file is damaged.

    \b
    Examples:
      zkc snap info /var/lib/zookeeper/version-2/snapshot.1f
      zkc snap info /var/lib/zookeeper --json
    """
    from zkc.cli.offline._snapshot import owner_of

    with OpenSnapshot(app, file) as opened:
        kinds = {"ephemeral": 0, "container": 0, "ttl": 0}
        size = 0
        for raw in opened.raw():
            size += max(raw.size, 0)
            kind = owner_of(raw.owner)[0]
            if kind in kinds:
                kinds[kind] += 1
        snapshot = opened.snapshot
        digest = snapshot.digest
        app.out.record({
            "file": snapshot.file,
            "compression": snapshot.compression,
            "complete": snapshot.complete,
            "zxid": None if snapshot.zxid is None else hex_text(snapshot.zxid),
            "last_zxid": None if snapshot.last_zxid is None else hex_text(snapshot.last_zxid),
            "znodes": snapshot.znodes,
            "ephemerals": kinds["ephemeral"],
            "containers": kinds["container"],
            "ttls": kinds["ttl"],
            "bytes": size,
            "sessions": snapshot.sessions,
            "acls": len(snapshot.acls),
            "digest": None if digest is None else hex_text(digest.value),
            "digest_zxid": None if digest is None else hex_text(digest.zxid),
            "digest_version": None if digest is None else digest.version,
        })  # fmt: skip


@command.command(name="ls", cls=Command)
@click.argument("file")
@click.argument("path", type=PATH, default="/")
@click.option("-l", "--long", "long", is_flag=True, help="Print the stat of each child, too.")
@click.option("-R", "-r", "--recursive", is_flag=True, help="List the znode and all its descendants, with their paths.")
@click.option(
    "-L",
    "--depth",
    "--level",
    "depth",
    type=click.IntRange(min=0),
    metavar="N",
    help="List N levels below the znode; implies -R.",
)
@click.option(
    "--sort",
    type=click.Choice(["name", "size", "mtime", "children"]),
    default="name",
    help="The order: by name, or the largest, newest or widest first. With -R it needs --limit.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="List the first N only.")
@click.option("-0", "--null", "null", is_flag=True, help="End each name with a NUL character, for xargs -0.")
@pass_app
def ls(app: App, file: str, path: str, long: bool, recursive: bool, depth: Optional[int], sort: str,
       limit: Optional[int], null: bool) -> None:  # fmt: skip
    """List the children of a znode in a snapshot.

    The output is that of `zkc ls`, and tells containers and znodes with a TTL apart, which clients cannot see.

    \b
    Examples:
      zkc snap ls /var/lib/zookeeper /app
      zkc snap ls -l --sort size --limit 10 snapshot.1f /app
      zkc snap ls -R snapshot.1f.gz
    """
    from zkc.cli.read.ls import list_records

    recursive = recursive or depth is not None
    if recursive and sort != "name" and limit is None:
        raise click.UsageError("--sort with -R needs --limit: a whole tree is not held in memory")
    if null and app.out.is_json:
        raise click.UsageError("-0 and JSON exclude each other")
    with OpenSnapshot(app, file) as opened:
        facts = long or sort != "name" or app.out.is_json
        records = _records(opened, path, depth if recursive else 1, recursive, facts)
        list_records(app, records, recursive, long=long, sort=sort, limit=limit, null=null)


def _records(
    opened: OpenSnapshot, path: str, depth: Optional[int], recursive: bool, facts: bool
) -> Iterator[dict[str, Any]]:
    for node in opened.walk(path, depth=depth):
        more = node.facts() if facts else {}
        if recursive:
            yield {"path": node.path, **more}
        elif node.depth:
            yield {"name": node.name, "path": node.path, **more}


@command.command(name="tree", cls=Command)
@click.argument("file")
@click.argument("path", type=PATH, default="/")
@click.option(
    "-L", "--level", "--depth", "level", type=click.IntRange(min=0), metavar="N", help="Draw N levels below PATH."
)
@click.option("--size", is_flag=True, help="Show the bytes of data of each znode.")
@click.option("--data", is_flag=True, help="Show the begin of the data of each znode.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N znodes.")
@pass_app
def tree(app: App, file: str, path: str, level: Optional[int], size: bool, data: bool, limit: Optional[int]) -> None:
    """Draw a znode in a snapshot, and its descendants, as a tree.

    \b
    Examples:
      zkc snap tree -L 2 --size /var/lib/zookeeper
      zkc snap tree --data snapshot.1f /app/config
    """
    from zkc.cli.read.tree import draw_tree

    with OpenSnapshot(app, file) as opened:
        nodes = opened.walk(path, depth=level, with_data=data)
        draw_tree(app, path, nodes, level=level, size=size, data=data, limit=limit)


@command.command(name="du", cls=Command)
@click.argument("file")
@click.argument("path", type=PATH, default="/")
@click.option(
    "-L",
    "--level",
    "--depth",
    "level",
    type=click.IntRange(min=0),
    metavar="N",
    help="Sum up each znode down to N levels below PATH (1; with --top all).",
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N largest, the largest first.")
@click.option("--by", type=click.Choice(["bytes", "znodes"]), default="bytes", help="What --top compares (bytes).")
@pass_app
def du(app: App, file: str, path: str, level: Optional[int], top: Optional[int], by: str) -> None:
    """Sum up znodes and bytes below a znode in a snapshot.

    \b
    Examples:
      zkc snap du --top 10 /var/lib/zookeeper
      zkc snap du -L 2 --top 5 --by znodes snapshot.1f /app
    """
    from zkc.cli.read.du import show_sums

    with OpenSnapshot(app, file) as opened:
        show_sums(app, opened.walk(path), level=level, top=top, by=by)


@command.command(name="get", cls=Command)
@click.argument("file")
@click.argument("path", type=PATH)
@click.option("-s", "--stat", "with_stat", is_flag=True, help="Print the stat after the data.")
@click.option("--raw", "shape", flag_value="raw", help="Print the bytes as they are: the default in a pipe.")
@click.option("--hex", "shape", flag_value="hex", help="Print a hex dump.")
@click.option("--base64", "shape", flag_value="base64", help="Print the data in base64.")
@click.option(
    "--pretty",
    "shape",
    flag_value="pretty",
    help="Print JSON indented, text as it is, and a hex dump of the rest: the default on a terminal.",
)
@click.option("-O", "--output-file", "target", metavar="FILE",
              help="Write the bytes to FILE; - for stdout.")  # fmt: skip
@pass_app
def get(app: App, file: str, path: str, with_stat: bool, shape: Optional[str], target: Optional[str]) -> None:
    """Print the data of a znode in a snapshot.

    With --json it prints the stat and the ACL too. The whole file is read, so that damage is found: exit code 8.

    \b
    Examples:
      zkc snap get /var/lib/zookeeper /app/config
      zkc snap get snapshot.1f /app/config --json
    """
    from zkc.cli.read.get import show_data, show_stat, write_file
    from zkc.cli.security._access import acl_record

    with OpenSnapshot(app, file) as opened:
        node = next(opened.walk(path, depth=0, with_data=True), None)
        if node is None:
            if opened.snapshot.damage is not None:
                raise opened.snapshot.damage
            raise CommandError(f"there is no {path} in {file}", ExitCode.NO_NODE, name="no_node", path=path)
        if target is not None:
            write_file(app, target, node.data)
        elif app.out.is_json:
            facts = {"path": path, **data_record(node.data), **node.facts(), "acl": acl_record(node.acl)}
            app.out.record(facts)
        else:
            shape = shape or ("pretty" if app.out.is_human else "raw")
            show_data(app, shape, node.data)
            if with_stat:
                show_stat(app, shape, path, node.data, node.facts())


@command.command(name="diff", cls=Command)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.argument("path", type=PATH, default="/")
@click.option("--acl", "with_acl", is_flag=True, help="Compare the ACLs, too.")
@click.option("--data", "with_data", is_flag=True, help="Show the data that differ.")
@click.option("-U", "--unified", is_flag=True, help="Show the data that differ as a diff of their lines.")
@exclude_option
@system_option
@click.pass_context
def diff(
    ctx: click.Context,
    a: str,
    b: str,
    path: str,
    with_acl: bool,
    with_data: bool,
    unified: bool,
    exclude: tuple[str, ...],
    system: bool,
) -> Optional[int]:
    """Compare a znode in two snapshots, with all below it.

    The output is that of `zkc diff`, which compares a snapshot with a live tree or a dump, too. Ephemeral znodes are
    compared. The exit code is 0 if all is equal, 1 if not, and another one if a snapshot could not be read.

    \b
    Examples:
      zkc snap diff snapshot.1a snapshot.2b
      zkc snap diff -U snapshot.1a snapshot.2b /app
    """
    from zkc.cli.offline._open import snapshot_of
    from zkc.cli.offline._snapshot import is_snapshot
    from zkc.cli.trees.diff import command as diff_trees

    app = ctx.ensure_object(App)
    files = [snapshot_of(app, each) for each in (a, b)]
    for file in files:
        if not is_snapshot(file):
            raise CommandError(f"{file} is no snapshot of a server", ExitCode.OTHER, name="not_a_snapshot")
    first, second = (f"file:{file}:{path}" for file in files)
    options = {"with_acl": with_acl, "with_data": with_data, "unified": unified, "exclude": exclude, "system": system}
    result: Optional[int] = ctx.invoke(diff_trees, a=first, b=second, ephemerals=True, **options)
    return result


@command.command(name="export", cls=Command)
@click.argument("file")
@click.argument("path", type=PATH, default="/")
@click.option("-O", "--output-file", "target", required=True, metavar="FILE",
              help="The dump, compressed if it ends with .gz or .zst; - for stdout.")  # fmt: skip
@exclude_option
@system_option
@pass_app
def export(app: App, file: str, path: str, target: str, exclude: tuple[str, ...], system: bool) -> None:
    """Write a znode in a snapshot, and all below it, to a dump.

    `zkc restore` creates the znodes that the dump has, so a tree comes back from a server's files alone. Of a damaged
    snapshot the dump has what can be read: exit code 8. It has the hashes of passwords, and only its owner can read it.
    Ephemeral znodes are marked, and a restore leaves them out. Containers and znodes with a TTL become persistent.

    \b
    Examples:
      zkc snap export /var/lib/zookeeper /app -O app.jsonl.gz
      zkc snap export snapshot.1f -O - | grep locks
    """
    from zkc.cli._files import is_stdout
    from zkc.cli.trees._dumpfile import open_sink
    from zkc.cli.trees._filter import Filter
    from zkc.cli.trees._source import Record, relative

    chosen = Filter(exclude, system=system).begin("/", path)
    counts = dict.fromkeys(("znodes", "ephemerals", "containers", "ttls", "bytes"), 0)
    with OpenSnapshot(app, file) as opened:
        nodes = (node for node in opened.walk(path, with_data=True) if not chosen.skips(node.path))
        first = next(nodes, None)  # Before the dump is opened: there may be no such znode.
        if first is None and opened.snapshot.damage is not None:
            raise opened.snapshot.damage
        with open_sink(target, path) as write:
            while first is not None:
                batch = []
                size = 0
                for node in itertools.chain([first], nodes):
                    ephemeral = node.type == "ephemeral"
                    batch.append(Record(relative(path, node.path), node.data, node.acl, node.stat, ephemeral))
                    size += node.stat.data_length
                    if node.type != "persistent":
                        counts[f"{node.type}s"] += 1
                    if len(batch) >= _LINES or size > _BYTES:
                        break
                write(batch)
                counts["znodes"] += len(batch)
                counts["bytes"] += size
                first = next(nodes, None)
        for pattern in chosen.unused:
            app.out.warn(f"nothing fits --exclude {pattern}. A pattern with a slash is one for paths below the root")
        if app.out.is_json and not is_stdout(target):
            app.out.json({"file": target, **counts})
        else:
            app.out.note(f"wrote {counts['znodes']:,} znodes to {'stdout' if target == '-' else target}")
