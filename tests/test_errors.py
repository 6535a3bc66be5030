"""The error tree: one class per code, messages that say what to do, and errors that can be copied and pickled."""

import copy
import os
import pickle
import re
import subprocess
import sys

import pytest

import zkc
from zkc import errors
from zkc.errors import error_class, error_for, multi_error, tls_error

CODES = {
    -1: "SystemFailureError",
    -2: "RuntimeInconsistencyError",
    -3: "DataInconsistencyError",
    -4: "ConnectionLossError",
    -5: "MarshallingError",
    -6: "UnimplementedError",
    -7: "OperationTimeoutError",
    -8: "BadArgumentsError",
    -9: "InvalidStateError",
    -12: "UnknownSessionError",
    -13: "NewConfigNoQuorumError",
    -14: "ReconfigInProgressError",
    -15: "SSLConnectionError",
    -100: "APIError",
    -101: "NoNodeError",
    -102: "NoAuthError",
    -103: "BadVersionError",
    -108: "NoChildrenForEphemeralsError",
    -110: "NodeExistsError",
    -111: "NotEmptyError",
    -112: "SessionExpiredError",
    -113: "InvalidCallbackError",
    -114: "InvalidACLError",
    -115: "AuthFailedError",
    -116: "ClosingError",
    -117: "NothingError",
    -118: "SessionMovedError",
    -119: "NotReadOnlyError",
    -120: "EphemeralOnLocalSessionError",
    -121: "NoWatcherError",
    -122: "RequestTimeoutError",
    -123: "ReconfigDisabledError",
    -124: "SessionClosedRequireSaslAuthError",
    -125: "QuotaExceededError",
    -127: "ThrottledError",
}
CLASSES = [value for value in vars(errors).values() if isinstance(value, type)]


@pytest.mark.parametrize(("code", "name"), CODES.items())
def test_each_code_has_its_class(code, name):
    error = error_for(code, "create", "/a")
    assert type(error) is getattr(zkc, name)
    assert error.code == type(error).code == code
    assert (error.operation, error.path) == ("create", "/a")
    assert str(error).startswith("create '/a': ")
    assert str(error).endswith(f"[{error.c_name} {code}]")


def test_a_session_that_the_server_does_not_know_has_expired():
    error = error_for(-12, "sync", "/a")
    assert isinstance(error, zkc.SessionExpiredError)
    assert error.session_lost
    assert not error.maybe_applied


@pytest.mark.parametrize("code", [-104, -998, 0, 7])
def test_an_unknown_code_is_kept(code):
    error = error_for(code, "get", "/a")
    assert type(error) is error_class(code) is zkc.UnknownError
    assert error.code == code
    assert str(code) in str(error)


def test_two_classes_with_one_code_are_refused():
    with pytest.raises(TypeError, match=r"Another and NoNodeError have the same code -101"):
        type("Another", (zkc.ZooKeeperError,), {"code": -101})


def test_a_class_of_ones_own_needs_no_code():
    class Mine(zkc.NoNodeError):
        pass

    assert Mine(path="/a").code == -101
    assert error_class(-101) is zkc.NoNodeError


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("NoNodeError", FileNotFoundError),
        ("NodeExistsError", FileExistsError),
        ("NotEmptyError", OSError),
        ("NoAuthError", PermissionError),
        ("AuthFailedError", PermissionError),
        ("BadArgumentsError", ValueError),
        ("InvalidACLError", ValueError),
        ("UnimplementedError", NotImplementedError),
        ("ConnectionLossError", ConnectionError),
        ("SessionExpiredError", ConnectionError),
        ("ClosingError", ConnectionError),
        ("TLSError", ConnectionError),
        ("CertificateError", ConnectionError),
        ("OperationTimeoutError", TimeoutError),
        ("ConnectTimeoutError", TimeoutError),
        ("ConnectTimeoutError", ConnectionError),
        ("NoWatcherError", LookupError),
        ("NotStartedError", RuntimeError),
        ("ForkedError", RuntimeError),
    ],
)
def test_it_is_also_the_builtin_that_fits(name, builtin):
    error = getattr(zkc, name)(operation="get", path="/a")
    with pytest.raises(builtin, match=re.escape("get '/a'")):
        raise error


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_survives_copy_and_pickle(cls):
    error = cls(operation="set", path="/ä")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert_same(pickle.loads(pickle.dumps(error, protocol)), error)
    assert_same(copy.copy(error), error)
    assert_same(copy.deepcopy(error), error)


def assert_same(one, other):
    assert type(one) is type(other)
    assert str(one) == str(other)
    assert one.args == other.args == (str(other),)
    assert vars(one).keys() == vars(other).keys()
    assert (one.code, one.maybe_applied, one.session_lost) == (other.code, other.maybe_applied, other.session_lost)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_message_says_what_happened_and_what_to_do(cls):
    message = str(cls(operation="create", path="/a"))
    assert message.startswith("create '/a': ")
    assert cls.__module__ == "zkc.errors"
    assert cls is zkc.ZooKeeperError or cls.__name__ in errors.__doc__
    if cls.what != zkc.ZooKeeperError.what:
        assert len(cls.advice) > 10


@pytest.mark.parametrize(
    ("operation", "path", "start"), [(None, None, ""), ("multi", None, "multi: "), (None, "/a", "'/a': ")]
)
def test_the_message_names_what_is_known(operation, path, start):
    assert str(zkc.NoNodeError(operation=operation, path=path)) == f"{start}{zkc.NoNodeError.describe()}"


def test_a_missing_parent_is_named_as_such():
    assert "the parent does not exist" in str(error_for(-101, "create", "/a/b"))
    assert "there is no such znode" in str(error_for(-101, "delete", "/a/b"))


def test_words_of_its_own_get_operation_path_and_code():
    assert str(error_for(-7, "get", "/a", "no reply in 2 s")) == "get '/a': no reply in 2 s [ZOPERATIONTIMEOUT -7]"
    assert str(error_for(-999, None, None, "odd")) == "odd [code -999]"


def test_a_message_is_taken_as_it_is():
    error = zkc.ClosingError("so it is", operation="get", path="/a")
    assert str(error) == "so it is"
    assert error.args == ("so it is",)


@pytest.mark.parametrize("code", [-4, -7, -112, -115, -116, -122, -1, -2, -3, -5, -100, -987])
def test_a_change_without_an_answer_may_have_been_applied(code):
    assert error_for(code, "set", "/a").maybe_applied
    assert error_for(code).maybe_applied
    assert not error_for(code, "set", "/a", maybe_applied=False).maybe_applied


@pytest.mark.parametrize("code", [-101, -102, -103, -108, -110, -111, -114, -118, -119, -121, -125, -127, -6, -8, -9])
def test_a_change_refused_was_not_applied(code):
    assert not error_for(code, "set", "/a").maybe_applied


@pytest.mark.parametrize("operation", ["get", "exists", "get_children", "get_acl", "sync", "connect"])
def test_a_read_applies_nothing(operation):
    assert not error_for(-4, operation, "/a").maybe_applied


def test_which_errors_end_the_session():
    gone = {code for code in CODES if error_for(code).session_lost}
    assert gone == {-9, -12, -112, -115, -116, -124}
    assert all(isinstance(error_for(code), zkc.SessionLostError) for code in gone)
    assert not zkc.ForkedError().session_lost


def test_a_refused_transaction_is_an_error_of_the_operation_that_failed():
    operations = [("create", "/a"), ("delete", "/b"), ("check", "/c")]
    error = multi_error([0, -101, -2], operations)
    assert type(error) is zkc.NoNodeError
    assert (error.index, error.operation, error.path, error.code) == (1, "delete", "/b", -101)
    assert "operation 1 of 3 failed, so none was applied: delete '/b': there is no such znode" in str(error)
    assert [type(result).__name__ for result in error.results] == [
        "RuntimeInconsistencyError",
        "NoNodeError",
        "RuntimeInconsistencyError",
    ]
    assert [(result.operation, result.path) for result in error.results] == operations
    assert str(error.results[2]) == "check '/c': not carried out, because operation 1 (delete '/b') failed"
    assert not any(result.maybe_applied for result in (error, *error.results))
    assert error not in error.results


def test_a_refused_transaction_survives_copy_and_pickle():
    error = multi_error([-110, 0], [("create", "/a"), ("set", "/b")])
    for other in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert_same(other, error)
        assert other.index == 0
        assert [str(result) for result in other.results] == [str(result) for result in error.results]


@pytest.mark.parametrize(("codes", "index"), [([0, -2], 1), ([0, 0], 0), ([-2, -2], 0), ([0, -999], 1)])
def test_a_transaction_without_a_clear_culprit(codes, index):
    error = multi_error(codes, [("set", "/a"), ("set", "/b")])
    assert error.index == index
    assert error.code in (-2, -999)


def test_a_transaction_without_matching_codes_is_refused():
    with pytest.raises(ValueError, match="one code per operation"):
        multi_error([0], [])


def test_other_errors_have_neither_index_nor_results():
    assert error_for(-101).index is None
    assert error_for(-101).results is None


def test_messages_do_not_depend_on_docstrings():
    script = "from zkc.errors import error_for; print(error_for(-101, 'get', '/a'))"
    done = subprocess.run([sys.executable, "-OO", "-c", script], capture_output=True, text=True, env=os.environ)
    assert done.stderr == ""
    assert done.stdout.strip() == str(error_for(-101, "get", "/a"))


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("handshake", "TLSError"),
        ("timeout", "TLSError"),
        ("files", "TLSError"),
        ("hostname", "CertificateError"),
        ("client_certificate", "CertificateError"),
    ],
)
def test_a_failure_of_tls_has_a_reason(reason, name):
    error = tls_error(reason, "it failed", "connect")
    assert type(error) is getattr(zkc, name)
    assert isinstance(error, zkc.SSLConnectionError)
    assert (error.reason, error.code, error.maybe_applied) == (reason, -15, False)
    assert re.fullmatch(r"connect: it failed\. [A-Z].* \[ZSSLCONNECTIONERROR -15\]", str(error))
    assert pickle.loads(pickle.dumps(error)).reason == reason


def test_a_variable_that_leads_to_no_authority_is_named(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    assert "OpenSSL uses SSL_CERT_FILE=/nowhere/ca.pem, and no certificate is there" in str(
        tls_error("unknown_ca", "refused")
    )
    assert "SSL_CERT_FILE" not in str(tls_error("expired", "refused"))
