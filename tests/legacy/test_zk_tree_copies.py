"""Any tree is the same after an export and an import."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkc.legacy import zk as zc_zk

from .legacy_support import OPEN

ON_A_SERVER = settings(
    deadline=None,
    database=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zs", "Zl", "Zp", "Co"]), min_size=1, max_size=6
)
# Others are something else in the text, or refused by the server, which takes no surrogate pairs either.
NODES = st.text(st.characters(max_codepoint=0xD7FF, exclude_categories=["C", "Z"]), min_size=1, max_size=6).filter(
    lambda name: name not in (".", "..", "zookeeper") and "/" not in name
)
PROPERTIES = NAMES.filter(lambda name: not name.startswith(("#", "/", "=", "-")))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
PATHS = NODES.map(lambda name: f"/{name}")
CONTENTS = st.dictionaries(PROPERTIES, VALUES, max_size=3) | st.dictionaries(
    PROPERTIES.map("{} ->".format), PATHS, max_size=2
)
TREES = st.recursive(
    st.tuples(CONTENTS, st.just({})),
    lambda inner: st.tuples(CONTENTS, st.dictionaries(NODES, inner, max_size=3)),
    max_leaves=6,
)


def make(zk, path, tree):
    properties, children = tree
    zk.create(path, zc_zk.encode(properties), OPEN)
    for name, child in children.items():
        make(zk, f"{path}/{name}", child)


def contents(zk, path):
    children = {name: contents(zk, f"{path}/{name}") for name in zk.get_children(path)}
    return zk.get_properties(path), children


@ON_A_SERVER
@given(TREES)
def test_a_copy_of_any_tree_is_the_same(zk, tree):
    try:
        make(zk, "/original", tree)
        zk.create("/copy", "", OPEN)
        text = zk.export_tree("/original")
        zk.import_tree(text, "/copy")
        assert contents(zk, "/copy/original") == contents(zk, "/original")
        assert zk.export_tree("/copy/original") == text
    finally:
        for name in zk.get_children("/"):
            zk.delete_recursive(f"/{name}")


@ON_A_SERVER
@given(st.binary(max_size=20))
def test_data_that_are_no_text_survive(zk, data):
    zk.create("/binary", data, OPEN)
    try:
        text = zk.export_tree("/binary")
        text.encode("utf-8")  # It can be written to a file.
        before = zk.get_properties("/binary")
        zk.set("/binary", "")
        zk.import_tree(text)
        assert zk.get_properties("/binary") == before
        if len(before) == 1 and before.get("string_value", "").strip():
            assert zk.get("/binary")[0].encode("utf-8", "surrogateescape") == data
    finally:
        zk.delete("/binary")
