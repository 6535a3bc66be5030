"""``import zookeeper``, as zkpython had it, over zkc: this module is :mod:`zkc.legacy.zookeeper`."""

from typing import TYPE_CHECKING, Any

from zkc.legacy import zookeeper as _ours
from zkc.legacy._install import stand_in

if TYPE_CHECKING:
    from zkc.legacy.zookeeper import *  # noqa: F403 - all of it: for type checkers

# zkc.legacy.install() knows by this line that no other package of the name is installed.
__zkc_legacy__ = True


def __getattr__(name: str) -> Any:
    """Serve a thread that got hold of this module while another one was importing it."""
    return getattr(_ours, name)


stand_in(__name__)
