"""``zkc config`` and ``zkc reconfig``: the ensemble's members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app

if TYPE_CHECKING:
    from zkc import Stat

__all__ = ["config", "reconfig"]

_COLUMNS = ["id", "role", "quorum", "client"]
_MEMBER = re.compile(r"server\.(\d+)\s*=\s*(.+)")


def parse_config(text: str) -> tuple[list[dict[str, Any]], Optional[str]]:
    """Return the members in a configuration, and its version as hex text.

    A member is ``server.ID=host:port:port[:role][;client][|more addresses]``.
    """
    members = []
    version = None
    for line in text.splitlines():
        match = _MEMBER.fullmatch(line.strip())
        if match:
            members.append(_member(match[1], match[2].strip()))
        elif line.startswith("version="):
            version = line.partition("=")[2].strip()
    return members, version


def _member(number: str, text: str) -> dict[str, Any]:
    quorum, _, client = text.partition(";")
    role = "participant"
    for word in ("participant", "observer"):
        if quorum.endswith(f":{word}"):
            quorum, role = quorum[: -len(word) - 1], word
    if client and ":" not in client:
        # A port alone: the server listens on all its addresses.
        client = f"0.0.0.0:{client}"
    return {"id": int(number), "role": role, "quorum": quorum, "client": client or None}


def client_address(member: dict[str, Any]) -> Optional[str]:
    """Return the address at which clients reach a member.

    A member that listens on all addresses is reached at the host of its quorum address.
    """
    if member["client"] is None:
        return None
    host, _, port = member["client"].rpartition(":")
    if host in ("0.0.0.0", "[::]", "[0:0:0:0:0:0:0:0]", "::", ""):
        first = member["quorum"].partition("|")[0]
        host = first.rsplit(":", 2)[0]
    return f"{host}:{port}"


@click.command(cls=Command)
@click.option("-c", "--connection-string", is_flag=True, help="Print the addresses for clients only, as --servers.")
@click.option("--raw", is_flag=True, help="Print the configuration as the servers keep it.")
@pass_app
def config(app: App, connection_string: bool, raw: bool) -> None:
    """Print the ensemble's configuration.

    It is the one that the servers keep in /zookeeper/config. A line is a member: its id, its role, the address for the
    other members, and the address for clients. A server without dynamic configuration may have no members in it.

    \b
    Examples:
      zkc config
      export ZKC_SERVERS=$(zkc config -c)
    """
    data, stat = app.read(app.client.get_config)
    text = (data or b"").decode("utf-8", "replace")
    if raw and app.out.is_json:
        app.out.json(text)
        return
    if raw:
        app.out.line(text.rstrip("\n")) if app.out.is_terminal else app.out.data(data or b"")
        return
    members, version = parse_config(text)
    if connection_string:
        addresses = ",".join(filter(None, map(client_address, members)))
        if not addresses:
            raise CommandError("the configuration names no address for clients", ExitCode.NO, name="no_address")
        app.out.json(addresses) if app.out.is_json else app.out.line(addresses)
        return
    if app.out.is_json:
        app.out.json(_record(members, version, stat))
        return
    app.out.table(_COLUMNS, members, ["id", "role", "for members", "for clients"])
    app.out.note(f"version {version or 'unknown'}")


def _record(members: list[dict[str, Any]], version: Optional[str], stat: Stat) -> dict[str, Any]:
    from zkc.cli._records import stat_record

    return {"version": version, "members": members, "stat": stat_record(stat)}


@click.command(cls=Command)
@click.option(
    "--add",
    "joining",
    multiple=True,
    metavar="server.ID=SPEC",
    help="Add a member, or change it: server.4=host:2888:3888:participant;2181. Repeatable.",
)
@click.option("--remove", "leaving", multiple=True, metavar="ID", help="Remove a member by its id. Repeatable.")
@click.option("--members", metavar="LIST", help="All members of the new configuration, separated by commas.")
@click.option(
    "--file",
    "file",
    type=click.File("r"),
    metavar="FILE",
    help="A file with all members of the new configuration, a line each; - for stdin.",
)
@click.option("--version", "version", metavar="HEX", help="Fail unless the configuration has this version.")
@pass_app
def reconfig(
    app: App,
    joining: tuple[str, ...],
    leaving: tuple[str, ...],
    members: Optional[str],
    file: Any,
    version: Optional[str],
) -> None:
    """Change the ensemble's members.

    The servers must run with reconfigEnabled=true, and only the super user may do it, unless the ACL of
    /zookeeper/config says otherwise. The result is the new configuration. A question comes first: --yes answers it.

    \b
    Examples:
      zkc reconfig --add 'server.4=zk4:2888:3888;2181' --auth digest:super:FILE
      zkc reconfig --remove 4 --auth digest:super:FILE
      zkc reconfig --dry-run --remove 4
    """
    from zkc.cli._safety import confirm

    new = _whole(members, file)
    if (new is None) == (not joining and not leaving):
        text = "give --add and --remove, or all members by --members or --file"
        raise CommandError(text, ExitCode.USAGE, name="usage")
    wanted = -1 if version is None else _version(version)
    app.check_writable()
    data, _ = app.read(app.client.get_config)
    before, present = parse_config((data or b"").decode("utf-8", "replace"))
    after = _after(before, joining, leaving, new)
    what = _what(before, after)
    if app.dry_run:
        _check(app, present, version, standalone=not before and _is_standalone(app))
        message = f"would change the members of the ensemble: {what}"
        app.out.would([{"action": "reconfig", "path": "/zookeeper/config", "members": after, "message": message}])
        if not app.out.is_json:
            app.out.table(_COLUMNS, after, ["id", "role", "for members", "for clients"])
        return
    confirm(app, f"change the members of the ensemble: {what}", "/zookeeper/config")
    # The question was about this configuration: another one in between is not overwritten.
    data, stat = _apply(app, joining, leaving, new, wanted if version is not None else _version(present or "-1"))
    made, made_version = parse_config((data or b"").decode("utf-8", "replace"))
    if app.out.is_json:
        app.out.json(_record(made, made_version, stat))
        return
    app.out.table(_COLUMNS, made, ["id", "role", "for members", "for clients"])
    app.out.note(f"version {made_version or 'unknown'}")


def _check(app: App, present: Optional[str], version: Optional[str], *, standalone: bool) -> None:
    """Raise what the servers would answer, permissions and reconfigEnabled aside: clients do not know that."""
    from zkc.errors import BadVersionError, UnimplementedError

    if standalone:
        raise UnimplementedError(path="/zookeeper/config", operation="reconfig")
    if version is not None and present is not None and _version(version) != _version(present):
        raise BadVersionError(path="/zookeeper/config", operation="reconfig")


def _is_standalone(app: App) -> bool:
    """Return whether the server says that it is no part of an ensemble."""
    from zkc.cli.servers._ask import AskError
    from zkc.cli.servers._facts import facts_of
    from zkc.cli.servers._options import asker_of

    asker = asker_of(app)
    try:
        return bool(facts_of(asker, asker.find(None))["mode"] == "standalone")
    except AskError:
        return False


def _whole(members: Optional[str], file: Any) -> Optional[list[str]]:
    """Return all members of --members or --file; None without either."""
    if members is not None and file is not None:
        raise CommandError("give --members or --file, not both", ExitCode.USAGE, name="usage")
    if members is None and file is None:
        return None
    lines = members.split(",") if members is not None else file.read().splitlines()
    found = [line.strip() for line in lines if line.strip().startswith("server.")]
    if not found:
        raise CommandError("there is no member: a line is server.ID=host:port:port[:role];[address:]port",
                           ExitCode.USAGE, name="usage")  # fmt: skip
    return found


def _version(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise CommandError(f"--version {text!r} is no hexadecimal number", ExitCode.USAGE, name="usage") from None


def _after(
    before: list[dict[str, Any]], joining: tuple[str, ...], leaving: tuple[str, ...], new: Optional[list[str]]
) -> list[dict[str, Any]]:
    """Return the members after the change.

    Raises:
        CommandError: A member is malformed, or one that is removed is not there.
    """
    changed = parse_config("\n".join(joining if new is None else new))[0]
    if len(changed) != len(joining if new is None else new):
        raise CommandError("a member is server.ID=host:port:port[:role];[address:]port", ExitCode.USAGE, name="usage")
    result = {} if new is not None else {member["id"]: member for member in before}
    for number in leaving:
        text = number.strip()
        if not text.isascii() or not text.isdigit() or int(text) not in result:
            known = ", ".join(map(str, sorted(result))) or "none"
            raise CommandError(f"there is no member {number!r} to remove: the ids are {known}", ExitCode.USAGE,
                               name="usage")  # fmt: skip
        del result[int(text)]
    result.update((member["id"], member) for member in changed)
    return [result[number] for number in sorted(result)]


def _what(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    old, new = ({member["id"]: member for member in members} for members in (before, after))
    parts = [f"{verb} {', '.join(map(str, sorted(ids)))}" for verb, ids in (
        ("add", new.keys() - old.keys()), ("remove", old.keys() - new.keys()),
        ("change", {each for each in new.keys() & old.keys() if new[each] != old[each]})) if ids]  # fmt: skip
    return f"{'; '.join(parts) or 'no difference'} ({len(before)} members before, {len(after)} after)"


def _apply(
    app: App, joining: tuple[str, ...], leaving: tuple[str, ...], new: Optional[list[str]], version: int
) -> tuple[Optional[bytes], Stat]:
    from zkc.errors import NoAuthError, ReconfigDisabledError

    options: dict[str, Any] = {"members": new} if new is not None else {
        "joining": list(joining) or None, "leaving": [each.strip() for each in leaving] or None
    }  # fmt: skip
    try:
        return app.client.reconfig(**options, version=version)
    except NoAuthError:
        raise CommandError("the servers do not let this client change their configuration: authenticate as the super"
                           " user, --auth digest:super:FILE", ExitCode.NOT_ALLOWED, name="no_auth",
                           path="/zookeeper/config") from None  # fmt: skip
    except ReconfigDisabledError:
        raise CommandError("the servers do not allow a change of the members: start them with reconfigEnabled=true",
                           ExitCode.NOT_ALLOWED, name="reconfig_disabled") from None  # fmt: skip
