"""export and import_: what is written, what is read, and what is refused."""

import base64
import gzip
import io
import json
import os
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zkc
from zkc._args import check_path
from zkc.testing import FaultProxy

from . import both
from .proxy_support import Cut

HEADER = '{"format": "zkc-tree", "version": 1, "path": "/"}\n'


def shape(nodes, root):
    return {node.path[len(root) :]: (node.data, node.children, node.acl) for node in nodes}


async def test_what_is_written(zk):
    acl = [zkc.ACL.world(zkc.Perms.ALL), zkc.ACL.digest("ann", "secret", zkc.Perms.READ)]
    await zk.create_many([("/app", None), ("/app/text", 'ü"\n\u2028'.encode()), ("/app/binary", b"\xff\x00")])
    await zk.create("/app/mine", b"", ephemeral=True, acl=acl)
    file, events = io.StringIO(), []
    assert await zk.export("/app", file, progress=events.append) == 4
    assert events[-1] == 4
    text = file.getvalue()
    assert text.isascii()
    header, *lines = [json.loads(line) for line in text.splitlines()]
    assert header == {"format": "zkc-tree", "version": 1, "path": "/app"}
    assert [line["path"] for line in lines] == ["/", "/binary", "/mine", "/text"]
    assert [line.get("data") for line in lines] == [None, None, "", 'ü"\n\u2028']
    assert [line.get("data_base64") for line in lines] == [None, "/wA=", None, None]
    assert [line.get("ephemeral") for line in lines] == [None, None, True, None]
    assert lines[2]["acl"] == [{"perms": entry.perms, "scheme": entry.scheme, "id": entry.id} for entry in acl]
    stat = await zk.exists("/app/text")
    assert lines[3]["stat"] == {name: getattr(stat, name) for name in zkc.Stat.__match_args__}


# Without what no name has: control characters, private use and surrogates, and what is above U+FFEF.
NAMES = st.text(
    st.characters(codec="utf-8", max_codepoint=0xFFEF, exclude_categories=["Cc", "Co", "Cs"], exclude_characters="/"),
    min_size=1,
    max_size=6,
).filter(lambda name: is_name(name))
DATA = st.one_of(st.none(), st.binary(max_size=50), st.text(max_size=30).map(str.encode))


def is_name(name):
    try:
        return bool(check_path(f"/{name}"))
    except ValueError:
        return False


@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map(tuple), DATA, max_size=12), DATA, st.integers(1, 30))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_tree_comes_back_as_it_was(client, nodes, root, window):
    tree = {f"/t/{'/'.join(parts)}": data for parts, data in nodes.items()}
    for path in list(tree):
        while (path := path.rpartition("/")[0]) != "/t":
            tree.setdefault(path, b"")
    tree["/t"] = root
    client.delete_tree("/")
    client.create_many(
        ((path, tree[path]) for path in sorted(tree, key=lambda path: path.count("/"))), raise_errors=True
    )
    file = io.StringIO()
    assert client.export("/t", file, window=window) == len(tree)
    file.seek(0)
    assert client.import_("/u", file, window=window) == len(tree)
    wanted = shape(client.tree("/t", with_acl=True), "/t")
    assert {f"/t{path}": data for path, (data, _, _) in wanted.items()} == tree
    assert shape(client.tree("/u", with_acl=True), "/u") == wanted


async def test_a_large_tree_through_a_file(zk, tmp_path):
    paths = ["/t", *(f"/t/{i}" for i in range(40)), *(f"/t/{i}/{j}" for i in range(40) for j in range(40))]
    await zk.create_many(((path, os.urandom(20)) for path in paths), raise_errors=True)
    for path in (tmp_path / "tree", str(tmp_path / "other")):
        assert await zk.export("/t", path, window=50) == len(paths)
        most = [0]
        note = lambda _, most=most: most.append(zk.session.in_flight)  # noqa: E731
        assert await zk.import_("/u", path, window=50, progress=note) == len(paths)
        assert max(most) <= 50
        assert shape(await zk.tree("/u"), "/u") == shape(await zk.tree("/t"), "/t")
        await zk.delete_tree("/u")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "other", tmp_path / "tree"]


async def test_through_gzip_and_a_line_at_a_time(zk, tmp_path):
    await zk.create_many([("/a", b"1"), ("/a/b", b"\xff")])
    with gzip.open(tmp_path / "tree.gz", "wt") as file:
        assert await zk.export("/a", file) == 2
    with gzip.open(tmp_path / "tree.gz", "rt") as file:
        assert await zk.import_("/b", file) == 2
    assert (await zk.get("/b/b"))[0] == b"\xff"


async def test_a_root_into_another_place_and_back(zk):
    await zk.create_many([("/a", b"1"), ("/a/b", b"2")])
    file = io.StringIO()
    assert await zk.export("/", file) == 3
    file.seek(0)
    assert await zk.import_("/copy", file) == 3
    assert [node.path for node in await zk.tree("/copy")] == ["/copy", "/copy/a", "/copy/a/b"]
    await zk.delete_tree("/")
    file.seek(0)
    assert await zk.import_("/", file) == 2  # The root is always there.
    assert [node.path for node in await zk.tree("/")] == ["/", "/a", "/a/b"]


async def test_what_the_servers_keep_is_left_out_unless_asked_for(make_zk, zookeeper_server):
    async with make_zk(zookeeper_server.hosts) as zk:
        file = io.StringIO()
        assert await zk.export("/zookeeper/quota", file) >= 1
        lines = HEADER + '{"path": "/zookeeper", "data": ""}\n{"path": "/zookeeper/quota", "data": ""}\n'
        assert await zk.import_("/", io.StringIO(lines), on_existing="fail") == 0
        assert await zk.import_("/", io.StringIO(lines), on_existing="skip", system=True) == 0
        with pytest.raises(zkc.NodeExistsError):
            await zk.import_("/", io.StringIO(lines), system=True)


async def test_what_to_do_about_what_is_there(zk):
    await zk.create_many([("/a", b"1"), ("/a/b", b"2"), ("/a/c", b"3")])
    await zk.set_acl("/a/b", [zkc.ACL.world(zkc.Perms.READ | zkc.Perms.ADMIN)])
    file = io.StringIO()
    await zk.export("/a", file)

    async def again(**options):
        file.seek(0)
        return await zk.import_("/a", file, **options)

    with pytest.raises(zkc.NodeExistsError, match="/a"):
        await again()
    await zk.delete("/a/c")
    assert await again(on_existing="skip") == 1
    await zk.set_acl("/a/b", list(zkc.OPEN_ACL_UNSAFE))
    await zk.set_many([("/a", b"x"), ("/a/b", None)])
    await zk.delete("/a/c")
    await zk.create("/a/stays")
    assert await again(on_existing="replace", with_acl=False) == 3
    assert (await zk.get_acl("/a/b"))[0] == list(zkc.OPEN_ACL_UNSAFE)
    assert await again(on_existing="replace") == 3
    assert (await zk.get_acl("/a/b"))[0] == [zkc.ACL.world(zkc.Perms.READ | zkc.Perms.ADMIN)]
    assert {node.path: node.data for node in await zk.tree("/a")} == {
        "/a": b"1",
        "/a/b": b"2",
        "/a/c": b"3",
        "/a/stays": b"",
    }


async def test_ephemerals_are_skipped_or_created_again(zk):
    await zk.create("/a")
    await zk.create("/a/mine", b"1", ephemeral=True)
    file = io.StringIO()
    assert await zk.export("/a", file) == 2
    file.seek(0)
    assert await zk.import_("/b", file) == 1
    assert await zk.children("/b") == []
    file.seek(0)
    assert await zk.import_("/c", file, with_ephemerals=True) == 2
    assert (await zk.exists("/c/mine")).ephemeral_owner == zk.session_id


async def test_a_file_written_by_hand(zk):
    lines = (
        HEADER
        + '\n{"path": "/", "data": "by hand"}\n\n{"path": "/x", "data_base64": "gA=="}\n{"path": "/y", "data": null}'
    )
    assert await zk.import_("/a", io.StringIO(lines)) == 3
    assert [node.data for node in await zk.tree("/a")] == [b"by hand", b"\x80", None]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 3: the line is no JSON"),
        ("[]", "line 3: the line must be a JSON object, not list"),
        ('{"data": ""}', "line 3: path must be a str"),
        ('{"path": "x", "data": ""}', "line 3: path must start with '/'"),
        ('{"path": "/../x", "data": ""}', "line 3: path must be absolute"),
        ('{"path": "/x"}', "line 3: a znode must have either data or data_base64"),
        ('{"path": "/x", "data": "", "data_base64": ""}', "line 3: a znode must have either data or data_base64"),
        ('{"path": "/x", "data": 1}', "line 3: data must be a string or null"),
        ('{"path": "/x", "data": "\\ud800"}', "line 3: .*surrogates"),
        ('{"path": "/x", "data_base64": "!"}', "line 3: "),
        ('{"path": "/x", "data_base64": null}', "line 3: data_base64 must be a string"),
        ('{"path": "/x", "data": "", "datum": 1}', "line 3: unknown fields: datum"),
        ('{"path": "/x", "data": "", "ephemeral": 1}', "line 3: ephemeral must be True or False"),
        ('{"path": "/x", "data": "", "acl": {}}', "line 3: acl must be a list"),
        ('{"path": "/x", "data": "", "acl": []}', "line 3: acl must have one entry or more"),
        ('{"path": "/x", "data": "", "acl": [{"perms": 1}]}', "line 3: acl must hold objects"),
        ('{"path": "/x", "data": "", "acl": [{"perms": "r", "scheme": "world", "id": "a"}]}', "line 3: acl: perms"),
        ('{"path": "/x", "data": "", "acl": [{"perms": 99, "scheme": "world", "id": "a"}]}', "line 3: perms must be"),
        ('{"path": "/x", "data": "", "acl": [{"perms": 1, "scheme": "world", "id": 5}]}', "line 3: id must be a str"),
        (
            '{"path": "/x", "data": "", "acl": [{"perms": 1, "scheme": "digest", "id": "ann:x"}]}',
            "line 3: acl: .*hashes",
        ),
    ],
)
async def test_a_malformed_line_is_named(zk, line, message):
    with pytest.raises(ValueError, match=message):
        await zk.import_("/a", io.StringIO(HEADER + '{"path": "/", "data": ""}\n' + line + "\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the file is no export"),
        ("\n\n", "line 1: the file is no export"),
        ("hello", "line 1: the line is no JSON"),
        ('{"path": "/", "data": ""}', "line 1: the file is no export"),
        ('{"format": "zkc-tree", "version": 2}', "line 1: the format has version 2, and this zkc reads version 1"),
    ],
)
async def test_what_is_no_export_is_refused(zk, text, message):
    with pytest.raises(ValueError, match=message):
        await zk.import_("/a", io.StringIO(text))
    assert await zk.children("/") == []


async def test_a_binary_file_is_refused(zk, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="line 1: the line is no JSON"):
        await zk.import_("/a", tmp_path / "binary")
    with open(tmp_path / "binary", "rb") as file, pytest.raises(TypeError, match="opened as text"):
        zk.import_("/a", file)
    with pytest.raises(TypeError, match="opened as text"):
        zk.export("/", io.BytesIO())


async def test_wrong_arguments(zk, tmp_path):
    file = tmp_path / "file"
    for wrong in (5, None, [], b"name"):
        for call in (zk.export, zk.import_):
            with pytest.raises(TypeError, match="file must be a path or a text file"):
                call("/", wrong)
    with pytest.raises(ValueError, match="on_existing"):
        zk.import_("/a", file, on_existing="overwrite")
    for wrong in ({"with_acl": 1}, {"with_ephemerals": 1}, {"system": 1}, {"window": 0}, {"progress": 1}):
        with pytest.raises((TypeError, ValueError)):
            zk.import_("/a", file, **wrong)
    for path in ("a", "/a/", 5):
        with pytest.raises((TypeError, ValueError), match="path"):
            zk.export(path, file)
        with pytest.raises((TypeError, ValueError), match="path"):
            zk.import_(path, file)
    assert not file.exists()


async def test_a_file_that_cannot_be(zk, tmp_path):
    with pytest.raises(FileNotFoundError):
        await zk.export("/", tmp_path / "none" / "file")
    with pytest.raises(FileNotFoundError):
        await zk.import_("/", tmp_path / "none")


async def test_an_export_that_fails_leaves_the_old_file(zk, tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(zkc.NoNodeError):
        await zk.export("/none", file)

    def fail(_):
        raise LookupError("enough")

    with pytest.raises(LookupError):
        await zk.export("/", file, progress=fail)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
    assert await zk.export("/", file) == 1
    assert file.read_text().startswith(HEADER[:20])


async def test_an_export_through_a_link_keeps_the_link(zk, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert await zk.export("/", tmp_path / "link") == 1
    assert (tmp_path / "link").is_symlink()
    assert await zk.export("/", os.devnull) == 1


async def test_parents_must_be_there(zk):
    file = io.StringIO(HEADER + '{"path": "/", "data": ""}\n')
    with pytest.raises(zkc.NoNodeError, match="/none/a"):
        await zk.import_("/none/a", file)


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


async def test_a_lost_connection_ends_an_export_and_an_import(make_zk, hosts, proxy, tmp_path):
    async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2]) as zk:
        paths = [f"/{letter}{number}" for letter in string.ascii_letters for number in range(10)]
        await zk.create_many(((path, base64.b64encode(path.encode())) for path in paths), raise_errors=True)

        cut = Cut(zk, proxy)
        with pytest.raises(zkc.ConnectionLossError):
            await zk.export("/", tmp_path / "file", window=10, progress=cut)
        cut.end()
        assert list(tmp_path.iterdir()) == []
        await both.mended(zk.sync)  # The last of the connections that were cut may seem to be there still.
        assert await zk.export("/", tmp_path / "file") == 521
        cut = Cut(zk, proxy)
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await zk.import_("/copy", tmp_path / "file", window=10, progress=cut)
        cut.end()
        assert caught.value.maybe_applied
        await both.mended(zk.sync)
        await zk.import_("/copy", tmp_path / "file", on_existing="skip")
        assert len(await zk.tree("/copy")) == 521


async def test_futures_of_exports(client, tmp_path):
    client.create_many(["/a", "/a/b"])
    assert client.submit.export("/a", tmp_path / "file").result(20) == 2
    assert client.submit.import_("/b", tmp_path / "file").result(20) == 2
    assert client.submit.copy_tree("/b", "/c").result(20) == 2
    assert len(client.submit.tree("/c").result(20)) == 2
    assert client.submit.delete_tree("/").result(20) == 6


def test_the_example_runs_and_cleans_up(hosts, client):
    example = Path(__file__).parents[2] / "examples" / "bulk_export.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", example, "--hosts", hosts, "--count", "300"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "exported to" in done.stdout
    assert "every znode has the same data as before: yes" in done.stdout
    assert client.children("/") == []
