"""Servers that accept connections and close them without an answer: what it looks like is said."""

import logging
import shutil

import pytest

import zkc
from zkc import ClientState
from zkc._session import manager
from zkc.testing import Ensemble, ZooKeeperServer

from . import both


@pytest.fixture
def own_server(tmp_path):
    with ZooKeeperServer(data_dir=tmp_path / "data") as server:
        server.folder = tmp_path / "data"
        yield server


def wipe(server):
    """Have a server start with an empty data folder."""
    server.stop()
    shutil.rmtree(server.folder)
    server.start()


async def test_servers_that_are_behind_are_recognized(make_zk, own_server, caplog, monkeypatch):
    monkeypatch.setattr(manager, "WARN_AFTER", 0.5)
    zk = make_zk(own_server.hosts, session_timeout=6.0)
    await zk.start()
    await zk.create_many([f"/{number}" for number in range(200)])
    seen = (await zk.exists("/199")).czxid
    assert zk.session.unanswered == (0, 0)
    wipe(own_server)
    await both.eventually(lambda: zk.session.unanswered[0] >= 5)
    with pytest.raises(zkc.OperationTimeoutError) as caught:
        await zk.wait_for(ClientState.CONNECTED, timeout=0.1)
    text = str(caught.value)
    assert "closed each before they answered" in text
    assert f"are behind what this client has seen (zxid 0x{seen:x})" in text
    assert "a proxy or load balancer accepted the connections and no server behind it runs" in text
    assert "restore the data, or close this client and start it again" in text

    def warnings():
        return [
            record.getMessage()
            for record in list(caplog.records)
            if record.name == "zkc.client" and record.levelno == logging.WARNING
        ]

    await both.eventually(warnings)
    count = zk.session.unanswered[0]
    await both.eventually(lambda: zk.session.unanswered[0] > count + 20)
    assert len(warnings()) == 1  # Once is enough.
    assert "are behind what this client has seen" in warnings()[0]
    assert zk.state is ClientState.SUSPENDED

    await zk.close()
    await zk.start()  # The remedy, as the message says.
    assert await zk.children("/") == ["zookeeper"]


async def test_a_connection_ends_the_suspicion(make_zk, own_server, tmp_path):
    zk = make_zk(own_server.hosts, session_timeout=15.0)
    await zk.start()
    await zk.create_many([f"/{number}" for number in range(200)])
    own_server.stop()
    shutil.copytree(own_server.folder, tmp_path / "backup")
    shutil.rmtree(own_server.folder)
    own_server.start()
    await both.eventually(lambda: zk.session.unanswered[0] >= 5)
    own_server.stop()
    shutil.rmtree(own_server.folder)
    shutil.copytree(tmp_path / "backup", own_server.folder)
    own_server.start()  # The data are back.
    await zk.wait_for(ClientState.CONNECTED, timeout=60)
    assert len(await zk.children("/")) == 201
    assert zk.session.unanswered[0] == 0
    with pytest.raises(zkc.OperationTimeoutError) as caught:
        await zk.wait_for(ClientState.LOST, timeout=0.01)
    assert "answered" not in str(caught.value)


async def test_a_start_without_a_quorum_says_so(make_zk):
    with Ensemble(3) as ensemble:
        first, *others = ensemble.members
        for other in others:
            other.stop()
        zk = make_zk(first.hosts, session_timeout=4.0, connect_timeout=8.0)
        with pytest.raises(zkc.ConnectTimeoutError, match=r"they have no quorum, or are not ready.*load balancer"):
            await zk.start()


async def test_servers_that_are_not_there_are_another_matter(make_zk, own_server):
    zk = make_zk(own_server.hosts, session_timeout=6.0)
    await zk.start()
    own_server.stop()
    await zk.wait_for(ClientState.SUSPENDED)
    with pytest.raises(zkc.OperationTimeoutError) as caught:
        await zk.wait_for(ClientState.CONNECTED, timeout=1.0)
    assert "answered" not in str(caught.value)
