"""Parts of the reference that are generated from the code, as Markdown; independent of Sphinx."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

from zkc_groups import GROUPS, OTHERS

# Use of a member, by its return annotation; the first pattern that matches counts.
_ASYNC_FORMS = (
    (r"Async(Iterator|Iterable|Generator)", "async for"),
    (r"\b(AsyncFuture|Awaitable|Coroutine|Future)\b", "await"),
    (r"AsyncContextManager|AsyncTransaction", "async with"),
)
_REFERENCE = Path(__file__).resolve().parents[1] / "reference"
_NO_CLASS = "*This build of zkc has no `{name}`.*\n"


def find(name: str) -> Optional[Any]:
    """Return the object of a dotted name, or None if there is none."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute, None)


def public(cls: Optional[type]) -> dict[str, Any]:
    """Return the public members of a class and its bases by name, without binding them."""
    if cls is None:
        return {}
    return {name: inspect.getattr_static(cls, name) for name in dir(cls) if not name.startswith("_")}


def grouped(names: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each group that contains any of the names, with those names."""
    known = {name for group in GROUPS.values() for name in group}
    for title, group in (*GROUPS.items(), (OTHERS, tuple(sorted(names - known)))):
        present = [name for name in group if name in names]
        if present:
            yield title, present


def first_line(member: Any) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(member) or "").partition("\n")[0]


def _function(member: Any) -> Any:
    return member.__func__ if isinstance(member, (staticmethod, classmethod)) else member


def signature(name: str, member: Any) -> str:
    """Return the signature of a member without annotations, or the name of an attribute."""
    function = _function(member)
    if not inspect.isroutine(function):
        return name
    whole = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=parameter.empty, default=_default(parameter.default))
        for parameter in whole.parameters.values()
        if parameter.name != "self"
    ]
    return name + str(whole.replace(parameters=parameters, return_annotation=whole.empty))


class _Written:
    """Default value with the repr that a call would have."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _default(value: Any) -> Any:
    # As Sphinx shows it, so that the links match. The repr of an enum's member changes once autodoc is loaded.
    return _Written(f"{type(value).__name__}.{value.name}") if isinstance(value, enum.Enum) else value


def async_form(member: Any) -> str:
    """Return the use of a member of the asyncio client: ``await``, ``async for``, ``async with``, or ``plain``."""
    function = _function(member)
    if not inspect.isroutine(function):
        return "plain"
    if inspect.iscoroutinefunction(function):
        return "await"
    if inspect.isasyncgenfunction(function):
        return "async for"
    returned = str(inspect.signature(function).return_annotation)
    return next((form for pattern, form in _ASYNC_FORMS if re.search(pattern, returned)), "plain")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _plain(text: str) -> str:
    """Return a line of a docstring as Markdown: roles and double backquotes become code."""
    text = re.sub(r":\w+(?::\w+)?:`~?([^`]+)`", lambda match: f"`{match[1].rpartition('.')[2]}`", text)
    return _cell(text.replace("``", "`"))


def method_table(sync_name: str = "zkc.Client", async_name: str = "zkc.AsyncClient") -> str:
    """Return tables of the methods of two clients, one table per group."""
    sync, asynchronous = public(find(sync_name)), public(find(async_name))
    lines = []
    for title, names in grouped(sync.keys() | asynchronous.keys()):
        lines += [f"## {title}", "", "| Signature | What it does | asyncio |", "|---|---|---|"]
        for name in names:
            member = sync.get(name, asynchronous.get(name))
            form = async_form(asynchronous[name]) if name in asynchronous else ""
            if name not in sync:
                form += " only"
            elif form and signature(name, asynchronous[name]) != signature(name, member):
                form += f": `{_cell(signature(name, asynchronous[name]))}`"
            owner = sync_name if name in sync else async_name
            shown = f"{{py:obj}}`{_cell(signature(name, member))} <{owner}.{name}>`"
            lines.append(f"| {shown} | {_plain(first_line(member))} | {form} |")
        lines.append("")
    return "\n".join(lines)


def members(name: str) -> str:
    """Return autodoc directives for the members of a class, with a heading per group."""
    found = public(find(name))
    if not found:
        return _NO_CLASS.format(name=name)
    lines = []
    for title, group in grouped(set(found)):
        lines += [f"## {title}", "", "```{eval-rst}"]
        for member in group:
            kind = "automethod" if inspect.isroutine(_function(found[member])) else "autoattribute"
            kind = "autoproperty" if isinstance(found[member], property) else kind
            lines.append(f".. {kind}:: {name}.{member}")
        lines += ["```", ""]
    return "\n".join(lines)


def autoclass(name: str) -> str:
    """Return the autodoc directive for a class without members; a sentence if the class does not exist."""
    if find(name) is None:
        return _NO_CLASS.format(name=name)
    return f"```{{eval-rst}}\n.. autoclass:: {name}\n   :no-members:\n```\n"


def _of_error(cls: type) -> str:
    """Return the options of an error: the page of the errors shows the members of the base class once for all."""
    base = find("zkc.errors.ZooKeeperError")
    left_out = f":exclude-members: {', '.join(public(base))}" if base in cls.__mro__ else ""
    return f":show-inheritance:\n   {left_out}"


def _options(cls: type) -> str:
    """Return the options of a class: members from bases in zkc are shown as its own, those of other bases are not."""
    if issubclass(cls, enum.Enum):  # All members, with or without a docstring. Others list attributes as arguments.
        return ":undoc-members:"
    if issubclass(cls, BaseException):
        return _of_error(cls)
    return f":inherited-members: {', '.join(base.__name__ for base in cls.__mro__ if base.__module__[:3] != 'zkc')}"


def exported(*names: str) -> str:
    """Return autodoc directives for the given classes, except those that do not exist."""
    found = {name: find(name) for name in names if find(name) is not None}
    lines = [f".. autoclass:: {name}\n   :members:\n   {_options(cls)}\n" for name, cls in found.items()]
    return "\n".join(["```{eval-rst}", *lines, "```", ""]) if found else ""


def others() -> str:
    """Return autodoc directives for the public names of zkc that no page of the reference mentions."""
    package, base = importlib.import_module("zkc"), find("zkc.errors.ZooKeeperError")
    named = set(
        re.findall(r"\bzkc\.(\w+)", "".join(page.read_text(encoding="utf-8") for page in _REFERENCE.glob("*.md")))
    )
    lines = []
    for name in sorted(set(package.__all__) - named):
        value = getattr(package, name)
        if name.startswith("__") or (inspect.isclass(value) and issubclass(value, base)):
            continue
        kind = "autoclass" if inspect.isclass(value) else "autofunction" if inspect.isroutine(value) else "autodata"
        lines.append(f".. {kind}:: zkc.{name}\n")
    return "\n".join([f"## {OTHERS}", "", "```{eval-rst}", *lines, "```", ""]) if lines else ""


def _error_classes() -> list[type]:
    errors = importlib.import_module("zkc.errors")
    classes = [getattr(errors, name) for name in errors.__all__]
    kept = [cls for cls in classes if isinstance(cls, type) and issubclass(cls, errors.ZooKeeperError)]
    # In the order of the sources, families before their members.
    order = [name for module in ("_codes", "_tls") for name in vars(importlib.import_module(f"zkc.errors.{module}"))]
    return sorted(kept, key=lambda cls: order.index(cls.__name__) if cls.__name__ in order else -1)


def _errors_of(package: str) -> list[type]:
    """Return the errors of a package, without the base class and a family that has no words of its own."""
    if package == "zkc.errors":
        return _error_classes()[1:]
    module, base = importlib.import_module(package), find("zkc.errors.ZooKeeperError")
    found = [getattr(module, name) for name in module.__all__]
    return [cls for cls in found if isinstance(cls, type) and base in cls.__mro__ and cls.what != base.what]


def error_table(package: str = "zkc.errors") -> str:
    """Return the table of a package's errors: cause, advice, ``maybe_applied`` and ``session_lost``."""
    lines = ["| Error | What happened, and what to do | Changed? | Session gone? |", "|---|---|---|---|"]
    for cls in _errors_of(package):
        code = f"<br>{cls.c_name or ''} {cls.code}" if cls.code is not None else ""
        changed = "perhaps" if cls.maybe_applied else "no"
        gone = "yes" if cls.session_lost else "no"
        advice = f". {cls.advice[:1].upper()}{cls.advice[1:]}" if cls.advice else ""
        if re.match(r"\w+\(", cls.advice):  # The name of a function is written as it is.
            advice = f"; {cls.advice}"
        lines.append(f"| `{cls.__name__}`{code} | {_cell(cls.what + advice)} | {changed} | {gone} |")
    return "\n".join([*lines, ""])


def error_reference() -> str:
    """Return autodoc directives for all errors."""
    directives = [
        f".. autoexception:: zkc.{cls.__name__}\n   :members:\n   {_of_error(cls)}" for cls in _error_classes()[1:]
    ]
    return "\n".join(["```{eval-rst}", "\n\n".join(directives), "```", ""])


def _legacy_drop_in(row: Any) -> str:
    if row.instead or not row.drop_in:
        return row.instead or "none"
    says = ["the same", row.differs and f"differs: {row.differs}", row.better and f"better: {row.better}"]
    return "; ".join(text for text in says if text)


def legacy_table(*words: str) -> str:
    """Return the table of a legacy package: old call, drop-in, idiomatic call.

    Args:
        words: modules and classes of the package, and kinds of rows; without a kind, calls and values.
    """
    table = importlib.import_module("zkc.legacy.check.rules")
    kinds = [word for word in words if word in table.KINDS] or ["call", "value"]
    rows = [row for word in words if word not in kinds for row in table.owned(word) if row.kind in kinds]
    lines = ["| Old | Drop-in | Idiomatic | To know |", "|---|---|---|---|"]
    for row in rows:
        old = f"`{_cell(row.short + row.call)}`"
        idiomatic = f"`{_cell(row.idiomatic)}`" if row.idiomatic else "none"
        lines.append(f"| {old} | {_cell(_legacy_drop_in(row))} | {idiomatic} | {_cell(row.note)} |")
    return "\n".join([*lines, ""])


MAKERS: dict[str, Callable[..., str]] = {
    "table-of-methods": method_table,
    "class": autoclass,
    "members": members,
    "classes": exported,
    "others": others,
    "table-of-errors": error_table,
    "errors": error_reference,
    "legacy-table": legacy_table,
}
_MARK = re.compile(r"^<!-- made: ([\w-]+)((?: [\w.]+)*) -->$", re.MULTILINE)


def fill(text: str) -> str:
    """Replace each mark of a page, such as ``<!-- made: members zkc.Client -->``, by the part that it names."""
    return _MARK.sub(lambda match: MAKERS[match[1]](*match[2].split()), text)
