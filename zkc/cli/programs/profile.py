"""``zkc profile``: the ensembles and how to connect."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._members import COLORS, NAMES, check_member
from zkc.cli._options import Group, pass_app
from zkc.cli._profiles import config_file, default_profile, profile_names, read_profiles

__all__ = ["command"]

_FILES = ("ca", "cert", "key", "key_password_file", "password_file")
_match_name = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*").fullmatch


def _complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    del ctx, parameter
    try:
        return [name for name in profile_names() if name.startswith(incomplete)]
    except CommandError:
        return []


_NAME = click.argument("name", shell_complete=_complete)


@click.group(cls=Group)
def command() -> None:
    """Manage profiles: the ensembles and how to connect.

    A profile has the servers of an ensemble and how to connect to them, in ~/.config/zkc/config.toml. Choose one with
    --profile or ZKC_PROFILE, or make it the default with `zkc profile use`. Options and --profile win over variables
    ZKC_…, and variables over a profile that --profile does not name. A path of another profile is written NAME:/path
    where two ensembles are meant.

    Passwords are never in the file: it names files that only their owner can read (mode 0600).

    \b
    Examples:
      zkc profile add prod -s zk1:2181,zk2:2181/app --read-only --confirm name --prompt-color red
      zkc profile add test -s localhost:2181 --auth digest:ann:~/.zkc-ann --default
      zkc profile test prod
      zkc -p prod ls /
    """


@command.command("ls")
@pass_app
def ls(app: App) -> None:
    """List the profiles.

    The default is marked: it is the one that commands use without --profile and ZKC_PROFILE.
    """
    default = default_profile()
    records = [
        {
            "profile": name,
            "default": name == default,
            "servers": _servers(members),
            "read_only": bool(members.get("read_only")),
            "tls": bool(members.get("tls") or members.get("insecure") or members.get("ca") or members.get("cert")),
            **({"members": members} if app.out.is_json else {}),
        }
        for name, members in sorted(read_profiles().items())
    ]
    app.out.table(["profile", "default", "servers", "read_only", "tls"], records)


def _servers(members: dict[str, Any]) -> str:
    servers, chroot = str(members.get("servers", "")), str(members.get("chroot", "")).strip("/")
    return f"{servers.partition('/')[0]}/{chroot}" if chroot else servers


@command.command("add")
@_NAME
@click.option("--confirm", type=click.Choice(["ask", "name"]), help="name: dangerous changes want the path typed.")
@click.option("--prompt-color", type=click.Choice(COLORS), help="The colour of the shell's prompt.")
@click.option("--admin-port", metavar="PORT[,PORT...]",
              help="The port of AdminServer (8080): one for all servers, or one for each.")  # fmt: skip
@click.option("--replace", is_flag=True, help="Replace a profile of that name.")
@click.option("--default", "as_default", is_flag=True, help="Make it the default.")
@pass_app
def add(
    app: App,
    name: str,
    confirm: Optional[str],
    prompt_color: Optional[str],
    admin_port: Optional[str],
    replace: bool,
    as_default: bool,
) -> None:
    """Add a profile with the options that are given.

    It takes the options for a connection of `zkc --help`, such as --servers, --auth, --tls, --timeout and --read-only.
    They are those of the profile here: --read-only makes the profile read-only, and does not keep this command from
    writing its file. Nothing connects: `zkc profile test` does.

    \b
    Examples:
      zkc profile add prod -s zk1:2281 --ca ca.pem --cert me.pem --key me.key --read-only
    """
    from zkc.cli.programs._profile_file import editing, profiles_of

    if not _match_name(name):
        raise CommandError(f"the name of a profile has letters, digits, '_', '-' and '.': {name!r}",
                           ExitCode.USAGE, name="usage")  # fmt: skip
    members = {key: app.option(key) for key in NAMES if key != "color" and app.option(key) is not None}
    if not members.get("servers"):
        raise CommandError("give the servers of the profile with --servers", ExitCode.USAGE, name="usage")
    members.update(
        (key, value)
        for key, value in (("confirm", confirm), ("color", prompt_color), ("admin_port", admin_port))
        if value is not None
    )
    _check(members)
    with editing(app.dry_run) as document:
        profiles = profiles_of(document)
        if name in profiles and not replace:
            raise CommandError(f"there is a profile {name!r} already: --replace replaces it, with all its members",
                               ExitCode.CONFLICT, name="profile_exists")  # fmt: skip
        profiles[name] = members
        if as_default:
            document["default"] = name
    _say(app, "add", name, f"the profile {name} to {config_file()}")


def _say(app: App, action: str, name: str, what: str) -> None:
    """Say what was done: ``add`` or ``remove``; or what would be, as the result of a dry run."""
    if app.dry_run:
        app.out.would([{"action": action, "profile": name, "message": f"would {action} {what}"}])
    else:
        app.out.note(f"{'added' if action == 'add' else 'removed'} {what}")


def _check(members: dict[str, Any]) -> None:
    """Make the names of files absolute, and refuse what a connection would refuse later."""
    from zkc.cli._settings import check_auth, check_secret_file

    for key, value in members.items():
        try:
            check_member(key, value)
        except ValueError as error:
            raise CommandError(str(error), ExitCode.USAGE, name="usage") from None
    for key in _FILES:
        if members.get(key) and members[key] != "-":
            members[key] = os.path.abspath(os.path.expanduser(members[key]))
            if key.endswith("password_file"):
                check_secret_file(members[key])
    if "auth" in members:
        scheme, user, file = check_auth(members["auth"])
        if file != "-":
            file = os.path.abspath(os.path.expanduser(file))
            check_secret_file(file)
        members["auth"] = f"{scheme}:{user}:{file}"


@command.command("use")
@click.argument("name", required=False, shell_complete=_complete)
@click.option("--none", is_flag=True, help="Have no default.")
@pass_app
def use(app: App, name: Optional[str], none: bool) -> None:
    """Make a profile the default, or print the default.

    Without a name it prints the name of the default, and exits 1 if there is none.
    """
    from zkc.cli.programs._profile_file import editing

    if name is None and not none:
        found = default_profile()
        if found is None:
            raise CommandError("there is no default profile", ExitCode.NO, name="no_profile")
        app.out.line(found)
        return
    if name is not None and not none:
        _known(name)
    with editing(app.dry_run) as document:
        if none or name is None:
            document.pop("default", None)
        else:
            document["default"] = name
    if app.dry_run:
        what = "have no default" if none or name is None else f"make the profile {name} the default"
        app.out.would([{"action": "use", "profile": None if none else name, "message": f"would {what}"}])


def _known(name: str) -> None:
    names = profile_names()
    if name not in names:
        raise CommandError(f"there is no profile {name!r} in {config_file()}, which has: {', '.join(names) or 'none'}",
                           ExitCode.USAGE, name="no_profile")  # fmt: skip


@command.command("test")
@click.argument("name", required=False, shell_complete=_complete)
@pass_app
def test(app: App, name: Optional[str]) -> None:
    """Connect with a profile, and print what the servers say.

    Without a name it tests the connection that commands use here: options, variables and the default profile.
    """
    settings = app.settings_of(name)
    began = time.perf_counter()
    client = app.client_of(name)
    seconds = time.perf_counter() - began
    app.out.record(
        {
            "profile": settings.profile,
            "servers": settings.servers,
            "server": client.server,
            "state": str(client.state.name).lower(),
            "session_timeout": client.negotiated_timeout,
            "connect_ms": round(seconds * 1000, 1),
            "tls": settings.tls is not None,
            "sasl": settings.sasl is not None,
            "auth": len(settings.auth),
            "read_only": settings.read_only,
        }
    )


@command.command("rm")
@_NAME
@pass_app
def rm(app: App, name: str) -> None:
    """Remove a profile from the file. The ensemble stays as it is."""
    from zkc.cli.programs._profile_file import editing, profiles_of

    _known(name)
    with editing(app.dry_run) as document:
        del profiles_of(document)[name]
        if document.get("default") == name:
            del document["default"]
    _say(app, "remove", name, f"the profile {name} from {config_file()}")
