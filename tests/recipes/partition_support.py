"""An ensemble whose members reach their leader through proxies, so that one of them can be cut off from it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Optional

from zkc.testing import Ensemble, FaultProxy
from zkc.testing.ensemble import Member

_HOST = "127.0.0.1"


class PartitionedEnsemble(Ensemble):
    """Three members with a proxy for the connection of each to each other.

    Args:
        options: The options of every member.
    """

    def __init__(self, **options: Any) -> None:
        # With reconfiguration, the members take over the addresses that the leader has, and pass by the proxies.
        config = {"reconfigEnabled": "false", **options.pop("config", {})}
        super().__init__(3, config=config, **options)
        self._proxies: dict[tuple[int, int], FaultProxy] = {}

    def cut_off(self, member: Member) -> None:
        """Forward nothing between a member and its leader. The connections stay open."""
        for (follower, _), proxy in self._proxies.items():
            if follower == member.id:
                proxy.pause()

    def heal(self) -> None:
        """Forward between all members again."""
        for proxy in self._proxies.values():
            proxy.resume()

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        super().__exit__(kind, error, trace)
        self._close_proxies()

    def _close_proxies(self) -> None:
        for proxy in self._proxies.values():
            proxy.close()
        self._proxies.clear()

    def _make_members(self) -> None:
        self._close_proxies()  # Those of an attempt whose ports were taken.
        super()._make_members()
        for member in self._members:
            self._put_between(member)

    def _put_between(self, member: Member) -> None:
        """Give a member the proxies in place of the other members' ports for followers."""
        instance, ports = member._instance, {}
        for peer in self._members:
            if peer is not member:
                port = peer._instance.port("quorum").number
                proxy = self._proxies[member.id, peer.id] = FaultProxy(_HOST, port)
                proxy.start()
                ports[peer.id] = (port, proxy.port)
        entries_of = instance.zoo_cfg

        def zoo_cfg() -> dict[str, str]:
            entries = entries_of()
            for number, (port, between) in ports.items():
                entries[f"server.{number}"] = entries[f"server.{number}"].replace(
                    f"{_HOST}:{port}:", f"{_HOST}:{between}:"
                )
            return entries

        instance.zoo_cfg = zoo_cfg  # type: ignore[method-assign]
