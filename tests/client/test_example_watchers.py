"""The examples that watch."""

import signal
import subprocess
import sys
from pathlib import Path

# ---- the examples ---------------------------------------------------------------------------------------------------


class Script:
    """An example that runs until Ctrl-C."""

    def __init__(self, name, *arguments):
        path = Path(__file__).parents[2] / "examples" / name
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", path, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self):
        return self.process.stdout.readline().strip()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0
        assert self.process.stderr.read() == ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with self.process:
            self.process.kill()


def test_the_configuration_watcher(hosts, client):
    with Script("configuration_watcher.py", hosts) as script:
        assert script.line() == 'configuration (none): {"level": "info", "workers": 4}'
        client.create("/config", b'{"workers": 8}')
        assert script.line() == 'configuration (version 0): {"level": "info", "workers": 8}'
        client.set("/config", b"{")
        assert script.line().startswith("invalid configuration ignored")
        client.set("/config", b'{"level": "debug"}')
        assert script.line() == 'configuration (version 2): {"level": "debug", "workers": 4}'
        client.delete("/config")
        assert script.line() == 'configuration (none): {"level": "info", "workers": 4}'
        script.interrupt()


def test_the_service_registry(hosts, client, zookeeper_server):
    with Script("service_registry.py", hosts, "one", "10.0.0.1:80") as one:
        assert one.line() == "members: none"
        assert one.line() == "members: one"
        with Script("service_registry.py", hosts, "two", "10.0.0.2:80") as two:
            assert two.line() == "members: one"
            assert two.line() == "members: one, two"
            assert one.line() == "members: one, two"
            assert client.get("/services/workers/two")[0] == b"10.0.0.2:80"
            two.interrupt()
        assert one.line() == "members: one"
        with Script("service_registry.py", hosts, "one", "10.0.0.3:80") as again:
            assert again.process.wait(30) == 2
            assert "one is registered already, at 10.0.0.1:80" in again.process.stderr.read()
        one.interrupt()
    assert client.children("/services/workers") == []
