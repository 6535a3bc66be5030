"""The four commands."""

import io
import subprocess
import sys
import textwrap

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper
from zkc.legacy.zk import scripts

from .legacy_support import OPEN

TREE = "/service\n  threads = 3\n  /providers\n"


@pytest.fixture
def tree(zk):
    zk.import_tree(TREE)
    zk.create("/service/providers/e", "", OPEN, zookeeper.EPHEMERAL)
    return zk


def test_export(tree, hosts, capsys, tmp_path):
    scripts.export([hosts])
    assert capsys.readouterr().out == TREE
    scripts.export(["-e", hosts, "/service/providers"])
    assert capsys.readouterr().out == "/providers\n  /e\n"
    scripts.export([hosts, "/service", f"-o{tmp_path / 'out'}"])
    assert capsys.readouterr().out == ""
    assert (tmp_path / "out").read_text(encoding="utf-8") == TREE


def test_import(zk, hosts, capsys, tmp_path, monkeypatch):
    file = tmp_path / "tree"
    file.write_text("/a\n  x = 'ä'\n  /b\n", encoding="utf-8")
    scripts.import_([hosts, str(file)])
    assert zk.export_tree() == "/a\n  x = 'ä'\n  /b\n"
    assert zk.get_acl("/a")[1] == OPEN
    scripts.import_(["--permission", "5", hosts, str(file), "/a"])
    assert zk.get_acl("/a/a")[1] == [zc_zk.world_permission(5)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("/x\n/y"))
    scripts.import_(["-d", hosts, "-", "/a"])
    assert capsys.readouterr().out == "add /a/x\nadd /a/y\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO("/x\n/y"))
    scripts.import_(["-d", hosts])
    assert capsys.readouterr().out == "add /x\nadd /y\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO("/a\n/y"))
    scripts.import_(["-dt", hosts])
    assert capsys.readouterr().out == (
        "/a remove property x = ä\nwould delete /a/a/b.\nwould delete /a/a.\nwould delete /a/b.\nadd /y\n"
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("/a\n  x = 1"))
    scripts.import_([hosts])
    assert capsys.readouterr().out == "extra path not trimmed: /a/a\nextra path not trimmed: /a/b\n"


def test_validate(tmp_path, monkeypatch, capsys):
    file = tmp_path / "tree"
    file.write_text(TREE, encoding="utf-8")
    scripts.validate_([str(file)])
    monkeypatch.setattr(sys, "stdin", io.StringIO("/a\n  x"))
    with pytest.raises(ValueError, match="Unrecognized data"):
        scripts.validate_([])
    assert capsys.readouterr().out == ""


def test_set_property(tree, hosts):
    scripts.set_property([hosts, "/service", "threads=4", "debug=True", "comment='ok = yes'", "x= [1]"])
    assert tree.get_properties("/service") == {"threads": 4, "debug": True, "comment": "ok = yes", "x": [1]}


@pytest.mark.parametrize("argument", ["threads", "=4", "threads=os.getpid()", "threads="])
def test_properties_that_are_none(argument):
    with pytest.raises(ValueError, match=r"NAME=VALUE|in expression"):
        scripts.set_property(["nowhere.invalid:1", "/service", "a=1", argument])


@pytest.mark.parametrize("command", ["export", "import_", "validate_", "set_property"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        getattr(scripts, command)(["--help"])
    assert caught.value.code == 0
    name = "zookeeper_" + command.strip("_")
    assert capsys.readouterr().out.startswith(f"usage: {name} ")


@pytest.mark.parametrize(
    ("command", "arguments", "error"),
    [
        ("validate", ["{file}"], "ValueError: (2, 'x', 'Unrecognized data')"),
        ("validate", ["{file}.not"], "FileNotFoundError: [Errno 2] No such file or directory: '{file}.not'"),
        ("import", ["{hosts}", "{file}"], "ValueError: (2, 'x', 'Unrecognized data')"),
        ("export", ["{hosts}", "/nothing"], "NoNodeException: no node"),
        ("set_property", ["{hosts}", "/nothing", "a=1"], "NoNodeException: /nothing"),
        ("export", ["127.0.0.1:1"], "cannot connect to ZooKeeper at 127.0.0.1:1"),
    ],
)
def test_a_command_says_what_went_wrong(hosts, tmp_path, command, arguments, error):
    file = tmp_path / "tree"
    file.write_text("/a\n  x", encoding="utf-8")
    fill = {"hosts": hosts, "file": file}
    program = textwrap.dedent(f"""
        import logging, sys
        from zkc.legacy.zk import ZooKeeper, scripts
        logging.getLogger("ZooKeeper").disabled = True
        ZooKeeper.initial_connection_wait = 0.5 if "127.0.0.1:1" in sys.argv else 60
        scripts.{command}_main()
    """)
    done = subprocess.run(
        [sys.executable, "-c", program, *(each.format(**fill) for each in arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"zookeeper_{command}: error: {error.format(**fill)}\n"
