"""zkc.legacy.install(): old names for our modules, in a process of its own each time."""

import pytest

from .legacy_process import check

PRELUDE = """
import importlib, sys, types
import zkc.legacy

def state():
    old = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("zc", "zookeeper")}
    return old, list(sys.meta_path), {name: vars(module).get("zk") for name, module in old.items() if name == "zc"}

def refused(**options):
    before = state()
    try:
        zkc.legacy.install(**options)
    except ImportError as error:
        assert state() == before
        return error
    raise AssertionError("it was installed")
"""


def run(script, tmp_path, *arguments, path=()):
    return check(PRELUDE + script, *arguments, cwd=tmp_path, path=path)


def test_the_old_names_are_those_of_our_modules(tmp_path):
    script = """
assert zkc.legacy.install() is None
at_once = ("zookeeper", "zc.zk", "zc.zk.event")
for name, module in zip(at_once, [sys.modules[name] for name in at_once]):
    ours = "zkc.legacy." + name.replace("zc.", "")
    assert module is sys.modules[ours], name
    assert module.__name__ == module.__spec__.name == ours
import zookeeper, zc.zk, zc.zk.event
from zkc.legacy import zookeeper as ours, zk
assert (zookeeper, zc.zk, zc.zk.event) == (ours, zk, zk.event)
"""
    run(script, tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        "import zc.zk as found",
        "from zc import zk as found",
        "import zc.zk.testing; found = zc.zk",
        "from zc.zk import testing, event; import zc.zk as found; assert found.testing is testing",
        "import zc; found = zc.zk",
        "found = __import__('zc.zk').zk",
        "found = importlib.import_module('zc.zk')",
        "import zkc.legacy.zk as found; import zc.zk.event; assert zc.zk.event is found.event",
    ],
)
def test_every_way_to_import_finds_the_same(tmp_path, statement):
    run(f"zkc.legacy.install()\n{statement}\nimport zkc.legacy.zk\nassert found is zkc.legacy.zk", tmp_path)


def test_what_is_not_imported_is_not_loaded_and_then_only_once(tmp_path):
    script = """
zkc.legacy.install()
assert not {"zc.zk.testing", "zkc.legacy.zk.testing", "zkc.testing"} & set(sys.modules)
import zc.zk.testing
assert zc.zk.testing is sys.modules["zc.zk.testing"] is sys.modules["zkc.legacy.zk.testing"]
files = [getattr(module, "__file__", None) for module in set(sys.modules.values())]
assert files.count(zc.zk.__file__) == files.count(zc.zk.testing.__file__) == files.count(zc.zk.event.__file__) == 1
assert zc.zk.testing.__spec__.name == "zkc.legacy.zk.testing"
"""
    run(script, tmp_path)


def test_a_module_that_there_is_not(tmp_path):
    script = """
zkc.legacy.install()
for name in ("zc.zk.nosuch", "zc.nosuch", "zookeeper.nosuch"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name == name and name in str(error), error
    else:
        raise AssertionError(name)
"""
    run(script, tmp_path)


def test_what_old_tests_do_to_modules(tmp_path):
    script = """
import pickle
from unittest import mock
zkc.legacy.install()
import zookeeper, zc.zk
with mock.patch("zookeeper.create", "patched"), mock.patch("zc.zk.ZooKeeper", "patched"):
    from zkc.legacy import zk, zookeeper as ours
    assert ours.create == zk.ZooKeeper == "patched"
assert zc.zk.ZooKeeper.__module__ == "zc.zk"
assert pickle.loads(pickle.dumps(zc.zk.ZooKeeper)) is zc.zk.ZooKeeper
with mock.patch.dict(sys.modules, clear=False):
    del sys.modules["zookeeper"], sys.modules["zc.zk"], sys.modules["zc.zk.event"], sys.modules["zc"]
    import zookeeper, zc.zk
    assert zookeeper is ours and zc.zk is zk
importlib.reload(zc.zk)
assert sys.modules["zc.zk"] is sys.modules["zkc.legacy.zk"]
"""
    run(script, tmp_path)


def test_installing_twice_is_installing_once(tmp_path):
    script = """
before = state()
zkc.legacy.install()
once = state()
zkc.legacy.install()
zkc.legacy.install(force=True)
assert state() == once != before
del sys.modules["zookeeper"]
zkc.legacy.install()
import zkc.legacy.zookeeper
assert sys.modules["zookeeper"] is zkc.legacy.zookeeper
zkc.legacy.uninstall()
assert state() == before
"""
    run(script, tmp_path)


def test_many_threads_install_and_import_at_once(tmp_path):
    script = """
import threading
barrier, found = threading.Barrier(8), []
def work(number):
    barrier.wait()
    zkc.legacy.install()
    if number % 2:
        import zc.zk.testing, zookeeper
    else:
        import zookeeper, zc.zk.testing
    found.append((zookeeper, zc.zk, zc.zk.testing, zc.zk.ZooKeeper, zookeeper.create))
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == 8 and len(set(found)) == 1, found
assert len(sys.meta_path) == len(set(map(id, sys.meta_path)))
"""
    run(script, tmp_path)


# --- real packages --------------------------------------------------------------------------------------------------


def module(folder, name, text):
    """Write a package, `a.b` as the package b below a folder a, and return *folder*, which is to be on the path."""
    file = folder.joinpath(*name.split(".")) / "__init__.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return folder


FORBIDDEN = "raise AssertionError('it was imported')"


@pytest.mark.parametrize("name", ["zookeeper", "zc.zk"])
def test_a_real_package_is_not_shadowed_unasked(tmp_path, name):
    site = module(tmp_path / "site", name, FORBIDDEN)
    script = """
if sys.argv[1] == "zc.zk":
    import zc  # it belongs to others too: that this is imported is no change
error = refused()
assert error.name == sys.argv[1] and error.path.startswith(sys.argv[2]), (error.name, error.path)
print(error)
zkc.legacy.install(force=True)
import zookeeper, zc.zk
assert zookeeper.__name__ == "zkc.legacy.zookeeper" and zc.zk.__name__ == "zkc.legacy.zk"
"""
    message = run(script, tmp_path, name, site, path=[site])
    for word in (f"a real {name} is installed", str(site), "uninstall it", "install(force=True)"):
        assert word in message


@pytest.mark.parametrize("name", ["zookeeper", "zc.zk"])
def test_a_package_that_is_imported_already(tmp_path, name):
    site = module(tmp_path / "site", name, "real = True")
    module(tmp_path / "site", f"{name}.below", "real = True")
    script = """
name = sys.argv[1]
importlib.import_module(name + ".below")
before = state()
assert "imported already" in str(refused())
zkc.legacy.install(force=True)
ours = importlib.import_module(name)
assert ours.__name__.startswith("zkc.legacy.") and not hasattr(ours, "real")
assert "zc.zk.below" not in sys.modules
zkc.legacy.uninstall()
after = state()
assert after[1] == before[1]
for key, value in before[0].items():
    assert after[0][key] is value, key
real = importlib.import_module(name)
assert real.real and real.below.real
"""
    run(script, tmp_path, name, path=[site])


def test_a_module_that_a_test_made_up_counts_as_real(tmp_path):
    script = """
fake = sys.modules["zookeeper"] = types.ModuleType("zookeeper")
error = refused()
assert "imported already" in str(error) and error.path is None
zkc.legacy.install(force=True)
zkc.legacy.uninstall()
assert sys.modules["zookeeper"] is fake
"""
    run(script, tmp_path)


def test_folders_that_are_no_packages_and_forbidden_imports_are_nothing_real(tmp_path):
    for name in ("zookeeper/conf", "zc/zk/data"):
        (tmp_path / name).mkdir(parents=True)
    script = """
sys.modules["zookeeper"] = None
zkc.legacy.install()
import zookeeper, zc.zk
assert zookeeper.__name__ == "zkc.legacy.zookeeper" and zc.zk.__name__ == "zkc.legacy.zk"
zkc.legacy.uninstall()
assert sys.modules["zookeeper"] is None
"""
    run(script, tmp_path)


def test_an_install_that_fails_changes_nothing(tmp_path):
    script = """
sys.modules["zkc.legacy.zk"] = None
fake = sys.modules["zookeeper"] = types.ModuleType("zookeeper")
assert "zkc.legacy.zk" in str(refused(force=True))
assert sys.modules["zookeeper"] is fake
del sys.modules["zkc.legacy.zk"]
zkc.legacy.install(force=True)
import zookeeper, zc.zk
assert zookeeper is not fake
"""
    run(script, tmp_path)


# --- the others below zc --------------------------------------------------------------------------------------------

OF_PKGUTIL = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
# The lines of pip's *-nspkg.pth files, which run when Python starts.
OF_PTH = """
zc = sys.modules.setdefault("zc", types.ModuleType("zc"))
zc.__dict__.setdefault("__path__", []).append(sys.argv[1] + "/zc")
"""


@pytest.fixture(params=["a folder", "pkgutil", "pth"])
def zc(request, tmp_path):
    """Three ways to be below zc: the folder for the path, and a script that lets Python know of it."""
    site = module(tmp_path / "site", "zc.lockfile", "value = 'locked'")
    module(site, "zc.buildout", "value = 'built'")
    if request.param == "pkgutil":
        (site / "zc" / "__init__.py").write_text(OF_PKGUTIL)
    if request.param == "pth":
        return site, OF_PTH
    return site, "sys.path.append(sys.argv[1])\n"


USED = """
import zc.lockfile
assert zc.lockfile.value == "locked"
from zc import buildout
assert buildout.value == "built"
"""


def test_packages_below_zc_are_found_when_installed_before(tmp_path, zc):
    site, known = zc
    script = known + "import zc.lockfile\nzc_before = zc\nzkc.legacy.install()\n" + USED
    script += "import zc.zk\nassert zc is zc_before\nzkc.legacy.uninstall()\nassert not hasattr(zc, 'zk')" + USED
    run(script, tmp_path, site)


def test_packages_below_zc_are_found_when_only_installed(tmp_path, zc):
    site, known = zc
    run(f"{known}zkc.legacy.install()\n{USED}import zc.zk.testing\n", tmp_path, site)


def test_packages_below_zc_are_found_that_come_later(tmp_path, zc):
    site, known = zc
    script = f"zkc.legacy.install()\nimport zc.zk\n{known}{USED}assert zc.zk.__name__ == 'zkc.legacy.zk'\n"
    script += f"zkc.legacy.uninstall()\n{USED}assert not hasattr(zc, 'zk')\n"
    run(script, tmp_path, site)


def test_the_package_zc_goes_with_the_last_that_is_below_it(tmp_path):
    script = """
import pkgutil
before = state()
zkc.legacy.install()
import zc
assert list(zc.__path__) == list(pkgutil.iter_modules(zc.__path__)) == []
zkc.legacy.uninstall()
assert state() == before and "zc" not in sys.modules
try:
    import zc.zk
except ModuleNotFoundError as error:
    assert error.name == "zc"
"""
    run(script, tmp_path)


# --- taking it back, and bytes --------------------------------------------------------------------------------------


def test_uninstalling_what_is_not_installed_does_nothing(tmp_path):
    run("before = state()\nzkc.legacy.uninstall()\nassert state() == before", tmp_path)


def test_install_uninstall_and_install_again(tmp_path):
    script = """
zkc.legacy.install()
import zc.zk.testing
kept = zc.zk, zc.zk.testing
zkc.legacy.uninstall()
assert not [name for name in sys.modules if name.split(".")[0] in ("zc", "zookeeper")]
zkc.legacy.install()
import zc.zk.testing
assert (zc.zk, zc.zk.testing) == kept
"""
    run(script, tmp_path)


def test_reads_give_bytes_where_that_was_asked_for(tmp_path, zookeeper_chroot):
    script = """
zkc.legacy.install()
import zookeeper
handle = zookeeper.init(sys.argv[1])
for flag, expected in ((True, b"data"), (False, "data")):
    zkc.legacy.use_bytes(flag)
    zookeeper.create(handle, "/n", "data", [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}])
    assert zookeeper.get(handle, "/n")[0] == expected
    zookeeper.delete(handle, "/n")
zkc.legacy.use_bytes()
zkc.legacy.use_bytes(False)
zookeeper.close(handle)
"""
    run(script, tmp_path, zookeeper_chroot)
