"""Put the drop-ins where ``import zookeeper`` and ``import zc.zk`` find them, and take them away again.

A drop-in is one module object with two names: ``sys.modules["zc.zk"] is zkc.legacy.zk``. A finder makes Python's import
system take our module for the old name. The import system does the rest: the locks, the attribute ``zc.zk``, and the
modules that are imported later (``zc.zk.testing``). Without the finder those would be loaded a second time from the
folder of zkc.legacy.zk.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Optional

__all__ = ["install", "stand_in", "uninstall"]

_DROP_INS = {"zookeeper": "zkc.legacy.zookeeper", "zc.zk": "zkc.legacy.zk"}
# The modules that install() imports at once. The rest of zc.zk is loaded when a program imports it.
_AT_ONCE = ("zookeeper", "zc.zk", "zc.zk.event")
# A line that has this is in the modules of the distribution zkc-legacy: they are ours too.
_MARK = "__zkc_legacy__"
_MISSING = object()


def install(*, force: bool = False) -> None:
    """Make ``import zookeeper`` and ``import zc.zk`` find the drop-ins, in this process.

    ``zookeeper``, ``zc.zk`` and ``zc.zk.event`` are in :data:`sys.modules` afterwards; ``zc.zk.testing`` and the others
    follow when they are imported. Other packages below ``zc`` go on as they are. The second time does nothing.

    Args:
        force: Take the place of a real ``zookeeper`` or ``zc.zk``. A module that imported the real one before this call
            keeps it.

    Raises:
        ImportError: A real ``zookeeper`` or ``zc.zk`` is imported, or can be, and *force* is False. Nothing was
            changed.

    .. versionadded:: 0.1
    """
    global _saved
    with _lock:
        if _saved is None:
            if not force:
                for name in _DROP_INS:
                    _refuse_to_shadow(name)
            saved = _SavedModules()
            try:
                saved.replace()
            except BaseException:
                saved.restore()
                raise
            _saved = saved
        else:
            _import_drop_ins()  # a test's mock of sys.modules may have taken them out


def uninstall() -> None:
    """Undo :func:`install`: the modules that were imported before it are there again. Without an install do nothing.

    .. versionadded:: 0.1
    """
    global _saved
    with _lock:
        if _saved is not None:
            _saved.restore()
            _saved = None


def stand_in(name: str) -> None:
    """Put the drop-in in the place of a module of the distribution zkc-legacy, while that is imported."""
    # Without the lock: the thread that holds it may be waiting for this import.
    if _standing_in not in sys.meta_path:
        sys.meta_path.insert(0, _standing_in)
    sys.modules[name] = importlib.import_module(_ours(name))


def _ours(name: str) -> str:
    """Return the name in zkc.legacy of a drop-in, or of a module below it."""
    top = name if name == "zookeeper" else "zc.zk"
    return _DROP_INS[top] + name[len(top) :]


def _is_drop_in(name: str) -> bool:
    return sys.modules.get(name, _MISSING) is sys.modules.get(_ours(name))


def _is_old_name(name: str) -> bool:
    return name in _DROP_INS or name.startswith("zc.zk.")


def _import_drop_ins() -> None:
    for name in _AT_ONCE:
        importlib.import_module(name)


# --- what install() does not shadow -----------------------------------------------------------------------------------


def _refuse_to_shadow(name: str) -> None:
    """Raise ImportError for a real package of that name."""
    if name in sys.modules:
        module: Optional[ModuleType] = sys.modules[name]
        # None in sys.modules forbids an import.
        if module is not None and not _is_drop_in(name):
            raise _shadowing(name, "imported already", getattr(module, "__file__", None))
        return
    try:
        spec = importlib.util.find_spec(name)  # imports nothing but zc, where there is one
    except ModuleNotFoundError as error:
        if error.name == "zc":
            return
        raise
    # A folder without __init__.py, such as one for data, is no installed package.
    if spec is None or spec.origin is None or _is_of_our_distribution(spec):
        return
    raise _shadowing(name, "installed", spec.origin)


def _shadowing(name: str, how: str, path: Optional[str]) -> ImportError:
    return ImportError(
        f"a real {name} is {how}{f' ({path})' if path else ''}, and zkc.legacy does not shadow it unasked: "
        "uninstall it, or shadow it by zkc.legacy.install(force=True) or `python -m zkc.legacy --force`",
        name=name,
        path=path,
    )


def _is_of_our_distribution(spec: ModuleSpec) -> bool:
    read = getattr(spec.loader, "get_source", None)
    return read is not None and _MARK in (read(spec.name) or "")


# --- what was there before --------------------------------------------------------------------------------------------


class _SavedModules:
    """The former entries of :data:`sys.modules` and of the package ``zc`` under the names of the drop-ins."""

    def __init__(self) -> None:
        self._modules = {name: module for name, module in sys.modules.items() if _is_old_name(name)}
        self._attribute = vars(sys.modules["zc"]).get("zk", _MISSING) if "zc" in sys.modules else _MISSING

    def replace(self) -> None:
        # The finders first: there is no moment at which another thread could import something else.
        sys.meta_path.insert(0, _installed)
        sys.meta_path.append(_empty_zc)
        for name in self._modules:
            sys.modules.pop(name, None)
        _import_drop_ins()

    def restore(self) -> None:
        for finder in (_installed, _empty_zc):
            if finder in sys.meta_path:
                sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_old_name(name) and _is_drop_in(name)]:
            del sys.modules[name]
        sys.modules.update(self._modules)
        self._restore_zc()

    def _restore_zc(self) -> None:
        zc = sys.modules.get("zc")
        if zc is None:
            return
        if self._attribute is not _MISSING:
            vars(zc)["zk"] = self._attribute
        elif vars(zc).get("zk", _MISSING) is sys.modules.get(_DROP_INS["zc.zk"]):
            del vars(zc)["zk"]
        # Packages that were found through our zc belong to it from then on.
        if isinstance(vars(zc).get("__path__"), _Folders) and not any(name.startswith("zc.") for name in sys.modules):
            del sys.modules["zc"]


# --- finders ----------------------------------------------------------------------------------------------------------


class _DropIn(Loader):
    """Loader of a drop-in: it returns the module that exists under its name in zkc.legacy."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_ours(spec.name))
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just given it the spec of its second name.
        module.__spec__ = self._own_spec


class _DropIns(MetaPathFinder):
    """Finder of the drop-ins of these names, and of modules below ``zc.zk`` where that is ours."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname not in self._names:
            if not (fullname.startswith("zc.zk.") and _is_drop_in("zc.zk")):
                return None
            if importlib.util.find_spec(_ours(fullname)) is None:
                return None
        return ModuleSpec(fullname, _DropIn(), origin=_ours(fullname))


class _Folders(list[str]):
    """The ``__path__`` of our ``zc``: the folders of that name on sys.path, searched again at each import."""

    def __iter__(self) -> Iterator[str]:
        for entry in sys.path:
            spec = PathFinder.find_spec("zc", [entry])
            for folder in (spec and spec.submodule_search_locations) or ():
                if folder not in self:
                    self.append(folder)
        return super().__iter__()


class _EmptyZc(MetaPathFinder):
    """Finder of ``zc`` where no installed package has it; the last finder of all."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname != "zc":
            return None
        spec = ModuleSpec("zc", None, is_package=True)
        spec.submodule_search_locations = _Folders()
        return spec


# Held through install() and uninstall(), which import nothing but the drop-ins, what they need, and zc.
_lock = threading.RLock()
_saved: Optional[_SavedModules] = None
_installed = _DropIns(*_DROP_INS)
_standing_in = _DropIns()
_empty_zc = _EmptyZc()
