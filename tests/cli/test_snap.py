"""``zkc snap`` on files that are made by hand: every form, every cut, and random bytes."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import struct
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkc.cli._exit import CommandError
from zkc.cli.offline import _snappy, _tree
from zkc.cli.offline._content import open_content
from zkc.cli.offline._reader import DamagedError
from zkc.cli.offline._snapshot import SnapshotFile, is_snapshot
from zkc.cli.offline._tree import walk

from .offline_support import COMPRESSIONS, field, long, number, snappy, snapshot, znode

SESSION = 0x10
NODES = {
    "/": znode("/", cversion=2),
    "/b": znode("/b", None, acl=1),
    "/a": znode("/a", b"x" * 60, cversion=5),
    "/a/z": znode("/a/z", b"", owner=SESSION),
    "/a/c": znode("/a/c", b"\xff\x00", owner=-1 << 63),
    "/a/t": znode("/a/t", "Ä".encode(), owner=(0xFF << 56 | 1500) - (1 << 64)),
}
SORTED = ["/", "/a", "/a/c", "/a/t", "/a/z", "/b"]
CONTENT = snapshot(NODES.values())


@pytest.fixture
def made(tmp_path):
    """Return a function that makes a file of a content: snapshot.7."""

    def make(content=CONTENT, compression="none", name="snapshot.7"):
        file = tmp_path / name
        file.write_bytes(COMPRESSIONS[compression](content))
        return file

    return make


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_snapshot_is_listed_drawn_and_summed_up(here, made, compression):
    """Scenario 39."""
    file = made(compression=compression)
    assert here("snap", "ls", file).lines == ["a", "b"]
    assert here("snap", "ls", "-R", file).lines == SORTED
    assert here("snap", "ls", file, "/a", "-R", "--depth", "0").lines == ["/a"]
    assert here("snap", "ls", "-0", file, "/a").out == b"c\0t\0z\0"
    assert here("snap", "ls", "--sort", "size", "--limit", "1", file).lines == ["a"]
    assert here("snap", "du", file).lines == ["64\t4\t1\t/a", "0\t1\t0\t/b", "64\t6\t1\t/"]
    assert here("snap", "du", "--top", "1", "--by", "znodes", file).lines == ["64\t6\t1\t/"]
    assert here("snap", "tree", "--size", file, "/a").text == (
        "/a [60 B]\n├── c [2 B]\n├── t [2 B]\n└── z (ephemeral) [0 B]\n"
    )  # fmt: skip
    assert here("snap", "tree", "-L", "1", file).text == "/\n├── a … 3 children\n└── b\n"
    record = here("snap", "info", file, "--json").json
    assert record == {
        "file": str(file), "compression": compression, "complete": True, "zxid": "0x7", "last_zxid": "0x7",
        "znodes": 6, "ephemerals": 1, "containers": 1, "ttls": 1, "bytes": 64, "sessions": 1, "acls": 1,
        "digest": "0x63", "digest_zxid": "0x7", "digest_version": 2,
    }  # fmt: skip


def test_a_znode_of_a_snapshot_is_printed_as_the_servers_would(here, made):
    file = made()
    assert here("snap", "get", file, "/a/c").out == b"\xff\x00"
    assert here("snap", "get", file, "/b").out == b""
    assert here("snap", "get", "--hex", file, "/a/c").lines[0].startswith("00000000  ff 00")
    assert "null\tyes" in here("snap", "get", "-s", file, "/b").lines
    a = here("snap", "get", file, "/a", "--json").json
    assert (a["data"], a["data_length"], a["num_children"], a["type"]) == ("x" * 60, 60, 3, "persistent")
    assert a["cversion"] == 2 * 5 - 3  # As clients see it: creations and deletions.
    assert a["acl"] == [{"scheme": "world", "id": "anyone", "perms": "cdrwa"}]
    assert (a["mtime"], a["version"], a["aversion"], a["pzxid"]) == ("2023-11-14T22:13:20.001Z", 1, 2, "0x7")
    assert here("snap", "get", file, "/b", "--json").json["data"] is None
    z, c, t = (here("snap", "get", file, f"/a/{name}", "--json").json for name in "zct")
    assert (z["type"], z["ephemeral_owner"]) == ("ephemeral", "0x10")
    assert (c["type"], c["ephemeral_owner"]) == ("container", None)
    assert (t["type"], t["ephemeral_owner"], t["ttl"]) == ("ttl", None, 1.5)
    target = file.with_name("out")
    here("snap", "get", file, "/a/c", "-O", target)
    assert target.read_bytes() == b"\xff\x00"


def test_what_is_no_snapshot_or_not_in_it_is_named(here, made, tmp_path):
    file = made()
    assert "there is no /none in" in here("snap", "get", file, "/none", code=3).err
    assert here("snap", "ls", file, "/none", "--json", code=3).error["error"] == "no_node"
    (tmp_path / "text").write_text("hello")
    error = here("snap", "ls", tmp_path / "text", "--json", code=10).error
    assert (error["error"], "b'hell' instead of b'ZKSN'" in error["message"]) == ("not_a_snapshot", True)
    (tmp_path / "empty").touch()
    assert "it is empty" in here("snap", "ls", tmp_path / "empty", code=10).err
    assert "No such file" in here("snap", "ls", tmp_path / "none", code=2).err
    (tmp_path / "folder").mkdir()
    assert "has no snapshots" in here("snap", "ls", tmp_path / "folder", code=10).err
    version = made(b"ZKSN" + number(3) + CONTENT[8:])
    assert "version 3" in here("snap", "ls", version, code=8).err


def test_the_newest_snapshot_of_a_folder_is_read(here, tmp_path):
    """It is the one with the highest zxid, which is hexadecimal, below version-2 or not."""
    folder = tmp_path / "version-2"
    folder.mkdir()
    for zxid in ("9", "1f", "a"):
        (folder / f"snapshot.{zxid}.gz").write_bytes(gzip.compress(snapshot([znode("/"), znode(f"/at-{zxid}")])))
    (folder / "snapshot.ff.part").write_bytes(b"")
    for place in (tmp_path, folder):
        shown = here("snap", "ls", place)
        assert shown.lines == ["at-1f"]
        assert "snapshot.1f.gz, the newest snapshot of 3" in shown.err


@pytest.mark.parametrize(
    ("digest", "last_zxid"),
    [
        (None, None),  # 3.5
        (long(7) + number(1) + field(b"63"), None),  # 3.6.0
        (long(7) + number(2) + long(99), None),  # 3.6 to 3.8
        (None, 7),  # 3.9 with digests off
    ],
)
def test_the_parts_behind_the_znodes_are_those_of_any_version(here, made, digest, last_zxid):
    file = made(snapshot(NODES.values(), digest=digest, last_zxid=last_zxid))
    record = here("snap", "info", file, "--json").json
    assert record["complete"]
    assert record["last_zxid"] == (last_zxid and "0x7")
    assert record["digest"] == (digest and "0x63")


# ---- damage ---------------------------------------------------------------------------------------------------------


def _complete_at(compression, cut):
    """Return whether a cut leaves the snapshot of an earlier version."""
    earlier = (snapshot(NODES.values(), last_zxid=None), snapshot(NODES.values(), digest=None, last_zxid=None))
    return compression == "none" and cut in map(len, earlier)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_cut_of_a_snapshot_is_told_and_what_is_before_is_read(here, made, compression):
    """Scenario 39."""
    whole = made(compression=compression).read_bytes()
    most = 0
    for cut in range(1, len(whole)):
        file = made(whole[:cut])
        shown = here("snap", "ls", "-R", file, "--json", code=None)
        records = json.loads(shown.out or b"[]")
        paths = [each["path"] for each in records]
        assert paths == [path for path in SORTED if path in paths]
        assert len(paths) >= most  # A longer file has no less.
        most = len(paths)
        if _complete_at(compression, cut):
            assert shown.code == 0
            continue
        known = cut >= {"none": 1, "gzip": 2, "snappy": 8}[compression]
        if known:
            assert (shown.code, shown.error["error"], shown.error["offset"] <= len(CONTENT)) == (8, "truncated", True)
            assert str(file) in shown.error["message"]
        else:
            assert shown.code in (8, 10)
    assert most == len(SORTED)


def test_a_cut_of_a_snapshot_names_the_byte_and_the_znode(here, made):
    place = CONTENT.index(b"x" * 60) + 10
    file = made(CONTENT[:place])
    shown = here("snap", "ls", "-R", file, code=8)
    assert shown.lines == ["/", "/b"]
    assert f"{file}: the file ends at byte {place:,}, in znode 3 (/a)" in shown.err
    assert here("snap", "get", file, "/b", code=8).out == b""
    assert "in znode 3" in here("snap", "get", file, "/a", code=8).err
    assert here("snap", "du", file, code=8).lines == ["0\t1\t0\t/b", "0\t2\t0\t/"]
    assert here("snap", "tree", file, "--limit", "1", code=8).lines == ["/"]
    assert "in znode 3" in here("snap", "info", file, code=8).err


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_changed_byte_of_a_snapshot_is_told(made, compression):
    whole = made(compression=compression).read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        file = made(bytes(changed))
        try:
            with SnapshotFile(str(file)) as opened:
                list(walk(opened, with_data=True))
        except CommandError as error:
            assert error.exit_code in (8, 10)
            continue
        # The byte has no meaning, such as a time in the header of gzip.
        with file.open("rb") as binary:
            assert b"".join(open_content(binary).chunks) == CONTENT


def _allocated(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_length_in_a_damaged_file_allocates_nothing(here, made, compression):
    begin = CONTENT[: CONTENT.index(b"x" * 60) - 4]
    for length in (2**31 - 1, 100 << 20, -5):
        file = made(begin + number(length) + b"x" * 1000, compression)
        assert _allocated(lambda file=file: here("snap", "ls", file, code=8)) < 8 << 20
    for count in (2**31 - 1, -5):  # Sessions, then ACLs.
        for start in (16, 16 + 4 + 12):
            file = made(CONTENT[:start] + number(count) + CONTENT[start + 4 :], compression)
            assert _allocated(lambda file=file: here("snap", "ls", file, code=8)) < 8 << 20


def test_znodes_out_of_place_are_damage(here, made):
    orphan = made(snapshot([NODES["/"], znode("/none/x")]))
    assert "the parent of /none/x does not come before it" in here("snap", "ls", orphan, code=8).err
    twice = made(snapshot([NODES["/"], NODES["/"]]))
    assert "second root" in here("snap", "ls", twice, code=8).err
    unlisted = made(snapshot([znode("/", acl=5)]))
    assert "a znode has the ACL 5, which is not listed" in here("snap", "ls", unlisted, code=8).err
    assert "a snapshot ends here" in here("snap", "info", made(CONTENT + b"x"), code=8).err
    assert "is no path" in here("snap", "ls", made(snapshot([NODES["/"], znode("x")])), code=8).err


def test_times_that_no_calendar_has_are_shown_as_numbers(here, made):
    stat = struct.pack(">qqqqqiiiqq", -1, 1, 1, 2**62, -(2**62), 1, 2**31 - 1, 0, 0, 0)
    file = made(snapshot([field(b"") + field(b"") + stat]))
    record = here("snap", "get", file, "/", "--json").json
    assert (record["ctime"], record["cversion"]) == (f"{2**62}ms", -2)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, len(CONTENT)), st.sampled_from(sorted(COMPRESSIONS)), st.booleans())
def test_random_bytes_in_a_snapshot_end_in_one_error(tmp_path, junk, place, compression, behind):
    """The junk replaces the compressed file or the content from some byte on."""
    file = tmp_path / "snapshot.1"
    if behind:
        file.write_bytes(COMPRESSIONS[compression](CONTENT[:place] + junk))
    else:
        whole = COMPRESSIONS[compression](CONTENT)
        file.write_bytes(whole[: place % len(whole)] + junk)
    try:
        with SnapshotFile(str(file)) as opened:
            for node in walk(opened, with_data=True):
                assert node.path.startswith("/")
    except CommandError as error:
        assert error.exit_code in (3, 8, 10)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 200))
def test_what_snappy_makes_is_read_again(content, size):
    assert b"".join(_snappy.blocks(iter([snappy(content, size)]))) == content


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100), st.booleans())
def test_random_blocks_of_snappy_are_read_or_refused(block, cut):
    with contextlib.suppress(ValueError):
        assert len(_snappy.decompress(block, cut=cut)) <= 32 << 20


@pytest.mark.parametrize(
    "elements", [b"\xf0\x04hello", b"\xf4\x04\0hello", b"\xf8\x04\0\0hello", b"\xfc\x04\0\0\0hello"]
)
def test_long_literals_and_far_copies_of_snappy(elements):
    copies = b"\x01\x05" + b"\x0e\x05\x00" + b"\x0f\x05\x00\x00\x00"  # 4, 4 and 4 bytes, from 5 bytes before.
    assert _snappy.decompress(b"\x11" + elements + copies) == (b"hello" * 4)[:17]


# ---- many znodes ----------------------------------------------------------------------------------------------------


def test_what_does_not_fit_into_memory_is_sorted_in_files(made, monkeypatch):
    names = [f"/app/n{number:04}" for number in range(3000)]
    shuffled = list(names)
    random.Random(1).shuffle(shuffled)
    file = made(
        snapshot([NODES["/"], znode("/app", cversion=3000), *(znode(each, each.encode()) for each in shuffled)])
    )
    monkeypatch.setattr(_tree, "_MEMORY", 200_000)
    monkeypatch.setattr(_tree, "_BATCH", 10_000)
    with SnapshotFile(str(file)) as opened:
        found = list(walk(opened, with_data=True))
    assert [node.path for node in found] == ["/", "/app", *names]
    assert all(node.data == node.path.encode() for node in found[2:])
    assert [node.path for node in found if node.last] == ["/", "/app", names[-1]]
    assert found[1].stat.num_children == 3000
    with SnapshotFile(str(file)) as opened:
        assert [node.path for node in walk(opened, "/app", depth=0)] == ["/app"]


def test_children_of_names_that_begin_alike_stay_below_their_parents(here, made):
    paths = ["/", "/a", "/a/b", "/a-", "/a-/b", "/a.b", "/é", "/é/x"]
    file = made(snapshot([znode("/"), *(znode(path) for path in ("/a-", "/a-/b", "/é", "/é/x", "/a.b", "/a", "/a/b"))]))
    assert here("snap", "ls", "-R", file).lines == paths
    assert here("snap", "ls", "-R", file, "/a").lines == ["/a", "/a/b"]


def test_a_file_is_known_by_its_first_bytes(made, tmp_path):
    for compression in COMPRESSIONS:
        assert is_snapshot(str(made(compression=compression)))
    for content in (b"", b"ZKS", b"ZKLG", b"\x1f\x8b", _snappy.MAGIC):
        (tmp_path / "x").write_bytes(content)
        assert not is_snapshot(str(tmp_path / "x"))
    with pytest.raises(CommandError, match="cannot be read"):
        is_snapshot(str(tmp_path / "none"))
    assert issubclass(DamagedError, CommandError)


_MEASURED = """\
import sys
from zkc.cli import main
code = main(sys.argv[1:])
print(*(line for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""


def _peak(cli_environment, *arguments):
    """Run a command; return its lines, and the largest size of its memory in bytes."""
    command = [sys.executable, "-c", _MEASURED, *arguments]
    ended = subprocess.run(command, capture_output=True, env=cli_environment, check=True)
    return ended.stdout.splitlines(), int(ended.stderr.split()[-2]) * 1024


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_million_znodes_take_little_memory(cli_environment, tmp_path):
    per, groups = 1000, 1000
    znodes = [znode("/", cversion=1), znode("/app", cversion=groups)]
    for group in random.Random(1).sample(range(groups), groups):
        znodes.append(znode(f"/app/g{group:03}", cversion=per))
        znodes += [znode(f"/app/g{group:03}/n{number:03}", b"x" * 50) for number in reversed(range(per))]
    file = tmp_path / "snapshot.1"
    file.write_bytes(snapshot(znodes))
    lines, memory = _peak(cli_environment, "snap", "ls", "-R", str(file))
    assert len(lines) == 2 + groups * (1 + per)
    assert lines[:4] == [b"/", b"/app", b"/app/g000", b"/app/g000/n000"]
    assert memory < 150 << 20
    lines, memory = _peak(cli_environment, "snap", "du", "-L", "0", str(file))
    assert lines == [b"50000000\t1001002\t0\t/"]
    assert memory < 150 << 20
