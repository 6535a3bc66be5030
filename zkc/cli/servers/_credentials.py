"""The credentials that AdminServer gets, and where they may go."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli.servers._ask import Server

__all__ = ["headers_for"]


def headers_for(app: App, server: Server, allow_http: bool) -> tuple[dict[str, str], bool]:
    """Return the header with the credentials of --auth, and whether it may go over https only.

    Raises:
        CommandError: There are no credentials.
    """
    if not app.settings.auth:
        raise CommandError(
            "AdminServer wants the credentials of a user with all permissions on /: --auth digest:USER:FILE",
            ExitCode.NOT_ALLOWED,
            name="unauthorized",
        )
    scheme, credentials = app.settings.auth[0]
    local = bool(server.addresses) and all(_is_loopback(address) for address in server.addresses)
    return {"Authorization": f"{scheme} {credentials}"}, not (local or allow_http)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
