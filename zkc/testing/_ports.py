"""Loopback ports that stay reserved while their server is down."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable

from ._errors import PortTakenError

LOOPBACK = "127.0.0.1"
_ATTEMPTS = 5

# On Linux a socket that is bound, but does not listen, holds the port. The server can bind and listen on the same port:
# both have SO_REUSEADDR. So the kernel gives the port to no other process, neither before the server binds it nor while
# the server is stopped. Elsewhere the port is chosen and released; a start that finds it taken tries another port.
_CAN_HOLD = sys.platform == "linux"


class Port:
    """A loopback port, held for a server from now until :meth:`release`.

    Connections to it are refused for as long as no server listens.
    """

    def __init__(self, number: int = 0) -> None:
        """Take a port.

        :param number: the wanted port, 0 for any free one.
        :raises PortTakenError: if the wanted port is in use.
        """
        holder = _bound(number)
        self.number: int = holder.getsockname()[1]
        # A bare descriptor: without release() it ends with the process, and gives no ResourceWarning at exit.
        self._holder = holder.detach()
        if not _CAN_HOLD:
            self.release()

    def __str__(self) -> str:
        return f"{LOOPBACK}:{self.number}"

    def release(self) -> None:
        """Release the port. Does nothing the second time."""
        holder, self._holder = self._holder, -1
        if holder >= 0:
            os.close(holder)


def _bound(number: int) -> socket.socket:
    """Return a socket bound to the port that a server can bind too."""
    if number:
        # Two sockets with SO_REUSEADDR can be bound to one port; only listen() shows that no other socket listens.
        # Without the option, bind() would refuse a port in TIME_WAIT.
        with contextlib.closing(_bind(number, reuse=True)) as probe:
            try:
                probe.listen(1)
            except OSError as error:
                raise _taken(number, error) from error
        return _bind(number, reuse=True)
    holder = _bind(0, reuse=False)
    # Bound without the option: so no other socket has the port. Set afterwards: so the server can bind it.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return holder


def _bind(number: int, reuse: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if reuse:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOOPBACK, number))
    except OSError as error:
        bound.close()
        raise _taken(number, error) from error
    return bound


def _taken(number: int, error: OSError) -> PortTakenError:
    return PortTakenError(f"Port {number} of {LOOPBACK} cannot be used: {error.strerror}. Free it, or choose another.")


def retry_with_new_ports(start: Callable[[], None]) -> None:
    """Call *start*, up to five times while it raises PortTakenError; each call has to take new ports."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(PortTakenError):
            return start()
    return start()
