"""The methods of the clients that make the recipes of values: counters, values and optimistic transactions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional, TypeVar, cast

from zkc._client.group_recipes import load_recipe

if TYPE_CHECKING:
    from zkc.recipes.atomically import AsyncAtomic, Atomic
    from zkc.recipes.counter import AsyncCounter, Counter
    from zkc.recipes.value import AsyncValue, Codec, Value
    from zkc.types import ACL

__all__ = ["AsyncValueRecipes", "SyncValueRecipes"]

_T = TypeVar("_T")


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

    def atomically(self, fn: Callable[[Atomic], _T], *, attempts: int = 100, timeout: Optional[float] = None) -> _T:
        """Call a function whose reads and writes are one transaction, and call it again after conflicts.

        The function reads and writes by its argument. Its writes are sent when it returns, in one request with checks
        of all that it has read. If another client has changed any of that, nothing is written.

        >>> def move(txn):
        ...     count = int(txn.get("/stock")[0])
        ...     txn.set("/stock", b"%d" % (count - 1))
        ...     txn.create("/orders/order-", b"1", sequential=True)
        >>> client.atomically(move)

        Args:
            fn: A function of one :class:`Atomic <zkc.recipes.Atomic>`. For asyncio it is a coroutine function. What it
                raises ends the call, and nothing is written then.
            attempts: The number of calls of the function.
            timeout: Timeout of the whole call in seconds; the client's ``request_timeout`` for each request if None.

        Returns:
            What the function returns.

        Raises:
            ContentionError: Other clients changed what was read, at each attempt.
            ZooKeeperError: An operation failed, and not for a change of what was read. Nothing was written.
            ConnectionLossError: The reply was lost, and no znode shows whether the transaction was carried out
                (``maybe_applied``).

        .. versionadded:: 0.1
        """
        return cast("_T", load_recipe("atomically").run_sync(self, fn, attempts, timeout))


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

    async def atomically(
        self, fn: Callable[[AsyncAtomic], Awaitable[_T]], *, attempts: int = 100, timeout: Optional[float] = None
    ) -> _T:
        """Await a function whose reads and writes are one transaction, as :meth:`zkc.Client.atomically` does.

        .. versionadded:: 0.1
        """
        return cast("_T", await load_recipe("atomically").run_async(self, fn, attempts, timeout))
