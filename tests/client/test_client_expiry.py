"""A session that expires: what fails, what follows it, and that nothing hangs."""

import asyncio
import contextlib
import os
import subprocess
import sys

import pytest

import zkc
from zkc import ClientState
from zkc.testing import FaultProxy

from . import both


async def test_a_new_session_follows(zk, other_zk, zookeeper_server, events):
    zk.add_listener(events)
    before = zk.session_id
    await zk.create("/mine", ephemeral=True)
    zookeeper_server.expire(zk.session_id, zk.session_password)
    while await events.next() is not ClientState.LOST:
        pass
    assert await events.next() is ClientState.CONNECTED
    assert zk.session_id not in (0, before)
    assert await zk.exists("/mine") is None
    await zk.create("/mine", ephemeral=True)
    assert (await other_zk.exists("/mine")).ephemeral_owner == zk.session_id
    assert zk.metrics().expirations == 1


async def test_a_stored_session_says_that_it_has_expired(zk, expire_zk):
    old = zk.inner.session
    await expire_zk(zk)
    assert old.closed
    for call in (lambda: old.get("/"), lambda: old.multi([("check", "/", -1)]), lambda: old.negotiated_timeout):
        with pytest.raises(zkc.SessionExpiredError) as caught:
            call()
        assert caught.value.maybe_applied is False
    last = zk.inner.session
    await zk.close()
    with pytest.raises(zkc.ClosingError):
        last.get("/")
    with pytest.raises(zkc.SessionExpiredError):
        old.get("/")
    with pytest.raises(zkc.ClosingError):
        await zk.get("/")
    assert (zk.inner.session_id, zk.inner.negotiated_timeout) == (0, 0.0)


async def test_calls_in_flight_fail_and_say_so(make_zk, hosts, zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts + hosts[len(zookeeper_server.hosts) :], session_timeout=30) as zk:
            proxy.pause()
            protected = both.begin(zk, "create", "/p", ephemeral=True, protected=True)
            calls = [
                both.begin(zk, "get", "/"),
                both.begin(zk, "set", "/", b"x"),
                both.begin(zk, "create", "/a", ephemeral=True),
                both.begin(zk, "ensure_path", "/a/b"),
                protected,
                both.begin(zk, "sync"),
            ]
            await both.eventually(lambda: zk.session.in_flight >= 7)
            session = zk.session
            zookeeper_server.expire(zk.session_id, zk.session_password)
            proxy.resume()
            for call in calls:
                with pytest.raises((zkc.SessionExpiredError, zkc.ConnectionLossError)) as caught:
                    await call
                if call is protected:  # It looks for what it made in the next connection, and learns of the expiry.
                    assert type(caught.value) is zkc.SessionExpiredError
            # A call on the session that is gone gets that error, too.
            await zk.wait_for(ClientState.CONNECTED)
            assert zk.session is not session
            await zk.close()


async def test_a_call_on_a_session_that_expires_gets_that_error(make_zk, hosts, zookeeper_server):
    # Without a server that answers, the session is not known to have expired: calls wait, and fail then.
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts + hosts[len(zookeeper_server.hosts) :], session_timeout=30) as zk:
            proxy.refuse()
            proxy.drop_connections()
            await both.eventually(lambda: zk.state is ClientState.SUSPENDED)
            zookeeper_server.expire(zk.session_id, zk.session_password)
            asked = []

            async def ask():
                try:
                    while ClientState.LOST not in asked:  # The next session may be there at once.
                        await zk.set("/", b"x", timeout=20)
                        await asyncio.sleep(0.01)  # until the expiry
                except zkc.ConnectionLossError:
                    return None
                except zkc.SessionExpiredError as error:
                    return error

            zk.add_listener(asked.append)
            proxy.accept()
            while ClientState.LOST not in asked:
                error = await ask() if zk.state is ClientState.SUSPENDED else None
                if error is not None:
                    assert error.session_lost
                    break
                await asyncio.sleep(0.005)  # between two looks
            await zk.wait_for(ClientState.CONNECTED, timeout=30)
            assert await zk.exists("/") is not None


async def test_two_expiries_in_a_row(zk, expire_zk):
    await zk.create("/kept", b"x", ephemeral=True, keep=True)
    sessions = {zk.session_id}
    for _ in range(3):
        await expire_zk(zk)
        sessions.add(zk.session_id)
        assert (await zk.exists("/kept")).ephemeral_owner == zk.session_id
    assert len(sessions) == 4
    assert zk.metrics().expirations == 3


async def expire_behind(proxy, zk, server, events):
    """Expire the client's session, and let it make one connection: it learns of that, and has none for the next."""
    proxy.refuse()
    proxy.drop_connections()
    assert await events.next() is ClientState.SUSPENDED
    server.expire(zk.session_id, zk.session_password)
    server.pause()
    proxy.accept()
    await both.eventually(lambda: proxy.connections == 1)
    proxy.refuse()
    server.resume()
    assert await events.next() is ClientState.LOST


async def test_a_session_that_expires_without_a_listener(make_zk, hosts, zookeeper_server, events):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts + hosts[len(zookeeper_server.hosts) :], session_timeout=30) as zk:
            await zk.create("/kept", b"x", ephemeral=True, keep=True)
            zk.add_listener(events)
            await expire_behind(proxy, zk, zookeeper_server, events)
            await both.eventually(lambda: proxy.connections == 0)
            # The connection for the next session is cut before the server has answered.
            proxy.pause()
            proxy.accept()
            await both.eventually(lambda: proxy.connections == 1)
            proxy.drop_connections()
            proxy.resume()
            assert await events.next() is ClientState.CONNECTED
            assert (await zk.get("/kept"))[1].ephemeral_owner == zk.session_id


async def test_closing_while_the_next_session_is_made(make_zk, hosts, zookeeper_server, events):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        zk = make_zk(proxy.hosts + hosts[len(zookeeper_server.hosts) :], session_timeout=30)
        await zk.start()
        zk.add_listener(events)
        await expire_behind(proxy, zk, zookeeper_server, events)
        waiting = both.begin(zk, "wait_for", ClientState.CONNECTED)
        await both.eventually(lambda: zk.inner._waiters)  # A wait that began after the close would be for a start.
        await zk.close()
        with pytest.raises(zkc.ClosingError):
            await waiting
        assert zk.closed
        assert await events.next() is ClientState.CLOSED
        with pytest.raises(zkc.ClosingError):
            await zk.get("/")
        proxy.accept()
        async with zk:
            assert await zk.exists("/") is not None


@pytest.mark.parametrize("when", [ClientState.LOST, ClientState.CONNECTED])
async def test_closing_in_a_listener_that_gets_the_event(kind, make_zk, zookeeper_server, events, when):
    zk = make_zk()
    await zk.start()

    def close(state):
        if state is when:
            zk.inner.close()

    async def await_close(state):
        if state is when:
            await zk.close()

    zk.add_listener(await_close if kind == "async" else close)
    zk.add_listener(events)
    zookeeper_server.expire(zk.session_id, zk.session_password)
    while await events.next() is not ClientState.CLOSED:
        pass
    assert zk.closed


async def test_credentials_are_sent_again_first(make_zk, expire_zk):
    async with make_zk(auth=[("digest", "ann:secret"), ("digest", b"bob:other")]) as zk:
        await zk.add_auth("digest", "cy:third")
        for user in ("ann:secret", "bob:other", "cy:third"):
            name = user.split(":")[0]
            await zk.create(f"/{name}", name.encode(), acl=[zkc.ACL.digest(*user.split(":"))])
        await expire_zk(zk)
        for name in ("ann", "bob", "cy"):
            assert (await zk.get(f"/{name}"))[0] == name.encode()


async def test_a_kept_znode_needs_the_credentials_of_the_client(make_zk, other_zk, expire_zk):
    async with make_zk(auth=[("digest", "ann:secret")]) as zk:
        await zk.create("/kept", b"x", ephemeral=True, keep=True, acl=zkc.CREATOR_ALL_ACL)
        await expire_zk(zk)
        assert (await zk.get("/kept"))[0] == b"x"
        acl, stat = await zk.get_acl("/kept")
        assert acl == [zkc.ACL.digest("ann", "secret")]
        assert stat.ephemeral_owner == zk.session_id
        with pytest.raises(zkc.NoAuthError):
            await other_zk.get("/kept")


async def test_a_call_of_several_requests_goes_on_in_the_new_session_or_fails(make_zk, hosts, zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts + hosts[len(zookeeper_server.hosts) :], session_timeout=30) as zk:
            for expirations in (1, 2, 3):
                proxy.pause()
                ensuring = both.begin(zk, "ensure_path", "/a/b/c/d/e")
                await both.eventually(lambda: zk.session.in_flight)
                zookeeper_server.expire(zk.session_id, zk.session_password)
                proxy.resume()
                with contextlib.suppress(zkc.SessionExpiredError, zkc.ConnectionLossError):
                    await ensuring
                await both.eventually(lambda wanted=expirations: zk.metrics().expirations == wanted)
                await zk.wait_for(ClientState.CONNECTED, timeout=20)
                await zk.ensure_path(f"/a/{expirations}")
            assert sorted(await zk.children("/a")) in (["1", "2", "3"], ["1", "2", "3", "b"])


UNRESOLVABLE = """
import asyncio, os, sys, threading, time
from pathlib import Path
import zkc
from zkc.testing import ZooKeeperServer

states = []
def listen(state):
    states.append(state.name)
    if state is zkc.ClientState.LOST:
        threading.Timer(1.5, Path(os.environ["NO_NAMES"]).unlink).start()

def expire(client):
    # From now on no name can be resolved, until a while after the session has ended; the library still has the address.
    Path(os.environ["NO_NAMES"]).touch()
    server.expire(client.session_id, client.session_password)

def report(before, client):
    assert client.session_id != before
    end = time.monotonic() + 30
    while states[-1] != "CONNECTED" and time.monotonic() < end:
        time.sleep(0.01)  # Who waits is told before who listens; looked at again until it was told, and no longer.
    assert states[-1] == "CONNECTED" and states[-2] == "LOST", states
    print("recovered")

with ZooKeeperServer() as server:
    hosts = f"localhost:{server.port}"
    if sys.argv[1] == "sync":
        with zkc.Client(hosts) as client:
            client.add_listener(listen)
            before = client.session_id
            expire(client)
            while "LOST" not in states:  # It may be over before wait_for() would look.
                time.sleep(0.01)
            client.wait_for(zkc.ClientState.CONNECTED, timeout=40)
            report(before, client)
    else:
        async def main():
            async with zkc.AsyncClient(hosts) as client:
                client.add_listener(listen)
                before = client.session_id
                expire(client)
                while "LOST" not in states:
                    await asyncio.sleep(0.01)
                await client.wait_for(zkc.ClientState.CONNECTED, timeout=40)
                report(before, client)
        asyncio.run(main())
"""

NO_NAMES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");

    if (access(getenv("NO_NAMES"), F_OK) == 0)
        return EAI_NONAME;
    return real(node, service, hints, found);
}
"""


@pytest.fixture(scope="module")
def no_names(tmp_path_factory):
    """A library to be preloaded, with which no name can be resolved while a file is there."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "no_names.c").write_text(NO_NAMES)
    compiler = os.environ.get("CC", "gcc").split()
    target = folder / "no_names.so"
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", target, folder / "no_names.c", "-ldl"], check=True)
    return target


def test_no_name_can_be_resolved_for_a_while(kind, no_names, tmp_path):
    environment = {**os.environ, "LD_PRELOAD": str(no_names), "NO_NAMES": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-c", UNRESOLVABLE, kind],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "recovered\n"), done.stderr
    assert "Traceback" not in done.stderr
