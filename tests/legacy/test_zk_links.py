"""Symbolic links and property links, of every kind."""

import json
import logging

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN, Watcher

# --- symbolic links ---------------------------------------------------------------------------------------------------

TOP = """
/top
  /a
    top -> /top
    loop -> /top/a/b/loop
    /b
      top -> /top
      loop -> /top/a/loop
      /c
        top -> /top
        /d
          name = 'd'
          /e
          top -> /top
          loop -> /top/a/b/c/d/loop
"""


@pytest.fixture
def top(zk):
    zk.import_tree(TOP)
    return zk


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/top/a/b/c/d", "/top/a/b/c/d"),
        ("/top/a/top", "/top"),
        ("/top/a/top/a/b/top/a/b/c/top/a/b/c/d", "/top/a/b/c/d"),
        ("/top/a/b/c/d/./../..", "/top/a/b"),
        ("/top/a/../a/b/./c", "/top/a/b/c"),
        ("/top/a/top/..", "/"),
        ("/", "/"),
        ("/.", "/"),
    ],
)
def test_resolve(top, path, real):
    assert top.resolve(path) == real


@pytest.mark.parametrize("path", ["/top/x", "/top/a/top/a/b/top/x", "/nothing/../top", "/..", "top", "", ".", ".."])
def test_what_leads_nowhere(top, path):
    with pytest.raises(zookeeper.NoNodeException) as caught:
        top.resolve(path)
    assert caught.value.args == ((path[:-3] or path) if path.endswith("/../top") else path,) or path.startswith(
        "/nothing"
    )


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/top/a/b/c/d/loop", ("/top/a/b/c/d/loop", "/top/a/b/c/d/loop")),
        ("/top/a/loop/b/c/d", ("/top/a/loop", "/top/a/b/loop", "/top/a/loop")),
    ],
)
def test_loops(top, path, seen):
    with pytest.raises(zc_zk.LinkLoop) as caught:
        top.resolve(path)
    assert caught.value.args == (seen,)


@pytest.mark.parametrize("target", ["l", "./l", "./l/.", "../a/l", "l/x", "l/../l", "/a/l/b", "m", "./m/.."])
def test_loops_of_every_kind_end(zk, target):
    zk.create("/a", json.dumps({"l ->": target, "m ->": "l"}), OPEN)
    with pytest.raises(zc_zk.LinkLoop):
        zk.resolve("/a/l")


def test_relative_links(zk):
    zk.import_tree("/a\n  /b\n    l -> c\n    l2 -> ../c\n    l3 -> ./c/.\n    /c\n  /c\n")
    assert zk.resolve("/a/b/l") == "/a/b/c"
    assert zk.resolve("/a/b/l2") == "/a/c"
    assert zk.resolve("/a/b/l3") == "/a/b/c"


def test_broken_targets(zk):
    zk.create("/a", json.dumps({"gone ->": "/x/y", "empty ->": "", "number ->": 5}), OPEN)
    for name in ("gone", "empty", "number"):
        with pytest.raises(zookeeper.NoNodeException) as caught:
            zk.resolve(f"/a/{name}/z")
        assert caught.value.args == (f"/a/{name}/z",)


def test_a_child_hides_a_link(zk):
    zk.import_tree("/a\n  b -> /c\n/c\n")
    assert zk.resolve("/a/b") == "/c"
    zk.create("/a/b", "", OPEN)
    assert zk.resolve("/a/b") == "/a/b"


def test_links_at_the_root(zk):
    zk.create("/a", "", OPEN)
    zk.ln("/a", "/b")
    assert zk.get_properties("/") == {"b ->": "/a"}
    assert zk.resolve("/b") == "/a"


def test_ln(zk):
    zk.import_tree("/a\n  x = 1\n/b\n  /c\n")
    zk.ln("/b/c", "/a/l")
    zk.ln("/b/", "/a/c")
    zk.ln("/b/c", "/a/")
    assert zk.get_properties("/a") == {"x": 1, "l ->": "/b/c", "c ->": "/b/c", " ->": "/b/c"}
    assert zk.resolve("/a/l") == zk.resolve("/a/c") == "/b/c"


def test_objects_and_registrations_follow_links(top):
    path = "/top/a/top/a/b/top/a/b/c/top/a/b/c/d"
    assert dict(top.properties(path)) == {"name": "d", "top ->": "/top", "loop ->": "/top/a/b/c/d/loop"}
    top.register_server(path, "addr")
    assert sorted(top.children(path)) == ["addr", "e"]
    assert top.exists("/top/a/b/c/d/addr")


def test_objects_follow_a_node_that_moves(zk, eventually):
    zk.import_tree("/cms\n  /databases\n    /main\n      /providers\n/databases\n")
    children = zk.children("/cms/databases/main")
    properties = zk.properties("/cms/databases/main")
    told = Watcher()
    children(told)
    zk.import_tree(zk.export_tree("/cms/databases/main", name="cms"), "/databases")
    zk.ln("/databases/cms", "/cms/databases/main")
    assert children.real_path == properties.real_path == "/cms/databases/main"
    zk.delete_recursive("/cms/databases/main")
    eventually(lambda: children.real_path == properties.real_path == "/databases/cms")
    assert children.path == properties.path == "/cms/databases/main"
    zk.create("/databases/cms/more", "", OPEN)
    eventually(lambda: sorted(children) == ["more", "providers"])
    # A value set through the link is set where it leads.
    properties.set(a=1)
    assert zk.get_properties("/databases/cms") == {"a": 1}
    eventually(lambda: dict(properties) == {"a": 1})
    assert all(arguments == (children,) for arguments in told.calls)


# --- property links ---------------------------------------------------------------------------------------------------


def test_relative_property_links(zk):
    zk.import_tree("""
/a
  /b
    x => c x
    xx => ./c x
    x2 => .. x
    x3 => ../c x
    x22 => ./.. x
    x33 => ./../c x
    x333 => .././c x
    /c
      x = 1
  /c
    x = 3
  x = 2
""")
    properties = zk.properties("/a/b")
    assert dict(properties) == {"x": 1, "xx": 1, "x2": 2, "x3": 3, "x22": 2, "x33": 3, "x333": 3}
    assert properties["x =>"] == "c x"
    assert properties.copy() == zk.get_properties("/a/b")


def test_property_links_are_properties(zk):
    zk.import_tree("/a\n  threads => ..\n  color = 'red'\n  database -> /x\n  both = 1\n  both => /a color\n")
    zk.set("/", '{"threads":7}')
    properties = zk.properties("/a")
    assert sorted(properties) == sorted(properties.keys()) == ["both", "color", "database ->", "threads"]
    assert len(properties) == 4
    assert dict(properties) == {"color": "red", "database ->": "/x", "threads": 7, "both": 1}
    assert "threads" in properties
    assert "threads =>" in properties
    assert "other" not in properties
    assert properties.get("other") is None


def test_links_of_links(zk):
    zk.import_tree("/a\n  x => /b y\n/b\n  y => /c z\n/c\n  z = 1\n")
    assert zk.properties("/a")["x"] == 1


def test_a_link_to_the_same_node(zk):
    zk.import_tree("/a\n  x => /a y\n  y = 1\n")
    properties = zk.properties("/a")
    assert properties["x"] == 1
    properties.update({"z =>": ". y", "y": 2})
    assert properties["z"] == 2


def test_changes_of_linked_properties_are_reported(zk, eventually):
    zk.import_tree("/a\n  /b\n    x => c\n    xx => ../c x\n    /c\n      x = 1\n  /c\n    x = 2\n")
    properties, told = zk.properties("/a/b"), Watcher()
    properties(told)
    zk.set("/a/c", '{"x": 3}')
    told.wait_calls(2)
    assert properties["xx"] == 3
    properties.update(xx=2)
    told.wait_calls(3)
    zk.set("/a/c", '{"x": 4}')
    zk.set("/a/b/c", '{"x": 5}')  # Only this one is linked still.
    told.wait_calls(4)
    assert properties["x"] == 5
    assert len(told.calls) == 4


def test_property_links_follow_a_node_that_moves(zk, eventually):
    zk.import_tree("/a\n  /b\n    x => ../c\n  /c\n    x = 1\n/d\n  x = 2\n")
    properties, told = zk.properties("/a/b"), Watcher()
    properties(told)
    assert properties["x"] == 1
    zk.set("/a", '{"c ->": "/d"}')
    zk.delete("/a/c")
    told.wait_calls(2)
    assert properties["x"] == 2
    zk.set("/d", '{"x": 3}')
    told.wait_calls(3)
    assert properties["x"] == 3


def test_a_linked_node_that_is_deleted_and_comes_back(zk, eventually):
    zk.import_tree("/a\n  x => /c\n/c\n  x = 1\n")
    properties = zk.properties("/a")
    # It looks at /c as well, and is called after the one behind the link, which was there before. It is not enough to
    # wait until the link is broken: the path is asked for at the server, and leads nowhere before a callback runs.
    also = zk.properties("/c")
    zk.delete("/c")
    eventually(lambda: also.deleted)
    with pytest.raises(zc_zk.BadPropertyLink):
        properties["x"]
    zk.import_tree("/c\n  x = 2\n")
    assert properties["x"] == 2


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("/a/b/c d", zookeeper.NoNodeException("/a/b/c")),
        ("", ValueError("Bad link data")),
        ("/node x", KeyError("x")),
        ("/other x", KeyError("x")),
        ("/node threads x", ValueError("Bad link data")),
        (5, AttributeError("'int' object has no attribute 'split'")),
    ],
)
@pytest.mark.parametrize("change", ["set", "update"])
def test_bad_links_prevent_changes(zk, link, why, change):
    zk.import_tree("/node\n  threads = 1\n/other\n")
    properties = zk.properties("/node")
    with pytest.raises(ValueError) as caught:
        getattr(properties, change)({"c =>": link}, a=1)
    assert caught.value.args[:3] == ("Bad property link", "c =>", link)
    assert repr(caught.value.args[3]) == repr(why)
    assert dict(properties) == zk.get_properties("/node") == {"threads": 1}


def test_bad_links_are_logged_and_raise_when_they_are_looked_at(zk, log):
    zk.create("/node", json.dumps({"a =>": "/a/b", "b =>": "/node threads x", "c =>": "", "d": 1}), OPEN)
    properties = zk.properties("/node")
    assert [r.getMessage() for r in log.records if r.levelno == logging.ERROR] == [
        "Bad property link 'a =>' '/a/b'",
        "Bad property link 'b =>' '/node threads x'",
        "Bad property link 'c =>' ''",
    ]
    assert properties["d"] == 1
    for key, why, where in [
        ("a", zookeeper.NoNodeException("/a/b"), "in 'a =>': '/a/b'"),
        ("b", ValueError("Invalid property link"), "in 'b =>': '/node threads x'"),
        ("c", IndexError("pop from empty list"), "in 'c =>': ''"),
    ]:
        with pytest.raises(zc_zk.BadPropertyLink) as caught:
            properties[key]
        assert (repr(caught.value.args[0]), caught.value.args[1]) == (repr(why), where)
    with pytest.raises(KeyError):
        properties["e"]


def test_loops_of_property_links(zk):
    zk.import_tree("/a\n  x => ../b x\n  y = 1\n/b\n  x => ../a x\n  z => ../a y\n")
    properties, told = zk.properties("/a"), Watcher()
    properties(told)
    with pytest.raises(zc_zk.BadPropertyLink) as caught:
        properties["x"]
    assert str(caught.value.args[0].args[0].args[0]) == "('/b', '/a', '/b')"
    zk.set("/b", '{"x": 1}')
    told.wait_calls(2)
    assert properties["x"] == 1


def test_many_nodes_that_link_to_each_other(zk, eventually):
    names = "abcd"
    for name in names:
        links = {f"{other} =>": f"/{other} own" for other in names if other != name}
        zk.create(f"/{name}", json.dumps({**links, "own": name}), OPEN)
    properties = {name: zk.properties(f"/{name}") for name in names}
    for name in names:
        assert {other: properties[name][other] for other in names if other != name} == {
            other: other for other in names if other != name
        }
    zk.properties("/a").update(own="A")
    eventually(lambda: all(properties[name]["a"] == "A" for name in names if name != "a"))
    properties.clear()
    eventually(lambda: len(zk.watches) == 0)
