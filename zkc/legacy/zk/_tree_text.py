"""The text that describes a tree, and its parser.

# a comment
/name : type
  property = 'a literal of Python'
  link -> /path
  other => /path property
  /child
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, NamedTuple, Optional, TypeVar, Union

from zkc.legacy.zk._data import Data, text_of

__all__ = ["ParseNode", "literal", "parse_tree"]

_Node = TypeVar("_Node", bound="ParseNode")

_node = re.compile(r"/(?P<name>\S+)(\s*:\s*(?P<type>\S.*))?$").match
# A name that begins with a slash is a node's, unless a sign with blanks around it follows: a node may be named "=1".
# zc.zk took such a line for a property, and could not read back what it had exported.
_name = r"(?P<name>/\S*(?=\s+{0}\s)|[^\s/]\S*(?=\s*{0}))\s*{0}\s*"
_link = re.compile(_name.format("->") + r"(?P<target>\S+)$").match
_property_link = re.compile(_name.format("=>") + r"(?P<target>[^\s=]\S*(\s+\S+)?)$").match
# The form in which export_tree writes a property link; zc.zk could not read it back.
_exported_property_link = re.compile(r"(?P<name>\S+)\s+=>\s+=\s+(?P<expr>\S.*)$").match
# With blanks around it the sign is surely the sign; without them the first one is.
_spaced_property = re.compile(r"(?P<name>\S+)\s+=\s+(?P<expr>\S.*)$").match
_tight_property = re.compile(r"(?P<name>[^\s/]\S*?)\s*=(?!>)\s*(?P<expr>\S.*)$").match


class ParseNode:
    """A node of a tree that was read from text.

    Args:
        name: Its name.
        properties: Its properties, links included: ``{"name ->": "/path", "name =>": "/path property"}``.
        children: The nodes below it, by name.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"

    def __init__(self, name: str = "", properties: Optional[dict[str, Any]] = None, **children: ParseNode) -> None:
        self.name = name
        self.properties: dict[str, Any] = properties or {}
        self.children: dict[str, Any] = dict(children)
        for name, child in children.items():
            child.name = name


class _Property(NamedTuple):
    name: str
    value: Any


def literal(expr: str) -> Any:
    """Return what a literal of Python stands for: text, numbers, None, booleans, and lists, tuples and dicts of them.

    Args:
        expr: The text; it is never evaluated, as zc.zk did.

    Raises:
        ValueError: It is no literal.

    .. versionadded:: 0.1
    """
    try:
        return ast.literal_eval(expr)
    except SyntaxError as error:
        raise ValueError(error.msg) from None
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise ValueError("only literals of Python are taken, nothing is evaluated") from None


def parse_tree(text: Data, node_class: Callable[..., Any] = ParseNode) -> Any:
    """Read the description of a tree.

    Args:
        text: The description, one node, property or link to a line; indentation says what belongs to what.
        node_class: Called with a name for each node, and with nothing for the root: a class like :class:`ParseNode`.

    Returns:
        The root, without a name: the nodes at the left margin are its children.

    Raises:
        ValueError: A line cannot be read; the error has its number.

    .. versionadded:: 0.1
    """
    root = node_class()
    # Possible parents of the next line: nodes from the root down, and the last property, with their indentation.
    open_: list[tuple[int, Any]] = [(-1, root)]
    for number, raw in enumerate(text_of(text).split("\n"), 1):
        line = raw.rstrip()
        stripped = line.strip()
        if not stripped or stripped[0] == "#":
            continue
        read = _read(stripped, number, node_class)
        _indent(open_, len(line) - len(stripped), number, line, read)
        parent = open_[-2][1]
        if isinstance(read, _Property):
            if parent is root:
                raise ValueError("Can't import properties above imported nodes.")
            if read.name in parent.properties:
                raise ValueError(number, stripped, "duplicate property")
            parent.properties[read.name] = read.value
        else:
            if read.name in parent.children:
                raise ValueError(number, stripped, "duplicate node")
            parent.children[read.name] = read
    return root


def _indent(open_: list[tuple[int, Any]], indent: int, number: int, line: str, read: Any) -> None:
    """Close the nodes that a line ends by its indentation, and add what the line has."""
    if indent > open_[-1][0]:
        if isinstance(open_[-1][1], _Property):
            raise ValueError(number, line, "Can't indent under properties")
    else:
        while indent < open_[-1][0]:
            open_.pop()
        if indent > open_[-1][0]:
            raise ValueError(number, line.strip(), "Invalid indentation")
        open_.pop()
    open_.append((indent, read))


def _read(line: str, number: int, node_class: Callable[..., Any]) -> Union[_Property, Any]:
    """Return what a line has: a property or link, or a new node."""
    found = _exported_property_link(line)
    if found:
        return _Property(found["name"] + " =>", _value(found["expr"], number))
    found = _property_link(line)
    if found and not _is_literal_of(line):
        return _Property(found["name"] + " =>", found["target"])
    found, link = _property(line), _link(line)
    # A link's name may have the sign of a property: "a= -> /b". No value has an arrow outside a string.
    if found and not (link and not _is_literal(found["expr"])):
        return _Property(found["name"], _value(found["expr"], number))
    if link:
        return _Property(link["name"] + " ->", link["target"])
    found = _node(line)
    if found:
        node = node_class(found["name"])
        if found["type"]:
            node.properties["type"] = found["type"]
        return node
    raise ValueError(number, line, "Bad link format" if "->" in line else "Unrecognized data")


def _property(line: str) -> Optional[re.Match[str]]:
    spaced, tight = _spaced_property(line), _tight_property(line)
    # x='a = b' has a blank on both sides of the second sign.
    if spaced and tight and spaced["name"] != tight["name"] and _is_literal(tight["expr"]):
        return tight
    return spaced or tight


def _is_literal_of(line: str) -> bool:
    """Return whether a line with a ``=>`` is a property whose value has it: ``x='a=>b'``."""
    found = _tight_property(line)
    return found is not None and "=>" not in found["name"] and _is_literal(found["expr"])


def _is_literal(expr: str) -> bool:
    try:
        literal(expr)
    except ValueError:
        return False
    return True


def _value(expr: str, number: int) -> Any:
    try:
        return literal(expr)
    except ValueError as error:
        raise ValueError(f"Error {error} in expression: {expr!r} in line {number}") from None
