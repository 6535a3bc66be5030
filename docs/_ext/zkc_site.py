"""The Sphinx extension of the site: text from the code, pages from elsewhere, links on names, signatures."""

from __future__ import annotations

import enum
import inspect
import os
import re
from pathlib import Path
from typing import Any, Optional

import zkc_stub
import zkc_tables
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).resolve().parents[2]
# Files beside docs/ that the site has as pages of its own: each has a page in docs/ that is replaced by it.
OUTSIDE = {
    "README.md": "index",
    "CONTRIBUTING.md": "contributing",
    "CHANGELOG.md": "changelog",
    "benchmarks/README.md": "benchmarks",
}
_REPLACED = {docname: name for name, docname in OUTSIDE.items() if docname != "index"}
_LINK = re.compile(r"\[([^\]\[]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")
# Where a name in a text may be meant: `NoNodeError`, `client.get`, `zkc.Retry`.
_SCOPES = ("", "zkc.", "zkc.Client.", "zkc.testing.")
_TOO_COMMON = re.compile(r"^\w{1,8}$")


def _mend_links(text: str, folder: str, docname: str) -> str:
    """Lead the links of a text in `folder` (from the root) to pages of the site, as seen from `docname`."""

    def lead(match: re.Match[str]) -> str:
        words, target, anchor = match.groups(default="")
        if ":" in target:
            return match[0]
        target = os.path.normpath(os.path.join(folder, target))
        page = f"docs/{OUTSIDE[target]}.md" if target in OUTSIDE else target
        if not page.startswith("docs/"):
            return words  # A file of the repository that the site does not have.
        return f"[{words}]({os.path.relpath(page, os.path.dirname(f'docs/{docname}'))}{anchor})"

    return _LINK.sub(lead, text)


def _source(docname: str) -> str:
    """Return the text of a page: that of a file outside which it stands for, with what is made from the code."""
    origin = _REPLACED.get(docname, f"docs/{docname}.md")
    text = (ROOT / origin).read_text(encoding="utf-8")
    return zkc_tables.fill(_mend_links(text, os.path.dirname(origin), docname))


def read_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give Sphinx the text of a page, and remember it."""
    source[0] = _source(docname)
    _texts(app.env)[docname] = source[0]


def _texts(env: BuildEnvironment) -> dict[str, str]:
    # Sphinx keeps what extensions put in its environment, and declares no attribute for it.
    if not hasattr(env, "zkc_texts"):
        env.zkc_texts = {}  # type: ignore[attr-defined]
    return env.zkc_texts  # type: ignore[attr-defined, no-any-return]


def outdated(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Name the pages whose text is another than it was, though their file is not: made from code, or from elsewhere."""
    return [name for name in env.found_docs - added if _texts(env).get(name) != _source(name)]


def _target(app: Sphinx, text: str) -> Optional[tuple[str, Any]]:
    # It is declared to give a Domain; that of Python has `objects`.
    objects = app.env.get_domain("py").objects  # type: ignore[attr-defined]
    name = re.sub(r"\(.*\)$", "", text)
    if not re.fullmatch(r"[A-Za-z_][\w.]*", name) or (_TOO_COMMON.match(name) and "(" not in text and name.islower()):
        return None
    if name.startswith("client."):
        name = f"zkc.Client.{name[7:]}"
    for scope in _SCOPES:
        if scope + name in objects:
            return scope + name, objects[scope + name]
    return None


def link_names(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make a link of each name of ours that a page shows as code."""
    for literal in list(doctree.findall(nodes.literal)):
        if any(
            isinstance(parent, (nodes.reference, nodes.title, addnodes.desc_signature)) for parent in _parents(literal)
        ):
            continue
        found = _target(app, literal.astext())
        if found is None:
            continue
        name, entry = found
        reference = make_refnode(app.builder, docname, entry.docname, entry.node_id, [literal.deepcopy()], name)
        literal.replace_self(reference)


def _parents(node: nodes.Node) -> list[nodes.Node]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found


def better_signature(
    app: Sphinx, what: str, name: str, item: Any, options: Any, signature: Optional[str], returned: Optional[str]
) -> Optional[tuple[str, str]]:
    """Give a function of the extension the signature that its stub has, and an enum none: it is not called."""
    if inspect.isclass(item) and issubclass(item, enum.Enum):
        return "", ""
    # An attribute of ours: see setup.
    return zkc_stub.signature_of(app.zkc_stub, name, item)  # type: ignore[attr-defined]


def _forget_overloads() -> None:
    """Show one signature per method: the overloads are for type checkers, and say to people the same thing again."""
    analyze = ModuleAnalyzer.analyze

    def analyze_without(self: ModuleAnalyzer) -> None:
        analyze(self)
        self.overloads = {}

    # There is no setting for it, and a class of Sphinx's may not be assigned to as a type checker sees it.
    ModuleAnalyzer.analyze = analyze_without  # type: ignore[method-assign]


def _take_a_property_for_a_method() -> None:
    """Let napoleon read all docstrings alike: of an attribute's it takes what stands before a colon for a type."""
    parse = GoogleDocstring._parse

    def parse_alike(self: GoogleDocstring) -> None:
        if self._what in ("attribute", "data", "property"):
            self._what = "method"
        parse(self)

    # As above: no setting, and a method.
    GoogleDocstring._parse = parse_alike  # type: ignore[method-assign]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect everything; called by Sphinx."""
    # Read once per build; the handlers get nothing but the application to find it by.
    app.zkc_stub = zkc_stub.signatures()  # type: ignore[attr-defined]
    _forget_overloads()
    _take_a_property_for_a_method()
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", read_source)
    app.connect("doctree-resolved", link_names)
    app.connect("autodoc-process-signature", better_signature)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
