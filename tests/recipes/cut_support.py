"""A proxy that loses the n-th request of a scenario, or its reply, so that every point of it can be tried."""

from __future__ import annotations

from typing import Any, Optional

from ..client.proxy_support import Meddler

_PING, _CLOSE = 11, -11


class _Countdown(dict[int, Any]):
    """In place of a proxy's hooks by opcode: one hook for the n-th request, whatever its opcode."""

    def __init__(self, number: int, fate: str) -> None:
        super().__init__({0: None})
        self.left = number
        self.fate = fate

    def pop(self, opcode: int, default: Any = None) -> Any:
        if opcode in (_PING, _CLOSE) or self.left == 0:
            return None
        self.left -= 1
        return None if self.left else lambda: self.fate


class Cutter(Meddler):
    """A proxy that cuts the connection at a request."""

    _countdown: Optional[_Countdown] = None

    def cut_at(self, number: int, fate: str) -> None:
        """Lose the n-th request from now on.

        Args:
            number: The number of the request, from 1.
            fate: ``drop`` loses the request, ``lose`` its reply.
        """

        def act() -> None:
            self._countdown = self._hooks = _Countdown(number, fate)

        self._do(act)

    @property
    def has_cut(self) -> bool:
        """Whether that request was sent."""
        return self._countdown is not None and self._countdown.left == 0
