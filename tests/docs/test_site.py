"""The site builds without a warning, shows every method and every error, and needs nothing from elsewhere."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys

import pytest

import zkc

from .docs_support import ROOT

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


def test_each_public_name_is_in_the_reference(site):
    pages = "".join(page.read_text(encoding="utf-8") for page in (site / "reference").glob("*.html"))
    missing = [name for name in zkc.__all__ if f'id="zkc.{name}"' not in pages and not name.startswith("__")]
    assert missing == []


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
