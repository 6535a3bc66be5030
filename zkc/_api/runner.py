"""The one method of a call that each client implements in its own way."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from zkc._flow import Pending

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from zkc._commands.protocol import CommandClient

    _P = ParamSpec("_P")

__all__ = ["Runner", "name_methods", "rewrap"]

_T = TypeVar("_T")


class Runner:
    """The base of the classes with the calls."""

    def _run(
        self,
        command: Callable[Concatenate[CommandClient, _P], Pending[_T]],
        timeout: Optional[float],
        *arguments: _P.args,
        **options: _P.kwargs,
    ) -> _T:
        """Run a command, and return what this kind of client returns for it: a result, an AsyncFuture or a Future.

        Args:
            command: The command. It checks the arguments, sends, and returns what to wait for.
            timeout: Timeout in seconds; None for the client's ``request_timeout``.
        """
        raise NotImplementedError


def rewrap(owner: type[Any], wrapper: type[Any], *sources: type[Any]) -> None:
    """Give a class its own copies of methods, with the annotation of what they return in that class.

    Args:
        owner: The class.
        wrapper: The generic class that the copies return: ``AsyncFuture`` makes ``AsyncFuture[str]`` of ``str``.
        sources: The classes that have the methods.
    """
    for source in sources:
        for name, function in vars(source).items():
            if name.startswith("_") or not callable(function):
                continue
            copied = _copy_function(function)
            copied.__annotations__["return"] = f"{wrapper.__name__}[{function.__annotations__['return']}]"
            function.__globals__.setdefault(wrapper.__name__, wrapper)  # typing looks the name up there
            copied.__qualname__ = f"{owner.__qualname__}.{name}"
            copied.__module__ = owner.__module__
            setattr(owner, name, copied)


def name_methods(*classes: type[Any]) -> None:
    """Give public classes their own copies of the methods that they have of internal bases.

    Python names the class that defines a method in its errors about arguments. That is the public class then.

    Args:
        classes: The public classes. What one of them has of another one is left alone.
    """
    for owner in classes:
        for name in dir(owner):
            if name.startswith("_") and name != "__init__":
                continue
            definer = next(base for base in owner.__mro__ if name in vars(base))
            function = vars(definer)[name]
            internal = definer not in classes and definer.__module__.startswith("zkc.")
            if internal and isinstance(function, types.FunctionType):
                copied = _renamed(function, f"{owner.__qualname__}.{name}")
                copied._definer = definer  # The reference shows its type variables with their values in that base.
                setattr(owner, name, copied)


def _renamed(function: Any, name: str) -> Any:
    """Return a copy of a method with another qualified name, also of one under a decorator."""
    copied = _copy_function(function)
    copied.__qualname__ = name
    wrapped = getattr(function, "__wrapped__", None)
    if isinstance(wrapped, types.FunctionType):
        inner = _renamed(wrapped, name)
        cells = [types.CellType(inner) if cell.cell_contents is wrapped else cell for cell in function.__closure__]
        copied = _copy_function(function, tuple(cells))
        copied.__qualname__, copied.__wrapped__ = name, inner
    return copied


def _copy_function(function: Any, closure: Any = None) -> Any:
    copied = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__ if closure is None else closure,
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    copied.__annotations__ = dict(function.__annotations__)
    copied.__doc__ = function.__doc__
    copied.__module__ = function.__module__
    copied.__dict__.update(vars(function))
    return copied
