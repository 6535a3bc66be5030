"""A program that always has its current configuration: python examples/configuration_watcher.py host:port

The configuration is a JSON object in one znode. Change it while the program runs, and end the program with Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping
from typing import Any, Optional

import zkc


class Configuration:
    """The configuration in a znode, as last seen. `values` is replaced as a whole, so any thread may read it."""

    def __init__(self, client: zkc.Client, path: str, defaults: Mapping[str, Any]) -> None:
        self.defaults = defaults
        self.values: Mapping[str, Any] = defaults
        self.changed = threading.Event()
        self.watch = client.watch_data(path, self._update)

    def _update(self, data: Optional[bytes], stat: Optional[zkc.Stat]) -> None:
        try:
            changes = json.loads(data) if data else {}
            self.values = {**self.defaults, **changes}
        except (ValueError, TypeError) as error:
            print(f"invalid configuration ignored: {error}", flush=True)
            return
        version = "none" if stat is None else f"version {stat.version}"
        print(f"configuration ({version}): {json.dumps(self.values, sort_keys=True)}", flush=True)
        self.changed.set()


def main(arguments: Optional[list[str]] = None) -> None:
    """Show the configuration, and each change of it."""
    parser = argparse.ArgumentParser(description="Show a configuration, and each change of it.")
    parser.add_argument("hosts", help="host:port,host:port/chroot")
    parser.add_argument("--path", default="/config")
    options = parser.parse_args(arguments)
    with zkc.Client(options.hosts) as client:
        configuration = Configuration(client, options.path, {"level": "info", "workers": 4})
        try:
            while True:
                configuration.changed.wait()  # A real program would do its work here.
                configuration.changed.clear()
        except KeyboardInterrupt:
            configuration.watch.cancel()


if __name__ == "__main__":
    main()
