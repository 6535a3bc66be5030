"""Tests of the contents of packages beside the code, and of the checks before a release."""

from __future__ import annotations

import email
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import zkc

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "vendor"), str(ROOT)]

# After the line above: vendor/ is no package, and neither it nor tools/ is installed.
from tools import release  # noqa: E402
from tools.wheels import matrix  # noqa: E402

import bundled  # noqa: E402
import fetch  # noqa: E402
import openssl  # noqa: E402
from toolchain import BuildError  # noqa: E402


@pytest.fixture
def with_openssl(monkeypatch):
    monkeypatch.setenv("ZKC_OPENSSL", "static")


def test_the_bill_of_materials_names_what_is_inside(with_openssl):
    bill = json.loads(bundled.bill_of_materials("1.2.3"))
    lock = fetch.read_lock()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["version"] == "1.2.3"
    assert {one["name"]: one["version"] for one in bill["components"]} == {
        name: lock[name]["version"] for name in ("zookeeper", "cyrus-sasl", "openssl")
    }
    for one in bill["components"]:
        assert re.fullmatch(r"[0-9a-f]{64}", one["hashes"][0]["content"])
    patches = next(one for one in bill["components"] if one["name"] == "zookeeper")["pedigree"]["patches"]
    assert all((ROOT / patch["diff"]["url"]).is_file() for patch in patches)
    references = {one["bom-ref"] for one in bill["components"]}
    assert set(bill["dependencies"][0]["dependsOn"]) == references


def test_without_openssl_inside_it_is_not_named():
    assert [one["name"] for one in json.loads(bundled.bill_of_materials("1"))["components"]] == [
        "zookeeper",
        "cyrus-sasl",
    ]
    assert bundled.expression() == ("Apache-2.0 AND BSD-3-Clause AND BSD-Attribution-HPND-disclaimer AND RSA-MD")


def test_the_licences_of_what_is_inside_are_found():
    texts = bundled.licences()
    assert list(texts) == bundled.texts()
    zookeeper = {"zookeeper/LICENSE.txt", "zookeeper/NOTICE.txt", "zookeeper/hashtable/LICENSE.txt"}
    assert set(texts) == {*zookeeper, "cyrus-sasl/COPYING", "cyrus-sasl/md5/LICENSE.txt"}
    assert b"Christopher Clark" in texts["zookeeper/hashtable/LICENSE.txt"]
    assert b"RSA Data Security, Inc. MD5" in texts["cyrus-sasl/md5/LICENSE.txt"]
    assert b"#include" not in texts["cyrus-sasl/md5/LICENSE.txt"]
    assert b"Apache License" in texts["zookeeper/LICENSE.txt"]
    assert b"Carnegie Mellon" in texts["cyrus-sasl/COPYING"]


def test_openssl_is_the_systems_or_ours(monkeypatch):
    monkeypatch.delenv("ZKC_OPENSSL", raising=False)
    assert not openssl.is_static()
    monkeypatch.setenv("ZKC_OPENSSL", "mine")
    with pytest.raises(BuildError, match=r"ZKC_OPENSSL='mine' is neither 'system' .* nor 'static'"):
        openssl.is_static()


def test_every_wheel_has_a_tag_of_its_own():
    tags = [one.tag for one in matrix.variants()]
    assert len(set(tags)) == len(tags) == 4 * 7
    assert "cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64" in tags
    assert "cp311-abi3-musllinux_1_2_aarch64" in tags


def test_every_python_finds_the_module_by_its_name():
    names = {one.tag: one.suffix for one in matrix.variants()}
    assert names["cp39-cp39-manylinux2014_aarch64.manylinux_2_17_aarch64"] == ".cpython-39-aarch64-linux-gnu.so"
    assert names["cp311-cp311-musllinux_1_2_x86_64"] == ".cpython-311-x86_64-linux-musl.so"
    assert names["cp311-abi3-musllinux_1_2_x86_64"] == ".abi3.so"
    # Pythons before 3.11 look for "gnu" with musl, too, unless Alpine built them.
    assert names["cp310-cp310-musllinux_1_2_x86_64"] == names["cp39-cp39-musllinux_1_2_aarch64"] == ".so"


def test_a_source_distribution_brings_archives_along(tmp_path, monkeypatch):
    """An archive in vendor/archives/ is used before any is fetched, and only if its checksum is listed."""
    monkeypatch.setenv("ZKC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "INCLUDED", tmp_path)
    content = b"an archive"
    (tmp_path / "a-1.tar.gz").write_bytes(content)
    entry = {"name": "a-1.tar.gz", "size": len(content), "sha256": fetch.digest(tmp_path / "a-1.tar.gz")}
    lock = {"a": {"version": "1", "files": [entry]}}
    assert fetch.Fetcher(lock, use_apt=False).fetch("a") == tmp_path / "a-1.tar.gz"
    (tmp_path / "a-1.tar.gz").write_bytes(b"another one")
    with pytest.raises(fetch.FetchError, match=r"is not the a-1\.tar\.gz that lock\.json pins"):
        fetch.Fetcher(lock, use_apt=False).fetch("a")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """A source distribution, made of a copy of the tree as `./dev sdist` makes it."""
    folder = tmp_path_factory.mktemp("sdist")
    tree = folder / "tree"
    kept = shutil.ignore_patterns(
        ".git", ".venv", ".*_cache", ".hypothesis", "build", "dist", "*.so", "__pycache__", "*.egg-info", "results"
    )
    shutil.copytree(ROOT, tree, ignore=kept)
    run([sys.executable, "vendor/fetch.py", "--into", "vendor/archives"], tree)
    run([sys.executable, "-m", "build", "-q", "--sdist", "--no-isolation", "--outdir", str(folder)], tree)
    return folder / f"zkc-{zkc.__version__}.tar.gz"


def run(command, folder, **environment):
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_source_distribution_has_what_it_takes_to_build(sdist):
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {
        "setup.py",
        "vendor/lock.json",
        "src/_zookeeper.pyx",
        "src/_zookeeper/limited_api.h",
        "tools/release.py",
        "dev",
        ".ci/run",
        ".github/workflows/tests.yml",
        ".pre-commit-config.yaml",
        "newsfragments/README.md",
    } <= names
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.*")} <= names
    archives = [name for name in names if name.startswith("vendor/archives/") and name != "vendor/archives/"]
    assert len(archives) == 2
    assert not any(name.endswith(".so") or "__pycache__" in name for name in names)


@pytest.mark.full
def test_a_source_distribution_installs_with_nothing_to_fetch(sdist, tmp_path):
    """Takes minutes: the libraries and the extension are compiled."""
    options = ["--no-index", "--no-build-isolation", "--no-deps", "--target", str(tmp_path / "site")]
    empty = {"ZKC_CACHE_DIR": str(tmp_path / "cache"), "PATH": f"{_without_apt(tmp_path)}:/usr/bin:/bin"}
    run([sys.executable, "-m", "pip", "install", "-q", *options, str(sdist)], tmp_path, **empty)
    program = "import zkc; print(zkc.__file__, zkc.build_info()['linkage'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{tmp_path / 'site' / 'zkc' / '__init__.py'} static\n"
    assert list((tmp_path / "cache").glob("*.tar.*")) == []


def _without_apt(folder):
    """Make a folder whose apt-get fails, for a PATH."""
    (folder / "bin").mkdir()
    (folder / "bin" / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    (folder / "bin" / "apt-get").chmod(0o755)
    return folder / "bin"


def _setup(tmp_path, *command, **environment):
    """Run setup.py where no archive is available."""
    home = tmp_path / "empty"
    home.mkdir()
    settings = {"ZKC_CACHE_DIR": str(home), "PATH": f"{_without_apt(tmp_path)}:{os.environ['PATH']}", **environment}
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path), *command]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )


def test_what_zkc_needs_is_reported_without_any_archive(tmp_path):
    """A resolver of versions asks for metadata, and nothing is built."""
    done = _setup(tmp_path, "dist_info", "--output-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    metadata = (tmp_path / f"zkc-{zkc.__version__}.dist-info" / "METADATA").read_text()
    assert (
        "License-Expression: Apache-2.0 AND BSD-3-Clause AND BSD-Attribution-HPND-disclaimer AND RSA-MD\n" in metadata
    )
    assert "License-File: bundled/zookeeper/hashtable/LICENSE.txt\n" in metadata


@pytest.mark.parametrize(
    ("name", "value"), [("ZKC_LIBZOOKEEPER", "mine"), ("ZKC_OPENSSL", "mine"), ("ZKC_LIMITED_API", "3.9")]
)
def test_a_wrong_variable_is_reported_in_one_sentence(tmp_path, name, value):
    done = _setup(tmp_path, "dist_info", "--output-dir", str(tmp_path), **{name: value})
    assert done.returncode == 1
    # setuptools may have warned of something before.
    assert done.stderr.splitlines()[-1].startswith(f"zkc: error: {name}={value!r} is n")
    assert "Traceback" not in done.stderr


def test_wheels_are_not_begun_where_they_cannot_be_put(tmp_path):
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "tools.wheels", "--output", str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    folder = f"{tmp_path / 'file'} (File exists)"
    assert done.stderr == f"wheels cannot be written to {folder}: choose another with --output\n"


# ---- releases -------------------------------------------------------------------------------------------------------


def test_the_version_stands_in_one_place():
    assert release.version() == zkc.__version__


@pytest.mark.parametrize(
    ("changelog", "uncommitted", "complaint"),
    [
        ("## 1.2.3 (2026-01-31)\n", "", None),
        ("## 1.2.3 - 2026-01-31\n", "", None),
        ("## [1.2.3] - 2026-01-31\n", "", None),
        ("## [Unreleased]\n\n## 1.2.3 (2026-01-31)\n", "", None),
        ("## [Unreleased]\n\n- more\n\n## 1.2.3 (2026-01-31)\n", "", "a section of unreleased changes"),
        ("## 1.2.30 (2026-01-31)\n", "", "no section for 1.2.3"),
        ("## 1.2.3.1 (2026-01-31)\n", "", "no section for 1.2.3"),
        ("## 1.2.3-rc1 (2026-01-31)\n", "", "no section for 1.2.3"),
        ("## 1.2.3 (2026-99-31)\n", "", "has no date"),
        ("## [Unreleased]\n", "", "no section for 1.2.3"),
        ("## 1.2.3\n", "", "has no date"),
        ("## 1.2.3 (2026-01-31)\n", " M setup.py", "differs from the last commit"),
    ],
)
def test_what_stands_against_a_release(changelog, uncommitted, complaint):
    found = release.complaints(changelog, "1.2.3", uncommitted)
    assert len(found) == (complaint is not None)
    assert complaint is None or complaint in found[0]


@pytest.mark.parametrize(("number", "known"), [("1.0.0.post1", True), ("1", True), ("foorc1", False), ("1.2.x", False)])
def test_versions_are_those_of_pep_440(number, known):
    found = release.complaints(f"## {number} (2026-01-31)\n", number, "")
    assert found == [] if known else "PEP 440" in found[0]


def test_an_archive_is_settled(tmp_path, monkeypatch):
    """Made twice, in another order and by another user, it has the same bytes."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made = []
    for number, names in enumerate((("a/x", "a/y"), ("a/y", "a/x"))):
        path = tmp_path / f"{number}.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.uid, member.mode = 1, 1000 + number, number, 0o600 + number * 0o064
                tar.addfile(member, io.BytesIO(name[-1:].encode()))
        release.normalize(path)
        made.append(path.read_bytes())
    assert made[0] == made[1]
    with tarfile.open(path) as tar:
        assert [(one.name, one.mtime, one.mode) for one in tar] == [(f"a/{x}", 1700000000, 0o644) for x in "xy"]
        assert tar.extractfile("a/y").read() == b"y"


def test_a_folder_without_packages_is_not_described(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(SystemExit, match="has no wheels and archives"):
            release.describe(folder)


def test_checksums_and_provenance(tmp_path, with_openssl):
    for name in ("zkc-1.tar.gz", "zkc-1-py3-none-any.whl", "wheels.json"):
        (tmp_path / name).write_text(name)
    with zipfile.ZipFile(tmp_path / "zkc-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("zkc-1.dist-info/sboms/zkc.cdx.json", bundled.bill_of_materials("1"))
    release.describe(tmp_path)
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert checked.stdout == "zkc-1-py3-none-any.whl: OK\nzkc-1.tar.gz: OK\n"
    statement = json.loads((tmp_path / f"zkc-{zkc.__version__}.intoto.json").read_text())
    assert [one["name"] for one in statement["subject"]] == ["zkc-1-py3-none-any.whl", "zkc-1.tar.gz"]
    dependencies = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    # One archive of each, that which was used.
    assert len(dependencies) == 4
    assert dependencies[0]["uri"] == "git"


def test_the_metadata_of_a_wheel_name_the_command_and_its_extras(tmp_path):
    build = "import setuptools.build_meta as m, sys; print(m.prepare_metadata_for_build_wheel(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    folder = tmp_path / made.stdout.splitlines()[-1]
    metadata = email.message_from_string((folder / "METADATA").read_text(encoding="utf-8"))
    assert {"cli", "tui", "web"} <= set(metadata.get_all("Provides-Extra"))
    needed = metadata.get_all("Requires-Dist")
    assert all("extra ==" in need for need in needed)  # The library alone needs nothing.
    for extra, name in (("cli", "click"), ("tui", "textual"), ("tui", "zkc[cli]"), ("web", "zkc[tui]")):
        assert any(need.startswith(name) and need.endswith(f'extra == "{extra}"') for need in needed)
    assert "zkc = zkc.cli:main" in (folder / "entry_points.txt").read_text(encoding="utf-8").splitlines()
