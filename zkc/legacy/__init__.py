"""Drop-ins for what old code imports: ``zookeeper``, and ``zc.zk`` with its modules.

>>> import zkc.legacy
>>> zkc.legacy.install()
>>> import zookeeper
>>> import zc.zk

``python -m zkc.legacy script.py`` runs an unmodified script with them. Where neither is possible, install the
distribution ``zkc-legacy``: its top-level modules are the drop-ins.
The modules themselves are :mod:`zkc.legacy.zookeeper` and :mod:`zkc.legacy.zk`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zkc.legacy._install import install, uninstall

if TYPE_CHECKING:
    from zkc.legacy._core.shared_session import client_of, handle_of

__all__ = ["client_of", "handle_of", "install", "uninstall", "use_bytes"]


def __getattr__(name: str) -> Any:
    # Programs that only call install() do not load the clients.
    if name in ("client_of", "handle_of"):
        from zkc.legacy._core import shared_session

        return getattr(shared_session, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def use_bytes(flag: bool = True) -> None:
    """Have every read of data give bytes instead of str, in the whole process.

    Args:
        flag: False for str again, which is the default.

    .. versionadded:: 0.1
    """
    # Imported here: a program that only calls install() loads the rest when it imports a drop-in.
    from zkc.legacy._core import values

    values.use_bytes(flag)
