"""``python -m zkc.testing``: serve a ZooKeeper in the foreground, to try things out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from ._errors import TestingError
from ._serving import as_json, as_table, serve
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
    interactive = sys.stdout.isatty() and not options.json
    if interactive:
        print("Starting ZooKeeper…", end="\r", flush=True)
    try:
        code = serve(lambda: _make(options), as_json if options.json else as_table)
    except (TestingError, ValueError, OSError) as error:
        print(f"python -m zkc.testing: {error}", file=sys.stderr)
        return 1
    if interactive and code == 0:
        print("\nEnded.")
    return code


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


if __name__ == "__main__":
    sys.exit(main())
