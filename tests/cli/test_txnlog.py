"""``zkc txnlog`` on files that are made by hand: every type, every cut, random bytes, and a log that grows."""

from __future__ import annotations

import contextlib
import json
import signal
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkc.cli._exit import CommandError
from zkc.cli.offline._log_files import Logs
from zkc.cli.offline._reader import DamagedError
from zkc.cli.offline._txns import NAMES, decode

from .offline_support import HEADER, acl_bytes, field, long, number, record, txn

OPEN = acl_bytes([(31, "world", "anyone")])
ZEROS = bytes(4096)


def _text(text):
    return field(text.encode())


def _create(path, data=b"12", ephemeral=0, cversion=4):
    return _text(path) + field(data) + OPEN + bytes([ephemeral]) + number(cversion)


def _multi(*operations):
    return number(len(operations)) + b"".join(number(kind) + field(body) for kind, body in operations)


TXNS = [
    txn(-10, number(4000), zxid=0x11, cxid=0),
    txn(1, _create("/a"), zxid=0x12),
    txn(15, _create("/a/e", None, 1), zxid=0x13),
    txn(21, _text("/a/t") + field(b"") + OPEN + number(5) + long(1500), zxid=0x14),
    txn(19, _text("/a/c") + field(b"\xff") + OPEN + number(6), zxid=0x15),
    txn(5, _text("/a") + field(b"new\nline") + number(1), zxid=0x16, session=-5),
    txn(7, _text("/a") + acl_bytes([(1, "digest", "bob:hash"), (31, "ip", "::1")]) + number(2), zxid=0x17),
    txn(14, _multi((13, _text("/a") + number(1)), (1, _create("/b")), (2, _text("/a/c"))), zxid=0x18),
    txn(14, _multi((-1, number(0)), (-1, number(-101))), zxid=0x19),
    txn(-1, number(-110), zxid=0x1A),
    txn(2, _text("/a/x"), zxid=0x1B, time=1_700_000_060_000),
    txn(20, _text("/a/c"), zxid=0x1C, time=1_700_000_060_000),
    txn(16, _text("/zookeeper/config") + field(b"server.1") + number(-1), zxid=0x1D, time=1_700_000_060_000),
    txn(-11, number(1) + _text("/a/e"), zxid=0x1E, time=1_700_000_060_000),
]
LINES = [
    ("create_session", "", "timeout 4 s"),
    ("create", "/a", "2 bytes"),
    ("create", "/a/e", "ephemeral, null"),
    ("create_ttl", "/a/t", "ttl 1.5 s, 0 bytes"),
    ("create_container", "/a/c", "1 bytes"),
    ("set_data", "/a", "version 1, 8 bytes"),
    ("set_acl", "/a", "version 2, digest:bob:hash:r, ip:::1:cdrwa"),
    ("multi/check", "/a", "version 1"),
    ("multi/create", "/b", "2 bytes"),
    ("multi/delete", "/a/c", ""),
    ("multi/error", "", "ok (0)"),
    ("multi/error", "", "no_node (-101)"),
    ("error", "", "node_exists (-110)"),
    ("delete", "/a/x", ""),
    ("delete_container", "/a/c", ""),
    ("reconfig", "/zookeeper/config", "version -1, 8 bytes"),
    ("close_session", "", "deletes /a/e"),
]
CONTENT = HEADER + b"".join(TXNS)


@pytest.fixture
def log(tmp_path):
    """Return a function that makes a log: log.11."""

    def make(content=CONTENT, name="log.11"):
        file = tmp_path / name
        file.write_bytes(content)
        return file

    return make


def _zxids(result):
    return [int(each["zxid"], 16) for each in result.json]


def test_every_type_is_shown(here, log):
    """Scenario 39."""
    file = log(CONTENT + ZEROS)
    rows = [line.split("\t") for line in here("txnlog", file).lines]
    assert [tuple(row[4:]) for row in rows] == LINES
    assert rows[0][:4] == ["0x11", "2023-11-14T22:13:20.000Z", "0x10", "0"]
    assert rows[5][2] == "0xfffffffffffffffb"
    assert [row[0] for row in rows[7:10]] == ["0x18"] * 3
    records = here("txnlog", file, "--json").json
    assert records[1] == {
        "zxid": "0x12", "time": "2023-11-14T22:13:20.000Z", "session": "0x10", "cxid": 1, "type": "create",
        "path": "/a", "data": "12", "acl": [{"scheme": "world", "id": "anyone", "perms": "cdrwa"}],
        "ephemeral": False, "parent_cversion": 4, "digest_version": 2, "digest": "0x9",
        "file": str(file), "offset": 16 + len(TXNS[0]),
    }  # fmt: skip
    assert (records[3]["ttl"], records[2]["data"], records[4]["data_base64"]) == (1.5, None, "/w==")
    assert [each["type"] for each in records[7]["operations"]] == ["check", "create", "delete"]
    assert records[8]["operations"][1] == {"type": "error", "error": "no_node", "code": -101}
    assert (records[13]["type"], records[13]["paths"]) == ("close_session", ["/a/e"])
    assert here("txnlog", file, "-o", "jsonl").lines == [json.dumps(each) for each in records]
    human = here("txnlog", file, "-o", "human", "--data").lines
    assert human[0].split() == ["zxid", "time", "session", "cxid", "type", "path"]
    assert human[6].endswith("set_data          /a  version 1, 8 bytes = new\\nline")
    assert {each for kind in LINES for each in kind[0].split("/")} == set(NAMES.values())


def test_types_of_earlier_and_later_servers_are_shown(here, log):
    file = log(
        HEADER
        + txn(1, _create("/old")[:-4], digest=None)  # Before 3.4.
        + txn(1, _create("/old")[:-4], digest=7)
        + txn(1, _create("/undigested"), digest=None)  # Before 3.6, or with digests off.
        + txn(-11, digest=None)  # Before 3.6.
        + txn(-11, digest=7)  # With the paths off.
        + txn(-11, number(0), digest=None)
        + txn(77, b"junk")
    )
    records = here("txnlog", file, "--json").json
    assert [each.get("path") for each in records] == ["/old", "/old", "/undigested", None, None, None, None]
    assert [each.get("digest") for each in records] == [None, "0x7", None, None, "0x7", None, None]
    assert ["paths" in each for each in records[3:6]] == [False, False, True]
    assert records[6]["type"] == "type_77"


@pytest.mark.parametrize(
    ("options", "zxids"),
    [
        (["--path", "/a"], [0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x1B, 0x1C, 0x1E]),
        (["--path", "/b", "--path", "/a/x"], [0x18, 0x1B]),
        (["--path", "/a/?"], [0x13, 0x14, 0x15, 0x18, 0x1B, 0x1C, 0x1E]),
        (["--session", "0xfffffffffffffffb"], [0x16]),
        (["--session", "16", "--type", "delete"], [0x18, 0x1B]),
        (["--type", "error", "--type", "reconfig"], [0x19, 0x1A, 0x1D]),
        (["--since", "0x1c"], [0x1C, 0x1D, 0x1E]),
        (["--until", "0x12"], [0x11, 0x12]),
        (["--since", "2023-11-14T22:14:00Z"], [0x1B, 0x1C, 0x1D, 0x1E]),
        (["--since", "2023-11-14T23:14:00+01:00", "--count", "1"], [0x1B]),
        (["--until", "2023-11-14T22:14:00Z", "--count", "2"], [0x11, 0x12]),
        (["--since", "10m"], []),
        (["--until", "10m", "--count", "1"], [0x11]),
    ],
)
def test_transactions_are_chosen(here, log, options, zxids):
    assert _zxids(here("txnlog", log(), "--json", *options)) == zxids


@pytest.mark.parametrize(
    "options",
    [
        ["--since", "0xno"],
        ["--since", "yesterday"],
        ["--since", "9999999999999d"],
        ["--session", "bob"],
        ["--type", "get"],
        ["--since", "0x5", "--until", "0x1"],
        ["--since", "1m", "--until", "1h"],
    ],
)
def test_what_is_no_choice_is_refused(here, log, options):
    here("txnlog", log(), *options, code=2)


def test_the_logs_of_a_folder_are_one(here, log, tmp_path):
    (tmp_path / "version-2").mkdir()
    for place, zxid in ((0, 0x11), (2, 0x13), (9, 0x1A)):
        following = {0: 2, 2: 9, 9: 14}[place]
        log(HEADER + b"".join(TXNS[place:following]) + ZEROS, f"version-2/log.{zxid:x}")
    (tmp_path / "version-2" / "log.txt").touch()
    assert _zxids(here("txnlog", tmp_path, "--json")) == list(range(0x11, 0x1F))
    assert _zxids(here("txnlog", tmp_path / "version-2", "--json", "--since", "0x1a")) == list(range(0x1A, 0x1F))
    log(b"not a log at all", "version-2/log.11")
    shown = here("txnlog", tmp_path, "--json", code=8)
    assert _zxids(shown) == list(range(0x13, 0x1F))
    assert shown.error["error"] == "not_a_log"
    # What is not of interest is not even opened.
    assert _zxids(here("txnlog", tmp_path, "--json", "--since", "0x13")) == list(range(0x13, 0x1F))
    log(CONTENT[:-1], "version-2/log.1b")
    shown = here("txnlog", tmp_path, "--json", code=8)
    assert (shown.error["error"], shown.error["damages"]) == ("damaged", 2)


def test_what_is_no_log_is_named(here, log, tmp_path):
    error = here("txnlog", log(b"hello, world"), "--json", code=10).error
    assert (error["error"], "b'hell' instead of b'ZKLG'" in error["message"]) == ("not_a_log", True)
    assert "it is no regular file" in here("txnlog", "/dev/zero", code=10).err
    assert "the header has zeros only" in here("txnlog", log(bytes(100)), code=8).err
    assert "No such file" in here("txnlog", tmp_path / "none", code=2).err
    (tmp_path / "empty").mkdir()
    assert "has no transaction logs" in here("txnlog", tmp_path / "empty", code=10).err
    assert "version 3" in here("txnlog", log(b"ZKLG" + number(3) + CONTENT[8:]), code=8).err


# ---- damage ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    """No waiting for a server that may complete the last record."""
    monkeypatch.setattr("zkc.cli.offline._log_files._PATIENCE", 0.0)


def _read(file):
    """Return the zxids of a log, and the name of the error."""
    logs = Logs(str(file), lambda text: None)
    zxids = [found.txn.zxid for _, found in logs]
    try:
        logs.check()
    except CommandError as error:
        assert error.exit_code in (8, 10)
        return zxids, error.name
    return zxids, None


@pytest.mark.parametrize("zeros", [b"", ZEROS], ids=["cut", "preallocated"])
def test_every_cut_of_a_log_is_told_and_what_is_before_is_read(log, impatient, zeros):
    """Scenario 39."""
    ends = [16]
    for each in TXNS:
        ends.append(ends[-1] + len(each))
    for cut in range(1, len(CONTENT)):
        zxids, error = _read(log(CONTENT[:cut] + zeros))
        whole = sum(end <= cut for end in ends) - 1
        assert zxids == list(range(0x11, 0x11 + max(whole, 0)))
        # What was cut off may be zeros itself, as the second half of the header is.
        last = max((end for end in ends if end <= cut), default=0)
        same = not CONTENT[last:cut].strip(b"\0") or (zeros and 8 <= cut < 16)
        assert error == (None if same else "truncated"), cut


def test_a_cut_at_each_record_is_told_by_the_command(here, log, impatient):
    place = 16
    for index, each in enumerate(TXNS):
        shown = here("txnlog", log(CONTENT[: place + len(each) - 1]), "--json", code=8)
        assert _zxids(shown) == list(range(0x11, 0x11 + index)) if index else shown.out == b"[]\n"
        assert (shown.error["error"], shown.error["offset"]) == ("truncated", place)
        assert f"log.11: record {index + 1:,} at byte {place:,} is not complete" in shown.err
        place += len(each)
    assert "in the header" in here("txnlog", log(CONTENT[:10]), code=8).err
    assert "in the header" in here("txnlog", log(b""), code=8).err


def test_every_changed_byte_of_a_log_is_told_and_the_rest_is_read(log, impatient):
    ends = [16]
    for each in TXNS:
        ends.append(ends[-1] + len(each))
    for place in range(16, len(CONTENT)):
        changed = bytearray(CONTENT + ZEROS)
        changed[place] ^= 0x55
        zxids, error = _read(log(bytes(changed)))
        hit = sum(end <= place for end in ends) - 1
        assert error in ("damaged", "truncated")
        assert zxids[:hit] == list(range(0x11, 0x11 + hit))
        assert 0x11 + hit not in zxids
        framed = ends[hit] + 12 <= place < ends[hit + 1] - 1 or place < ends[hit] + 8
        if framed:  # Where the length is right, the next record is found.
            assert zxids[hit:] == list(range(0x12 + hit, 0x1F))


def test_damage_is_warned_of_where_it_is(here, log):
    changed = bytearray(CONTENT)
    changed[16 + 20] ^= 1
    shown = here("txnlog", log(bytes(changed)), code=8)
    assert len(shown.lines) == len(LINES) - 1
    assert "zkc: warning: " in shown.err
    assert "record 1 at byte 16 is damaged: its checksum is 0x" in shown.err
    holes = HEADER + TXNS[0] + ZEROS + TXNS[1]
    shown = here("txnlog", log(holes), code=8)
    assert f"is zero and byte {16 + len(TXNS[0]) + len(ZEROS) + 4}" in shown.err.replace(",", "")
    short = here("txnlog", log(HEADER + record(b"x") + TXNS[0]), code=8)
    assert (len(short.lines), "not 1" in short.err) == (1, True)
    nested = here("txnlog", log(HEADER + txn(14, _multi((14, b"")))), code=8)
    assert "a multi has no multi in it" in nested.err
    # The command that ends early tells of the damage before.
    assert len(here("txnlog", log(bytes(changed)), "--count", "1", code=8).lines) == 1


@pytest.mark.parametrize("length", [2**31 - 1, 100 << 20, -5, 0])
def test_a_length_in_a_damaged_log_allocates_nothing(log, impatient, length):
    file = log(HEADER + long(1) + number(length) + b"x" * 1000)
    inner = log(HEADER + txn(5, _text("/a") + number(length) + b"x" * 1000) + txn(14, number(length)), "inner")
    tracemalloc.start()
    try:
        assert _read(file) in (([], "truncated"), ([], "damaged"))
        assert _read(inner)[1] in ("damaged", None)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(0, len(CONTENT)))
def test_random_bytes_in_a_log_end_in_one_error(tmp_path, impatient, junk, place):
    file = tmp_path / "log.1"
    file.write_bytes(CONTENT[:place] + junk)
    try:
        _read(file)
    except CommandError as error:
        assert error.name == "not_a_log"


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(NAMES)), st.binary(max_size=100))
def test_random_bodies_with_the_right_checksum_are_read_or_refused(kind, body):
    content = txn(kind, body, digest=None)[12:-1]
    with contextlib.suppress(DamagedError):
        json.dumps(decode(content).record())


# ---- follow ---------------------------------------------------------------------------------------------------------


def _line(process):
    line = process.stdout.readline()
    assert line, process.stderr.read()
    return line.decode().split("\t")[0]


def test_a_log_that_grows_is_followed_into_new_files(start_cli, tmp_path):
    """Scenario 39."""
    folder = tmp_path / "logs"
    folder.mkdir()
    process = start_cli("txnlog", "-f", str(folder))
    (folder / "log.11").write_bytes(b"")
    with (folder / "log.11").open("r+b") as file:
        file.write(HEADER + TXNS[0] + ZEROS)
        file.flush()
        assert _line(process) == "0x11"
        file.seek(16 + len(TXNS[0]))
        for cut in (1, 8, 11, 13, 40, len(TXNS[1])):  # The record comes in parts.
            file.write(TXNS[1][file.tell() - 16 - len(TXNS[0]) : cut])
            file.flush()
        assert _line(process) == "0x12"
        file.write(TXNS[2])  # The server writes it, and begins the next file.
        file.flush()
    (folder / "log.14").write_bytes(HEADER + TXNS[3])
    assert [_line(process), _line(process)] == ["0x13", "0x14"]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (130, b"", b"")


def test_the_last_record_is_waited_for_a_moment(here, log, monkeypatch):
    """A server that runs writes it in parts: without -f, the command waits for the rest."""
    file = log(CONTENT[:-7] + ZEROS)

    def complete(seconds):
        file.write_bytes(CONTENT + ZEROS)

    monkeypatch.setattr("zkc.cli.offline._log_files.time.sleep", complete)
    assert len(here("txnlog", file, "--json").json) == len(TXNS)
