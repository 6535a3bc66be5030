"""The connection of a command: the client, and a failure to connect in one sentence."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from zkc import Client, ConnectionLossError, ConnectTimeoutError, NoNodeError, TLSError, ZooKeeperError
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._reach import ADVICE, Finding, Watchman
from zkc.cli._settings import DEFAULT_SERVERS

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli._settings import Settings

__all__ = ["TLS_ADVICE", "client_options", "connect"]

# What to do about a TLS error in terms of the options, by the reason that it has.
TLS_ADVICE = {
    "handshake": "See the server's log",
    "timeout": "Give the servers' secure port (secureClientPort), or leave --tls out",
    "closed": "Give the servers' secure port (secureClientPort), or leave --tls out",
    "protocol": "Give the servers' secure port (secureClientPort), or leave --tls out",
    "files": "Give files in PEM format that belong together with --ca, --cert and --key, and --key-password-file",
    "hostname": "Connect by a name that the certificate is for, or give that name with --tls-server-name",
    "expired": "Have it renewed; or this machine's clock is wrong",
    "not_yet_valid": "Check the clock of this machine",
    "unknown_ca": "Give the certificate of the servers' authority with --ca",
    "self_signed": "Give that certificate with --ca if it is the right one",
    "certificate": "Have it replaced",
    "client_certificate": "Give a certificate that the server trusts with --cert, and its key with --key",
}


def connect(app: App, settings: Settings) -> Client:
    """Return a connected client.

    Raises:
        CommandError: There is no connection within the timeout; the message names the servers and the reason.
        ZooKeeperError: The servers refuse the session.
    """
    if not app.option("verbose"):
        # Without a handler the logging module would print warnings to stderr. The errors of calls say all of it.
        logging.getLogger("zkc").addHandler(logging.NullHandler())
    try:
        client = Client(settings.servers, **client_options(settings))
    except ValueError as error:
        from zkc.cli._errors import for_people

        raise CommandError(for_people(error), ExitCode.USAGE, name="usage") from None
    try:
        _start(app, client, settings)
        if settings.chroot != "/":
            _check_chroot(app, client, settings)
    except BaseException:
        client.close()
        raise
    return client


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the options of a client, besides the servers."""
    return {
        "session_timeout": settings.session_timeout,
        "connect_timeout": settings.timeout,
        "request_timeout": settings.timeout,
        "read_only": settings.read_only,
        "auth": settings.auth,
        "tls": settings.tls,
        "sasl": settings.sasl,
    }


def _start(app: App, client: Client, settings: Settings) -> None:
    def report(found: list[Finding]) -> None:
        if sys.stderr.isatty():
            app.out.note(f"waiting for {_joined(found)}")

    watchman = Watchman(settings.addresses, settings.tls is not None, report)
    watchman.start(settings.timeout)
    try:
        client.start()
    except TLSError as error:
        raise _tls_failure(error) from None
    except (ConnectTimeoutError, ConnectionLossError) as error:
        if isinstance(error.__cause__, TLSError):
            raise _tls_failure(error.__cause__) from None
        raise _no_connection(settings, watchman.findings(min(1.0, settings.timeout / 2)), str(error)) from None
    except FileNotFoundError as error:
        if isinstance(error, ZooKeeperError):
            raise
        raise CommandError(f"there is no file {error.filename}: see the options for TLS", ExitCode.USAGE,
                           name="usage") from None  # fmt: skip
    finally:
        watchman.stop()


def _joined(found: list[Finding]) -> str:
    """Name the servers, and the reasons: each once."""
    reasons: dict[str, list[str]] = {}
    for each in found:
        reasons.setdefault(each.text, []).append(each.address)
    return "; ".join(f"{', '.join(addresses)} ({reason})" for reason, addresses in reasons.items())


def _no_connection(settings: Settings, found: list[Finding], told: str) -> CommandError:
    text = f"no connection within {settings.timeout:g} s to {_joined(found)}"
    if all(each.reason == "unresolved" for each in found):  # The client gives up at once.
        text = f"no connection to {_joined(found)}"
    if settings.servers == DEFAULT_SERVERS and found[0].reason == "refused":
        advice = "Give the servers with --servers or ZKC_SERVERS; `zkc serve` starts one to try things out"
    else:
        advice = ADVICE[found[0].reason]
    details: dict[str, Any] = {
        "code": ConnectTimeoutError.code,
        "maybe_applied": False,
        "servers": [{"address": each.address, "reason": each.reason, "message": each.text} for each in found],
        "client": told,
    }
    return CommandError(f"{text}. {advice}.", ExitCode.NO_CONNECTION, name="connect_timeout", details=details)


def _tls_failure(error: TLSError) -> CommandError:
    """Say what happened, as the client says it, and what to do, in terms of the options."""
    advice = TLS_ADVICE.get(error.reason or "", TLSError.advice)
    details = {"code": error.code, "maybe_applied": False, "reason": error.reason}
    return CommandError(f"{_event(error)}. {advice}.", ExitCode.NOT_ALLOWED, name=_name(error), details=details)


def _name(error: TLSError) -> str:
    return "tls" if type(error) is TLSError else "certificate"


def _event(error: TLSError) -> str:
    """Return the part of an error's message that says what happened, without its advice in terms of zkc.TLS."""
    from zkc import errors

    text = str(error).rpartition(" [")[0]
    operation = f"{error.operation}: "
    if text.startswith(operation):
        text = text[len(operation) :]
    advice = errors.TLS_ADVICE.get(error.reason or "", error.advice)
    return text.partition(f". {advice[0].upper()}{advice[1:]}")[0]


def _check_chroot(app: App, client: Client, settings: Settings) -> None:
    """Say that the chroot is missing: every later error would name a path that looks right."""
    if app.read(client.exists, "/") is None:
        raise NoNodeError(
            f"the chroot {settings.chroot} does not exist. Create it:"
            f" zkc -s {settings.addresses[0]} create -P {settings.chroot}",
            path="/",
        )
