"""Sphinx extension of the site: generated text, pages from outside docs/, links on names, signatures."""

from __future__ import annotations

import enum
import inspect
import os
import re
from pathlib import Path
from typing import Any, Optional

import zkc_stub
import zkc_tables
import zkc_types
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.autodoc import PropertyDocumenter
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).resolve().parents[2]
# Files outside docs/ that are pages of the site. The text of each replaces that of a page in docs/.
OUTSIDE = {
    "README.md": "index",
    "CONTRIBUTING.md": "contributing",
    "CHANGELOG.md": "changelog",
    "benchmarks/README.md": "benchmarks",
}
_REPLACED = {docname: name for name, docname in OUTSIDE.items() if docname != "index"}
_LINK = re.compile(r"\[([^\]\[]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")
# Prefixes that a name in the text may leave out: `NoNodeError`, `client.get`, `zkc.Retry`.
_SCOPES = ("", "zkc.", "zkc.Client.", "zkc.testing.")
_TOO_COMMON = re.compile(r"^\w{1,8}$")


def _mend_links(text: str, folder: str, docname: str) -> str:
    """Point the links of a text in `folder` (from the root) to pages of the site, relative to `docname`."""

    def lead(match: re.Match[str]) -> str:
        words, target, anchor = match.groups(default="")
        if ":" in target:
            return match[0]
        target = os.path.normpath(os.path.join(folder, target))
        page = f"docs/{OUTSIDE[target]}.md" if target in OUTSIDE else target
        if not page.startswith("docs/"):
            return words  # A file of the repository that is no page of the site.
        return f"[{words}]({os.path.relpath(page, os.path.dirname(f'docs/{docname}'))}{anchor})"

    return _LINK.sub(lead, text)


def _source(docname: str) -> str:
    """Return the text of a page, or of the outside file that replaces it, with its generated parts."""
    origin = _REPLACED.get(docname, f"docs/{docname}.md")
    text = (ROOT / origin).read_text(encoding="utf-8")
    return zkc_tables.fill(_mend_links(text, os.path.dirname(origin), docname))


def read_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Pass the text of a page to Sphinx, and remember it for `outdated`."""
    source[0] = _source(docname)
    _texts(app.env)[docname] = source[0]


def _texts(env: BuildEnvironment) -> dict[str, str]:
    # Sphinx keeps attributes that extensions add to its environment, but does not declare them.
    if not hasattr(env, "zkc_texts"):
        env.zkc_texts = {}  # type: ignore[attr-defined]
    return env.zkc_texts  # type: ignore[attr-defined, no-any-return]


def outdated(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """List the pages whose text has changed although their file has not: generated, or from outside docs/."""
    return [name for name in env.found_docs - added if _texts(env).get(name) != _source(name)]


def _target(app: Sphinx, text: str) -> Optional[tuple[str, Any]]:
    # get_domain() is declared to return a Domain; the Python domain has `objects`.
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
    """Turn each name of zkc that a page shows as code into a link."""
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
    """Return the signature with its return type: of the extension, from its stub; empty for what users do not call."""
    if inspect.isclass(item) and (issubclass(item, enum.Enum) or zkc_types.is_made_by_a_method(item)):
        return "", ""
    # setup() adds this attribute.
    stub = zkc_stub.signature_of(app.zkc_stub, name, item)  # type: ignore[attr-defined]
    if stub is not None or signature is None or not inspect.isroutine(item):
        return stub
    types = dict(zkc_types.types_of(name, item))
    returned = types.pop("return", "")
    # What autodoc has recorded for the descriptions of the parameters.
    app.env.temp_data.setdefault("annotations", {})[name] = types
    return zkc_types.with_defaults(signature, item), returned


def _forget_overloads() -> None:
    """Show one signature per method: the overloads are for type checkers, and repetition for readers."""
    analyze = ModuleAnalyzer.analyze

    def analyze_without(self: ModuleAnalyzer) -> None:
        analyze(self)
        self.overloads = {}

    # Sphinx has no setting for this. Type checkers reject assigning to a method of a class.
    ModuleAnalyzer.analyze = analyze_without  # type: ignore[method-assign]


def _parse_properties_as_methods() -> None:
    """Let napoleon parse all docstrings alike: in an attribute's, it takes the text before a colon for a type."""
    parse = GoogleDocstring._parse

    def parse_alike(self: GoogleDocstring) -> None:
        if self._what in ("attribute", "data", "property"):
            self._what = "method"
        parse(self)

    # As in _forget_overloads: no setting, and a method.
    GoogleDocstring._parse = parse_alike  # type: ignore[method-assign]


def _read_docstrings_of_errors() -> None:
    """Let autodoc find the docstrings of the errors' attributes: the classes name the package, and not their file."""
    package = ModuleAnalyzer.for_module("zkc.errors")
    package.analyze()
    for file in ("_base", "_codes", "_tls"):
        part = ModuleAnalyzer.for_module(f"zkc.errors.{file}")
        part.analyze()
        package.attr_docs.update(part.attr_docs)


class TypedProperty(PropertyDocumenter):
    """Documenter of properties that have the type of their class."""

    def add_directive_header(self, sig: str) -> None:
        """Add the header with the type that the class has, in place of the one that the base was written with."""
        function = getattr(self.object, "fget", None)
        annotations = getattr(function, "__annotations__", {})
        written = dict(annotations)
        annotations.update(zkc_types.types_of(self.fullname, function))
        try:
            super().add_directive_header(sig)
        finally:
            annotations.update(written)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the handlers; Sphinx calls this."""
    # Read once per build. The handlers receive only the application, so it carries the signatures.
    app.zkc_stub = zkc_stub.signatures()  # type: ignore[attr-defined]
    _forget_overloads()
    _parse_properties_as_methods()
    _read_docstrings_of_errors()
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", read_source)
    app.connect("doctree-resolved", link_names)
    # After autodoc itself, which records the types as they are written.
    app.connect("autodoc-process-signature", better_signature, priority=600)
    app.add_autodocumenter(TypedProperty, override=True)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
