"""``python -m zkc.testing``: serve a ZooKeeper in the foreground, to try things out."""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from ._errors import TestingError
from .ensemble import Ensemble
from .server import ZooKeeperServer

if TYPE_CHECKING:
    from ._config import ServerOptions


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    :param arguments: the arguments, None for those of the process.
    :returns: the exit status.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.ensemble is not None and (options.port or options.data_dir):
        parser.error("--port and --data-dir are for a single server, not for an --ensemble.")
    # The main loop waits on a pipe, which a signal cannot interrupt halfway: Ctrl-C and SIGTERM end the command alike.
    end_signal = _EndSignal()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_signal.handle)
    interactive = sys.stdout.isatty() and not options.json
    if interactive:
        print("Starting ZooKeeper…", end="\r", flush=True)
    try:
        with _make(options) as server:
            print(_as_json(server) if options.json else _as_table(server), flush=True)
            while not end_signal.wait(0.5):
                dead = [member.name for member in _members(server) if member.state == "stopped"]
                if dead:
                    log = _members(server)[0].log_tail(20)
                    print(f"{' and '.join(dead)} ended by itself:\n{log}", file=sys.stderr)
                    return 1
    except (TestingError, ValueError, OSError) as error:
        print(f"python -m zkc.testing: {error}", file=sys.stderr)
        return 1
    if interactive:
        print("\nEnded.")
    return 0


class _EndSignal:
    """A signal to end the command, as a pipe that the handler writes to.

    The handler must not set a threading.Event. It runs in the waiting thread, maybe in the middle of Event.wait(), and
    would deadlock on a lock which that thread holds.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def handle(self, *_: object) -> None:
        """Handle a signal."""
        os.write(self._writer, b"!")

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, and return whether one has come."""
        return bool(select.select([self._reader], [], [], seconds)[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zkc.testing",
        description="Serve a real ZooKeeper on the loopback interface until Ctrl-C, then remove its data.",
    )
    parser.add_argument("--ensemble", type=int, metavar="N", help="serve an ensemble of N servers")
    parser.add_argument("--port", type=int, default=0, help="the client port (default: a free one)")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="keep the data in this folder")
    parser.add_argument("--tls", action="store_true", help="serve TLS too, with certificates made for it")
    parser.add_argument(
        "--sasl", action="append", type=_user, metavar="USER:PASSWORD", help="add a user for DIGEST-MD5"
    )
    parser.add_argument(
        "--tick-time", type=float, default=0.2, metavar="SECONDS", help="length of a tick (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON: connection strings, files, process ids")
    return parser


def _user(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not name or not colon:
        raise argparse.ArgumentTypeError(f"{text!r} is not USER:PASSWORD")
    return name, password


def _make(options: argparse.Namespace) -> Union[ZooKeeperServer, Ensemble]:
    shared: ServerOptions = {
        "tls": options.tls,
        "sasl": dict(options.sasl) if options.sasl else None,
        "tick_time": options.tick_time,
    }
    if options.ensemble is not None:
        return Ensemble(options.ensemble, **shared)
    return ZooKeeperServer(port=options.port, data_dir=options.data_dir, **shared)


def _members(server: Union[ZooKeeperServer, Ensemble]) -> tuple[ZooKeeperServer, ...]:
    return server.members if isinstance(server, Ensemble) else (server,)


def _facts(server: Union[ZooKeeperServer, Ensemble], tls: bool) -> dict[str, str]:
    """Return what a client needs: connection strings and, for TLS, the files."""
    facts = {"hosts": server.hosts}
    if tls:
        files = server.tls
        facts["tls_hosts"] = server.tls_hosts
        facts.update(ca=str(files.ca), client_cert=str(files.client_cert), client_key=str(files.client_key))
    return facts


def _has_tls(server: Union[ZooKeeperServer, Ensemble]) -> bool:
    try:
        return bool(server.tls)
    except TestingError:
        return False


def _as_json(server: Union[ZooKeeperServer, Ensemble]) -> str:
    members = [
        {
            "name": member.name,
            "hosts": member.hosts,
            "pid": member.pid,
            "mode": member.mode,
            "log": str(member.log_file),
        }
        for member in _members(server)
    ]
    return json.dumps({**_facts(server, _has_tls(server)), "servers": members})


def _as_table(server: Union[ZooKeeperServer, Ensemble]) -> str:
    version = ".".join(map(str, _members(server)[0].version))
    lines = [f"ZooKeeper {version} serves; Ctrl-C ends it.", ""]
    lines += [f"  {name.replace('_', ' '):12} {value}" for name, value in _facts(server, _has_tls(server)).items()]
    lines += ["", f"  {'':12} {'address':21} {'mode':11} log"]
    lines += [
        f"  {member.name:12} {member.hosts:21} {member.mode or '-':11} {member.log_file}" for member in _members(server)
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
