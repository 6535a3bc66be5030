"""Arguments of a wrong type or value are refused at once: nothing is sent to the server."""

from __future__ import annotations

import re

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import ANYONE, TTL, Recorder

NOT_TEXT = [None, 1, 1.5, b"/a", ["/a"], object()]
NOT_A_PATH = [
    "",
    "a",
    "a/b",
    "/a/",
    "//",
    "/a//b",
    "/.",
    "/..",
    "/a/.",
    "/a/..",
    "/a/./b",
    "/a/../b",
    "/\x01",
    "/a\x1fb",
]


@pytest.fixture
def quiet(open_session, zookeeper_server):
    """A session of which the server must hear nothing during the test but heartbeats."""
    session = open_session(session_timeout=60.0)  # Its heartbeats are 20 s apart.
    name = f"0x{session.client_id[0]:x}"

    def packets():
        line = next(line for line in zookeeper_server.four_letter_word("cons").splitlines() if name in line)
        return int(re.search(r"recved=(\d+)", line).group(1)) - len(re.findall(r"lop=PING", line))

    before = packets()
    yield session
    assert session.in_flight == 0
    assert session.watch_count == 0
    assert packets() <= before + 1  # a heartbeat may have come in between


PATH_CALLS = {
    "create": lambda s, path: s.create(path, b"", ANYONE),
    "create_with_stat": lambda s, path: s.create_with_stat(path, b"", ANYONE),
    "delete": lambda s, path: s.delete(path),
    "exists": lambda s, path: s.exists(path, watch=print),
    "get": lambda s, path: s.get(path, watch=print),
    "set": lambda s, path: s.set(path, b""),
    "get_children": lambda s, path: s.get_children(path, watch=print),
    "get_children_with_stat": lambda s, path: s.get_children_with_stat(path, watch=print),
    "get_acl": lambda s, path: s.get_acl(path),
    "set_acl": lambda s, path: s.set_acl(path, ANYONE),
    "sync": lambda s, path: s.sync(path),
    "remove_watches": lambda s, path: s.remove_watches(path, print),
    "remove_all_watches": lambda s, path: s.remove_all_watches(path),
}


@pytest.mark.parametrize("name", PATH_CALLS)
def test_paths(quiet, name):
    for path in NOT_TEXT:
        with pytest.raises(TypeError, match="path"):
            PATH_CALLS[name](quiet, path)
    for path in NOT_A_PATH:
        with pytest.raises(errors.BadArgumentsError) as caught:
            PATH_CALLS[name](quiet, path)
        assert caught.value.path == path
        assert isinstance(caught.value, ValueError)
    for path in ("/a\0b", "\0", "/a\0", "/\ud800"):
        with pytest.raises(ValueError):
            PATH_CALLS[name](quiet, path)


@pytest.mark.parametrize("call", ["create", "create_with_stat"])
def test_create(quiet, call):
    create = getattr(quiet, call)
    for data in ("text", 1, [1, 2], {}, object()):
        with pytest.raises(TypeError, match="data"):
            create("/a", data, ANYONE)
    for acl in (None, "world", b"world", 31, (31, "world", "anyone"), [[31, "world", "anyone"]], [(31, "world")]):
        with pytest.raises(TypeError):
            create("/a", b"", acl)
    for entry in (
        ("31", "world", "anyone"),
        (31, b"world", "anyone"),
        (31, "world", None),
        (True, 1, 2),
        (1.0, "a", "b"),
    ):
        with pytest.raises(TypeError):
            create("/a", b"", [entry])
    for acl in ([], (), iter(())):
        with pytest.raises(ValueError, match="at least one"):
            create("/a", b"", acl)
    for entry in ((2**31, "world", "anyone"), (31, "wor\0ld", "anyone"), (31, "world", "any\0one")):
        with pytest.raises(ValueError):
            create("/a", b"", [entry])
    for mode in (-1, 7, 2**40):
        with pytest.raises(ValueError, match="mode"):
            create("/a", b"", ANYONE, mode)
    for mode in ("0", None, 1.0, True):
        with pytest.raises(TypeError, match="mode"):
            create("/a", b"", ANYONE, mode)
    for mode, ttl in (
        (0, 1.0),
        (4, 1.0),
        (TTL, None),
        (TTL, 0),
        (TTL, 0.0001),
        (TTL, -1),
        (TTL, 2e9),
        (TTL, float("nan")),
    ):
        with pytest.raises(ValueError, match="ttl"):
            create("/a", b"", ANYONE, mode, ttl)
    for ttl in ("1", b"1", True, [1]):
        with pytest.raises(TypeError, match="ttl"):
            create("/a", b"", ANYONE, TTL, ttl)


@pytest.mark.parametrize("call", ["delete", "set", "set_acl"])
def test_versions(quiet, call):
    arguments = {"delete": ("/a",), "set": ("/a", b""), "set_acl": ("/a", ANYONE)}[call]
    for version in ("1", None, 1.0, True, b"1"):
        with pytest.raises(TypeError, match="version"):
            getattr(quiet, call)(*arguments, version)
    for version in (2**31, -(2**31) - 1, 10**30):
        with pytest.raises(ValueError, match="version"):
            getattr(quiet, call)(*arguments, version)


def test_set(quiet):
    for data in ("text", 1, [b""], object()):
        with pytest.raises(TypeError, match="data"):
            quiet.set("/a", data)


def test_watches(quiet):
    for call in (quiet.get, quiet.exists, quiet.get_children, quiet.get_children_with_stat):
        for watch in (True, 1, "watch", object()):
            with pytest.raises(TypeError, match="watch"):
                call("/", watch)
    with pytest.raises(TypeError, match="watch"):
        quiet.get_config(1)
    for watch in (None, 1, "watch"):
        with pytest.raises(TypeError, match="watch"):
            quiet.remove_watches("/", watch)
    for watch_type in (0, 6, -1):
        with pytest.raises(ValueError, match="watch_type"):
            quiet.remove_watches("/", print, watch_type)
        with pytest.raises(ValueError, match="watch_type"):
            quiet.remove_all_watches("/", watch_type)
    for watch_type in (None, "1", 1.0, True):
        with pytest.raises(TypeError, match="watch_type"):
            quiet.remove_all_watches("/", watch_type)


def test_callbacks(quiet):
    for callback in (1, "callback", object()):
        for call in (
            lambda c: quiet.create("/a", b"", ANYONE, callback=c),
            lambda c: quiet.get("/", callback=c, watch=Recorder()),
            lambda c: quiet.multi([("check", "/", -1)], callback=c),
            lambda c: quiet.add_auth("digest", b"", callback=c),
            lambda c: quiet.get_config(callback=c),
        ):
            with pytest.raises(TypeError, match="callback"):
                call(callback)


def test_add_auth(quiet):
    for scheme in (None, 1, b"digest"):
        with pytest.raises(TypeError, match="scheme"):
            quiet.add_auth(scheme, b"u:p")
    for credentials in (None, "u:p", 1, bytearray(b"u:p")):
        with pytest.raises(TypeError, match="credentials"):
            quiet.add_auth("digest", credentials)
    with pytest.raises(ValueError):
        quiet.add_auth("dig\0est", b"u:p")


def test_timeouts(session):
    request = session.get("/")
    for call in (request.result, request.exception, session.wait_connected, session.close):
        for timeout in ("1", b"1", [], True):
            with pytest.raises(TypeError, match="timeout"):
                call(timeout)
        for timeout in (-1, -0.1, float("nan"), float("-inf")):
            with pytest.raises(ValueError, match="timeout"):
                call(timeout)
    assert not session.closed
    assert request.result(float("inf")) == request.result(10**400)


OPTIONS = {
    "hosts_none": ({"hosts": None}, TypeError),
    "hosts_bytes": ({"hosts": b"127.0.0.1:1"}, TypeError),
    "hosts_empty": ({"hosts": ""}, ValueError),
    "hosts_blank": ({"hosts": "  "}, ValueError),
    "hosts_chroot_only": ({"hosts": "/chroot"}, ValueError),
    "hosts_nul": ({"hosts": "127.0.0.1:1\0"}, ValueError),
    "chroot_ends_with_slash": ({"hosts": "127.0.0.1:1/a/"}, ValueError),
    "timeout_text": ({"session_timeout": "10"}, TypeError),
    "timeout_zero": ({"session_timeout": 0}, ValueError),
    "timeout_negative": ({"session_timeout": -1}, ValueError),
    "timeout_nan": ({"session_timeout": float("nan")}, ValueError),
    "timeout_huge": ({"session_timeout": 1e12}, ValueError),
    "timeout_beyond_the_longest": ({"session_timeout": 2_147_483.648}, ValueError),
    "watcher": ({"watcher": 1}, TypeError),
    "client_id_type": ({"client_id": 1}, TypeError),
    "client_id_list": ({"client_id": [1, bytes(16)]}, TypeError),
    "client_id_short": ({"client_id": (1, bytes(15))}, ValueError),
    "client_id_text": ({"client_id": (1, "x" * 16)}, TypeError),
    "client_id_wide": ({"client_id": (2**63, bytes(16))}, ValueError),
    "client_id_bool": ({"client_id": (True, bytes(16))}, TypeError),
    "in_flight_none": ({"max_in_flight": None}, TypeError),
    "in_flight_zero": ({"max_in_flight": 0}, ValueError),
    "in_flight_many": ({"max_in_flight": 65536}, ValueError),
    "resolution_text": ({"resolution_delay": "1"}, TypeError),
    "resolution_negative": ({"resolution_delay": -1}, ValueError),
    "open_timeout": ({"open_timeout": "1"}, TypeError),
    "tls_text": ({"tls": "ca,cert,key"}, TypeError),
    "tls_tuple": ({"tls": ("ca", "cert", "key", "")}, TypeError),
    "tls_unknown": ({"tls": {"cert": "x"}}, ValueError),
    "tls_bytes": ({"tls": {"ca": b"ca"}}, TypeError),
    "tls_empty": ({"tls": {"ca": ""}}, ValueError),
    "tls_nul": ({"tls": {"ca": "a\0b"}}, ValueError),
    "tls_password_nul": ({"tls": {"certificate": "a", "password": "a\0b"}}, ValueError),
    "tls_key_alone": ({"tls": {"key": "x"}}, ValueError),
    "tls_password_alone": ({"tls": {"password": "x"}}, ValueError),
    "tls_verify": ({"tls": {"verify": 1}}, TypeError),
    "tls_check_hostname": ({"tls": {"check_hostname": None}}, TypeError),
    "tls_server_name": ({"tls": {"server_name": 1}}, TypeError),
    "sasl_text": ({"sasl": "DIGEST-MD5"}, (TypeError, ValueError)),
    "sasl_empty": ({"sasl": {}}, ValueError),
    "sasl_unknown": ({"sasl": {"mechanisms": "PLAIN", "pass": "x"}}, ValueError),
    "sasl_bytes": ({"sasl": {"mechanisms": "PLAIN", "password": b"x"}}, TypeError),
    "sasl_nul": ({"sasl": {"mechanisms": "PLAIN", "password": "a\0b"}}, ValueError),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_the_options_of_a_session(case):
    options, error = OPTIONS[case]
    options = {"hosts": "127.0.0.1:1", **options}
    before = core.live_counts()["handles"]
    with pytest.raises(error):
        core.Session(options.pop("hosts"), **options)
    assert core.live_counts()["handles"] == before


def test_options_are_keywords_only():
    with pytest.raises(TypeError):
        core.Session("127.0.0.1:1", 10.0)
    with pytest.raises(TypeError):
        core.Session("127.0.0.1:1", no_such_option=1)


def test_a_session_that_was_never_opened():
    unborn = core.Session.__new__(core.Session)
    for call in (
        lambda: unborn.state,
        lambda: unborn.client_id,
        lambda: unborn.in_flight,
        lambda: unborn.closed,
        lambda: unborn.get("/"),
        lambda: unborn.multi([("check", "/", -1)]),
        lambda: unborn.remove_watches("/", print),
        lambda: unborn.wait_connected(1),
        lambda: unborn.set_servers("127.0.0.1:1"),
        lambda: unborn.set_resolution_delay(1),
        lambda: unborn.cycle_next_server(),
    ):
        with pytest.raises(errors.ClosingError):
            call()
    assert unborn.close() is True


def test_a_request_is_made_by_a_call_only():
    with pytest.raises(TypeError):
        core.Request()


def test_the_settings_of_the_process():
    for level in (-1, 5):
        with pytest.raises(ValueError, match="level"):
            core.set_log_level(level)
    for level in ("3", None, True):
        with pytest.raises(TypeError, match="level"):
            core.set_log_level(level)
    with pytest.raises(TypeError):
        core.error_text("x")
    assert core.error_text(-101) == "no node"


def test_what_this_build_is_made_of():
    info = core.build_info()
    assert set(info) >= {
        "libzookeeper",
        "linkage",
        "tls",
        "openssl",
        "openssl_bundled",
        "sasl",
        "sasl_mechanisms",
        "multi_create_with_stat",
        "persistent_watches",
    }
    assert info["libzookeeper"] == core.LIBZOOKEEPER_VERSION
    assert re.fullmatch(r"3\.\d+\.\d+", info["libzookeeper"])
    assert info["linkage"] in ("static", "system")
    assert info["adaptor"] in (("own", "stock") if info["linkage"] == "static" else ("stock",))
    if info["linkage"] == "static":
        assert info["tls"] is True
        assert info["openssl"].startswith("OpenSSL 3.")
        assert {"DIGEST-MD5", "PLAIN", "EXTERNAL", "SCRAM-SHA-256"} <= set(info["sasl_mechanisms"])
    assert bool(info["openssl"]) == info["tls"]


def test_what_is_alive_is_counted(open_session, eventually):
    before = core.live_counts()
    session = open_session()
    request = session.get("/", watch=print)
    request.result(20)
    now = core.live_counts()
    assert {name: now[name] - before[name] for name in ("sessions", "handles", "requests", "watches")} == {
        "sessions": 1,
        "handles": 1,
        "requests": 1,
        "watches": 1,
    }
    del request
    # The library's thread may hold it for a moment longer than it takes to answer.
    eventually(lambda: core.live_counts()["requests"] == before["requests"])


@pytest.mark.parametrize("what", ["tls", "sasl"])
def test_what_this_build_lacks_is_said_at_once(what):
    if core.build_info()[what]:
        pytest.skip(f"this libzookeeper has {what}")
    with pytest.raises(errors.UnimplementedError, match=r"has no (TLS|SASL): see zkc\.build_info"):
        core.Session("127.0.0.1:1", **{what: {"tls": {}, "sasl": {"mechanisms": "PLAIN"}}[what]})
