"""Make the terminal pictures of the documentation: real commands against a real server, drawn as SVG.

``./dev docs`` runs it. Addresses, session ids and times of day are the same in every run, so that a picture changes
only with what it shows.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

import zkc
from zkc.testing import ZooKeeperServer

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "images" / "cli"
COLUMNS, ROWS = 80, 24
CONFIG = b'{"workers": 4, "retry": {"attempts": 3, "backoff": 0.1}}'
_NAMES = {"brown": "yellow", "brightbrown": "bright_yellow"}


class Terminal:
    """A command in a pseudo-terminal."""

    def __init__(self, hosts: str, home: str, *arguments: str) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self.screen)
        environment = {**os.environ, "ZKC_SERVERS": hosts, "HOME": home, "TERM": "xterm-256color"}
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "NO_COLOR"):
            environment.pop(name, None)
        self.process = pexpect.spawn(
            sys.executable, ["-m", "zkc", *arguments], env=environment, dimensions=(ROWS, COLUMNS), encoding="utf-8"
        )
        self.screen.write_process_input = self.process.send  # type: ignore[method-assign]

    def until(self, pattern: str, seconds: float = 30.0) -> None:
        """Wait until the screen shows something."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, "\n".join(self.screen.display)):
            if time.monotonic() > deadline:
                raise SystemExit(f"no {pattern!r} on the screen:\n" + "\n".join(self.screen.display))
            self._read()

    def rest(self, seconds: float = 1.0) -> None:
        """Draw what comes for some time, or until the end of the command."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._read():
            pass

    def _read(self) -> bool:
        try:
            self._stream.feed(self.process.read_nonblocking(65536, timeout=0.1))
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            return False
        return True

    def close(self) -> None:
        """End the command."""
        self.process.close(force=True)

    def lines(self) -> list[Text]:
        """Return the lines of the screen with their colours, without empty ones at the end."""
        found = []
        for row in range(ROWS):
            line = Text()
            for column in range(COLUMNS):
                cell = self.screen.buffer[row][column]
                line.append(cell.data, Style(color=_color(cell.fg), bgcolor=_color(cell.bg), bold=cell.bold,
                                             reverse=cell.reverse))  # fmt: skip
            line.rstrip()
            found.append(line)
        while found and not found[-1].plain.strip():
            found.pop()
        return found


def _color(name: str) -> str | None:
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return _NAMES.get(name, name.replace("bright", "bright_"))


def write(name: str, lines: list[Text], title: str) -> None:
    """Write a picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in lines:
        console.print(_steady(line), soft_wrap=True)
    _save(name, console.export_svg(title=title, unique_id=f"zkc-{name}"))


def _steady(line: Text) -> Text:
    """Replace what differs from run to run by text of the same width."""
    plain = line.plain
    for pattern, kept in ((r"127\.0\.0\.1:\d{5}", "127.0.0.1:2181 "), (r"0x[0-9a-f]{9,}", "0x10000a2f3c40000"),
                          (r"\d\d:\d\d:\d\d", "12:03:44"), (r"\d+\.\d ms", "0.4 ms")):  # fmt: skip
        plain = re.sub(pattern, lambda match, kept=kept: kept[: len(match[0])].ljust(len(match[0])), plain)  # type: ignore[misc]
    made = line.copy()
    made.plain = plain
    return made


def _save(name: str, svg: str) -> None:
    # A picture loads nothing from the network: the reader's own fixed font is enough.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"docs/images/cli/{name}.svg")


# ---- what is shown --------------------------------------------------------------------------------------------------


def fill(hosts: str) -> zkc.Client:
    """Create a small tree, with ephemeral znodes of the session that is returned."""
    client = zkc.Client(hosts)
    client.start()
    client.create_many(["/app", "/app/workers", "/app/locks", "/app/releases", "/queue"])
    client.create("/app/config", CONFIG)
    client.create("/app/releases/2026.11", b"a1b2c3")
    client.create_many([(f"/queue/item-{number:010}", bytes(64)) for number in range(120)])
    for name in ("alpha", "beta"):
        client.create(f"/app/workers/{name}", b'{"host": "10.0.0.7"}', ephemeral=True)
    return client


def shell(hosts: str, home: str) -> None:
    """Draw the shell."""
    terminal = Terminal(hosts, home, "shell")
    terminal.until("zkc />")
    for text, seen in (
        ("cd app", "/app>"),
        ("ls -l", "workers"),
        ("get config", "backoff"),
        ("watch -r . &", "1 watching"),
    ):
        terminal.process.send(f"{text}\r")
        terminal.until(seen)
    with zkc.Client(hosts) as other:
        other.set("/app/config", b"{}")
        terminal.until("changed /app/config")
        other.set("/app/config", CONFIG)
    terminal.rest()
    write("shell", terminal.lines(), "zkc shell")
    terminal.close()


def command(hosts: str, home: str, name: str, *arguments: str) -> None:
    """Draw a command that ends."""
    terminal = Terminal(hosts, home, *arguments)
    terminal.rest(15.0)
    write(name, terminal.lines(), "zkc " + " ".join(arguments))
    terminal.close()


def top(hosts: str, home: str) -> None:
    """Draw the load of the servers, with some."""
    terminal = Terminal(hosts, home, "top")
    with zkc.Client(hosts) as client:
        for _ in range(8):
            client.get_many(["/app/config"] * 2000)
            terminal.rest(0.7)
    write("top", terminal.lines(), "zkc top")
    terminal.close()


def screen(hosts: str) -> None:
    """Draw the full screen."""
    from zkc.cli._settings import resolve
    from zkc.cli.programs._ui.app import Browser

    async def drive() -> str:
        browser = Browser(resolve({"servers": hosts}, environment={}))
        async with browser.run_test(size=(COLUMNS, ROWS)) as pilot:
            for key in ("down", "enter", "down"):
                await pilot.press(key)
                await pilot.pause(1.0)
            return browser.export_screenshot(title="zkc ui")

    svg = asyncio.run(drive())
    svg = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:2181", svg)
    svg = re.sub(r"terminal-\d+", "terminal-zkc", svg)
    _save("ui", re.sub(r"0x[0-9a-f]{9,}", "0x10000a2f3c40000", svg))


def main() -> None:
    """Make all pictures."""
    with ZooKeeperServer() as server, tempfile.TemporaryDirectory() as home:
        client = fill(server.hosts)
        try:
            shell(server.hosts, home)
            command(server.hosts, home, "tree", "tree", "/app", "--size")
            command(server.hosts, home, "doctor", "doctor")
            top(server.hosts, home)
            screen(server.hosts)
        finally:
            client.close()


if __name__ == "__main__":
    main()
