"""The settings of TLS and SASL: what they take, what they refuse, and what they show."""

import dataclasses
from pathlib import Path

import pytest

import zkc
from zkc import SASL, TLS


def test_tls_settings_as_the_core_takes_them():
    tls = TLS(Path("ca.pem"), "cert.pem", Path("key.pem"), "secret", server_name="zk")
    assert tls._core() == {
        "ca": "ca.pem",
        "certificate": "cert.pem",
        "key": "key.pem",
        "password": "secret",
        "verify": True,
        "check_hostname": True,
        "server_name": "zk",
    }
    assert set(TLS()._core().values()) == {None, True}
    assert not TLS(verify=False).verify
    assert not TLS(check_hostname=False).check_hostname


def test_sasl_settings_as_the_core_takes_them():
    assert SASL.digest("alice", "secret")._core() == {
        "mechanisms": "DIGEST-MD5",
        "user": "alice",
        "password": "secret",
        "service": "zookeeper",
        "host": "zk-sasl-md5",
    }
    assert SASL("PLAIN SCRAM-SHA-256", "bob", realm="r", host="h", service="s")._core() == {
        "mechanisms": "PLAIN SCRAM-SHA-256",
        "user": "bob",
        "realm": "r",
        "service": "s",
        "host": "h",
    }
    assert SASL.digest("alice", "") == SASL(user="alice", password="")


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"ca": 1}, TypeError, "ca"),
        ({"ca": b"ca.pem"}, TypeError, "ca"),
        ({"ca": ""}, ValueError, "ca"),
        ({"certificate": "a\0b"}, ValueError, "certificate"),
        ({"certificate": True}, TypeError, "certificate"),
        ({"key": "key.pem"}, ValueError, "key"),
        ({"password": "x"}, ValueError, "password"),
        ({"certificate": "a", "password": b"x"}, TypeError, "password"),
        ({"certificate": "a", "password": ""}, ValueError, "password"),
        ({"verify": 1}, TypeError, "verify"),
        ({"check_hostname": None}, TypeError, "check_hostname"),
        ({"server_name": 1}, TypeError, "server_name"),
        ({"server_name": ""}, ValueError, "server_name"),
    ],
)
def test_a_bad_tls_setting_is_named(arguments, error, name):
    with pytest.raises(error, match=rf"\b{name}\b"):
        TLS(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"mechanisms": ""}, ValueError, "mechanisms"),
        ({"mechanisms": None}, TypeError, "mechanisms"),
        ({"user": 1}, TypeError, "user"),
        ({"user": ""}, ValueError, "user"),
        ({"password": b"x"}, TypeError, "password"),
        ({"realm": 1}, TypeError, "realm"),
        ({"service": None}, TypeError, "service"),
        ({"host": "a\0"}, ValueError, "host"),
    ],
)
def test_a_bad_sasl_setting_is_named(arguments, error, name):
    with pytest.raises(error, match=rf"\b{name}\b"):
        SASL(**arguments)


def test_digest_needs_both():
    with pytest.raises(TypeError, match="user"):
        SASL.digest(None, "x")
    with pytest.raises(TypeError, match="password"):
        SASL.digest("alice", None)


@pytest.mark.parametrize("made", [TLS(certificate="a", password="sesame"), SASL.digest("alice", "sesame")])
def test_passwords_are_not_shown(made):
    assert "sesame" not in repr(made)
    with pytest.raises(ValueError, match="password") as caught:
        dataclasses.replace(made, password="ses\0ame")
    assert "ame" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize("made", [TLS(certificate="a", password="sesame"), SASL.digest("alice", "sesame")])
def test_they_are_values(made):
    assert made == dataclasses.replace(made)
    assert len({made, dataclasses.replace(made)}) == 1
    assert made != dataclasses.replace(made, password="other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.password = "x"


def test_they_are_found_at_the_top():
    assert zkc.TLS is TLS
    assert zkc.SASL is SASL
