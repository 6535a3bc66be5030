"""``zkc 4lw``: four-letter words."""

from __future__ import annotations

import struct
from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli.servers._options import answers_missing, asker_of

__all__ = ["command"]

WORDS = {
    "conf": "the configuration",
    "cons": "the connections",
    "dirs": "the size of the data",
    "dump": "the sessions and their ephemerals",
    "envi": "the environment",
    "gtmk": "the trace mask",
    "hash": "the last digests of the tree",
    "isro": "rw, or ro for read-only",
    "lead": "the leader's followers",
    "mntr": "the metrics",
    "obsr": "the observers",
    "ruok": "imok, if it runs",
    "srvr": "the state",
    "stat": "the state and the connections",
    "wchc": "the watches by session",
    "wchp": "the watches by path",
    "wchs": "the number of watches",
}
CHANGING = {
    "crst": "reset the statistics of connections",
    "orst": "reset the statistics of observers",
    "srst": "reset the statistics of the server",
    "stmk": "set the trace mask",
}


class _Word(click.ParamType):
    """A four-letter word. Those of newer servers are words, too."""

    name = "word"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        text = str(value)
        if len(text) != 4 or not text.isascii() or not text.isalpha():
            self.fail(f"{text!r} is no four-letter word: the words are {', '.join(sorted(WORDS))}", param, ctx)
        return text.lower()

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        known = {**WORDS, **CHANGING}
        return [CompletionItem(word, help=known[word]) for word in sorted(known) if word.startswith(incomplete)]


@click.command(cls=Command)
@click.argument("word", type=_Word())
@click.argument("server", required=False)
@click.option("--all", "everywhere", is_flag=True, help="Ask every server, with a line '# server' before each answer.")
@click.option("--mask", type=click.IntRange(min=0), metavar="N", help="The new trace mask, for stmk.")
@pass_app
def command(app: App, word: str, server: Optional[str], everywhere: bool, mask: Optional[int]) -> int:
    """Send a four-letter word to a server.

    Without SERVER the first server of the connection string is asked. SERVER is a host, or host:port. A server executes
    the words of its setting 4lw.commands.whitelist, which has only srvr unless it is set. The words crst, orst, srst
    and stmk change something, so --read-only refuses them.

    \b
    Examples:
      zkc 4lw srvr
      zkc 4lw ruok --all
      zkc 4lw mntr zk2:2181 | grep watch_count
    """
    from zkc.cli.servers._ask import AskError

    if (word == "stmk") != (mask is not None):
        raise CommandError("stmk needs --mask, and no other word takes it", ExitCode.USAGE, name="usage")
    if everywhere and server is not None:
        raise CommandError("give a server, or --all", ExitCode.USAGE, name="usage")
    asker = asker_of(app)
    named = [each.name for each in asker.servers] if everywhere else [asker.find(server).name]
    if word in CHANGING:
        app.check_writable()
        if app.dry_run:
            app.out.would({"action": word, "server": name, "message": f"would {CHANGING[word]} {name}"}
                          for name in named)  # fmt: skip
            return int(ExitCode.DONE)
    argument = b"" if mask is None else struct.pack(">q", mask)
    if not everywhere:
        one = asker.find(server)
        try:
            answer = asker.word(one, word, argument)
        except AskError as error:
            raise error.as_command_error(one) from None
        _print(app, one.name, word, answer, heading=False)
        return int(ExitCode.DONE)
    failed = 0
    with app.out.rows([]) as rows:
        for each, result in asker.each(lambda each: asker.word(each, word, argument)):
            if isinstance(result, AskError):
                failed += 1
                app.out.warn(f"{each.name}: {result}")
                if app.out.is_json:
                    rows.add({"server": each.name, "word": word, "answer": None, "error": result.reason})
            elif app.out.is_json:
                rows.add({"server": each.name, "word": word, "answer": result, "error": None})
            else:
                _print(app, each.name, word, result, heading=True)
    if not failed:
        return int(ExitCode.DONE)
    code = ExitCode.NO_CONNECTION if failed == len(named) else ExitCode.PARTLY
    return answers_missing(app, code, failed, len(named))


def _print(app: App, server: str, word: str, answer: str, *, heading: bool) -> None:
    if app.out.is_json:
        app.out.json({"server": server, "word": word, "answer": answer})
        return
    if heading:
        app.out.line(f"# {server}")
    if app.out.is_terminal:
        app.out.line(answer.rstrip("\n"))
    else:
        # The answer as it is. Only what was no UTF-8 has changed.
        app.out.data(answer.encode() if answer.endswith("\n") else answer.encode() + b"\n")
