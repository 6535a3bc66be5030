"""Questions to the servers themselves: four-letter words, and commands of AdminServer.

A session talks to one server. These questions go to every server of the connection string, all at the same time, and
are over by a deadline. A question without an answer is an :class:`AskError`, whose reason a script can test.

>>> asker = Asker(app.settings, within=2.5)
>>> for server, answer in asker.each(lambda server: asker.word(server, "srvr")):
...     print(server.name, answer.reason if isinstance(answer, AskError) else answer)
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._tls_files import check_contents
from zkc.cli.servers._reach import (
    PATIENCE,
    AskError,
    Server,
    connect_to,
    parse_address,
    refused_client,
    resolve,
    secure,
    speaks_tls,
    wants_tls,
)

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from zkc.cli._settings import Settings

__all__ = ["AskError", "Asker", "Server"]

_T = TypeVar("_T")

_CHUNK = 65536
_NOT_SERVING = "This ZooKeeper instance is not currently serving requests"


class Asker:
    """The questions of a command to the servers of its connection string.

    Args:
        settings: How to connect.
        within: The time for all questions together, in seconds.
    """

    def __init__(self, settings: Settings, *, within: float) -> None:
        check_contents(settings.tls)
        self._settings = settings
        self._addresses = [parse_address(text) for text in settings.addresses]
        if not self._addresses:
            raise CommandError(f"{settings.servers!r} names no server", ExitCode.USAGE, name="usage")
        ports = settings.admin_ports
        if len(ports) not in (1, len(self._addresses)):
            raise CommandError(
                f"--admin-port has {len(ports)} ports for {len(self._addresses)} servers: give one, or one for each",
                ExitCode.USAGE,
                name="usage",
            )
        self._admin_ports = ports * len(self._addresses) if len(ports) == 1 else ports
        self._schemes: dict[tuple[str, int], str] = {}
        self._tried: dict[tuple[str, int], bool] = {}
        self._limit = threading.local()
        self.restart(within)

    def restart(self, within: float) -> None:
        """Begin another round of questions: a new deadline, and names are resolved again."""
        self.within = within
        self._deadline = time.monotonic() + within
        self._servers: Optional[list[Server]] = None

    # ---- servers ---------------------------------------------------------------------------------------------------

    @property
    def servers(self) -> list[Server]:
        """The servers. An unknown name is a server with a problem."""
        if self._servers is None:
            resolved = self._together([functools.partial(resolve, host) for host, _ in self._addresses])
            self._servers = []
            for (host, port), admin_port, found in zip(self._addresses, self._admin_ports, resolved):
                name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                if isinstance(found, AskError):
                    self._servers.append(Server(name, host, port, admin_port, (), found))
                    continue
                for addresses in found:
                    own = name if len(found) == 1 else f"{name} ({addresses[0]})"
                    self._servers.append(Server(own, host, port, admin_port, addresses))
        return self._servers

    def find(self, text: Optional[str]) -> Server:
        """Return the server that a user names, by its address or its host; None for the first.

        Raises:
            CommandError: The connection string has no such server.
        """
        for server in self.servers:
            if text is None or text in (server.name, server.host, f"{server.host}:{server.port}"):
                return server
        named = ", ".join(server.name for server in self.servers) or "none"
        raise CommandError(f"there is no server {text!r}: the servers are {named}", ExitCode.USAGE, name="usage")

    def keep(self, server: Server) -> None:
        """Ask this server only from now on."""
        self._servers = [server]

    def each(self, ask: Callable[[Server], _T]) -> list[tuple[Server, Union[_T, AskError]]]:
        """Call a function for every server at the same time, and return the results in the order of the servers.

        An :class:`AskError` of the call is its result. The deadline ends a call, too: its reason is ``timeout``.
        """
        servers = self.servers
        return list(zip(servers, self._together([functools.partial(ask, server) for server in servers])))

    def _together(self, calls: list[Callable[[], _T]]) -> list[Union[_T, AskError]]:
        late = AskError("timeout", "no answer in time")
        results: list[Union[_T, BaseException]] = [late] * len(calls)

        def run(index: int) -> None:
            try:
                results[index] = calls[index]()
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                results[index] = error

        # Daemons: a resolver that hangs must not keep the command from its end.
        threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, self._deadline + 0.05 - time.monotonic()))
        ended: list[Union[_T, AskError]] = []
        for result in list(results):
            if isinstance(result, BaseException) and not isinstance(result, AskError):
                raise result
            ended.append(result)
        return ended

    def left(self) -> float:
        """Return the time left, in seconds.

        Raises:
            AskError: The deadline has passed.
        """
        left = min(self._deadline, getattr(self._limit, "end", self._deadline)) - time.monotonic()
        if left <= 0:
            raise AskError("timeout", "no answer in time")
        return left

    @contextlib.contextmanager
    def part(self, share: float) -> Iterator[None]:
        """Give the questions of this thread in the block only a share of the time that is left, such as 0.4."""
        self._limit.end = time.monotonic() + share * self.left()
        try:
            yield
        finally:
            del self._limit.end

    # ---- four-letter words -----------------------------------------------------------------------------------------

    def word(self, server: Server, word: str, argument: bytes = b"") -> str:
        """Send a four-letter word to a server, and return the whole answer.

        Args:
            server: The server.
            word: The word, such as ``srvr``.
            argument: What follows the word, as ``stmk`` wants it.

        Raises:
            AskError: There is no answer.
        """
        tls = self._settings.tls
        with contextlib.closing(connect_to(server, server.port, self.left)) as plain:
            connection = plain if tls is None else secure(plain, server, tls, self.left)
            with contextlib.closing(connection):
                # No newline, and no end of the stream: servers close the connection early for either of them.
                answer = self._exchange(connection, word.encode("ascii") + argument, server)
        return _checked(answer, word)

    def _exchange(self, connection: socket.socket, question: bytes, server: Server) -> bytes:
        import ssl

        parts: list[bytes] = []
        suspect = self._settings.tls is None and self._tried.get((server.host, server.port), True)
        try:
            connection.settimeout(self.left())
            connection.sendall(question)
            while True:
                connection.settimeout(min(self.left(), PATIENCE) if suspect else self.left())
                try:
                    part = connection.recv(_CHUNK)
                except socket.timeout:
                    self.left()
                    if not suspect:
                        raise
                    # A TLS port waits for the fifth byte of a record's head, and gets four.
                    suspect = False
                    self._try_tls(server)
                    continue
                if not part:
                    break
                parts.append(part)
                suspect = False
        except socket.timeout:
            raise AskError("timeout", "the server accepts connections and does not answer in time") from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            pass  # Servers end a TLS connection without a notice.
        except ssl.SSLError as error:
            raise refused_client("the server", error, self._settings.tls) from None
        except ConnectionError as error:
            cut = f"after {sum(map(len, parts))} bytes of its answer" if parts else "without an answer"
            raise AskError("closed", f"the server closed the connection {cut}: {error.strerror}") from None
        if suspect and not parts:
            # The port may have waited too long for a TLS handshake.
            self._try_tls(server)
        return b"".join(parts)

    def _try_tls(self, server: Server) -> None:
        """Raise when the port for clients speaks TLS. It is tried once: servers log what they do not understand."""
        place = server.host, server.port
        if place not in self._tried:
            self._tried[place] = speaks_tls(server, server.port, self.left)
        if self._tried[place]:
            raise wants_tls()

    # ---- AdminServer -----------------------------------------------------------------------------------------------

    def admin(self, server: Server, command: str, parameters: Optional[Mapping[str, str]] = None) -> dict[str, Any]:
        """Ask a server's AdminServer, and return the members of its answer.

        Args:
            server: The server.
            command: The command, such as ``monitor``.
            parameters: The parameters of the URL.

        Raises:
            AskError: There is no answer, or it is an error.
        """
        with self.request(server, command, parameters) as response:
            return self.answer(response, command)

    @contextlib.contextmanager
    def request(
        self,
        server: Server,
        command: str,
        parameters: Optional[Mapping[str, str]] = None,
        *,
        body: Union[bytes, Any, None] = None,
        headers: Optional[Mapping[str, str]] = None,
        method: str = "GET",
        secure_only: bool = False,
    ) -> Iterator[HTTPResponse]:
        """Send a request to AdminServer, and give its response, which is not read yet: a context manager.

        With TLS settings https comes first, else http. The other one is tried when the port does not speak the first.

        Args:
            server: The server.
            command: The command, such as ``snapshot``; empty for the list of commands.
            parameters: The parameters of the URL.
            body: What to send, bytes or a file.
            headers: More headers.
            method: GET or POST.
            secure_only: Whether http is not tried, since the request carries a password.
        """
        from zkc.cli.servers._http import open_request

        schemes = ["https", "http"] if self._settings.tls is not None else ["http", "https"]
        known = self._schemes.get((server.host, server.admin_port))
        if secure_only:
            schemes = ["https"]
        elif known is not None:
            schemes = [known]
        failure: Optional[AskError] = None
        for scheme in schemes:
            with contextlib.ExitStack() as stack:
                connection = stack.enter_context(contextlib.closing(connect_to(server, server.admin_port, self.left)))
                try:
                    if scheme == "https":
                        secured = secure(connection, server, self._settings.tls, self.left, server.admin_port)
                        connection = stack.enter_context(contextlib.closing(secured))
                    response = open_request(
                        connection, server, method, command, parameters, body, headers, self.left(), self._settings.tls
                    )
                except AskError as error:
                    if error.reason not in ("not_tls", "not_admin", "closed") and not (failure and scheme == "https"):
                        raise
                    # The first failure tells more, unless the second try shows that the port does speak TLS.
                    failure = error if failure is None or error.reason == "tls" else failure
                    continue
                stack.enter_context(contextlib.closing(response))
                self._schemes[server.host, server.admin_port] = scheme
                yield response
                return
        assert failure is not None
        raise failure

    def answer(self, response: HTTPResponse, command: str) -> dict[str, Any]:
        """Return the members of a response of AdminServer.

        Raises:
            AskError: The response is an error, or no JSON.
        """
        from zkc.cli.servers._http import check_status, read_all

        text = read_all(response, self.left)
        try:
            members = json.loads(text)
        except ValueError:
            members = None
        if not isinstance(members, dict):
            check_status(response, command, None)
            raise AskError("not_admin", "the port answers HTTP, and not as AdminServer: see --admin-port")
        error = members.get("error")
        check_status(response, command, error)
        if error is not None:
            if _NOT_SERVING in str(error):
                raise AskError("not_serving", "the server runs, and serves no clients: it has no quorum, or starts")
            unknown = str(error).startswith("Unknown command")
            raise AskError("unknown_command" if unknown else "failed", str(error))
        return members


def _checked(answer: bytes, word: str) -> str:
    """Return the answer to a word as text, unless it says that there is none."""
    if answer.startswith(b"HTTP/"):
        raise AskError("http", "the port speaks HTTP: it is no port for clients, maybe AdminServer's")
    if answer[:2] in (b"\x15\x03", b"\x16\x03"):
        raise wants_tls()
    if not answer:
        raise AskError("closed", f"the server closed the connection without an answer to {word}: it does not know the"
                                 " word, the port wants TLS (--tls), or this host has too many connections"
                                 " (maxClientCnxns)")  # fmt: skip
    text = answer.decode("utf-8", "replace")
    if "is not executed because it is not in the whitelist" in text:
        raise AskError("not_whitelisted", f"{word} is not allowed: 4lw.commands.whitelist of the server lacks it")
    if text.startswith(_NOT_SERVING):
        raise AskError("not_serving", "the server runs, and serves no clients: it has no quorum, or starts")
    return text
