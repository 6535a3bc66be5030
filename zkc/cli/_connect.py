"""The connection of a command: the client, and a failure to connect in one sentence."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from zkc import Client, Retry
from zkc.errors import NoNodeError

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli._settings import Settings

__all__ = ["connect"]


def connect(app: App, settings: Settings) -> Client:
    """Return a connected client.

    Raises:
        ZooKeeperError: There is no connection within the timeout; the message names the servers and the cause.
    """
    if not app.option("verbose"):
        # Without a handler the logging module would print warnings to stderr. The errors of calls say all of it.
        logging.getLogger("zkc").addHandler(logging.NullHandler())
    client = Client(
        settings.servers,
        session_timeout=settings.session_timeout,
        connect_timeout=settings.timeout,
        request_timeout=settings.timeout,
        read_only=settings.read_only,
        auth=settings.auth,
        tls=settings.tls,
        sasl=settings.sasl,
    )
    try:
        client.start()
        if settings.chroot != "/":
            _check_chroot(client, settings)
    except BaseException:
        client.close()
        raise
    return client


def _check_chroot(client: Client, settings: Settings) -> None:
    """Say that the chroot is missing: every later error would name a path that looks right."""
    policy = Retry(attempts=None, deadline=settings.timeout, max_backoff=0.5)
    if client.retry(client.exists, "/", policy=policy) is None:
        raise NoNodeError(
            f"the chroot {settings.chroot} does not exist. Create it:"
            f" zkc -s {settings.addresses[0]} create -P {settings.chroot}",
            path="/",
        )
