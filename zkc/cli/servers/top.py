"""``zkc top``: the load of all servers, on the full screen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._types import DURATION
from zkc.cli.servers._options import admin_port_option, asker_of, within_option

if TYPE_CHECKING:
    from zkc.cli.servers._ask import Asker
    from zkc.cli.servers._screen import Screen
    from zkc.cli.servers._top_model import TopModel

__all__ = ["command"]

_SHORTEST, _LONGEST = 0.2, 3600.0
_COLUMNS = ["server", "mode", "requests_per_second", "interval_latency", "connections", "watches", "znodes", "lag",
            "outstanding", "error", "message"]  # fmt: skip


@click.command(cls=Command)
@click.option("--interval", type=DURATION, default="2", metavar="DURATION", help="The time between samples (2 s).")
@click.option("--once", is_flag=True, help="Print one interval, and end: two samples, and the rates between them.")
@within_option
@admin_port_option
@pass_app
def command(app: App, interval: float, once: bool, within: float) -> int:
    """Watch the servers' load on the full screen.

    A line is a server, with requests a second and their mean latency in the last interval, each with its history, and
    connections, watches, znodes, and the transactions behind the leader. A server that is down shows the reason. The
    numbers come from AdminServer, else from the four-letter words srvr and mntr.

    Keys: q ends, p pauses, + and - change the interval, r asks at once.

    \b
    Examples:
      zkc top
      zkc top --once --json | jq '.[].requests_per_second'
    """
    if not _SHORTEST <= interval <= _LONGEST:
        text = f"--interval must be from {_SHORTEST:g} s to {_LONGEST:g} s"
        raise CommandError(text, ExitCode.USAGE, name="usage")
    asker = asker_of(app, within)
    if once:
        return _once(app, asker, interval)
    if not (app.out.is_terminal and app.out.is_human):
        raise CommandError("top needs a terminal; --once prints one interval", ExitCode.USAGE, name="no_terminal")
    return _run(app, asker, interval)


def _once(app: App, asker: Asker, interval: float) -> int:
    import time

    from zkc.cli.servers._top_model import TopModel, sample
    from zkc.cli.servers.status import not_serving

    model = TopModel()
    model.add(*sample(asker))
    time.sleep(interval)
    asker.restart(asker.within)
    model.add(*sample(asker))
    records = model.as_records()
    titles = ["server", "mode", "req/s", "ms", "conns", "watches", "znodes", "lag", "queue", "error", "message"]
    app.out.table(_COLUMNS, records, titles)
    down = sum(bool(record["error"]) for record in records)
    if not down:
        return int(ExitCode.DONE)
    code = ExitCode.NO_CONNECTION if down == len(records) else ExitCode.PARTLY
    return app.ends_with(code, not_serving(records), failed=down, servers=len(records))


class _Sampler(threading.Thread):
    """The thread that asks the servers. The screen's thread gets each round as a picture's model, and never waits."""

    def __init__(self, asker: Asker, screen: Screen, model: TopModel, interval: float) -> None:
        super().__init__(daemon=True)
        self._asker, self._screen, self._model = asker, screen, model
        self.interval = interval
        self.lock = threading.Lock()
        self.paused = False
        self.failure: BaseException | None = None
        self._changed = threading.Condition(self.lock)
        self._at_once = self._over = False

    def run(self) -> None:
        from zkc.cli.servers._top_model import sample

        try:
            while not self._over:
                self._asker.restart(self._asker.within)
                moment, answers = sample(self._asker)
                with self.lock:
                    if not self.paused:
                        self._model.add(moment, answers)
                    self._screen.wake()
                    self._at_once = False
                    self._changed.wait_for(lambda: self._at_once or self._over, self.interval)
                    while self.paused and not self._over:
                        self._changed.wait()
        except BaseException as error:  # noqa: BLE001 - raised again by the screen's thread
            self.failure = error
            self._screen.wake()

    def change(self, **changes: Any) -> None:
        """Set attributes, and ask at once."""
        with self.lock:
            for name, value in changes.items():
                setattr(self, name, value)
            self._at_once = True
            self._changed.notify_all()

    def end(self) -> None:
        """End the thread. A question under way ends by its deadline, without a wait here."""
        self.change(_over=True)


def _run(app: App, asker: Asker, interval: float) -> int:
    from zkc.cli.servers._screen import Screen
    from zkc.cli.servers._top_model import TopModel
    from zkc.cli.servers._top_view import top_lines

    model = TopModel()
    with Screen(colors=app.out.colors) as screen:
        sampler = _Sampler(asker, screen, model, interval)
        sampler.start()
        try:
            while screen.ended is None:
                size = screen.size
                with sampler.lock:
                    state = "paused" if sampler.paused else f"every {sampler.interval:g} s"
                    status = f"{state}   q end   p pause   + - interval   r ask now"
                    lines = top_lines(model, *size, title=app.settings.name, status=status)
                screen.paint(lines, size)
                if not _act(sampler, screen.key(None)):
                    break
        finally:
            sampler.end()
    if sampler.failure is not None:
        raise sampler.failure
    return 128 + screen.ended if screen.ended is not None else int(ExitCode.DONE)


def _act(sampler: _Sampler, key: str | None) -> bool:
    """Do what a key means; return False for the end."""
    if sampler.failure is not None or key in ("q", "Q", "\x04"):
        return False
    if key in ("p", " "):
        sampler.change(paused=not sampler.paused)
    elif key in ("+", "="):
        sampler.change(interval=min(sampler.interval * 2, _LONGEST))
    elif key == "-":
        sampler.change(interval=max(sampler.interval / 2, _SHORTEST))
    elif key == "r":
        sampler.change()
    return True
