"""``zkc serve``: a ZooKeeper to try things out."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._types import FiniteRange

if TYPE_CHECKING:
    from zkc.testing._serving import Served

__all__ = ["command"]

_PORT = 2181  # Where every command looks when nothing says where.


@click.command(cls=Command)
@click.option("--ensemble", type=click.IntRange(1, 9), metavar="N", help="Serve an ensemble of N servers.")
@click.option("--port", type=click.IntRange(1, 65535), help=f"The port ({_PORT}, or a free one if that is taken).")
@click.option("--data", type=click.Path(file_okay=False), metavar="DIR",
              help="Keep the data in this folder, and serve those that are there.")  # fmt: skip
@click.option("--tls", "with_tls", is_flag=True, help="Serve TLS too, with certificates made for it.")
@click.option("--sasl-user", metavar="USER:FILE", multiple=True,
              help="Add a user for SASL; the password is the first line of FILE.")  # fmt: skip
@click.option("--tick-time", type=FiniteRange(0.05, 10.0), default=0.2, show_default=True, metavar="SECONDS",
              help="The length of a tick; session timeouts are 2 to 20 of them.")  # fmt: skip
@pass_app
def command(
    app: App,
    ensemble: Optional[int],
    port: Optional[int],
    data: Optional[str],
    with_tls: bool,
    sasl_user: tuple[str, ...],
    tick_time: float,
) -> int:
    """Serve a ZooKeeper to try things out.

    The servers listen on the loopback interface only. They serve until Ctrl-C, and their data are then removed, unless
    --data was given. An ensemble goes on when one of its servers ends by itself. Java and ZooKeeper must be installed:
    on Debian and Ubuntu, apt install zookeeper. The variable ZKC_ZOOKEEPER_HOME names another folder of ZooKeeper.

    \b
    Examples:
      zkc serve
      zkc serve --ensemble 3
      zkc serve --data ./zookeeper --port 21810
    """
    if data == "":  # pathlib takes it for the current folder. It is rather a variable that is not set.
        raise click.BadParameter("it is empty; the current folder is .", param_hint="'--data'")
    if ensemble is not None and (port or data):
        raise click.UsageError("--port and --data are for a single server, not for an --ensemble")
    from zkc.testing import Ensemble, TestingError, ZooKeeperServer
    from zkc.testing._serving import as_json, serve

    users = dict(_user(text) for text in sasl_user) or None

    def make() -> Served:
        if ensemble is not None:
            return Ensemble(ensemble, tls=with_tls, sasl=users, tick_time=tick_time)
        chosen = port or (_PORT if _is_free(_PORT) else 0)
        return ZooKeeperServer(port=chosen, data_dir=data, tls=with_tls, sasl=users, tick_time=tick_time)

    app.out.note("starting ZooKeeper…")
    try:
        code = serve(make, as_json if app.out.is_json else _announce, app.out.warn)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE, name="usage") from None
    except (TestingError, OSError) as error:
        raise CommandError(str(error), ExitCode.OTHER, name="not_served") from None
    if code:
        text = "the server has ended by itself; the end of its log is above"
        if ensemble is not None:
            text = "all servers have ended by themselves; the end of the last one's log is above"
        raise CommandError(text, ExitCode.OTHER, name="server_ended")
    return int(ExitCode.DONE)


def _announce(server: Served) -> str:
    """Return the addresses, and the command to type in another terminal."""
    from zkc.testing._serving import as_table, facts, has_tls

    known = facts(server, has_tls(server))
    where = "" if known["hosts"] in (f"127.0.0.1:{_PORT}", f"localhost:{_PORT}") else f" -s {known['hosts']}"
    lines = [as_table(server), "", f"In another terminal:  zkc{where} shell"]
    if "ca" in known:
        files = f"--ca {known['ca']} --cert {known['client_cert']} --key {known['client_key']}"
        lines.append(f"or, with TLS:  zkc -s {known['tls_hosts']} {files} shell")
    return "\n".join(lines)


def _user(text: str) -> tuple[str, str]:
    from zkc.cli._secrets import read_secret

    name, colon, file = text.partition(":")
    if not name or not colon or not file:
        raise click.UsageError(f"--sasl-user takes USER:FILE, not {text!r}")
    return name, read_secret(file, f"Password of {name}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
