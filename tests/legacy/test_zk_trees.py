"""Whole trees: import, export, deletion, walks; what they print is read by scripts."""

import textwrap

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN

BYTES = {
    "resolve": lambda zk: zk.resolve(b"/a/l/.") == "/b",
    "children": lambda zk: (zk.children(b"/a").path, list(zk.children(b"/a"))) == ("/a", ["\u00e4"]),
    "properties": lambda zk: zk.properties(b"/a")["x"] == 1,
    "get_properties": lambda zk: zk.get_properties(b"/a") == {"x": 1, "l ->": "/b"},
    "export_tree": lambda zk: zk.export_tree(b"/a", name=b"A") == zk.export_tree("/a", name="A"),
    "export_tree of all": lambda zk: zk.export_tree(b"/") == zk.export_tree(),
    "print_tree": lambda zk: zk.print_tree("/a/\u00e4".encode()) is None,
    "import_tree": lambda zk: zk.import_tree(b"/c\n  x = 2\n", b"/b") is None and zk.get_properties("/b/c") == {"x": 2},
    "ln": lambda zk: zk.ln(b"/a", b"/b/k") is None and zk.resolve("/b/k") == "/a",
    "delete_recursive": lambda zk: zk.delete_recursive(b"/a") is None and not zk.exists("/a"),
    "create_recursive": lambda zk: zk.create_recursive(b"/d/e/f", b"", OPEN) is None and bool(zk.exists("/d/e/f")),
    "is_ephemeral": lambda zk: zk.is_ephemeral(b"/a") is False,
    "walk": lambda zk: list(zk.walk(b"/a")) == ["/a", "/a/\u00e4"],
    "register_server": lambda zk: zk.register_server(b"/a/l", "h:1") is None and zk.get_children("/b") == ["h:1"],
}


@pytest.mark.parametrize("call", BYTES)
def test_paths_may_be_bytes(zk, call):
    zk.import_tree("/a\n  x = 1\n  l -> /b\n  /\u00e4\n/b\n")
    assert BYTES[call](zk)


@pytest.mark.parametrize("call", ["resolve", "children", "properties", "get_properties", "export_tree", "is_ephemeral"])
def test_a_path_that_is_no_text(zk, call):
    with pytest.raises(TypeError, match="path must be str or bytes, not int"):
        getattr(zk, call)(5)


TREE = """\
/cms : z4m cms
  threads = 3
  /databases
    /main
      /providers
  /providers
/lb : ipvs
  /pools
    /cms
      address = '1.2.3.4:80'
      providers -> /cms/providers
    /retail
      address = '1.2.3.5:80'
      providers -> /cms/providers
"""
READ_ONLY = [zc_zk.world_permission()]


def printed(capsys):
    return capsys.readouterr().out


# --- import and export ------------------------------------------------------------------------------------------------


def test_what_is_imported_is_exported(zk, capsys):
    zk.import_tree(TREE)
    assert zk.export_tree() == TREE
    assert printed(capsys) == ""
    assert (
        zk.get("/cms")[0] == '{"type":"z4m cms","threads":3}' or zk.get("/cms")[0] == '{"threads":3,"type":"z4m cms"}'
    )
    assert zk.get("/cms/databases")[0] == ""
    assert zk.get_acl("/cms")[1] == OPEN


def test_a_part_is_exported_under_another_name(zk):
    zk.import_tree(TREE)
    assert zk.export_tree("/cms/databases") == "/databases\n  /main\n    /providers\n"
    assert zk.export_tree("/cms/databases", name="dbs") == "/dbs\n  /main\n    /providers\n"
    assert zk.export_tree("/", name="top") == "/top\n" + textwrap.indent(TREE, "  ")
    with pytest.raises(zookeeper.NoNodeException):
        zk.export_tree("/nothing")


def test_the_node_of_zookeeper_is_left_out(fake_zk):
    assert "zookeeper" in fake_zk.get_children("/")
    assert fake_zk.export_tree().startswith("/fooservice\n  database = '/databases/foomain'\n")
    assert "zookeeper" not in fake_zk.export_tree()
    assert fake_zk.export_tree("/zookeeper") == "/zookeeper\n  /quota\n"


def test_ephemeral_nodes_are_exported_if_asked_for(zk, capsys):
    zk.import_tree("/a\n  /b")
    zk.create("/a/e", "x", OPEN, zookeeper.EPHEMERAL)
    assert zk.export_tree() == "/a\n  /b\n"
    assert zk.export_tree("/a", ephemeral=True) == "/a\n  /b\n  /e\n    string_value = 'x'\n"
    zk.print_tree()
    assert printed(capsys) == "/a\n  /b\n  /e\n    string_value = 'x'\n"
    zk.print_tree("/a/b")
    assert printed(capsys) == "/b\n"


def test_an_empty_tree(zk, capsys):
    assert zk.export_tree() == "\n"
    zk.print_tree()
    assert printed(capsys) == "\n"


def test_property_links_are_exported_and_imported(zk):
    zk.import_tree("/a\n  one => ..\n  two => /b other\n/b\n  other = 1\n")
    exported = "/a\n  one => = '..'\n  two => = '/b other'\n/b\n  other = 1\n"
    assert zk.export_tree() == exported
    zk.create("/copy", "", OPEN)
    zk.import_tree(exported, "/copy")
    assert zk.get_properties("/copy/a") == zk.get_properties("/a") == {"one =>": "..", "two =>": "/b other"}


def test_types_that_are_no_words_are_properties(zk):
    zk.create("/a", '{"type": 5}', OPEN)
    zk.create("/b", '{"type": ""}', OPEN)
    zk.create("/c", '{"type": "x\\ny"}', OPEN)
    text = "/a\n  type = 5\n/b\n  type = ''\n/c\n  type = 'x\\ny'\n"
    assert zk.export_tree() == text
    zk.import_tree(text)
    assert zk.export_tree() == text


def test_bytes_in_a_property_are_refused_before_anything_is_done(zk):
    with pytest.raises(TypeError, match=r"/a/b: property 'x' cannot be written as JSON"):
        zk.import_tree("/a\n  /b\n    x = b'\\xff'")
    assert zk.get_children("/") == []


def test_text_that_is_wrong_is_refused_before_anything_is_done(zk):
    with pytest.raises(ValueError, match="Unrecognized data"):
        zk.import_tree("/a\n  /b\n  what is this")
    assert zk.get_children("/") == []


def test_an_import_below_a_path(zk, capsys):
    zk.create("/top", "", OPEN)
    zk.import_tree("/a\n  x = 1", "/top/")
    assert zk.get_properties("/top/a") == {"x": 1}
    with pytest.raises(zookeeper.NoNodeException):
        zk.import_tree("/a", "/nothing")


def test_the_acl_of_an_import(zk):
    zk.import_tree("/a")
    acl = [zc_zk.world_permission(zookeeper.PERM_ALL - zookeeper.PERM_DELETE)]
    zk.import_tree("/a\n  /b", acl=acl)
    assert zk.get_acl("/a")[1] == zk.get_acl("/a/b")[1] == acl
    assert zk.get_acl("/a")[0]["aversion"] == 1
    zk.import_tree("/a\n  /b", acl=acl)
    assert zk.get_acl("/a")[0]["aversion"] == 1


# --- what an import changes -------------------------------------------------------------------------------------------

NEWER = """
/lb : ipvs
  /pools
    /cms
      address = '1.2.3.4:80'
      providers -> /cms/providers
/cms : z4m cms
  threads = 4
  /providers
  /databases
    /main
      /providers
"""


def test_nodes_that_the_text_does_not_have_are_reported(zk, capsys):
    zk.import_tree(TREE)
    zk.import_tree(NEWER)
    assert printed(capsys) == "extra path not trimmed: /lb/pools/retail\n"
    assert zk.exists("/lb/pools/retail")
    assert zk.get_properties("/cms")["threads"] == 4


def test_nothing_is_reported_with_trim_false(zk, capsys):
    zk.import_tree(TREE)
    zk.import_tree(NEWER, trim=False)
    assert printed(capsys) == ""
    assert zk.exists("/lb/pools/retail")


def test_trim(zk, capsys):
    zk.import_tree(TREE + "/other\n  /child\n")
    zk.import_tree(NEWER, trim=True, dry_run=True)
    assert printed(capsys) == "/cms threads change from 3 to 4\nwould delete /lb/pools/retail.\n"
    assert zk.exists("/lb/pools/retail")
    zk.import_tree(NEWER, trim=True)
    assert printed(capsys) == ""
    assert not zk.exists("/lb/pools/retail")
    assert zk.exists("/other/child")  # At the top nothing is trimmed.


def test_a_dry_run(zk, capsys):
    before = "/test\n  a = 1\n  b = 2\n  ad -> /y\n  ae -> /x\n  /c1\n    /c12\n  /c2\n"
    zk.import_tree(before)
    after = "/test\n  a=2\n  /c1\n    /c12\n      a = 1\n      b -> /b\n      /c123\n        /c1234\n  ae-> /z\n"
    zk.import_tree(after, dry_run=True)
    assert printed(capsys) == textwrap.dedent("""\
        /test a change from 1 to 2
        /test remove link ad -> /y
        /test ae link change from /x to /z
        /test remove property b = 2
        extra path not trimmed: /test/c2
        /test/c1/c12 add property a = 1
        /test/c1/c12 add link b -> /b
        add /test/c1/c12/c123
    """)
    assert zk.export_tree() == before


def test_ephemeral_nodes_are_not_trimmed(zk, capsys):
    zk.import_tree("/a\n  /b\n  /c")
    zk.create("/a/b/e", "", OPEN, zookeeper.EPHEMERAL)
    zk.create("/a/c/e", "", OPEN, zookeeper.EPHEMERAL)
    zk.import_tree("/a\n  /b", trim=True)
    assert printed(capsys) == (
        "Not deleting /a/c/e because it's ephemeral.\n/a/c not deleted due to ephemeral descendent.\n"
    )
    assert zk.get_children("/a/b") == zk.get_children("/a/c") == ["e"]


# --- deletion and creation --------------------------------------------------------------------------------------------


def test_delete_recursive(zk, capsys):
    zk.import_tree(TREE)
    zk.delete_recursive("/cms", dry_run=True)
    assert printed(capsys) == textwrap.dedent("""\
        would delete /cms/databases/main/providers.
        would delete /cms/databases/main.
        would delete /cms/databases.
        would delete /cms/providers.
        would delete /cms.
    """)
    assert zk.exists("/cms/databases/main/providers")
    zk.delete_recursive("/cms")
    assert printed(capsys) == ""
    assert zk.get_children("/") == ["lb"]
    with pytest.raises(zookeeper.NoNodeException):
        zk.delete_recursive("/cms")


def test_ephemeral_nodes_stay(zk, capsys):
    zk.import_tree("/a\n  /b\n  /c")
    zk.create("/a/b/e1", "", OPEN, zookeeper.EPHEMERAL)
    zk.create("/a/b/e2", "", OPEN, zookeeper.EPHEMERAL)
    zk.delete_recursive("/a", dry_run=True)
    assert printed(capsys) == textwrap.dedent("""\
        wouldn't delete /a/b/e1 because it's ephemeral.
        wouldn't delete /a/b/e2 because it's ephemeral.
        /a/b not deleted due to ephemeral descendent.
        would delete /a/c.
        /a not deleted due to ephemeral descendent.
    """)
    zk.delete_recursive("/a")
    assert printed(capsys) == textwrap.dedent("""\
        Not deleting /a/b/e1 because it's ephemeral.
        Not deleting /a/b/e2 because it's ephemeral.
        /a/b not deleted due to ephemeral descendent.
        /a not deleted due to ephemeral descendent.
    """)
    assert sorted(zk.walk()) == ["/", "/a", "/a/b", "/a/b/e1", "/a/b/e2"]
    zk.delete_recursive("/a/b/e1", ignore_if_ephemeral=True)
    assert printed(capsys) == ""
    zk.delete_recursive("/a", dry_run=True, force=True)
    assert printed(capsys) == ("would delete /a/b/e1.\nwould delete /a/b/e2.\nwould delete /a/b.\nwould delete /a.\n")
    zk.delete_recursive("/a", force=True)
    assert printed(capsys) == ""
    assert zk.get_children("/") == []
    assert zk.ephemeral == {}


def test_deletions_are_logged(zk, log):
    zk.import_tree("/a\n  /b")
    log.clear()
    zk.delete_recursive("/a")
    assert [record.getMessage() for record in log.records] == ["deleting /a/b", "deleting /a"]


def test_create_recursive(zk):
    zk.import_tree("/a\n  x = 1")
    zk.create_recursive("/a/b/c", '{"z":1}', READ_ONLY + OPEN)
    assert zk.export_tree() == "/a\n  x = 1\n  /b\n    z = 1\n    /c\n      z = 1\n"
    assert zk.get_acl("/a")[1] == OPEN
    assert zk.get_acl("/a/b")[1] == zk.get_acl("/a/b/c")[1] == READ_ONLY + OPEN
    zk.create_recursive("/a/b/c", "other", OPEN)
    assert zk.get_properties("/a/b/c") == {"z": 1}


# --- walks ------------------------------------------------------------------------------------------------------------


def test_walk(zk):
    zk.import_tree(TREE)
    assert list(zk.walk("/cms")) == [
        "/cms",
        "/cms/databases",
        "/cms/databases/main",
        "/cms/databases/main/providers",
        "/cms/providers",
    ]
    assert list(zk.walk())[:3] == ["/", "/cms", "/cms/databases"]
    assert list(zk.walk("/nothing")) == []


def test_a_walk_looks_at_its_first_node_only_for_whether_it_is_ephemeral(zk):
    """That is what the original does, and what its documentation shows."""
    zk.import_tree("/a\n  /b")
    zk.create("/a/b/e", "", OPEN, zookeeper.EPHEMERAL)
    assert list(zk.walk("/a")) == ["/a", "/a/b", "/a/b/e"]
    assert list(zk.walk("/a", ephemeral=False)) == ["/a", "/a/b", "/a/b/e"]
    assert list(zk.walk("/a/b/e", ephemeral=False)) == []
    assert list(zk.walk("/nothing", ephemeral=False)) == []


def test_a_walk_with_children_yields_those_of_its_first_node(zk):
    """That is what the original does; what is taken out of the list is not walked into."""
    zk.import_tree(TREE)
    databases = ["/cms/databases", "/cms/databases/main", "/cms/databases/main/providers"]
    top = ("/cms", ["databases", "providers"])
    assert list(zk.walk("/cms", children=True)) == [top, *databases, "/cms/providers"]
    walk = zk.walk("/cms", children=True)
    path, children = next(walk)
    children.remove("databases")
    assert (path, list(walk)) == ("/cms", ["/cms/providers"])


def test_a_walk_passes_over_what_is_deleted_during_it(zk):
    zk.import_tree(TREE)
    seen = []
    for path in zk.walk("/cms"):
        seen.append(path)
        if path == "/cms":
            zk.delete_recursive("/cms/databases")
    assert seen == ["/cms", "/cms/providers"]


def test_is_ephemeral(zk):
    zk.create("/a", "", OPEN)
    zk.create("/e", "", OPEN, zookeeper.EPHEMERAL)
    assert zk.is_ephemeral("/a") is False
    assert zk.is_ephemeral("/e") is True


def test_data_read_as_bytes_are_the_same_tree(zk, bytes_out, capsys):
    zk.import_tree(TREE)
    assert isinstance(zk.get("/cms")[0], bytes)
    assert zk.export_tree() == TREE
    zk.import_tree(NEWER, dry_run=True)
    assert printed(capsys).startswith("/cms threads change from 3 to 4\n")
