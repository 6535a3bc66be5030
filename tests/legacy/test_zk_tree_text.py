"""The text that describes a tree."""

import pytest

from zkc.legacy import zk

TEXT = """
# The tree of a service.
/lb : ipvs
  /pools
    /cms
      # The address is fixed.
      address = '1.2.3.4:80'
      providers -> /cms/providers

/cms : z4m cms
  threads = 4
  color => /lb
  size => ../lb big
  /providers
    /1.2.3.4:80
"""


def shown(node):
    return {"properties": node.properties, **{f"/{name}": shown(child) for name, child in node.children.items()}}


def parse_one(line):
    """Return the properties that one line below a node makes."""
    return zk.parse_tree(f"/node\n  {line}").children["node"].properties


def test_a_tree():
    root = zk.parse_tree(TEXT)
    assert root.name == ""
    assert shown(root) == {
        "properties": {},
        "/lb": {
            "properties": {"type": "ipvs"},
            "/pools": {
                "properties": {},
                "/cms": {"properties": {"address": "1.2.3.4:80", "providers ->": "/cms/providers"}},
            },
        },
        "/cms": {
            "properties": {"type": "z4m cms", "threads": 4, "color =>": "/lb", "size =>": "../lb big"},
            "/providers": {"properties": {}, "/1.2.3.4:80": {"properties": {}}},
        },
    }
    assert root.children["cms"].children["providers"].name == "providers"


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing", "   # nothing\n"])
def test_no_tree(text):
    assert shown(zk.parse_tree(text)) == {"properties": {}}


@pytest.mark.parametrize(
    ("line", "properties"),
    [
        ("a=1", {"a": 1}),
        ("a      =1", {"a": 1}),
        ("a=      1", {"a": 1}),
        ("a = 1  ", {"a": 1}),
        ("a = u'ä'", {"a": "ä"}),
        ("a = (1, [None, True], {'x': -1.5})", {"a": (1, [None, True], {"x": -1.5})}),
        ("a = 'b = c'", {"a": "b = c"}),
        ("a='b=c'", {"a": "b=c"}),
        ("a='b = c'", {"a": "b = c"}),
        ("a='b=>c'", {"a": "b=>c"}),
        ("a='b -> c'", {"a": "b -> c"}),
        ("a=b = 1", {"a=b": 1}),
        ("/a = 1", {"/a": 1}),
        ("a -> /x", {"a ->": "/x"}),
        ("a->/x", {"a ->": "/x"}),
        ("a          ->/x", {"a ->": "/x"}),
        ("a->         ../x", {"a ->": "../x"}),
        ("a= -> /x", {"a= ->": "/x"}),
        ("a => /x", {"a =>": "/x"}),
        ("a=>/x b", {"a =>": "/x b"}),
        ("a => .. b", {"a =>": ".. b"}),
        # As export_tree writes it.
        ("a => = '.. b'", {"a =>": ".. b"}),
    ],
)
def test_properties_and_links(line, properties):
    assert parse_one(line) == properties


@pytest.mark.parametrize(
    "line", ["/x", "/x : some type", "/x:type", "/x : a=1", "/a=b", "/a->b", "/a:b:c", "/ä", "/#x"]
)
def test_nodes(line):
    (node,) = zk.parse_tree(line).children.values()
    name, _, type_ = line[1:].partition(" : ")
    if line == "/x:type":  # The sign without blanks is part of the name.
        assert (node.name, node.properties) == ("x:type", {})
    else:
        assert (node.name, node.properties) == (name, {"type": type_} if type_ else {})


@pytest.mark.parametrize(
    "expression",
    ["os.getpid()", "__import__('os').getpid()", "[x for x in 'abc']", "2 * 3", "name", "f'{1}'", "lambda: 1"],
)
def test_nothing_is_evaluated(expression):
    with pytest.raises(ValueError, match="only literals of Python are taken, nothing is evaluated") as caught:
        zk.parse_tree(f"/test\n  a = 1\n  b = {expression}")
    assert str(caught.value).endswith(f"in expression: {expression!r} in line 3")


@pytest.mark.parametrize("expression", ["1+", "'", "u'x", "[" * 1000, "0777", "10L", "'\x00"])
def test_what_is_no_expression(expression):
    with pytest.raises(ValueError, match=r"^Error ") as caught:
        zk.parse_tree(f"\n/test\n  a = {expression}\n")
    assert str(caught.value).endswith(f" in expression: {expression!r} in line 3")


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("/a\n  b ->", (2, "b ->", "Bad link format")),
        ("/a\n  b", (2, "b", "Unrecognized data")),
        ("/a\n  b => /x y z", (2, "b => /x y z", "Unrecognized data")),
        ("/a b", (1, "/a b", "Unrecognized data")),
        ("/a\n  b = 1\n    /c", (3, "    /c", "Can't indent under properties")),
        ("/a\n    /b\n  /c", (3, "/c", "Invalid indentation")),
        ("/a\n/b\n/a", (3, "/a", "duplicate node")),
        ("/a\n  b = 1\n  b = 2", (3, "b = 2", "duplicate property")),
        ("/a : x\n  type = 'y'", (2, "type = 'y'", "duplicate property")),
        ("x = 1", ("Can't import properties above imported nodes.",)),
        ("/y\nx = 1", ("Can't import properties above imported nodes.",)),
    ],
)
def test_text_that_is_wrong(text, arguments):
    with pytest.raises(ValueError) as caught:
        zk.parse_tree(text)
    assert caught.value.args == arguments


def test_a_tree_of_bytes():
    assert shown(zk.parse_tree("/ä\n  x = 'ö'".encode())) == shown(zk.parse_tree("/ä\n  x = 'ö'"))


def test_nodes_of_a_class_of_ones_own():
    class Mine(zk.ParseNode):
        pass

    root = zk.parse_tree("/a\n  /b", Mine)
    assert type(root) is type(root.children["a"]) is type(root.children["a"].children["b"]) is Mine


def test_a_tree_made_by_hand():
    node = zk.ParseNode("a", {"x": 1}, b=zk.ParseNode())
    assert (node.name, node.properties, node.children["b"].name) == ("a", {"x": 1}, "b")
