"""The distribution zkc-legacy, built from legacy/ and installed; and what zkc's own distribution has of zkc.legacy."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import zkc

from .legacy_process import check, python

TREE = Path(__file__).resolve().parents[2]
COMMANDS = ["zookeeper_export", "zookeeper_import", "zookeeper_set_property", "zookeeper_validate"]
# Files that builds and tools leave beside the source.
LEFT = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".*_cache")

pytestmark = pytest.mark.skipif(not (TREE / "legacy").is_dir(), reason="needs the source tree")


def run(*command, cwd):
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, timeout=120, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def build(kind, source, out):
    """Build a distribution with the tools of this environment, and return its file."""
    run("-m", "build", f"--{kind}", "--no-isolation", "--outdir", out, source, cwd=out.parent)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """As much of the source tree as legacy/ needs, to build in: a build writes beside its source."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(TREE / "legacy", tree / "legacy", ignore=LEFT)
    (tree / "zkc").mkdir()
    shutil.copy(TREE / "zkc" / "_version.py", tree / "zkc")
    return tree


@pytest.fixture(scope="module")
def wheel(tree):
    return build("wheel", tree / "legacy", tree / "dist")


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """A folder into which the wheel is installed."""
    site = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--target", site)
    run("-m", "pip", "install", *options, wheel, cwd=site)
    return site


def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_string(archive.read(name).decode())


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_the_wheel_has_the_names_and_nothing_else(wheel):
    assert wheel.name == f"zkc_legacy-{zkc.__version__}-py3-none-any.whl"
    files = [name for name in contents(wheel) if ".dist-info/" not in name]
    assert sorted(files) == ["zc/zk/__init__.py", "zookeeper.py"]
    assert any(name.endswith("/LICENSE") for name in contents(wheel))


def test_it_has_the_version_of_zkc_and_needs_that(wheel):
    told = metadata(wheel)
    assert told["Name"] == "zkc-legacy"
    assert told["Version"] == zkc.__version__
    assert told.get_all("Requires-Dist") == [f"zkc=={zkc.__version__}"]
    assert told["Requires-Python"] == ">=3.9"


def test_its_source_distribution_builds_the_same_wheel_on_its_own(tree, wheel, tmp_path):
    packed = build("sdist", tree / "legacy", tmp_path / "sdist")
    with tarfile.open(packed) as archive:
        assert not [member for member in archive if member.issym() or member.islnk()]
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (source,) = tmp_path.glob("zkc_legacy-*")
    rebuilt = build("wheel", source, tmp_path / "wheel")
    assert rebuilt.name == wheel.name
    assert contents(rebuilt) == contents(wheel)


def test_without_a_version_it_is_not_built(tree, tmp_path):
    shutil.copytree(tree / "legacy", tmp_path / "alone" / "legacy", ignore=LEFT)
    done = python("setup.py", "--version", cwd=tmp_path / "alone" / "legacy")
    assert done.returncode == 1
    assert "zkc: error: legacy/ is built from zkc's source tree" in done.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "import zookeeper, zc.zk, zc.zk.event, zc.zk.testing",
        "import zc.zk.testing, zc.zk.event, zookeeper",
        "from zc.zk import event, testing; import zc.zk.testing, zc.zk.event, zookeeper",
        "from zc import zk; from zookeeper import create; import zc.zk.testing, zc.zk.event, zookeeper",
        "import zkc.legacy.zk.testing, zc.zk.event, zc.zk.testing, zookeeper",
    ],
)
def test_the_names_are_those_of_our_modules(site, tmp_path, statement):
    script = f"""
import pickle, sys
{statement}
from zkc.legacy import zk, zookeeper as ours
assert zookeeper is ours is sys.modules["zookeeper"]
assert zc.zk is zk is sys.modules["zc.zk"]
assert zc.zk.event is zk.event is sys.modules["zc.zk.event"]
assert zc.zk.testing is zk.testing is sys.modules["zc.zk.testing"]
assert pickle.loads(pickle.dumps(zk.ZooKeeper)) is zk.ZooKeeper
try:
    import zc.zk.nosuch
except ModuleNotFoundError as error:
    assert error.name == "zc.zk.nosuch"
"""
    check(script, cwd=tmp_path, path=[site])


def test_many_threads_import_at_once(site, tmp_path):
    script = """
import sys, threading
barrier, found = threading.Barrier(8), []
def work():
    barrier.wait()
    import zookeeper, zc.zk
    found.append((zookeeper.create, zc.zk.ZooKeeper))
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == 8 and len(set(found)) == 1, found
"""
    check(script, cwd=tmp_path, path=[site])


def test_packages_of_others_below_zc_go_on(site, tmp_path):
    other = tmp_path / "other" / "zc" / "lockfile"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("value = 'locked'")
    script = "import zc.zk, zc.lockfile\nassert zc.lockfile.value == 'locked'\nassert zc.zk.ZooKeeper"
    check(script, cwd=tmp_path, path=[site, tmp_path / "other"])
    check(script, cwd=tmp_path, path=[tmp_path / "other", site])


@pytest.mark.parametrize("first", ["import zookeeper, zc.zk", "pass"])
def test_install_takes_it_for_ours(site, tmp_path, first):
    script = f"""
{first}
import sys, zkc.legacy
before = dict(sys.modules)
zkc.legacy.install()
import zookeeper, zc.zk.testing
assert zookeeper.__name__ == "zkc.legacy.zookeeper"
zkc.legacy.uninstall()
assert sys.modules.get("zookeeper") is before.get("zookeeper")
assert sys.modules.get("zc.zk") is before.get("zc.zk")
import zookeeper, zc.zk.event, zc.zk.testing
from zkc.legacy import zk
assert (zc.zk, zc.zk.event, zc.zk.testing) == (zk, zk.event, zk.testing)
assert zookeeper.__name__ == "zkc.legacy.zookeeper"
"""
    check(script, cwd=tmp_path, path=[site])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_zc_zk_are_there(site, tmp_path, command):
    done = python(site / "bin" / command, "--help", cwd=tmp_path, path=[site])
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage" in done.stdout.lower()


def test_there_are_no_other_commands(site):
    assert sorted(os.listdir(site / "bin")) == COMMANDS


# --- zkc's own ------------------------------------------------------------------------------------------------------


def test_the_wheel_of_zkc_has_all_of_zkc_legacy(tmp_path):
    run("setup.py", "-q", "egg_info", "-e", tmp_path, "build_py", "-d", tmp_path / "lib", cwd=TREE)
    built = {path.relative_to(tmp_path / "lib").as_posix() for path in (tmp_path / "lib").rglob("*.py")}
    sources = {path.relative_to(TREE).as_posix() for path in (TREE / "zkc" / "legacy").rglob("*.py")}
    assert sources <= built
    assert "zkc/legacy/__main__.py" in sources


def test_the_source_distribution_of_zkc_has_all_of_legacy(tmp_path):
    run("setup.py", "-q", "egg_info", "-e", tmp_path, cwd=TREE)
    listed = set((tmp_path / "zkc.egg-info" / "SOURCES.txt").read_text().splitlines())
    wanted = ("LICENSE", "README.md", "pyproject.toml", "setup.py", "zookeeper.py", "zc/zk/__init__.py")
    assert {f"legacy/{name}" for name in wanted} <= listed
    assert not [name for name in listed if name.startswith("legacy/") and ("egg-info" in name or "build/" in name)]
    assert "zkc/legacy/_install.py" in listed
