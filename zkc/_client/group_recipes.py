"""The methods of the clients that make the recipes of groups: elections, members, registries and barriers."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, cast

if TYPE_CHECKING:
    from zkc.recipes._instance import PayloadCodec
    from zkc.recipes.barrier import AsyncBarrier, Barrier
    from zkc.recipes.double_barrier import AsyncDoubleBarrier, DoubleBarrier
    from zkc.recipes.election import AsyncElection, Election
    from zkc.recipes.group import AsyncGroup, Group
    from zkc.recipes.registry import AsyncRegistry, Registry
    from zkc.types import ACL, Data

__all__ = ["AsyncGroupRecipes", "SyncGroupRecipes", "load_recipe"]


def load_recipe(module: str) -> Any:
    """Import a module of the recipes when it is first used: recipes stand above the clients and import them."""
    return importlib.import_module(f"zkc.recipes.{module}")


class SyncGroupRecipes:
    """The recipes of groups of :class:`zkc.Client`."""

    def election(
        self,
        path: str,
        *,
        identifier: str,
        data: Data = b"",
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        on_suspend: str = "doubt",
    ) -> Election:
        """Return an election. Nothing is sent before it is used.

        >>> with client.election("/leader", identifier="host-1").lead() as hold:
        ...     hold.check()

        Args:
            path: Path of the election, the parent of its contenders. It is created if it is missing.
            identifier: The name of this contender, such as a host name.
            data: The data in bytes that observers see of the leader; the identifier if empty.
            layout: The names of the znodes: ``"curator"`` (Curator's LeaderLatch), ``"curator-selector"`` (Curator's
                LeaderSelector) or ``"kazoo"``. All programs on a path must use the same.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.
            on_suspend: The state of a hold after a connection loss. ``"doubt"``: IN_DOUBT until the servers answer.
                ``"deadline"``: also LOST when the session timeout has passed. ``"lost"``: LOST at once.

        Raises:
            ValueError: ``path``, ``layout`` or ``on_suspend`` is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "on_suspend": on_suspend,
        }
        recipe = load_recipe("election")
        return cast("Election", recipe.Election(self, recipe.election_contest(self, path, **options)))

    def group(
        self,
        path: str,
        *,
        identifier: str,
        data: Data = b"",
        keep: bool = True,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
    ) -> Group:
        """Return a group. Nothing is sent before it is used.

        >>> with client.group("/workers", identifier="host-1") as group:
        ...     print([member.identifier for member in group.members()])

        Args:
            path: Path of the group, the parent of its members. It is created if it is missing.
            identifier: The name of this member, such as a host name.
            data: The data of this member in bytes, such as an address.
            keep: Whether the client re-creates the member's znode when its session has expired.
            layout: The name of the member's znode: ``"curator"`` (its GroupMember), or ``"kazoo"`` (its Party). Members
                of both are listed.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.

        Raises:
            ValueError: ``path``, ``identifier`` or ``layout`` is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {"identifier": identifier, "data": data, "keep": keep, "layout": layout, "acl": acl}
        return cast("Group", load_recipe("group").Group(self, path, **options))

    def registry(
        self, base: str, *, codec: Optional[PayloadCodec] = None, acl: Optional[Sequence[ACL]] = None
    ) -> Registry:
        """Return a registry of services, as Curator's service discovery has it. Nothing is sent before it is used.

        >>> with client.registry("/services") as registry:
        ...     registry.register(Instance("web", "10.0.0.7", 8080))
        ...     print(registry.instances("web"))

        Args:
            base: Path of the registry, the parent of the services. It is created if it is missing.
            codec: The translation of payloads to JSON and back; None if payloads are values of JSON.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.

        Raises:
            ValueError: ``base`` is malformed.

        .. versionadded:: 0.1
        """
        return cast("Registry", load_recipe("registry").Registry(self, base, codec=codec, acl=acl))

    def barrier(self, path: str, *, acl: Optional[Sequence[ACL]] = None) -> Barrier:
        """Return a barrier. Nothing is sent before it is used.

        >>> client.barrier("/maintenance").wait()
        True

        Args:
            path: Path of the barrier, which is set while the znode exists, as kazoo and Curator have it.
            acl: The access control list of the barrier; the client's ``default_acl`` if None.

        Raises:
            ValueError: ``path`` is malformed.

        .. versionadded:: 0.1
        """
        return cast("Barrier", load_recipe("barrier").Barrier(self, path, acl=acl))

    def double_barrier(
        self, path: str, n: int, *, identifier: str, acl: Optional[Sequence[ACL]] = None
    ) -> DoubleBarrier:
        """Return a double barrier: a number of members enter together, and leave together.

        >>> with client.double_barrier("/phase", 1, identifier="host-1") as round_:
        ...     print(round_.members)

        Args:
            path: Path of the double barrier. It is created if it is missing.
            n: The number of members of each round, the same for all members.
            identifier: The name of this member, such as a host name.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.

        Raises:
            ValueError: ``path`` or ``n`` is malformed.

        .. versionadded:: 0.1
        """
        recipe = load_recipe("double_barrier")
        return cast("DoubleBarrier", recipe.DoubleBarrier(self, path, n, identifier=identifier, acl=acl))


class AsyncGroupRecipes:
    """The recipes of groups of :class:`zkc.AsyncClient`."""

    def election(
        self,
        path: str,
        *,
        identifier: str,
        data: Data = b"",
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        on_suspend: str = "doubt",
    ) -> AsyncElection:
        """Return an election, as :meth:`zkc.Client.election` does.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "on_suspend": on_suspend,
        }
        recipe = load_recipe("election")
        return cast("AsyncElection", recipe.AsyncElection(self, recipe.election_contest(self, path, **options)))

    def group(
        self,
        path: str,
        *,
        identifier: str,
        data: Data = b"",
        keep: bool = True,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
    ) -> AsyncGroup:
        """Return a group, as :meth:`zkc.Client.group` does.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {"identifier": identifier, "data": data, "keep": keep, "layout": layout, "acl": acl}
        return cast("AsyncGroup", load_recipe("group").AsyncGroup(self, path, **options))

    def registry(
        self, base: str, *, codec: Optional[PayloadCodec] = None, acl: Optional[Sequence[ACL]] = None
    ) -> AsyncRegistry:
        """Return a registry of services, as :meth:`zkc.Client.registry` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncRegistry", load_recipe("registry").AsyncRegistry(self, base, codec=codec, acl=acl))

    def barrier(self, path: str, *, acl: Optional[Sequence[ACL]] = None) -> AsyncBarrier:
        """Return a barrier, as :meth:`zkc.Client.barrier` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncBarrier", load_recipe("barrier").AsyncBarrier(self, path, acl=acl))

    def double_barrier(
        self, path: str, n: int, *, identifier: str, acl: Optional[Sequence[ACL]] = None
    ) -> AsyncDoubleBarrier:
        """Return a double barrier, as :meth:`zkc.Client.double_barrier` does.

        .. versionadded:: 0.1
        """
        recipe = load_recipe("double_barrier")
        return cast("AsyncDoubleBarrier", recipe.AsyncDoubleBarrier(self, path, n, identifier=identifier, acl=acl))
