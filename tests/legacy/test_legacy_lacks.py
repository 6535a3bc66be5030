"""The checker on modules, names and methods that Python 3 lacks, and what it leaves out."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import warnings

import pytest

from zkc.legacy.check import main
from zkc.legacy.check._findings import find_all
from zkc.legacy.check._stdlib import BUILTINS, CODECS, MODULES, MOVED


def _names(text, path=None):
    return [one.name for one in find_all(text, path)]


@pytest.mark.parametrize(
    "module", ["Queue", "thread", "urllib2", "ConfigParser", "StringIO", "cPickle", "commands", "urlparse", "httplib"]
)
@pytest.mark.parametrize(
    "line", ["import {}", "import {} as x", "import os, {}", "from {} import x", "import os; import {}"]
)
def test_a_module_that_python_3_lacks(module, line):
    (found,) = find_all("x = 1\n" + line.format(module))
    assert (found.line, found.name, found.verdict) == (2, f"the module {module}", "Python 2 only")
    assert found.must_change
    assert found.idiomatic


def test_an_import_is_enough_for_the_exit_status(tmp_path, capsys):
    (tmp_path / "a.py").write_text("import Queue\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 1
    assert "the module Queue: Python 2 only; write import queue" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import urllib\nurllib.urlopen(u)", "urllib.urlopen"),
        ("import urllib as u\nu.quote(p)", "urllib.quote"),
        ("import os.path\nx = os.getcwdu()", "os.getcwdu"),
        ("\nfrom urllib import quote, urlencode as e", "urllib.quote urllib.urlencode"),
        ("import itertools\nfor a in itertools.izip(b, c): pass", "itertools.izip"),
        ("\nfrom itertools import izip", "itertools.izip"),
        ("import sys\nx = [sys.maxint]", "sys.maxint"),
        ("import string\nstring.letters", "string.letters"),
        ("\nfrom email.MIMEText import MIMEText", "the module email.MIMEText"),
        ("\nfrom email import Encoders", "the module email.Encoders"),
        ("\nreduce(f, x)", "the name reduce"),
        ("\nreload(module)", "the name reload"),
        ("\nf = file('a')", "the name file"),
        ("\nx = cmp(1, 2)", "the name cmp"),
        ("\nx.sort(cmp)", "the name cmp"),
        ("\nexecfile('a.py')", "the name execfile"),
        ("\nsorted(a, cmp=f)", "a function that compares"),
        ("\nsorted(a, key=k, cmp=f)", "a function that compares"),
        ("\na.sort(cmp=f)", "a function that compares"),
        ("\na.sort(lambda a, b: a - b)", "a function that compares"),
        ("\nsorted(x, lambda a, b: a - b)", "a function that compares"),
        ("\nd.viewitems()", "dict.viewitems"),
        ("\nd.keys().sort()", "dict.keys().sort"),
        ("\n'a'.encode('hex')", "the codec hex"),
        ('\nx.y().decode("base64")', "the codec base64"),
        ("class A:\n    __metaclass__ = Meta", "__metaclass__"),
        ("class A(B):\n    def f(self, n=10): return xrange(n)", "the name xrange"),
        ("\nclass Text(unicode): pass", "the name unicode"),
    ],
)
def test_what_python_3_lacks(line, what):
    found = [one for one in find_all(line) if one.line == 2]
    assert [one.name for one in found] == what.split() if " " in what and "urllib" in what else [what]
    assert {(one.verdict, one.must_change) for one in found} == {("Python 2 only", True)}
    assert all(one.idiomatic for one in found)


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import Queue\nexcept ImportError:\n    import queue as Queue\n",
        "try:\n    import queue\nexcept ImportError:\n    import Queue as queue\n",
        "try:\n    from urllib.request import urlopen\nexcept (ImportError, E):\n    from urllib2 import urlopen\n",
        "try: import cPickle as pickle\nexcept: import pickle\n",
        "try: import cStringIO\nexcept ImportError:\n    try: import StringIO\n    except ImportError: import io\n",
        "try:\n    from itertools import izip\nexcept ImportError:\n    izip = zip\n",
        "import sys\nif sys.version_info[0] < 3:\n    import Queue\n    text = unicode\nelse:\n    import queue\n",
        "import sys\nif sys.version < '3':\n    import Queue\n",
        "import six\nif six.PY2:\n    def f(): return reduce\nelse:\n    import functools\n",
        "if PY3:\n    import queue\nelse:\n    import Queue as queue\n",
        "text = unicode if PY2 else str\n",
        "try:\n    input = raw_input\nexcept NameError:\n    pass\n",
        "try:\n    reload\nexcept NameError:\n    from importlib import reload\nreload(x)\n",
        "from six.moves import queue, urllib, reduce\nreduce(f, urllib.parse.quote(x))\n",
        "import six\nsix.iteritems(d)\nsix.moves.reduce(f, x)\n",
        "from compat import *\nreduce(f, x)\nfile(x)\n",
        "from functools import reduce\nreduce(f, x)\n",
        "def reduce(f, x): pass\nreduce(f, x)\n",
        "class file: pass\nfile()\n",
        "def f(file, *cmp, **reduce): return file.read(), cmp(1), reduce\n",
        "with open(p) as file:\n    file.read()\n",
        "for file in files: file()\n",
        "[file() for file in files]\n",
        "x = lambda cmp: cmp(1)\n",
        "if (file := open(p)): file.read()\n",
        "try: pass\nexcept E as file: file()\n",
        "f(file=1, cmp=2)\nprint('x', file=out)\n",
        "x.file.reduce(cmp)\ncmp = 1\n",
        "import string\ndef f(string): return string.join('a')\n",
        "import urllib.parse\nurllib.parse.quote(x)\n",
        "from . import commands\nfrom .Queue import x\n",
        "class D:\n    def viewitems(self): pass\n    def f(self): return self.viewitems()\n",
        "codecs.encode(x, 'hex')\nx.encode('utf-8')\nx.encode(hex)\n",
        "__metaclass__ = type\n",
        "sorted(a, key=lambda a: a)\na.sort(key=f)\na.sort('name')\nq.sort(lambda a: a)\n",
        "def f(items):\n    items().sort(key=f)\n",
    ],
)
def test_what_knows_both_is_left_out(source):
    assert find_all(source) == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        # Both branches lack what they import.
        ("try:\n    import cStringIO\nexcept ImportError:\n    import StringIO\n", ["cStringIO", "StringIO"]),
        # The error that is caught is another one.
        ("try:\n    import Queue\nexcept ValueError:\n    pass\n", ["Queue"]),
        # The function is called outside of what is caught.
        ("try:\n    def f():\n        import Queue\nexcept ImportError:\n    pass\n", ["Queue"]),
    ],
)
def test_what_only_looks_as_if_it_knew_both(source, what):
    assert _names(source) == [f"the module {name}" for name in what]


def test_a_module_of_the_programs_own_is_left_out(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    for path in (tmp_path / "commands.py", package / "__init__.py", package / "user.py", package / "a.py"):
        path.write_text("", encoding="utf-8")
    text = "import commands\nimport user\nimport Queue\n"
    assert _names(text, str(tmp_path / "main.py")) == ["the module user", "the module Queue"]
    assert _names(text, str(package / "a.py")) == ["the module Queue"]
    assert _names(text, "-") == ["the module commands", "the module user", "the module Queue"]


def test_no_python_3_has_what_is_said_to_be_lacking():
    assert [name for name in BUILTINS if hasattr(builtins, name)] == []
    # On its way a name below a package imports that, as email.MIMEText does.
    assert [name for name in MODULES if importlib.util.find_spec(name) is not None] == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = {name.rpartition(".")[0]: None for name in MOVED}
        for module in list(there):
            with_module = importlib.util.find_spec(module)  # cgi has gone, too.
            there[module] = importlib.import_module(module) if with_module else None
        assert [name for name in MOVED if hasattr(there[name.rpartition(".")[0]], name.rpartition(".")[2])] == []


@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_is_none_of_the_methods_of_python_3(codec):
    with pytest.raises(LookupError):
        b"a".decode(codec)
    with pytest.raises(LookupError):
        "a".encode(codec)


# ---- names that come out of another module --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "from helper import zookeeper\nzookeeper.get(h, '/')",
        "from .helper import zookeeper\nzookeeper.get(h, '/')",
        "from helper import os, zookeeper as z\nz.get(h, '/')",
        "try:\n    import zookeeper\nexcept ImportError:\n    from helper import zookeeper\nzookeeper.get(h, '/')",
    ],
)
def test_a_name_is_followed_that_another_module_hands_on(source, tmp_path):
    for path in (None, str(tmp_path / "a.py")):  # A helper that cannot be looked into.
        assert [name for name in _names(source, path) if name != "zookeeper"] == ["zookeeper.get"]


def test_what_a_module_hands_on_is_looked_up_in_it(tmp_path):
    (tmp_path / "helper.py").write_text(
        "import zookeeper as zk\nimport zc.zk\nclass My(zc.zk.ZK): pass\nclient = zc.zk.ZK()\nread = zk.get\n",
        encoding="utf-8",
    )
    (tmp_path / "again.py").write_text("from helper import *\nfrom again import zk\n", encoding="utf-8")
    main_file = str(tmp_path / "main.py")
    for source, name in (
        ("from helper import zk\nzk.exists(h, '/')", "zookeeper.exists"),
        ("from helper import zk\nzk.multi(h)", "zookeeper.multi"),
        ("import helper\nhelper.zk.exists(h, '/')", "zookeeper.exists"),
        ("import helper as he\nhe.client.walk()", "zc.zk.ZooKeeper.walk"),
        ("from helper import client\nclient.walk()", "zc.zk.ZooKeeper.walk"),
        ("from helper import My\nMy().walk()", "zc.zk.ZooKeeper.walk"),
        ("from helper import *\nread(h, '/')", "zookeeper.get"),
        ("from again import zk\nzk.exists(h, '/')", "zookeeper.exists"),
        ("from . import helper\nhelper.zk.exists(h, '/')", "zookeeper.exists"),
    ):
        assert [one.name for one in find_all(source, main_file) if one.line == 2] == [name], source


def test_a_module_that_has_something_else_of_that_name(tmp_path):
    (tmp_path / "animals.py").write_text("class zookeeper:\n    def get(self): pass\n", encoding="utf-8")
    assert _names("from animals import zookeeper\nzookeeper.get()", str(tmp_path / "a.py")) == []
    assert _names("from animals import zookeeper\nzookeeper.feed()") == []
