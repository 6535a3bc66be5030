"""Arguments that are accepted, and the words in which others are refused."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zkc import ACL, OPEN_ACL_UNSAFE, CreateMode
from zkc import _args as ops

GOOD_PATHS = ["/", "/a", "/a/b", "/a b", "/...", "/.a", "/a.", "/..a/b..", "/ä/Ω/日本", "/\ufefe", "/a:b,c", "/\xa0"]
BAD_PATHS = [
    ("", "must not be empty"),
    ("a", "must start with '/'"),
    ("a/b", "must start with '/'"),
    ("/a/", "must not end with '/'"),
    ("//", "empty name"),
    ("//a", "empty name"),
    ("/a//b", "empty name"),
    ("/.", "without '.' and '..'"),
    ("/..", "without '.' and '..'"),
    ("/./a", "without '.' and '..'"),
    ("/a/../b", "without '.' and '..'"),
    ("/a/..", "without '.' and '..'"),
    ("/a\0b", r"the character U\+0000 \(at 2\)"),
    ("/a\n", r"the character U\+000A"),
    ("/\x1f", r"the character U\+001F"),
    ("/\x7f", r"the character U\+007F"),
    ("/\x9f", r"the character U\+009F"),
    ("/\ud800", r"the character U\+D800"),
    ("/\uf8ff", r"the character U\+F8FF"),
    ("/\ufff0", r"the character U\+FFF0"),
    ("/\U0001f600", r"the character U\+1F600"),
]


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_a_good_path_passes(path):
    assert ops.check_path(path) == path
    assert ops.check_create_path(path, False) == path
    assert ops.check_create_path(path, True) == path


@pytest.mark.parametrize(("path", "message"), BAD_PATHS)
def test_a_bad_path_is_refused(path, message):
    with pytest.raises(ValueError, match=f"path must.* {message}|path {message}"):
        ops.check_path(path)
    with pytest.raises(ValueError, match=f"path must.* {message}|path {message}"):
        ops.check_create_path(path, False)


@pytest.mark.parametrize("path", ["/a/", "/a/.", "/a/..", "/."])
def test_a_sequential_name_may_end_in_what_the_number_completes(path):
    assert ops.check_create_path(path, True) == path


@pytest.mark.parametrize("path", ["", "a", "//", "/a//", "/./a", "/a\0"])
def test_a_bad_sequential_path_is_refused(path):
    with pytest.raises(ValueError, match="path must"):
        ops.check_create_path(path, True)


@pytest.mark.parametrize("path", [None, b"/a", 1, ["/a"]])
def test_a_path_that_is_no_str_is_refused(path):
    for check in (ops.check_path, lambda path: ops.check_create_path(path, True)):
        with pytest.raises(TypeError, match=f"path must be a str, not {type(path).__name__}"):
            check(path)


def refused_by_zookeeper(path):
    """The rules of the server, one code unit of UTF-16 after the other."""
    units = path.encode("utf-16-le", "surrogatepass")
    for unit in (int.from_bytes(units[i : i + 2], "little") for i in range(0, len(units), 2)):
        if unit <= 0x1F or 0x7F <= unit <= 0x9F or 0xD800 <= unit <= 0xF8FF or unit >= 0xFFF0:
            return True
    return path != "/" and (path[:1] != "/" or any(name in ("", ".", "..") for name in path.split("/")[1:]))


@settings(deadline=None)
@given(
    st.one_of(
        st.text(),
        st.text(alphabet="/.a\0é\x1f\x7f\x9f\xa0\ud7ff\ud800\uf8ff\uf900\uffef\ufff0\U00010000").map("/".__add__),
        st.lists(st.sampled_from(["a", ".", "..", "...", "", "é"])).map(lambda names: "/" + "/".join(names)),
    )
)
@example("/")
@example("")
def test_the_rules_are_those_of_the_servers(path):
    if refused_by_zookeeper(path):
        with pytest.raises(ValueError, match=r"^path must"):
            ops.check_path(path)
    else:
        assert ops.check_path(path) == path


@pytest.mark.parametrize("data", [b"", b"a", bytearray(b"a"), memoryview(b"abc")[::2], None])
def test_good_data_passes(data):
    assert ops.check_data(data) is data


def test_bad_data_is_refused():
    with pytest.raises(TypeError, match=r"data must be bytes, not str: encode it first, for example data.encode\(\)"):
        ops.check_data("text")
    for data in (1, [b"a"], {}):
        with pytest.raises(TypeError, match=f"data must be bytes.* not {type(data).__name__}"):
            ops.check_data(data)


@pytest.mark.parametrize("version", [-(2**31), -1, 0, 2**31 - 1])
def test_a_good_version_passes(version):
    assert ops.check_version(version) == version


@pytest.mark.parametrize(
    ("version", "error"),
    [(2**31, ValueError), (-(2**31) - 1, ValueError), (1.0, TypeError), (None, TypeError), (True, TypeError)],
)
def test_a_bad_version_is_refused(version, error):
    with pytest.raises(error, match="version must"):
        ops.check_version(version)


@pytest.mark.parametrize(("value", "passes"), [(1, 1.0), (0.001, 0.001), (None, None)])
def test_a_good_timeout_passes(value, passes):
    assert ops.check_timeout(value) == passes


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (1e300, ValueError),
        pytest.param(10**400, ValueError, id="huge"),
        ("1", TypeError),
        (True, TypeError),
    ],
)
def test_a_bad_timeout_is_refused(value, error):
    with pytest.raises(error, match="patience must be"):
        ops.check_timeout(value, "patience")


@pytest.mark.parametrize("value", [None, 0, -1, 0.0001, 3e6, "10", float("nan")])
def test_a_bad_session_timeout_is_refused(value):
    with pytest.raises((TypeError, ValueError), match="session_timeout must be"):
        ops.check_session_timeout(value)


@pytest.mark.parametrize(
    ("flags", "mode"),
    [
        ((False, False, False, None), CreateMode.PERSISTENT),
        ((True, False, False, None), CreateMode.EPHEMERAL),
        ((False, True, False, None), CreateMode.PERSISTENT_SEQUENTIAL),
        ((True, True, False, None), CreateMode.EPHEMERAL_SEQUENTIAL),
        ((False, False, True, None), CreateMode.CONTAINER),
        ((False, False, False, 1.5), CreateMode.PERSISTENT_WITH_TTL),
        ((False, True, False, 1), CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL),
    ],
)
def test_flags_give_a_mode(flags, mode):
    assert ops.create_mode(*flags) is mode


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((True, False, True, None), "a container cannot be ephemeral"),
        ((False, True, True, None), "a container cannot be sequential"),
        ((True, False, False, 1.0), "with a ttl cannot be ephemeral"),
        ((False, False, True, 1.0), "with a ttl cannot be a container"),
        ((False, False, False, 0), "ttl must be a positive"),
        ((False, False, False, 0.0001), "ttl must be from 0.001"),
        ((False, False, False, 2e9), "ttl must be from 0.001"),
    ],
)
def test_flags_that_exclude_each_other_are_refused(flags, message):
    with pytest.raises(ValueError, match=message):
        ops.create_mode(*flags)


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("value", [1, None, "yes"])
def test_a_flag_is_true_or_false(position, value):
    flags = [False, False, False, None]
    flags[position] = value
    with pytest.raises(TypeError, match="must be True or False"):
        ops.create_mode(*flags)


def test_an_acl_is_encoded_and_decoded():
    acl = [ACL.world(), ACL.auth()]
    encoded = ops.encode_acl(acl)
    assert encoded == [(31, "world", "anyone"), (31, "auth", "")]
    assert [type(entry[0]) for entry in encoded] == [int, int]
    assert ops.decode_acl(encoded) == acl
    assert ops.encode_acl(OPEN_ACL_UNSAFE) == [(31, "world", "anyone")]


@pytest.mark.parametrize(
    ("acl", "error", "message"),
    [
        ([], ValueError, "acl must have one entry or more"),
        (ACL.world(), TypeError, r"acl must be a sequence of ACL: write \[acl\]"),
        ("world", TypeError, "acl must be a sequence of ACL, not str"),
        (None, TypeError, "acl must be a sequence of ACL, not NoneType"),
        ([(31, "world", "anyone")], TypeError, "acl must hold ACL entries such as .* not tuple"),
        (iter([ACL.world()]), TypeError, "acl must be a sequence"),
    ],
)
def test_a_bad_acl_is_refused(acl, error, message):
    with pytest.raises(error, match=message):
        ops.encode_acl(acl)


@pytest.mark.parametrize(
    ("hosts", "shown", "core"),
    [
        ("zk", "zk:2181", "zk:2181"),
        ("zk:1", "zk:1", "zk:1"),
        ("127.0.0.1:02181", "127.0.0.1:2181", "127.0.0.1:2181"),
        (" a:1 , b ,c:3/app/x ", "a:1,b:2181,c:3/app/x", "a:1,b:2181,c:3/app/x"),
        ("a:1/", "a:1", "a:1"),
        ("[::1]:2182", "[::1]:2182", "::1:2182"),
        ("[fe80::1],b/ä", "[fe80::1]:2181,b:2181/ä", "fe80::1:2181,b:2181/ä"),
        ("zk-1.example.com.,my_host", "zk-1.example.com.:2181,my_host:2181", "zk-1.example.com.:2181,my_host:2181"),
    ],
)
def test_hosts_are_completed(hosts, shown, core):
    assert ops.check_hosts(hosts) == (shown, core)
    assert ops.check_hosts(shown) == (shown, core)


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ("", "empty entry"),
        ("a,,b", "empty entry"),
        ("a:1,", "empty entry"),
        ("/chroot", "empty entry"),
        ("a:", "port must be from 1 to 65535"),
        ("a:0", "port must be from 1 to 65535"),
        ("a:65536", "port must be from 1 to 65535"),
        ("a:port", "port must be from 1 to 65535, not 'port'"),
        ("a:-1", "port must be"),
        ("a:٣", "port must be"),
        ("::1", r"written \[address\]:port"),
        ("fe80::1:2181", r"written \[address\]:port"),
        ("[::1", r"written \[address\]:port"),
        ("[::1]2181", r"written \[address\]:port"),
        ("[::1]:", "port must be"),
        ("[zk]:1", "no IPv6 address"),
        (":2181", "no host name"),
        ("a b:1", "no host name"),
        ("zk\0:1", "no host name"),
        ("a:1/x/", "hosts: the chroot must not end with '/'"),
        ("a:1/x/../y", "hosts: the chroot must be absolute"),
        ("a:1//x", "hosts: the chroot must not contain an empty name"),
    ],
)
def test_bad_hosts_are_refused(hosts, message):
    with pytest.raises(ValueError, match=f"hosts.*{message}|{message}"):
        ops.check_hosts(hosts)


@pytest.mark.parametrize("hosts", [None, b"zk:2181", ["zk:2181"], 2181])
def test_hosts_that_are_no_str_are_refused(hosts):
    with pytest.raises(TypeError, match=f"hosts must be a str .* not {type(hosts).__name__}"):
        ops.check_hosts(hosts)


@pytest.mark.parametrize(
    ("client_id", "error"),
    [
        (1, TypeError),
        ((1, b"x" * 16, 3), TypeError),
        ([1, b"x" * 16], TypeError),
        (("1", b"x" * 16), TypeError),
        ((1, "x" * 16), TypeError),
        ((1, b"short"), ValueError),
        ((2**63, b"x" * 16), ValueError),
    ],
)
def test_a_bad_client_id_is_refused(client_id, error):
    with pytest.raises(error, match="client_id"):
        ops.check_client_id(client_id)


def test_credentials_are_bytes_or_text():
    assert ops.check_auth("digest", "ann:ä") == ("digest", "ann:ä".encode())
    assert ops.check_auth("digest", b"ann:x") == ("digest", b"ann:x")
    for scheme, credentials, error in [("", b"", ValueError), (b"digest", b"", TypeError), ("digest", None, TypeError)]:
        with pytest.raises(error, match=r"(scheme|credentials) must"):
            ops.check_auth(scheme, credentials)


def test_a_watch_is_callable():
    ops.check_watch(print)
    with pytest.raises(TypeError, match="watch must be callable with one event, not str"):
        ops.check_watch("fn")
