"""The checker: what it finds in old source, how it says so, and how it ends."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from zkc.legacy.check import main, rules
from zkc.legacy.check._findings import find_all

SAMPLES = Path(__file__).parent / "samples"


def _listed(text):
    return [(one.line, one.name, one.verdict) for one in find_all(text)]


def _names(text):
    """Names of what is used, without the imports."""
    return [one.name for one in find_all(text) if one.name not in rules.MODULES]


@pytest.mark.parametrize("name", ["lock", "service", "worker", "mixed", "broken"])
def test_a_sample_has_what_is_expected(name, capsys):
    assert main([str(SAMPLES / f"{name}.py"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    lines = [f"{one['line']}:{one['column']} {one['name']}: {one['verdict']}" for one in found]
    # Where a file stops making sense is for each Python to say.
    expected = (SAMPLES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert [re.sub("^.* (?=syntax: )", "", line) for line in lines] == expected


# ---- imports, aliases, assignments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "import zookeeper\nzookeeper.get(h, '/')",
        "import zookeeper as zk\nzk.get(h, '/')",
        "import os, zookeeper as zk, sys\nzk.get(h, '/')",
        "from zookeeper import *\nget(h, '/')",
        "import zookeeper\nread = zookeeper.get\n",
        "import zookeeper\ngetattr(zookeeper, 'get')(h, '/')",
        "import zookeeper\nhasattr(zookeeper, 'get')",
        "import zookeeper, mock\nmock.patch.object(zookeeper, 'get')",
        "import mock\nmock.patch('zookeeper.get')",
        "def f():\n    import zookeeper\n    if f: return zookeeper.get(h, '/')",
        "import zookeeper\nclass A:\n    def f(self): return zookeeper.get(self.h, '/')[0]",
        "import zookeeper\nx = [zookeeper.get(h, p) for p in '/']",
        "import zookeeper\nx = f'{zookeeper.get(h, p)!r:>9}'",
        "import zookeeper\nx = (zookeeper.\n    get(h, p))",
        "import zookeeper\nx = zookeeper \\\n    .get(h, p)",
        "try:\n    import zookeeper\nexcept ImportError:\n    zookeeper = None\nzookeeper.get(h, '/')",
        "import zookeeper\nclass A:\n    def a(self): self.z = zookeeper\n    def b(self): self.z.get(1, '/')",
    ],
)
def test_a_call_is_found_however_it_is_written(source):
    assert _names(source) == ["zookeeper.get"]


def test_a_name_from_the_module_is_found_with_its_alias():
    assert _listed("from zookeeper import (get as g,\n    NONODE)\ng(h, '/')") == [
        (1, "zookeeper.get", "covered"),
        (2, "zookeeper.NONODE", "covered"),
        (3, "zookeeper.get", "covered"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import zc.zk\nzk = zc.zk.{made}\nzk.get('/')",
        "import zc.zk as z\nzk = z.{made}\nzk.get('/')",
        "from zc import zk as z\nzk = z.{made}\nzk.get('/')",
        "import zc.zk\nwith closing(1), zc.zk.{made} as zk:\n    zk.get('/')",
        "import zc.zk\nzc.zk.{made}.get('/')",
        "import zc.zk\nzk = given or zc.zk.{made}\nzk.get('/')",
        "import zc.zk\na, zk = 1, zc.zk.{made}\nzk.get('/')",
        "import zc.zk\nzk = None\ndef f():\n    global zk\n    zk = zc.zk.{made}\ndef g(): zk.get('/')",
        "import zc.zk\nzk = zc.zk.{made}\ndef f(zk): zk.get('/')",
        "import zc.zk\nclass A:\n    zk = zc.zk.{made}\n    def f(self): self.zk.get('/')",
        "import zc.zk\nclass A:\n    def f(self): self.zk.get('/')\n    def __init__(self): self.zk = zc.zk.{made}",
        "import zc.zk\nclass A:\n    def f(self): self.a.zk = zc.zk.{made}\n    def g(self): self.a.zk.get('/')",
        "import zc.zk\nzk = zc.zk.{made}\nzk2 = zk\nzk2.get('/')",
        "import zc.zk\nzk = (await zc.zk.{made})\nzk.get('/')",
    ],
)
@pytest.mark.parametrize("made", ["ZooKeeper('a:1')", "ZK(hosts)"])
def test_an_object_is_followed(source, made):
    cls = f"zc.zk.{made.partition('(')[0]}"
    assert sorted(_names(source.format(made=made))) == sorted([cls, "zc.zk.ZooKeeper.get"])


def test_what_a_call_gives_is_followed():
    source = "import zc.zk\nzk = zc.zk.ZK()\nkids = zk.children('/')\nkids(print)\nzk.properties('/')(f).update(a=1)"
    assert _names(source)[1:] == [
        "zc.zk.ZooKeeper.children",
        "zc.zk.Children.__call__",
        "zc.zk.ZooKeeper.properties",
        "zc.zk.Properties.__call__",
        "zc.zk.Properties.update",
    ]


def test_a_parameter_says_what_it_is():
    source = "from kazoo.client import KazooClient as K\ndef f(c: K, d=1):\n    c.get('/')\n    d.get('/')"
    assert _names(source)[2:] == ["kazoo.client.KazooClient.get"]


@pytest.mark.parametrize(
    "source",
    [
        "zookeeper.get(h, '/')",
        "from animals import zookeeper\nzookeeper.feed()",
        "import zc.buildout\nzc.buildout.get('/')",
        "import zookeeper\nzookeeper = Zoo()\nzookeeper.feed()",
        "import zc.zk\ndef a():\n    x = zc.zk.ZK\ndef b():\n    x = {}\n    x.get(1)",
        "import zc.zk\nclass My(zc.zk.ZooKeeper):\n    def f(self): self.mine()\nMy().mine()",
        "import zookeeper\nother.zookeeper.get(h)\nf(get=1)\nzookeeper.__file__",
    ],
)
def test_what_is_none_of_ours_is_left_out(source):
    assert not [name for name in _names(source) if name not in ("zc.zk.ZK", "zc.zk.ZooKeeper")]


def test_a_subclass_has_the_methods_of_its_base():
    source = "import zc.zk\nclass My(zc.zk.ZK):\n    def f(self): self.get('/')\nzk = My()\nzk.walk()"
    assert _names(source)[1:] == ["zc.zk.ZooKeeper.get", "zc.zk.ZooKeeper.walk"]


# ---- verdicts ------------------------------------------------------------------------------------------------------


def _one(source, line):
    (found,) = [one for one in find_all(source) if one.line == line]
    return found


def test_the_keyword_that_was_a_name():
    for source in ("import zookeeper\nzookeeper.async(h, '/')", "import zookeeper\nfrom zookeeper import async"):
        found = _one(source, 2)
        assert (found.name, found.verdict, found.must_change) == ("zookeeper.async", "Python 2 only", True)
        assert "async_" in found.why
    assert "zk.async_" in _one("import zc.zk; zk = zc.zk.ZK()\nzk.async('/')", 2).why
    assert _one("import zookeeper\ngetattr(zookeeper, 'async')(h, '/')", 2).verdict == "covered"


def test_a_name_that_never_was():
    found = _one("import zookeeper\nzookeeper.multi(h)", 2)
    assert (found.verdict, found.must_change, found.idiomatic) == ("not in the original", True, "")


@pytest.mark.parametrize("source", ["import zc\nimport zc.zk\nzc.zk.ZK", "import zc, zc.zk\nzc.zk.ZK"])
def test_the_package_that_others_share_is_no_finding(source):
    assert [one.name for one in find_all(source)] == ["zc.zk", "zc.zk.ZK"]


@pytest.mark.parametrize(
    "source",
    [
        "import zc.zk.monitor\nzc.zk.monitor.main(1)",
        "from zc.zk import monitor\nmonitor.main.x()",
        "import zc.zk.monitor as m\nm.main()",
    ],
)
def test_what_is_in_a_module_without_a_drop_in(source):
    assert {(one.verdict, one.note) for one in find_all(source)} == {
        ("no drop-in", "An addition to zc.zk that needs packages of its own")
    }


@pytest.mark.parametrize(
    ("used", "instead"),
    [
        ("zk.register('/a', ('', 1))", "zk.register_server"),
        ("zk.client.get('/')", "zkc.legacy.client_of(zk.handle)"),
        ("c = zk.client", "zkc.legacy.client_of(zk.handle)"),
    ],
)
def test_what_is_of_zc_zk_2_says_which_the_drop_in_is(used, instead):
    found = _one(f"import zc.zk; zk = zc.zk.ZK()\n{used}", 2)
    assert (found.verdict, found.must_change) == ("no drop-in", True)
    assert "of zc.zk 2.x" in found.why
    assert "the drop-in is zc.zk 1.2" in found.why
    assert instead in found.why
    assert "zc.zk 1.2" in _one("import zc.zk; zk = zc.zk.ZK()\nzk.settle()", 2).why


def test_a_name_that_is_only_known_when_it_runs():
    for argument in ("name", "'a' + name"):
        found = _one(f"import zookeeper\ngetattr(zookeeper, {argument})(h)", 2)
        assert (found.name, found.verdict) == ("getattr(zookeeper, …)", "covered")


def test_what_differs_says_in_what():
    found = _one("import zc.zk; zk = zc.zk.ZK()\nzk.import_tree(text)", 2)
    assert (found.verdict, found.must_change) == ("covered, differs", False)
    assert "literal" in found.why


def test_data_are_text_and_a_note_says_so():
    assert "use_bytes" in _one("import zookeeper\nzookeeper.get(h, '/')", 2).note


def test_a_module_of_kazoo_that_is_not_listed():
    assert _listed("import kazoo.testing\nfrom kazoo.nowhere import x") == [
        (1, "kazoo.testing", "no drop-in"),
        (2, "kazoo.nowhere", "no drop-in"),
    ]


# ---- files ---------------------------------------------------------------------------------------------------------


def test_folders_are_walked_in_order(tmp_path, capsys):
    for name in ("b.py", "a.py", "note.txt", "pkg/c.py", ".hidden/d.py", "__pycache__/e.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("import zookeeper\n", encoding="utf-8")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line.split(":")[0]).name for line in lines] == ["a.py", "b.py", "c.py"]
    assert main([str(tmp_path / "note.txt")]) == 0
    assert "note.txt:1:8: zookeeper: covered; idiomatic: import zkc" in capsys.readouterr().out


def test_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"import zookeeper\nprint zookeeper.OK\n")))
    assert main(["-"]) == 1
    assert "-:2:1: print statement: Python 2 only; write print(...)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        b"# coding: latin-1\nimport zookeeper # \xe4\n",
        b"\xef\xbb\xbfimport zookeeper\n",
        b"import zookeeper\r\nzookeeper.OK\r\n",
        "# -*- coding: cp1251 -*-\nimport zookeeper # \u0436\n".encode("cp1251"),
        "import zookeeper # \u00e4\n".encode(),
    ],
)
def test_encodings_that_are_declared(tmp_path, content, capsys):
    path = tmp_path / "a.py"
    path.write_bytes(content)
    assert main([str(path)]) == 0
    assert ": zookeeper: covered" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [b"import zookeeper # \xe4\n", b"# coding: klingon\nimport zookeeper # \xff\n", b"\xff\xfeimport zookeeper"],
)
def test_bytes_that_cannot_be_decoded_survive(tmp_path, content, capsys):
    path = tmp_path / "a.py"
    path.write_bytes(content)
    assert main([str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert {"encoding", "zookeeper"} <= {one["name"] for one in found} or content.startswith(b"\xff\xfe")


def test_a_file_that_cannot_be_read_is_reported_and_the_others_are_checked(tmp_path, capsys):
    (tmp_path / "good.py").write_text("import zookeeper\n", encoding="utf-8")
    assert main([str(tmp_path / "none.py"), str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "good.py:1:8" in told.out
    assert "none.py: No such file or directory" in told.err
    assert main([str(tmp_path / "none.py"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["error"] == "No such file or directory"


def test_a_folder_that_cannot_be_read_is_reported_and_the_others_are_walked(tmp_path, capsys, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text("import zookeeper\n", encoding="utf-8")
    scan = os.scandir

    def refuse(path):
        if str(path) == str(tmp_path / "b"):  # Permissions do not stop root.
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert main([str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert [Path(line.split(":")[0]).name for line in told.out.splitlines()] == ["a.py", "c.py"]
    assert told.err == f"python -m zkc.legacy check: {tmp_path / 'b'}: Permission denied\n"


def test_what_is_no_regular_file_is_skipped(tmp_path, capsys):
    os.mkfifo(tmp_path / "a.py")
    (tmp_path / "b.py").symlink_to("/dev/zero")
    (tmp_path / "good.py").write_text("import zookeeper\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 0  # The folder was read: these are only noted.
    told = capsys.readouterr()
    assert "good.py:1:8" in told.out
    assert told.err.count("no regular file, skipped\n") == 2
    assert main([str(tmp_path), str(tmp_path / "a.py")]) == 2
    told = capsys.readouterr()
    assert "good.py:1:8" in told.out
    assert [line.rpartition(": ")[2] for line in told.err.splitlines()] == ["no regular file, skipped"] * 3


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["--json"]])
def test_wrong_arguments(arguments, capsys):
    assert main(arguments) == 2
    assert "usage: python -m zkc.legacy check" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "exit status" in capsys.readouterr().out


# ---- what is printed -----------------------------------------------------------------------------------------------


def test_nothing_to_say(tmp_path, capsys):
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", [60, 100, 200])
def test_the_table_of_a_terminal(columns, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main([str(SAMPLES / "lock.py")]) == 1
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == str(SAMPLES / "lock.py")
    assert lines[1].split()[:3] == ["line", "name", "verdict"]
    assert "44:6" in out
    assert "Good to know" in out
    assert "1 file: 20 covered by the drop-ins, 8 to change." in lines
    assert "2to3" in out
    if columns == 200:
        assert max(map(len, lines)) <= columns


def test_json_has_everything(capsys):
    assert main(["--json", str(SAMPLES / "worker.py")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["version"] == 1
    assert told["files"] == [str(SAMPLES / "worker.py")]
    assert told["summary"]["must_change"] == told["summary"]["findings"] == len(told["findings"])
    assert told["summary"]["verdicts"] == {"no drop-in": len(told["findings"])}
    assert told["findings"][0] == {
        "file": str(SAMPLES / "worker.py"),
        "line": 3,
        "column": 26,
        "name": "kazoo.client.KazooClient",
        "verdict": "no drop-in",
        "why": "",
        "idiomatic": "zkc.Client(hosts, session_timeout=10.0)",
        "note": told["findings"][0]["note"],
        "must_change": True,
    }


def test_the_command_itself(tmp_path):
    name = os.fsdecode(b"odd\xff.py")
    (tmp_path / name).write_text("import zookeeper\nzookeeper.g\u00e4b\n", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "zkc.legacy", "check", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (1, "")
    assert "zookeeper.g\\xe4b: not in the original: there is no such name" in run.stdout


@pytest.mark.parametrize(
    ("redirected", "told"),
    [
        ("- <&-", "-: the standard input is closed"),
        ("greeting.py >&-", "the standard output is closed"),
        ("greeting.py >/dev/full", "the standard output: No space left on device"),
    ],
)
def test_streams_that_do_not_work(redirected, told):
    run = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m zkc.legacy check {redirected}', sys.executable],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=SAMPLES,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (2, f"python -m zkc.legacy check: {told}\n")


def test_a_reader_may_go_early():
    command = [sys.executable, "-m", "zkc.legacy", "check", *([str(SAMPLES)] * 200)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert b"broken.py" in run.stdout.readline()
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 1
