"""Fetching third-party archives: what is accepted, from where, and what is refused."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import apt_source
import fetch

CONTENT = b"the pinned bytes"


class Upstream:
    """A web server on loopback that serves one content and counts how often it was asked."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.asked = 0
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                upstream.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(upstream.content)))
                self.end_headers()
                self.wfile.write(upstream.content)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/thing.tar.gz"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ZKC_CACHE_DIR", str(folder))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder


def lock(*urls: str, content: bytes = CONTENT, size: int | None = len(CONTENT), **more: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    entry = {"name": "thing.tar.gz", "size": size, "sha256": sha256, "urls": list(urls), **more}
    return {"thing": {"version": "1.0", "files": [entry]}}


@pytest.mark.usefixtures("cache")
def test_a_component_that_is_not_listed_is_refused(upstream: Upstream) -> None:
    with pytest.raises(fetch.FetchError, match=r"other is not listed in lock\.json"):
        fetch.Fetcher(lock(upstream.url)).fetch("other")
    assert upstream.asked == 0


def test_upstream_is_asked_once_and_then_the_cache(upstream: Upstream, cache: Path) -> None:
    for _ in range(2):
        path = fetch.Fetcher(lock(upstream.url)).fetch("thing")
        assert path == cache / "thing.tar.gz"
        assert path.read_bytes() == CONTENT
    assert upstream.asked == 1


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_other_bytes_are_refused_and_leave_nothing_behind(upstream: Upstream, cache: Path, size: int | None) -> None:
    upstream.content = b"other, evil bytes"
    with pytest.raises(fetch.FetchError, match=r"is not the thing\.tar\.gz that lock\.json pins"):
        fetch.Fetcher(lock(upstream.url, size=size)).fetch("thing")
    assert [path.name for path in cache.iterdir() if "thing.tar" in path.name] == []


@pytest.mark.usefixtures("cache")
def test_a_wrong_size_is_refused(upstream: Upstream) -> None:
    with pytest.raises(fetch.FetchError, match="but 3 bytes"):
        fetch.Fetcher(lock(upstream.url, size=3)).fetch("thing")


def test_a_damaged_file_in_the_cache_is_fetched_again(
    upstream: Upstream, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cache.mkdir()
    (cache / "thing.tar.gz").write_bytes(CONTENT[:-1])
    assert fetch.Fetcher(lock(upstream.url)).fetch("thing").read_bytes() == CONTENT
    assert "dropping a damaged file from the cache" in capfd.readouterr().err


def test_a_given_folder_comes_before_cache_and_upstream(
    upstream: Upstream, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    (cache / "thing.tar.gz").write_bytes(CONTENT)
    given = tmp_path / "given"
    given.mkdir()
    monkeypatch.setenv("ZKC_VENDOR_DIR", str(given))
    # A folder without the file is no obstacle...
    assert fetch.Fetcher(lock(upstream.url)).fetch("thing").parent == cache
    # ... one with the file is preferred, under the distribution's name as well ...
    (given / "thing.orig.tar.gz").write_bytes(CONTENT)
    debian = {"suites": ["any"], "source": "thing", "file": "thing.orig.tar.gz"}
    assert fetch.Fetcher(lock(upstream.url, debian=debian)).fetch("thing").parent == given
    # ... and one with another file of that name is a mistake to report, not to pass over.
    (given / "thing.tar.gz").write_bytes(b"stale")
    with pytest.raises(fetch.FetchError, match="from ZKC_VENDOR_DIR"):
        fetch.Fetcher(lock(upstream.url)).fetch("thing")
    assert upstream.asked == 0


@pytest.mark.usefixtures("cache")
def test_a_given_file_must_be_listed(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "any name will do"
    monkeypatch.setenv("ZKC_VENDOR_DIR", str(given))
    with pytest.raises(fetch.FetchError, match="which does not exist"):
        fetch.Fetcher(lock(upstream.url)).fetch("thing")
    given.write_bytes(CONTENT)
    assert fetch.Fetcher(lock(upstream.url)).fetch("thing") == given
    given.write_bytes(b"something else")
    with pytest.raises(fetch.FetchError, match=r"is not listed in lock\.json"):
        fetch.Fetcher(lock(upstream.url)).fetch("thing")


def test_the_next_source_is_tried_and_a_silent_host_is_not_asked_twice(
    upstream: Upstream, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Port 9 of loopback: no program listens, so it refuses at once.
    urls = ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b", upstream.url.replace("127.0.0.1", "localhost"))
    assert fetch.Fetcher(lock(*urls)).fetch("thing").parent == cache
    told = capfd.readouterr().err
    assert "did not reply a moment ago" in told
    assert "trying the next source" in told


@pytest.mark.usefixtures("cache")
def test_when_there_is_no_source_the_error_says_what_to_do() -> None:
    with pytest.raises(fetch.FetchError, match=r"put thing\.tar\.gz into a folder and set ZKC_VENDOR_DIR"):
        fetch.Fetcher(lock("http://127.0.0.1:9/a"), use_apt=False).fetch("thing")


def test_several_builds_at_once_download_once(upstream: Upstream, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch.Fetcher(lock(upstream.url)).fetch("thing"), range(4)))
    assert set(paths) == {cache / "thing.tar.gz"}
    assert upstream.asked == 1


def test_a_cache_that_cannot_be_written_is_named(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZKC_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(fetch.FetchError, match="set ZKC_CACHE_DIR to a writable folder"):
        fetch.Fetcher(lock(upstream.url)).fetch("thing")


def test_everything_that_is_built_is_locked() -> None:
    import components

    locked = fetch.read_lock()
    assert {*(component.name for component in components.COMPONENTS), "openssl", "cpython"} == set(locked)
    for component in locked.values():
        for entry in component["files"]:
            assert len(entry["sha256"]) == 64
            assert entry.get("urls") or entry.get("debian")


def apt_configuration(folder: Path, release: str = 'ID=debian\nVERSION_CODENAME="old"\n') -> tuple[Path, Path]:
    parts = folder / "apt" / "sources.list.d"
    parts.mkdir(parents=True)
    (folder / "release").write_text(release, encoding="utf-8")
    return folder / "apt", folder / "release"


def test_private_sources_from_deb822(tmp_path: Path) -> None:
    apt, release = apt_configuration(tmp_path)
    (apt / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\n# a comment\nURIs: http://mirror.invalid/debian\nSuites: old old-updates\nComponents: main\n"
        "Signed-By: /keys/debian.gpg\n\nTypes: deb\nURIs: http://third.invalid\nSuites: nodistro\nComponents: main\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://off.invalid\nSuites: old\nComponents: main\n",
        encoding="utf-8",
    )
    stanza = "Types: deb-src\nURIs: http://mirror.invalid/debian\nSuites: new\nComponents: main\n"
    stanza += "Signed-By: /keys/debian.gpg\n"
    assert list(apt_source.private_sources("new", apt, release)) == [stanza]


def test_private_sources_from_the_classic_format(tmp_path: Path) -> None:
    apt, release = apt_configuration(tmp_path)
    (apt / "sources.list").write_text(
        "# deb http://off.invalid old main\ndeb http://mirror.invalid/debian old main contrib # why\n"
        "deb-src http://mirror.invalid/debian old main\n",
        encoding="utf-8",
    )
    (apt / "sources.list.d" / "third.list").write_text(
        "deb [arch=amd64 Signed-By=/keys/K.gpg] http://keyed.invalid/debian old main\n"
        "deb http://third.invalid third-old main\n",
        encoding="utf-8",
    )
    assert list(apt_source.private_sources("new", apt, release)) == [
        "Types: deb-src\nURIs: http://mirror.invalid/debian\nSuites: new\nComponents: main\n",
        "Types: deb-src\nURIs: http://keyed.invalid/debian\nSuites: new\nComponents: main\nSigned-By: /keys/K.gpg\n",
    ]


def test_no_private_sources_where_apt_is_not_debians(tmp_path: Path) -> None:
    apt, release = apt_configuration(tmp_path, "ID=ubuntu\nVERSION_CODENAME=old\n")
    (apt / "sources.list").write_text("deb http://mirror.invalid old main\n", encoding="utf-8")
    assert list(apt_source.private_sources("new", apt, release)) == []
