"""The context of a command: the settings, the output, and a client that connects when it is first used."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._out import Out

if TYPE_CHECKING:
    from zkc import Client, WatchedEvent
    from zkc.cli._settings import Settings

    PartOfTree = Callable[[str, Callable[[WatchedEvent], None]], Optional[Callable[[], None]]]

__all__ = ["OF_CONNECTIONS", "App"]

# Global options that a connection is made with.
OF_CONNECTIONS = frozenset(
    {"servers", "profile", "auth", "tls", "ca", "cert", "key", "key_password_file", "tls_server_name", "insecure"}
    | {"sasl", "user", "password_file", "session_timeout"}
)


class App:
    """The context of one command, or of all commands of one shell.

    A command is given it by :func:`zkc.cli._options.pass_app`.
    """

    def __init__(self) -> None:
        self._given: dict[str, Any] = {}
        self._clients: dict[Optional[str], Client] = {}
        self._fresh: set[Optional[str]] = set()  # Whose server has caught up with the leader, as --fresh wants it.
        self._kept: list[object] = []
        self._endings: list[Callable[[], object]] = []
        self.part_of_tree: Optional[PartOfTree] = None
        """In an interactive shell: see :meth:`zkc.cli.programs._shell.watches.Watches.part_of_tree`."""
        self.in_shell = False
        """Whether the commands are those of a shell, with one connection and a folder."""
        self.statement: Optional[int] = None
        """The number of the command in a script of the shell, from 1: errors as JSON have it."""
        self.folder = "/"
        """The folder of relative paths."""
        self._borrows = False
        self.is_parsed = False
        """Whether all arguments are parsed, and the command runs."""
        self.has_failed = False
        """Whether an error has ended the command: it is reported."""

    def child(self) -> App:
        """Return the context of one command of a shell: it has the shell's options, folder and connections.

        Options of the command itself are for it alone. One about the connection gives it a connection of its own.
        """
        child = App()
        child._given = dict(self._given)
        child._clients, child._borrows = self._clients, True
        child.in_shell, child.folder, child.part_of_tree = self.in_shell, self.folder, self.part_of_tree
        child.statement = self.statement
        if "settings" in self.__dict__:  # With the answers to questions for passwords, and what `auth` has added.
            child.settings = self.settings
        return child

    @property
    def borrows(self) -> bool:
        """Whether the command uses the connection of its shell."""
        return self._borrows

    # ---- options ---------------------------------------------------------------------------------------------------

    def give(self, name: str, value: Any) -> None:
        """Store the value of a global option."""
        if self._borrows and name in OF_CONNECTIONS and self._given.get(name) != value:
            self._clients, self._borrows = {}, False
            self.__dict__.pop("settings", None)
        if name in ("timeout", "read_only", "admin_port") and "settings" in self.__dict__:
            import dataclasses

            from zkc.cli._settings import parse_ports

            change: dict[str, Any] = {"admin_ports": parse_ports(value)} if name == "admin_port" else {name: value}
            self.settings = dataclasses.replace(self.settings, **change)
        if name == "json":  # Of two options for the form, the last one counts.
            name, value = "output", "json" if value else None
        self._given[name] = value
        if name == "verbose":
            _log_to_stderr()

    def given(self) -> dict[str, Any]:
        """Return the global options that were given, by name."""
        return dict(self._given)

    def option(self, name: str, default: Any = None) -> Any:
        """Return the value of a global option, or a default."""
        return self._given.get(name, default)

    def take_form(self, arguments: Sequence[str]) -> None:
        """Take the form of the result from arguments that are not parsed, or not all of them."""
        from zkc.cli._streams import form_of

        form = form_of(arguments)
        if form is not None:
            self.give("output", form)
            self.__dict__.pop("out", None)

    @functools.cached_property
    def out(self) -> Out:
        """The place for all output."""
        return Out(self.option("output"), color=self.option("color", "auto"), quiet=bool(self.option("quiet")))

    @property
    def debug(self) -> bool:
        """Whether an error shows its traceback."""
        return bool(self.option("verbose"))

    @property
    def dry_run(self) -> bool:
        """Whether the command says what it would do, and changes nothing."""
        return bool(self.option("dry_run"))

    @property
    def yes(self) -> bool:
        """Whether every question is answered with yes."""
        return bool(self.option("yes"))

    @functools.cached_property
    def settings(self) -> Settings:
        """How to connect: from the options, the environment, the profile and the defaults."""
        return self.settings_of(None)

    def settings_of(self, profile: Optional[str]) -> Settings:
        """Return how to connect to the ensemble of a profile; None for the command's own ensemble."""
        from zkc.cli._settings import resolve

        return resolve(self._given, profile)

    def authenticate(self, text: str) -> None:
        """Add credentials such as ``digest:USER:FILE`` to the session, for all commands that follow in a shell.

        Raises:
            CommandError: They are malformed, or the file with the password cannot be read.
            ZooKeeperError: The servers refuse them.
        """
        import dataclasses

        from zkc.cli._settings import read_auth

        scheme, credentials = read_auth(text)
        self.change(self.client.add_auth, scheme, credentials, idempotent=True)
        self.settings = dataclasses.replace(self.settings, auth=(*self.settings.auth, (scheme, credentials)))

    # ---- clients ---------------------------------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The client of the command's ensemble, connected."""
        return self.client_of(None)

    def client_of(self, profile: Optional[str]) -> Client:
        """Return the connected client of a profile's ensemble; None for the command's own ensemble."""
        client = self._clients.get(profile)
        if client is None:
            from zkc.cli._connect import connect

            settings = self.settings if profile is None else self.settings_of(profile)
            client = self._clients[profile] = connect(self, settings)
        if self.option("fresh") and profile not in self._fresh:
            self._fresh.add(profile)
            self.read(client.sync, "/")
        return client

    def read(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a method of a client that only reads. A lost connection in the middle repeats it, within the timeout."""
        return self.change(call, *arguments, **options)

    def change(self, call: Callable[..., Any], *arguments: Any, idempotent: bool = False, **options: Any) -> Any:
        """Call a method of a client that changes something. A lost connection repeats it where that is safe.

        It is safe when the change was certainly not made, or with ``idempotent`` when making it twice does no harm.
        Else the error goes to the caller, with ``maybe_applied``.

        Raises:
            CommandError: An argument is refused, such as a path or the size of data.
        """
        return self.call(functools.partial(call, *arguments, **options), client=call.__self__, idempotent=idempotent)  # type: ignore[attr-defined]

    def call(self, function: Callable[[], Any], *, client: Optional[Client] = None, idempotent: bool = False) -> Any:
        """Call a function that makes calls of a client, and repeat it as :meth:`change` does."""
        from zkc import ZooKeeperError
        from zkc.cli._patience import Patience

        try:
            return Patience(client or self.client, self.settings.timeout).repeat(function, idempotent=idempotent)
        except ValueError as error:
            if isinstance(error, ZooKeeperError):
                raise
            from zkc.cli._errors import for_people

            raise CommandError(for_people(error), ExitCode.USAGE, name="usage") from None

    def check_writable(self, profile: Optional[str] = None) -> None:
        """Raise when --read-only or the profile forbids changes. Every command that changes something calls this first.

        A dry run is allowed: it changes nothing.
        """
        settings = self.settings if profile is None else self.settings_of(profile)
        if settings.read_only and not self.dry_run:
            where = "--read-only was given" if self.option("read_only") else settings.read_only_by
            raise CommandError(f"nothing was changed: {where}", ExitCode.REFUSED, name="read_only")

    def ends_with(self, code: ExitCode, message: str, **details: object) -> int:
        """Return the exit code of a command that has given its result, in which something is missing.

        A person has read of it in the result or in warnings. JSON gets an error, as for every code that is trouble.
        """
        if self.out.is_json:
            from zkc.cli._errors import describe

            self.has_failed = True
            self.out.flush_quietly()
            error = CommandError(message, code, details=details)
            print(describe(error, as_json=True, statement=self.statement), file=sys.stderr, flush=True)
        return int(code)

    def keep(self, thing: object) -> None:
        """Keep a reference until the command ends, for what ends when nothing refers to it."""
        self._kept.append(thing)

    def at_end(self, function: Callable[[], object]) -> None:
        """Call a function when the command ends, if its client lives on: it is the shell's."""
        self._endings.append(function)

    def close(self) -> None:
        """Close the clients, or end what the command began with that of its shell."""
        endings, self._endings = self._endings, []
        for each in endings if self._borrows else ():
            each()
        self._kept.clear()
        if self._borrows:
            return
        while self._clients:
            _, client = self._clients.popitem()
            client.close()


def _log_to_stderr() -> None:
    import logging

    from zkc import LogLevel, set_log_level

    # It has a parameter for the type checker, and none when it runs before Python 3.11.
    class Handler(logging.StreamHandler):  # type: ignore[type-arg]
        """Writes to the stderr of the moment: a shell has another one at its prompt."""

        def emit(self, record: logging.LogRecord) -> None:
            self.stream = sys.stderr
            super().emit(record)

    form = "%(asctime)s %(name)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.DEBUG, handlers=[Handler()], format=form)
    logging.getLogger("asyncio").setLevel(logging.WARNING)  # The prompt of a shell uses it.
    set_log_level(LogLevel.INFO)
