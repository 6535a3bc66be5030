"""The findings of a file: each use of a legacy package, with a verdict and advice."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from zkc.legacy.check import _python2, rules
from zkc.legacy.check._scopes import Names, Scope, member
from zkc.legacy.check._tokens import Source, Token

__all__ = ["BROKEN", "COVERED", "DIFFERS", "NOT_COVERED", "PYTHON2", "UNKNOWN", "Finding", "find_all"]

COVERED, DIFFERS = "covered", "covered, differs"
NOT_COVERED, UNKNOWN = "no drop-in", "not in the original"
PYTHON2, BROKEN = "Python 2 only", "does not parse"

_BY_NAME = ("getattr", "hasattr", "setattr", "delattr")
_STRING = re.compile(r"^[bBrRuU]*(?:'''|\"{3}|'|\")(.*?)(?:'''|\"{3}|'|\")$", re.DOTALL)
_PATCHED = re.compile(r"(?:zookeeper|zc\.zk)(?:\.\w+)+")
_AT_RUN_TIME = "Which name that is shows only when it runs; all names of the original are there"
_NO_UTF8 = "Python 3 refuses a file with bytes that are not in its encoding, which is UTF-8 if no cookie says another"


@dataclass(frozen=True)
class Finding:
    """A line of the report.

    ``why`` says what is wrong or differs, ``idiomatic`` is the code of the idiomatic layer or what Python 3 takes,
    ``note`` is further advice.
    """

    line: int
    column: int
    name: str
    verdict: str
    why: str = ""
    idiomatic: str = ""
    note: str = ""

    @property
    def must_change(self) -> bool:
        """Whether the file does not run on Python 3 over zkc as it is."""
        return self.verdict not in (COVERED, DIFFERS)

    def as_dict(self, file: str) -> dict[str, object]:
        """Return the finding as a dict for JSON."""
        return {"file": file, **dataclasses.asdict(self), "must_change": self.must_change}


def find_all(text: str, path: Optional[str] = None) -> list[Finding]:
    """Return the findings of a file, in the order of its lines.

    Args:
        text: The content of the file.
        path: The file, beside which the modules that it imports may lie.
    """
    source = Source(text)
    found: dict[tuple[int, str], Finding] = {}
    broken = False
    for at, thing, by_name in _uses(source, path):
        line, column = source.position(at)
        finding = _judged(thing, line, column, by_name)
        broken = broken or finding.verdict == PYTHON2
        found.setdefault((at, thing), finding)
    reported = {at for at, _ in found}
    remarks = [remark for remark in _python2.remarks(source, path) if remark.at not in reported]
    for remark in remarks:
        position = source.position(remark.at)
        found[remark.at, remark.what] = Finding(*position, remark.what, PYTHON2, "", remark.instead)
    for at, reason in _python2.cookie(source):
        found[at, "encoding cookie"] = Finding(*source.position(at), "encoding cookie", BROKEN, reason)
    if not broken and not any(remark.breaks for remark in remarks):
        for at, reason in _python2.whole_file(source):
            found[at, reason] = Finding(*source.position(at), "syntax", BROKEN, reason)
    if any("\udc80" <= character <= "\udcff" for character in text):
        found[0, "encoding"] = Finding(1, 1, "encoding", PYTHON2, "undecodable bytes", "save it as UTF-8", _NO_UTF8)
    return sorted(found.values(), key=lambda finding: (finding.line, finding.column, finding.name))


def _judged(thing: str, line: int, column: int, by_name: bool) -> Finding:
    rule = rules.find(thing) or (rules.find("kazoo") if thing in rules.MODULES and thing.startswith("kazoo") else None)
    if thing.endswith(".*"):
        return Finding(line, column, f"getattr({thing[:-2]}, …)", COVERED, "", "depends on the name", _AT_RUN_TIME)
    if rule is None:
        if thing.startswith("kazoo"):
            return Finding(line, column, thing, NOT_COVERED, "not listed here")
        module = rules.without_drop_in(thing)
        if module is not None:
            return Finding(line, column, thing, NOT_COVERED, "", module.idiomatic, module.note)
        where = " in zc.zk 1.2, which the drop-in is" if thing.startswith("zc.zk") else ""
        return Finding(line, column, thing, UNKNOWN, f"there is no such name{where}")
    if not rule.drop_in:
        verdict, why = NOT_COVERED, rule.instead
    elif rule.instead and not by_name:
        verdict, why = PYTHON2, rule.instead
    else:
        verdict, why = (DIFFERS, rule.differs) if rule.differs else (COVERED, "")
    return Finding(line, column, thing, verdict, why, rule.idiomatic, rule.note)


def _uses(source: Source, path: Optional[str]) -> Iterator[tuple[int, str, bool]]:
    """Yield offset and thing of each use, and whether the name stands in a string."""
    names = Names(source, path)
    for step in names.imported:
        if step.thing == "zc":  # Others share it: what is used of it is what counts.
            continue
        yield step.token.at, step.thing, False
    for statement, scope in zip(source.statements, names.scopes):
        tokens = statement.tokens
        for index, token in enumerate(tokens):
            if token.kind == "name":
                yield from _named(names, tokens, index, scope)
                if token.at in names.binders or _is_attribute_or_keyword(tokens, index):
                    continue
                for step in names.follow(tokens, index, scope)[0]:
                    if _counts(step.thing):
                        yield step.token.at, step.thing, False


def _counts(thing: str) -> bool:
    return thing not in rules.MODULES and not thing.endswith("()") and not thing.startswith("~")


def _is_attribute_or_keyword(tokens: list[Token], index: int) -> bool:
    before = tokens[index - 1].text if index else ""
    after = tokens[index + 1].text if index + 1 < len(tokens) else ""
    return before == "." or (before in ("(", ",") and after == "=")


def _named(names: Names, tokens: list[Token], index: int, scope: Scope) -> Iterator[tuple[int, str, bool]]:
    """Yield each use by a name in a string: getattr(zookeeper, "get"), mock.patch("zookeeper.get")."""
    if index + 2 >= len(tokens) or tokens[index + 1].text != "(":
        return
    text, first = tokens[index].text, tokens[index + 2]
    if text == "patch" and first.kind == "string":
        yield from _patched(first)
        return
    is_patch_object = text == "object" and index > 1 and tokens[index - 2].text == "patch"
    if first.kind == "name" and (text in _BY_NAME or is_patch_object):
        yield from _attribute_named(names, tokens, index + 2, scope)


def _patched(argument: Token) -> Iterator[tuple[int, str, bool]]:
    """Yield the use in the argument of ``patch("zookeeper.get")``."""
    path = _literal(argument)
    if path and _PATCHED.fullmatch(path) and path not in rules.MODULES:
        yield argument.at, path, True


def _attribute_named(names: Names, tokens: list[Token], index: int, scope: Scope) -> Iterator[tuple[int, str, bool]]:
    """Yield the use in the arguments from ``index``: ``zookeeper, "get"``; any name but a literal is ``.*``."""
    _, thing, end = names.follow(tokens, index, scope)
    if not thing or _counts(thing) or end + 1 >= len(tokens) or tokens[end].text != ",":
        return
    name = tokens[end + 1]
    is_whole = end + 2 < len(tokens) and tokens[end + 2].text in (",", ")")
    literal = _literal(name) if is_whole else None
    found = member(thing, literal) if literal else f"{thing.strip('~()')}.*"
    if found:
        yield name.at, found, True


def _literal(token: Token) -> Optional[str]:
    match = _STRING.match(token.text) if token.kind == "string" else None
    return match[1] if match else None
