"""The screen in a web browser: textual-serve on the loopback interface, behind a token.

A process that reaches the port could act with the rights of the user who started the server. So the server listens on
127.0.0.1 only, takes nothing without the token of its address, and looks at Host and Origin: a page of another site
that the user has open must not reach it, also not under another name for 127.0.0.1. The page holds no credentials; the
program that draws the screen runs on this machine, a process for each tab, and gets its settings as options, files and
environment.
"""

from __future__ import annotations

import hmac
import secrets
import shlex
import socket
import sys
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["serve"]

_COOKIE = "zkc-token"


def serve(app: App, path: str, port: Optional[int]) -> int:
    """Serve the screen until Ctrl-C."""
    try:
        import textual_serve.server  # noqa: F401
    except ImportError:
        raise CommandError(
            "the web view needs textual-serve: pip install 'zkc[web]'", ExitCode.USAGE, name="not_installed"
        ) from None
    from zkc.cli.programs._ui.begin import check

    check(app, path)
    command, token = _command(app, path), secrets.token_urlsafe(24)
    with _listen(port or 0) as listening:
        chosen = listening.getsockname()[1]
        app.out.line(f"http://127.0.0.1:{chosen}/?token={token}")
        app.out.note("open this address in a browser on this machine; Ctrl-C ends the server")
        sys.stdout.flush()
        _make(command, chosen, token).serve_on(listening)
    return 0


def _command(app: App, path: str) -> str:
    """Return the command that draws the screen of a tab, with the options of this one. None of them is a secret."""
    words = [sys.executable, "-m", "zkc"]
    for name, value in app.given().items():
        if name in ("json", "output", "quiet", "verbose"):
            continue
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, str(value)]
    if "-" in (app.option("password_file"), str(app.option("auth", "")).rpartition(":")[2]):
        raise CommandError("--web cannot ask for a password: give a file", ExitCode.USAGE, name="usage")
    return shlex.join([*words, "ui", path])


def _listen(port: int) -> socket.socket:
    """Return a listening socket: a browser that is quick waits in its queue."""
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(16)
    except OSError as error:
        listening.close()
        raise CommandError(f"port {port} of 127.0.0.1: {error.strerror}", ExitCode.OTHER, name="port_taken") from None
    return listening


def _make(command: str, port: int, token: str) -> Any:
    """Return the server. Its classes exist only where textual-serve is installed."""
    from aiohttp import web
    from textual_serve.server import Server

    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}

    # textual-serve's page asks a server on the Internet for a font. The browser must not tell that server of this page.
    policy = (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        f" font-src 'self' data:; connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port};"
        " frame-ancestors 'none'"
    )

    def refuse(reason: str) -> web.Response:
        return web.Response(status=403, text=f"Refused: {reason}.\n")

    def right(given: Optional[str]) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), token.encode())

    @web.middleware  # type: ignore[untyped-decorator, unused-ignore]
    async def guard(request: web.Request, handler: Any) -> Any:
        if request.host not in hosts:
            return refuse("the Host is not this server")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in origins:
            return refuse("the Origin is another site")
        if right(request.query.get("token")) and request.path == "/":
            # The cookie replaces the token, which then stands in no address that the browser remembers or sends.
            answer = web.Response(status=302, headers={"Location": "/"})
            answer.set_cookie(_COOKIE, token, httponly=True, samesite="Strict")
            return answer
        if not right(request.cookies.get(_COOKIE)):
            return refuse("the token is missing or wrong; open the address that zkc ui --web has printed")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = policy
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cache-Control"] = "no-store"
        return response

    class GuardedServer(Server):  # type: ignore[misc, unused-ignore]
        """textual's server, with the guard before all of its routes."""

        def initialize_logging(self) -> None:
            """Log nothing: addresses hold the token."""

        async def on_startup(self, app: web.Application) -> None:
            """Print nothing more."""

        def serve_on(self, listening: socket.socket) -> None:
            """Serve on a listening socket until Ctrl-C or SIGTERM."""
            web.run_app(self._make_app(), sock=listening, print=None, access_log=None)

        async def _make_app(self) -> web.Application:
            made: web.Application = await super()._make_app()
            made.middlewares.append(guard)
            return made

    return GuardedServer(command, host="127.0.0.1", port=port, title="zkc", public_url=f"http://127.0.0.1:{port}")
