"""A made-up mirror of Debian on loopback, which apt reads: suites, packages, and files that are listed and absent."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Optional

import pytest

import apt_source
import availability
import fetch


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


class Mirror:
    """Serves a folder of suites over HTTP; apt trusts it without a signature."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._stanzas: dict[str, list[str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def configure(self, folder: Path) -> tuple[Path, Path]:
        """Write the configuration of a machine that uses this mirror: apt's folder, and the system's release file."""
        (folder / "sources.list.d").mkdir(parents=True)
        (folder / "sources.list").write_text(f"deb [trusted=yes] {self.url} old main\n", encoding="utf-8")
        release = folder / "os-release"
        release.write_text("ID=debian\nVERSION_CODENAME=old\n", encoding="utf-8")
        return folder, release

    def source(
        self, suite: str, version: str, content: bytes, *, there: bool = True, served: Optional[bytes] = None
    ) -> str:
        """List a version of the source package `thing`.

        Args:
            suite: the suite that lists it.
            version: its version.
            content: the archive, as the index describes it.
            there: whether the mirror has the archive.
            served: what the mirror has in its place.

        Returns:
            The archive's name.
        """
        name = f"thing_{version.rpartition('-')[0]}.orig.tar.gz"
        pool = f"pool/{suite}/{version}"
        files = {f"thing_{version}.dsc": b"dropped by the mirror", name: content}
        lines = [f"Package: thing\nBinary: thing\nVersion: {version}\nMaintainer: A Test <test@test.invalid>"]
        lines += ["Architecture: any\nFormat: 3.0 (quilt)", f"Directory: {pool}", "Files:"]
        lines += [f" {hashlib.md5(data).hexdigest()} {len(data)} {file}" for file, data in files.items()]
        lines += ["Checksums-Sha256:"]
        lines += [f" {hashlib.sha256(data).hexdigest()} {len(data)} {file}" for file, data in files.items()]
        self._stanzas.setdefault(suite, []).append("\n".join(lines))
        if there:
            (self.folder / pool).mkdir(parents=True)
            (self.folder / pool / name).write_bytes(content if served is None else served)
        self._index(suite, "main/source/Sources", "\n\n".join(self._stanzas[suite]) + "\n")
        return name

    def binary(self, suite: str, architecture: str, packages: dict[str, Optional[bytes]]) -> None:
        """List versions of the package `thing`; the mirror does not have those without content."""
        stanzas = []
        for version, content in packages.items():
            data, name = content or b"absent", f"pool/thing_{version}_{architecture}.deb"
            stanzas.append(
                f"Package: thing\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: A Test\n"
                f"Filename: {name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
                f"Description: a test\n"
            )
            if content is not None:
                (self.folder / "pool").mkdir(exist_ok=True)
                (self.folder / name).write_bytes(content)
        self._index(suite, f"main/binary-{architecture}/Packages", "\n".join(stanzas), architecture)

    def drop(self, suite: str) -> None:
        """Remove a suite, as a mirror does with one that was archived."""
        shutil.rmtree(self.folder / "dists" / suite)

    def _index(self, suite: str, name: str, text: str, architecture: str = "amd64") -> None:
        folder = self.folder / "dists" / suite
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        entry = f" {hashlib.sha256(text.encode()).hexdigest()} {len(text.encode())} {name}\n"
        (folder / "Release").write_text(
            f"Suite: {suite}\nCodename: {suite}\nDate: Sat, 01 Jan 2022 00:00:00 UTC\nArchitectures: {architecture}\n"
            f"Components: main\nSHA256:\n{entry}",
            encoding="utf-8",
        )


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror that apt uses here, with a cache and a lock file of the test's own."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZKC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "LOCK_FILE", tmp_path / "lock.json")
    served = Mirror(tmp_path / "mirror")
    apt, release = served.configure(tmp_path / "apt")
    monkeypatch.setattr(apt_source, "APT_FOLDER", apt)
    monkeypatch.setattr(apt_source, "OS_RELEASE", release)
    # Without the settings of this machine's apt, such as a proxy.
    (tmp_path / "apt.conf").write_text('Dir::Etc::parts "/dev/null"; Dir::Etc::main "/dev/null";\n', encoding="utf-8")
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    yield served
    availability.forget()
    served.close()
