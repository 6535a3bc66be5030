"""Checks of the files of the TLS settings, before any server is asked: a fault of theirs is no fault of a server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc import TLS

__all__ = ["check_contents", "check_files"]


def check_files(ca: Optional[str], certificate: Optional[str], key: Optional[str]) -> None:
    """Raise for a file that cannot be read, and for a certificate without a key. It is cheap: every command does it.

    Raises:
        CommandError: A usage error.
    """
    for option, file in (("--ca", ca), ("--cert", certificate), ("--key", key)):
        if file is None or (option == "--ca" and os.path.isdir(file)):
            continue
        try:
            with open(file, "rb") as opened:
                content = opened.read()
        except FileNotFoundError:
            raise _usage(f"there is no file {file}: see {option}") from None
        except OSError as error:
            raise _usage(f"the file {file} of {option} cannot be read: {error.strerror or error}") from None
        if option == "--cert" and key is None and b"PRIVATE KEY-----" not in content:
            raise _usage(f"{file} has no private key in it: give the file with the key of this certificate with --key")


def check_contents(tls: Optional[TLS]) -> None:
    """Raise for files that are no certificates or keys, or do not belong together, in the words of a session's error.

    It is for commands that ask servers without a session: a session checks its files by itself.

    Raises:
        CommandError: The files cannot be used.
    """
    import ssl

    if tls is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if tls.ca is not None:
            failed = f"Failed to load CA file {tls.ca}"
            folder = os.path.isdir(tls.ca)
            context.load_verify_locations(cafile=None if folder else tls.ca, capath=tls.ca if folder else None)
        if tls.certificate is not None:
            failed = f"Failed to load the client certificate {tls.certificate} with its key"
            if tls.key is not None:
                failed += f" {tls.key}"
            context.load_cert_chain(tls.certificate, tls.key, tls.password or "")
    except (OSError, ValueError) as error:
        from zkc.cli._connect import TLS_ADVICE

        reason = getattr(error, "reason", None) or ""  # None for "PEM lib", which says nothing.
        if not isinstance(error, ssl.SSLError):
            reason = getattr(error, "strerror", None) or str(error)
        if reason in ("NO_CERTIFICATE_ASSIGNED", "KEY_VALUES_MISMATCH"):
            failed = f"The client certificate is not for the private key in {tls.key or tls.certificate}"
        elif reason:
            failed += f": {reason.replace('_', ' ').lower()}"
        raise CommandError(
            f"{failed}. {TLS_ADVICE['files']}.", ExitCode.NOT_ALLOWED, name="tls", details={"reason": "files"}
        ) from None


def _usage(text: str) -> CommandError:
    return CommandError(text, ExitCode.USAGE, name="usage")
