"""The message when a server cannot start."""

import os
import socket
from pathlib import Path

import pytest

from zkc.testing import Ensemble, NotInstalledError, PortTakenError, ServerStartError, ZooKeeperServer, _find
from zkc.testing.certificates import CertificateAuthority
from zkc.testing.ensemble import Member


def start_fails(error, message, **options):
    server = ZooKeeperServer(**options)
    with pytest.raises(error, match=message) as caught:
        server.start()
    assert server.pid is None
    server.close()
    return str(caught.value)


def test_without_zookeeper_the_message_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv("ZKC_ZOOKEEPER_HOME", raising=False)
    monkeypatch.setattr(_find, "DEBIAN_JARS", tmp_path)
    message = start_fails(NotInstalledError, "ZooKeeper is not installed")
    assert "apt-get install zookeeper" in message
    assert "ZKC_ZOOKEEPER_HOME" in message


def test_a_home_without_zookeeper_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("ZKC_ZOOKEEPER_HOME", str(tmp_path))
    message = start_fails(NotInstalledError, "no ZooKeeper is there")
    assert str(tmp_path) in message


def test_a_home_of_its_own_without_zookeeper_is_named(tmp_path):
    message = start_fails(NotInstalledError, "^home is", home=tmp_path)
    assert str(tmp_path) in message
    with pytest.raises(NotInstalledError, match=r"^home is"):
        Ensemble(1, homes=[tmp_path]).start()


def test_there_is_a_home_for_each_member():
    with pytest.raises(ValueError, match="homes has 2 entries for 3 members"):
        Ensemble(3, homes=[None, None])


def test_without_java_the_message_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "default-jre-headless" in start_fails(NotInstalledError, "no java command on PATH")


def test_a_wrong_java_home_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert str(tmp_path) in start_fails(NotInstalledError, "JAVA_HOME is")


def test_without_openssl_the_message_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalledError, match="apt-get install openssl"):
        CertificateAuthority(tmp_path / "authority")


def test_an_unpacked_release_comes_before_debians_package(monkeypatch, tmp_path):
    for name in ("zookeeper-3.9.3.jar", "zookeeper-jute-3.9.3.jar", "logback-classic.jar"):
        tmp_path.joinpath("lib").mkdir(exist_ok=True)
        tmp_path.joinpath("lib", name).touch()
    monkeypatch.setenv("ZKC_ZOOKEEPER_HOME", str(tmp_path))
    jars = [Path(jar) for jar in _find.find_class_path().split(os.pathsep)]
    assert {jar.parent for jar in jars} == {tmp_path / "lib"}
    assert len(jars) == 3


def test_another_debian_package_puts_its_own_jars_first(monkeypatch, tmp_path):
    folder = tmp_path / "usr/share/java"
    folder.mkdir(parents=True)
    for name in ("zookeeper.jar", "zookeeper-jute.jar"):
        (folder / name).touch()
    monkeypatch.setenv("ZKC_ZOOKEEPER_HOME", str(tmp_path))
    jars = _find.find_class_path().split(os.pathsep)
    assert jars[:2] == [str(folder / "zookeeper-jute.jar"), str(folder / "zookeeper.jar")]
    assert str(_find.DEBIAN_JARS / "slf4j-simple.jar") in jars


def test_a_taken_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        start_fails(PortTakenError, f"Port {number} of 127.0.0.1 cannot be used", port=number)


def test_the_message_ends_with_the_log():
    message = start_fails(ServerStartError, "zookeeper ended while it was starting", config={"tickTime": "soon"})
    assert 'For input string: "soon"' in message


def test_a_java_that_does_not_start_shows_its_words():
    assert "NoSuchFlag" in start_fails(ServerStartError, "ended", jvm_args=["-XX:+NoSuchFlag"])


def test_a_member_that_fails_takes_the_ensemble_down():
    ensemble = Ensemble(2, config={"tickTime": "soon"})
    with pytest.raises(ServerStartError, match="member 1 ended"), ensemble:
        pass
    assert repr(ensemble) == "<Ensemble of 2, not started>"


def test_a_member_that_has_failed_before_it_is_waited_for(monkeypatch, eventually):
    def start_and_end(member, *, wait=True):
        ZooKeeperServer.start(member, wait=wait)
        eventually(lambda: member.state == "stopped")

    monkeypatch.setattr(Member, "start", start_and_end)
    with pytest.raises(ServerStartError, match="member 1 ended"), Ensemble(2, config={"tickTime": "soon"}):
        pass


def test_other_ports_are_tried_when_the_log_says_that_one_is_taken(monkeypatch):
    """Where a port cannot be held, another process may take it before the server does."""
    from zkc.testing import _instance

    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    tries = []

    class Racing(_instance.Port):
        def __init__(self, number=0):
            super().__init__(number)
            tries.append(self)
            if len(tries) == 1:
                self.release()
                self.number = taken.getsockname()[1]

    monkeypatch.setattr(_instance, "Port", Racing)
    with taken, ZooKeeperServer() as server:
        assert server.mode == "standalone"
        assert server.port == tries[1].number
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tick_time": "x"}, TypeError, "tick_time must be a number of seconds, not str"),
        ({"start_timeout": None}, TypeError, "start_timeout must be a number of seconds"),
        ({"min_session_timeout": 0}, ValueError, "min_session_timeout must be at least 0.001 seconds"),
        ({"max_session_timeout": float("inf")}, ValueError, "max_session_timeout must be at least 0.001 seconds"),
        ({"jute_maxbuffer": -1}, ValueError, "jute_maxbuffer must be from 1 to 2,147,483,647 bytes"),
        ({"jute_maxbuffer": 1.5}, TypeError, "jute_maxbuffer must be an int"),
        ({"port": 99999}, ValueError, "port must be from 0 to 65535, not 99999"),
        ({"tls_port": -1}, ValueError, "tls_port must be from 0 to 65535, not -1"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(options, error, message):
    with pytest.raises(error, match=message):
        ZooKeeperServer(**options)
