"""The site builds without a warning, shows every method and every error, and needs nothing from elsewhere."""

from __future__ import annotations

import html
import inspect
import os
import re
import subprocess
import sys

import pytest

import zkc
from zkc import recipes

from .docs_support import ROOT
from .test_public_names import CLASSES, value_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(960)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-d", str(folder / "trees")]
    run = subprocess.run(
        [*command, str(ROOT / "docs"), str(folder / "html")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        timeout=900,  # 20 s on a machine of its own, and more beside the other tests
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return folder / "html"


@pytest.fixture
def tables(monkeypatch):
    """The module that makes the tables from the code."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import zkc_tables

    return zkc_tables


def _text(site, page):
    return (site / page).read_text(encoding="utf-8")


def _entries(site):
    """Return (signature, text) of each name that the reference describes."""
    entries = {}
    for page in (site / "reference").glob("*.html"):
        for piece in re.split(r'<dt class="sig sig-object py"', page.read_text(encoding="utf-8"))[1:]:
            found = re.match(r' id="([\w.]+)">(.*?)</dt>(.*)', piece, re.DOTALL)
            if found:
                entries[found[1]] = tuple(_words(part) for part in found.group(2, 3))
    return entries


def _words(markup):
    text = html.unescape(re.sub(r"<[^>]+>", "", markup))
    return re.sub(r"\s+", " ", text.replace("\u2019", "'")).strip(" ¶")


def _owned(cls):
    """Return the public members of a class that are of zkc, by name.

    An error has those that its base class does not have: that stands once for all of them.
    """
    members = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] == "zkc":
            members.update({name: member for name, member in vars(base).items() if not name.startswith("_")})
    if issubclass(cls, zkc.ZooKeeperError) and cls is not zkc.ZooKeeperError:
        return {name: member for name, member in members.items() if not hasattr(zkc.ZooKeeperError, name)}
    return members


def _public(name):
    cls = getattr(zkc, name, None)
    return [] if cls is None else [member for member in dir(cls) if not member.startswith("_")]


@pytest.mark.parametrize(("name", "page"), [("Client", "client"), ("AsyncClient", "async_client")])
def test_each_member_is_in_the_table_and_in_the_reference(site, name, page):
    table, reference = _text(site, "reference/index.html"), _text(site, f"reference/{page}.html")
    for member in _public(name):
        assert f'id="zkc.{name}.{member}"' in reference
        assert f"#zkc.{'Client' if hasattr(zkc.Client, member) else name}.{member}" in table


def test_each_error_is_in_the_table_and_in_the_reference(site):
    table, reference = _text(site, "guides/errors.html"), _text(site, "reference/errors.html")
    for name in zkc.__all__:
        if name.endswith("Error"):
            assert f'id="zkc.{name}"' in reference
            assert name in table


def test_each_error_of_the_recipes_is_in_their_table(site):
    table = _text(site, "reference/recipes.html").partition("<table")[2].partition("</table>")[0]
    errors = {name for name in recipes.__all__ if name.endswith("Error")}
    missing = {name for name in errors if f">{name}<" not in table}
    assert missing == {"RecipeError"}  # The family has no words of its own.


def test_each_public_name_is_in_the_reference(site):
    pages = "".join(page.read_text(encoding="utf-8") for page in (site / "reference").glob("*.html"))
    missing = [name for name in zkc.__all__ if f'id="zkc.{name}"' not in pages and not name.startswith("__")]
    assert missing == []


@pytest.fixture(scope="module")
def entries(site):
    """The signature of each name in the reference, and the text below it."""
    return _entries(site)


@pytest.mark.parametrize("name", CLASSES)
def test_each_member_of_each_class_is_in_the_reference(entries, name):
    name = re.sub(r"^zkc\.errors\.(?=\w*Error$)", "zkc.", name)
    for member, value in _owned(value_of(name)).items():
        if f"{name}.{member}" not in entries:  # Attributes may stand among the arguments of their class.
            assert not inspect.isroutine(value), member
            assert not isinstance(value, (staticmethod, classmethod, property)), member
            assert re.search(rf"\b{member} \(", entries[name][1]), member
            continue
        signature, text = entries[f"{name}.{member}"]
        assert re.search(rf"\b{member}\b", signature)
        first = (inspect.getdoc(value) or "").partition("\n")[0] if inspect.isroutine(value) else ""
        assert _words(re.split("[`:(]", first)[0]) in text


def test_the_members_of_the_recipes_have_the_types_of_their_class(entries):
    signatures = {name: signature for name, (signature, _) in entries.items() if name.startswith("zkc.recipes.")}
    assert len(signatures) > 600
    assert signatures["zkc.recipes.Lock.acquire"] == "acquire(*, timeout=None) → Hold"
    assert signatures["zkc.recipes.AsyncLock.acquire"] == "acquire(*, timeout=None) → AsyncFuture[AsyncHold]"
    assert signatures["zkc.recipes.MultiLock.held"] == "held(*, timeout=None) → ContextManager[MultiHold]"
    assert signatures["zkc.recipes.AsyncWriteLock.try_acquire"].endswith("→ AsyncFuture[AsyncWriteHold | None]")
    assert signatures["zkc.recipes.ReadLock.held"] == "held(*, timeout=None) → ContextManager[ReadHold]"
    assert signatures["zkc.recipes.AsyncRegistry.registrations"].endswith(": list[AsyncRegistration]")
    assert signatures["zkc.recipes.Election.hold"] == "property hold: Hold | None"
    assert signatures["zkc.recipes.Counter.add"].startswith("add(n=1, *, attempts=100, ")
    private = {name: signature for name, signature in signatures.items() if re.search(r"[^\w](_\w+)", signature)}
    assert private.keys() - {"zkc.recipes.Versioned.value"} == set()
    untyped = [
        name
        for name, signature in signatures.items()
        if re.match(r"((async|classmethod|static) )*[a-z]\w*\(", signature) and "→" not in signature
    ]
    assert untyped == []


def test_nothing_that_is_made_from_the_code_was_left_out(site):
    assert [page.name for page in site.rglob("*.html") if "<!-- made:" in page.read_text(encoding="utf-8")] == []


def test_a_page_of_the_repository_is_shown_with_its_links_mended(site):
    assert 'href="testing.html"' in _text(site, "contributing.html")
    assert "0.1.0" in _text(site, "changelog.html")


def test_a_page_loads_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]+)\"", page.read_text(encoding="utf-8")
        )
        assert [address for address in loaded if re.match(r"(?:https?:)?//", html.unescape(address))] == []


class _Sync:
    def get(self, path: str, *, timeout: float = 1.0) -> bytes:
        """Read the data of a znode | of ours, see :meth:`~zkc.Client.get`.

        More.
        """

    def plain(self) -> None:
        """Do something."""

    @property
    def state(self) -> int:
        """The state."""


class _Async:
    async def get(self, path: str, *, timeout: float = 1.0) -> bytes:
        """Read."""

    async def only_here(self) -> None:
        """Read."""


def test_the_table_is_made_from_signatures_and_docstrings(tables, monkeypatch):
    monkeypatch.setattr(tables, "find", {"a.Sync": _Sync, "a.Async": _Async}.get)
    table = tables.method_table("a.Sync", "a.Async")
    assert "| {py:obj}`get(path, *, timeout=1.0) <a.Sync.get>` " in table
    assert "| Read the data of a znode \\| of ours, see `get`. | await |" in table
    assert "| {py:obj}`plain() <a.Sync.plain>` | Do something. |  |" in table
    assert "| {py:obj}`state <a.Sync.state>` | The state. |  |" in table
    assert "| {py:obj}`only_here() <a.Async.only_here>` | Read. | await only |" in table


@pytest.mark.parametrize(
    ("name", "form"),
    [("get", "await"), ("start", "await"), ("walk", "async for"), ("transaction", "async with"), ("state", "plain")],
)
def test_the_table_shows_the_use_on_asyncio(tables, name, form):
    assert tables.async_form(tables.public(zkc.AsyncClient)[name]) == form


def test_without_the_second_class_its_column_is_empty(tables, monkeypatch):
    monkeypatch.setattr(tables, "find", {"a.Sync": _Sync}.get)
    assert "await" not in tables.method_table("a.Sync", "a.Async")
    assert "no `a.Async`" in tables.members("a.Async")
