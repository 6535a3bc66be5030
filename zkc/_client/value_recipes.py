"""The methods of the clients that make the recipes of values: counters, values and optimistic transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._client.group_recipes import load_recipe

if TYPE_CHECKING:
    from zkc.recipes.counter import AsyncCounter, Counter
    from zkc.recipes.value import AsyncValue, Codec, Value
    from zkc.types import ACL

__all__ = ["AsyncValueRecipes", "SyncValueRecipes"]


class SyncValueRecipes:
    """The recipes of values of :class:`zkc.Client`."""

    def counter(
        self,
        path: str,
        *,
        type: str = "int",  # noqa: A002 - Curator and kazoo also say type
        initial: float = 0,
        acl: Optional[Sequence[ACL]] = None,
        exact: bool = False,
    ) -> Counter:
        """Return a number that several clients change. Nothing is sent before it is used.

        >>> client.counter("/jobs/done").add().value
        1

        Args:
            path: Path of the counter's znode. The first change creates it, and its parents.
            type: The form of the data: ``"int"`` or ``"float"`` as kazoo has it (ASCII), ``"int32"`` as Curator's
                ``SharedCount`` and ``DistributedAtomicInteger``, or ``"int64"`` as ``DistributedAtomicLong``.
            initial: The number without a znode.
            acl: The access control list of the znode if it is created; the client's ``default_acl`` if None.
            exact: Whether each change also writes an ephemeral child of the znode. It shows after a lost reply whether
                the change was carried out, as long as the session lasts.

        Raises:
            ValueError: ``path`` or ``type`` is malformed.
            OverflowError: ``initial`` is beyond the range of the type.

        .. versionadded:: 0.1
        """
        return cast(
            "Counter", load_recipe("counter").Counter(self, path, type=type, initial=initial, acl=acl, exact=exact)
        )

    def value(
        self,
        path: str,
        *,
        codec: Optional[Codec] = None,
        initial: Any = None,
        acl: Optional[Sequence[ACL]] = None,
        exact: bool = False,
    ) -> Value:
        """Return a value that several clients change. Nothing is sent before it is used.

        >>> client.value("/app/limits", codec=zkc.recipes.JSON).set({"ann": 3})

        Args:
            path: Path of the value's znode. The first change creates it, and its parents.
            codec: The form of the data: ``zkc.recipes.BYTES``, ``TEXT`` or ``JSON``, or an object with the methods
                ``encode`` and ``decode``; bytes if None.
            initial: The value without a znode.
            acl: The access control list of the znode if it is created; the client's ``default_acl`` if None.
            exact: Whether each change also writes an ephemeral child of the znode, as for :meth:`counter`.

        Raises:
            ValueError: ``path`` is malformed.
            TypeError: ``codec`` lacks a method.

        .. versionadded:: 0.1
        """
        return cast("Value", load_recipe("value").Value(self, path, codec=codec, initial=initial, acl=acl, exact=exact))


class AsyncValueRecipes:
    """The recipes of values of :class:`zkc.AsyncClient`."""

    def counter(
        self,
        path: str,
        *,
        type: str = "int",  # noqa: A002 - Curator and kazoo also say type
        initial: float = 0,
        acl: Optional[Sequence[ACL]] = None,
        exact: bool = False,
    ) -> AsyncCounter:
        """Return a number that several clients change, as :meth:`zkc.Client.counter` does.

        .. versionadded:: 0.1
        """
        made = load_recipe("counter").AsyncCounter(self, path, type=type, initial=initial, acl=acl, exact=exact)
        return cast("AsyncCounter", made)

    def value(
        self,
        path: str,
        *,
        codec: Optional[Codec] = None,
        initial: Any = None,
        acl: Optional[Sequence[ACL]] = None,
        exact: bool = False,
    ) -> AsyncValue:
        """Return a value that several clients change, as :meth:`zkc.Client.value` does.

        .. versionadded:: 0.1
        """
        made = load_recipe("value").AsyncValue(self, path, codec=codec, initial=initial, acl=acl, exact=exact)
        return cast("AsyncValue", made)
