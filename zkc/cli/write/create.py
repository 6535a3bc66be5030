"""``zkc create``: a new znode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PREFIX
from zkc.cli._types import ACL_TYPE, DURATION
from zkc.cli.write._changes import foretell, would_create
from zkc.cli.write._data import Given, data_options, read_data
from zkc.cli.write._requests import check_acl, check_size

if TYPE_CHECKING:
    from zkc import ACL
    from zkc.cli.write._hold import Hold

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("path", type=PREFIX)
@data_options
@click.option("-e", "--ephemeral", is_flag=True, help="Let the znode end with its session: see --hold.")
@click.option("--hold", is_flag=True, help="Keep the session of an ephemeral znode until Ctrl-C or SIGTERM.")
@click.option("-s", "--sequential", is_flag=True, help="Append a counter of ten digits to the name.")
@click.option("-c", "--container", is_flag=True, help="Let the servers delete the znode after its last child.")
@click.option(
    "--ttl",
    type=DURATION,
    metavar="TIME",
    help="Let the servers delete the znode when it is unchanged for TIME, such as 1h, and has no children.",
)
@click.option("-P", "--parents", is_flag=True, help="Create missing parents, too.")
@click.option(
    "--acl",
    type=ACL_TYPE,
    metavar="SPEC",
    help="The ACL: scheme:id:cdrwa, separated by commas, or open, read or creator (open).",
)
@pass_app
def command(app: App, path: str, given: Given, ephemeral: bool, hold: bool, sequential: bool, container: bool,
            ttl: Optional[float], parents: bool, acl: Optional[list[ACL]]) -> None:  # fmt: skip
    """Create a znode.

    The path is printed, with the counter of a sequential znode. An ephemeral znode ends with its session, which is that
    of this command: --hold keeps it. In the shell the session is the shell's.

    \b
    Examples:
      zkc create /app/config -d 'level=info'
      zkc create -P /app/jobs/first -f job.json
      zkc create -s /app/jobs/job-
      zkc create -e --hold /app/hosts/$(hostname)
      zkc create /app/secret -f - --acl 'creator' < secret
    """
    if not sequential and path != "/":
        path = path.rstrip("/")
    if hold and not ephemeral:
        raise click.UsageError("--hold is for ephemeral znodes: give -e, too")
    try:
        options = _options(ephemeral, sequential, container, ttl)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _, data = read_data(app, given)
    data = b"" if data is None and not given.null else data
    app.check_writable()
    if app.dry_run:
        check_size(app, path if not sequential else f"{path}0", data, "create")
        check_acl(app, path, acl, "create")
        foretell(app, would_create(app, path, parents=parents, sequential=sequential))
        return
    if ephemeral and not hold and not app.in_shell:
        app.out.warn(f"{path} is ephemeral and ends with this command: --hold keeps it")
    if not hold:
        _create(app, path, data, acl=acl, make_parents=parents, **options)
        return
    from zkc.cli.write._hold import holding

    with holding(app) as held:
        made, owner = _create(app, path, data, held, acl=acl, make_parents=parents, **options)
        held.wait(made, owner)


def _create(app: App, path: str, data: Optional[bytes], held: Optional[Hold] = None, **options: Any) -> tuple[str, int]:
    """Create the znode and report it; return its path and the id of the session."""
    made: str = app.change(app.client.create, path, data, keep=held is not None, **options)
    if held is not None:
        held.began = True
    owner = app.client.session_id
    record = {"path": made}
    if options["ephemeral"]:
        from zkc.cli._records import hex_text

        record["ephemeral_owner"] = hex_text(owner)
    if app.out.is_json:
        app.out.json(record)
    else:
        app.out.line(made)
    app.out.flush()
    return made, owner


def _options(ephemeral: bool, sequential: bool, container: bool, ttl: Optional[float]) -> dict[str, Any]:
    """Return the options of a create, if the kinds fit together."""
    from zkc._args import create_mode

    create_mode(ephemeral, sequential, container, ttl)
    return {"ephemeral": ephemeral, "sequential": sequential, "container": container, "ttl": ttl}
