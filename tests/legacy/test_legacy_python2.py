"""The checker on source that only Python 2 takes, and its silence on source that both take."""

import sys

import pytest

from zkc.legacy.check._findings import find_all


def _names(text):
    return [one.name for one in find_all(text)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("print 'a'", "print statement"),
        ("print", "print statement"),
        ("print >>f, 1", "print statement"),
        ("print ('%s') % 1", "print statement"),
        ("print -1", "print statement"),
        ("print`1`", "print statement"),
        ("if x: print x", "print statement"),
        ("a = 1; print a", "print statement"),
        ("else: print 'no'", "print statement"),
        ("try: print 1", "print statement"),
        ("except E, e: pass", "except with a comma"),
        ("except (A, B), e: pass", "except with a comma"),
        ("x = `1`", "backticks"),
        ("if a <> b: pass", "<>"),
        ("exec 'x'", "exec statement"),
        ("exec code in names", "exec statement"),
        ("exec (code) in names", "exec statement"),
        ("raise E, 'x'", "raise with a comma"),
        ("raise E, 'x', t", "raise with a comma"),
        ("x = 10L", "long suffix"),
        ("x = 0xFFl", "long suffix"),
        ("x = 0777", "octal literal"),
        ("x = ur'\\d'", "ur'' string"),
        ("def f(a, (b, c)): pass", "parameters that are unpacked"),
        ("f = lambda (a, b): a", "parameters that are unpacked"),
        ("d.has_key(1)", "dict.has_key"),
        ("d.iteritems()", "dict.iteritems"),
        ("unicode(x)", "the name unicode"),
        ("for i in xrange(3): pass", "the name xrange"),
        ("x = 0777L", "long suffix"),
        ("f(async=True)", "async as a name"),
        ("pool.async(f)", "async as a name"),
    ],
)
def test_what_only_python_2_takes(line, what):
    found = [one for one in find_all(f"x = 1\n{line}\n") if one.name == what]
    assert [(one.line, one.verdict, one.must_change) for one in found] == [(2, "Python 2 only", True)]
    assert found[0].idiomatic


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("x = 10L", "10"),
        ("x = 0777", "0o777"),
        ("x = 0777L", "0o777"),
        ("raise E, 'm'", 'raise E("x")'),
        ("raise E, 'm', tb", 'raise E("m").with_traceback(tb)'),
        ("raise E, None, tb", "raise E().with_traceback(tb)"),
    ],
)
def test_what_to_write_instead(line, instead):
    assert [one.idiomatic for one in find_all(line)] == [instead]


@pytest.mark.parametrize("text", ["# coding: klingon\nx = 1\n", "#!/bin/python\n# -*- coding: klingon -*-\nx = 1\n"])
def test_an_encoding_that_is_unknown(text):
    (found,) = find_all(text)
    assert (found.line, found.verdict, found.must_change) == (text.count("\n") - 1, "does not parse", True)
    assert found.why == "Python does not know the encoding klingon"


@pytest.mark.parametrize("text", ["x = 1\n# coding: klingon\n", "#\n#\n# coding: klingon\n", "# encoding=latin-1\n"])
def test_what_is_no_encoding_or_a_known_one(text):
    assert find_all(text) == []


@pytest.mark.parametrize(
    "source",
    [
        "print('a', 'b')\nprint()\nprint(1) if x else None\nprint('a'.upper())\n",
        "from __future__ import print_function\nprint ('a')\nlog = print\n",
        "x = 0\ny = 00\nz = 0o777\nw = 1e10\nv = 0.5\nu = 0xFFF if False else 1j\n",
        "unicode = str\nunicode('x')\n",
        "try:\n    xrange\nexcept NameError:\n    xrange = range\nxrange(3)\n",
        "class D:\n    def iteritems(self): pass\n    def f(self): return self.iteritems()\n",
        "def f(a, b=(1, 2), c=(3)): pass\n",
        "def f(a: (int), b=2): pass\n",
        "async def f():\n    async with a as b, c: pass\n    async for i in b: await (i)\n    [x async for x in y]\n",
        "raise E('a, b')\n",
        "raise E from None\n",
        "try: pass\nexcept (A, B) as e: pass\n",
        "exec('x', names)\n",
        "s = 'print 1 <> 2L'  # print `x`\n'''\nprint 1\n'''\n",
        "x = f'{a:02d} {b!r} {{print}}'\n",
        "if x:\n\ty = 1\n\tz = 2\n",
        "if x:\n        y = (1,\n\t2)\n",
        "x = '\\d'\n",
    ],
)
def test_what_both_take_is_left_out(source):
    assert find_all(source) == []


def test_tabs_and_spaces_that_python_3_does_not_compare():
    found = find_all("if x:\n        y = 1\n\tz = 2\n")
    assert [(one.line, one.name) for one in found] == [(3, "tabs and spaces mixed")]


def test_what_no_line_shows_python_itself_says():
    (found,) = find_all("x = 1\nimport = 2\n")
    assert (found.line, found.verdict, found.must_change) == (2, "does not parse", True)
    assert found.why.startswith(f"Python {sys.version_info[0]}.{sys.version_info[1]} says: ")
    assert [one.verdict for one in find_all("x = 1\0\n")] == ["does not parse"]


@pytest.mark.parametrize(
    "text", ["", "\n", "\\", "'''", "(", ")", "f'{", "import", "from", "from x import", "import zookeeper as"]
)
def test_broken_source_is_no_error(text):
    find_all(f"{text}")
    names = _names(f"import zookeeper\ndef f():\n    {text}\nzookeeper.get(h, '/')\n")
    assert "zookeeper.get" in names or text in ("'''",)
