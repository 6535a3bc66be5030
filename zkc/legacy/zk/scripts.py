"""The commands zookeeper_export, zookeeper_import, zookeeper_validate and zookeeper_set_property.

Each is a function of its arguments, which raises what goes wrong; ``…_main`` is the command itself, which says it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from typing import Any, Optional

from zkc.legacy import zk, zookeeper
from zkc.legacy.zk._tree_text import literal

__all__ = [
    "export",
    "export_main",
    "import_",
    "import_main",
    "set_property",
    "set_property_main",
    "validate_",
    "validate_main",
]


def export(args: Optional[list[str]] = None) -> None:
    """Print a tree: the command zookeeper_export.

    Args:
        args: Its arguments; None for those of the process.

    .. versionadded:: 0.1
    """
    parser = _parser("zookeeper_export", "Print a tree as text, which zookeeper_import reads.")
    parser.add_argument("connection", help="the servers, host:port,host:port/chroot")
    parser.add_argument("path", nargs="?", default="/", help="the node at the top (default: /)")
    parser.add_argument("-e", "--ephemeral", action="store_true", help="export ephemeral nodes too")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    options = parser.parse_args(args)

    def run(client: zk.ZooKeeper) -> str:
        return client.export_tree(options.path, ephemeral=options.ephemeral)

    text = _with_session(options.connection, run)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")


def import_(args: Optional[list[str]] = None) -> None:
    """Make a tree: the command zookeeper_import.

    Args:
        args: Its arguments; None for those of the process.

    .. versionadded:: 0.1
    """
    parser = _parser("zookeeper_import", "Make a tree as a text describes it, over what there is.")
    parser.add_argument("connection", help="the servers, host:port,host:port/chroot")
    _add_file(parser)
    parser.add_argument("path", nargs="?", default="/", help="the node to import into (default: /)")
    parser.add_argument("-d", "--dry-run", action="store_true", help="only print what would be done")
    parser.add_argument("-t", "--trim", action="store_true", default=None, help="delete what the text does not have")
    parser.add_argument(
        "-p",
        "--permission",
        type=int,
        default=zookeeper.PERM_ALL,
        help="what any client may do, a sum of READ 1, WRITE 2, CREATE 4, DELETE 8, ADMIN 16 (default: %(default)s)",
    )
    options = parser.parse_args(args)
    text = _read(options.file)
    zk.parse_tree(text)  # Before there is a session.

    def run(client: zk.ZooKeeper) -> None:
        acl = [zk.world_permission(options.permission)]
        client.import_tree(text, options.path, trim=options.trim, dry_run=options.dry_run, acl=acl)

    _with_session(options.connection, run)


def validate_(args: Optional[list[str]] = None) -> None:
    """Check the text of a tree: the command zookeeper_validate.

    Args:
        args: Its arguments; None for those of the process.

    Raises:
        ValueError: The text cannot be read.

    .. versionadded:: 0.1
    """
    parser = _parser("zookeeper_validate", "Check that a text describes a tree. No server is needed.")
    _add_file(parser)
    zk.parse_tree(_read(parser.parse_args(args).file))


def set_property(args: Optional[list[str]] = None) -> None:
    """Change properties of a node: the command zookeeper_set_property.

    Args:
        args: Its arguments; None for those of the process.

    Raises:
        ValueError: A value is not a literal of Python.

    .. versionadded:: 0.1
    """
    parser = _parser("zookeeper_set_property", "Change properties of a node, and leave the others.")
    parser.add_argument("connection", help="the servers, host:port,host:port/chroot")
    parser.add_argument("path", help="the node")
    parser.add_argument("properties", nargs="*", metavar="NAME=VALUE", help="a value is a literal of Python: 4, 'text'")
    options = parser.parse_args(args)
    properties = dict(_property(each) for each in options.properties)
    _with_session(options.connection, lambda client: client.properties(options.path).update(properties))


def _property(argument: str) -> tuple[str, Any]:
    name, sign, expr = argument.partition("=")
    if not name or not sign:
        raise ValueError(f"a property is given as NAME=VALUE, not {argument!r}")
    try:
        return name, literal(expr.strip())
    except ValueError as error:
        raise ValueError(f"Error {error} in expression: {expr!r} of property {name}") from None


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=name, description=description)


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default="-", help="the text (default: -, the standard input)")


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    with open(name, encoding="utf-8") as file:
        return file.read()


def _with_session(connection: str, run: Callable[[zk.ZooKeeper], Any]) -> Any:
    logging.basicConfig(level=logging.WARNING)
    client = zk.ZooKeeper(connection)
    try:
        return run(client)
    finally:
        client.close()


def _main(name: str, command: Callable[[], None]) -> None:
    """Run a command; say in one line what went wrong, and end with status 1."""
    try:
        command()
    except zk.FailedConnect as error:
        sys.exit(f"{name}: error: cannot connect to ZooKeeper at {error}")
    except (ValueError, TypeError, OSError, zookeeper.ZooKeeperException, zk.LinkLoop) as error:
        sys.exit(f"{name}: error: {type(error).__name__}: {error}")


def export_main() -> None:
    """Run zookeeper_export."""
    _main("zookeeper_export", export)


def import_main() -> None:
    """Run zookeeper_import."""
    _main("zookeeper_import", import_)


def validate_main() -> None:
    """Run zookeeper_validate."""
    _main("zookeeper_validate", validate_)


def set_property_main() -> None:
    """Run zookeeper_set_property."""
    _main("zookeeper_set_property", set_property)
