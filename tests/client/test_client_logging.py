"""The log of a client: its states, under zkc, and never a secret."""

import logging

import pytest

import zkc
from zkc.testing import ZooKeeperServer

from . import both

USER_SECRET, SASL_SECRET = "pa55-of-digest", "pa55-of-sasl"


@pytest.fixture
def logged(caplog):
    """Log all that there is, that of the library included."""
    caplog.set_level(logging.DEBUG)
    zkc.set_log_level(zkc.LogLevel.DEBUG)
    yield caplog
    zkc.set_log_level(zkc.LogLevel.INFO)


async def test_states_are_logged(make_zk, logged, expire_zk):
    async with make_zk() as zk:
        await expire_zk(zk)
    records = [record for record in logged.records if record.name == "zkc.client"]
    states = [record.getMessage() for record in records if record.levelno == logging.INFO]
    for state in ("CONNECTING", "CONNECTED", "LOST", "CLOSED"):
        assert any(f" is {state}" in text for text in states), states
    warnings = [record.getMessage() for record in records if record.levelno == logging.WARNING]
    assert any("has expired; the client opens a new one" in text for text in warnings)


async def test_everything_is_logged_under_zkc(zk, logged, events):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    await zk.set("/a", b"x")
    await events.next()
    names = {record.name for record in logged.records}
    assert all(name == "zkc" or name.startswith("zkc.") or name == "asyncio" for name in names), names


@pytest.fixture(scope="module")
def sasl_server():
    with ZooKeeperServer(sasl={"bob": SASL_SECRET}) as server:
        yield server


def with_sasl(make_zk, server, password=SASL_SECRET):
    if not zkc.build_info()["sasl"]:
        pytest.skip("this libzookeeper was built without SASL")
    return make_zk(
        server.hosts, auth=[("digest", f"ann:{USER_SECRET}")], sasl=zkc.SASL.digest("bob", password), connect_timeout=20
    )


async def test_no_secret_is_logged(make_zk, sasl_server, logged):
    async with with_sasl(make_zk, sasl_server) as zk:
        await zk.add_auth("digest", f"eve:{USER_SECRET}")
        before, password = zk.session_id, zk.session_password
        sasl_server.expire(before, password)
        while zk.session_id == before:
            await zk.retry(zk.inner.exists, "/")
        assert no_secret(logged, password, zk.session_password, zk)


async def test_no_secret_is_logged_when_it_is_refused(make_zk, sasl_server, logged):
    zk = with_sasl(make_zk, sasl_server, f"{SASL_SECRET}-not")
    with pytest.raises(zkc.AuthFailedError) as caught:
        await zk.start()

    # start() raises it; what is raised needs no error in the log besides.
    def levels():
        return [record.levelno for record in list(logged.records) if "no session with" in record.getMessage()]

    await both.eventually(levels)  # start() may raise it before it is logged.
    assert levels() == [logging.INFO]
    assert SASL_SECRET not in str(caught.value)
    await both.eventually(lambda: len(logged.records) > 3)  # The library's lines come a little later.
    assert no_secret(logged, zk)


def no_secret(logged, *secrets_or_clients):
    text = logged.text + "".join(repr(value) for value in secrets_or_clients if not isinstance(value, bytes))
    assert len(logged.records) > 3
    passwords = [value for value in secrets_or_clients if isinstance(value, bytes)]
    for password in passwords:
        assert password.hex() not in text.lower()
        assert repr(password)[2:-1] not in text
    return USER_SECRET not in text and SASL_SECRET not in text
