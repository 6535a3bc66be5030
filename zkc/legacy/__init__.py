"""Drop-ins for what old code imports: ``zookeeper``, and ``zc.zk`` with its modules.

>>> import zkc.legacy
>>> zkc.legacy.install()
>>> import zookeeper
>>> import zc.zk

``python -m zkc.legacy script.py`` runs an unmodified script with them. For code that nothing can be added to there is
the distribution ``zkc-legacy``, whose top-level modules are these.
The modules themselves are :mod:`zkc.legacy.zookeeper` and :mod:`zkc.legacy.zk`.
"""

from __future__ import annotations

from zkc.legacy._install import install, uninstall

__all__ = ["install", "uninstall", "use_bytes"]


def use_bytes(flag: bool = True) -> None:
    """Have every read of data give bytes instead of str, in the whole process.

    :param flag: False for str again, as it is to begin with.

    .. versionadded:: 0.1
    """
    # Here, and not above: whoever only wants install() pays for the rest when something is imported.
    from zkc.legacy._core import values

    values.use_bytes(flag)
