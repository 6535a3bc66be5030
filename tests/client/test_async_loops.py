"""AsyncClient and its event loop: the one it belongs to, others, none, and one that is closed."""

import asyncio
import gc
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
import uvloop

import zkc
from zkc import AsyncClient

NO_LOOP = "is used in a running event loop: call it from a coroutine"
OTHER_LOOP = "belongs to the event loop that started it: make one for each loop"
CLOSED_LOOP = "the event loop of this zkc.AsyncClient is closed: make a new client in this loop"


@pytest.fixture
def started(hosts):
    """A client and the loop that it was started in, which does not run now."""
    loop = asyncio.new_event_loop()
    client = AsyncClient(hosts)
    loop.run_until_complete(client.start())
    yield loop, client
    loop.run_until_complete(client.close())
    loop.close()


def test_a_client_is_made_without_a_loop_and_used_in_the_one_that_starts_it(hosts):
    client = AsyncClient(hosts)
    for _ in range(2):  # After a close, another loop may start it.

        async def use():
            async with client:
                return await client.exists("/")

        assert asyncio.run(use()) is not None


def test_a_call_without_a_running_loop(started):
    _, client = started
    for call in (
        lambda: client.get("/"),
        lambda: client.create("/a", make_parents=True),
        lambda: client.transaction().commit(),
    ):
        with pytest.raises(RuntimeError, match=NO_LOOP):
            call()
    assert client.session.in_flight == 0


def test_a_call_in_another_loop(started):
    _, client = started

    async def elsewhere():
        with pytest.raises(RuntimeError, match=OTHER_LOOP):
            client.get("/")
        with pytest.raises(RuntimeError, match=OTHER_LOOP):
            await client.start()
        with pytest.raises(RuntimeError, match=OTHER_LOOP):
            await client.close()
        with pytest.raises(RuntimeError, match=OTHER_LOOP):
            await client.wait_for(zkc.ClientState.LOST)
        with pytest.raises(RuntimeError, match=OTHER_LOOP):
            await client.set_hosts("127.0.0.1:1")

    asyncio.run(elsewhere())
    assert not client.closed


def test_a_call_from_another_thread_is_handed_over(hosts):
    async def main():
        async with AsyncClient(hosts) as client:

            async def get():
                return await client.exists("/")

            loop = asyncio.get_running_loop()

            def work():
                with pytest.raises(RuntimeError, match=NO_LOOP):
                    client.get("/")
                return asyncio.run_coroutine_threadsafe(get(), loop).result(20)

            return await loop.run_in_executor(None, work)

    assert asyncio.run(main()) is not None


def test_the_properties_of_a_client_can_be_read_anywhere(started, hosts):
    _, client = started
    assert client.session_id
    assert client.state is zkc.ClientState.CONNECTED
    assert client.metrics().sessions == 1
    assert repr(client) == f"<zkc.AsyncClient {hosts} CONNECTED>"


def test_the_loop_is_closed_before_the_client(hosts):
    client = AsyncClient(hosts)
    asyncio.run(client.start())  # leaves it open, and closes the loop

    async def later():
        with pytest.raises(RuntimeError, match=CLOSED_LOOP):
            client.get("/")  # noqa: F821 - it is deleted later

    asyncio.run(later())
    with pytest.raises(RuntimeError, match=NO_LOOP):
        client.get("/")
    with pytest.warns(ResourceWarning, match=re.escape("was not closed")):  # noqa: PT031 - one or the other
        del client
        gc.collect()


def test_a_forgotten_client_warns(hosts):
    async def main():
        client = AsyncClient(hosts, request_timeout=60)
        await client.start()
        client.add_listener(print)
        await client.exists("/a")
        await client.ensure_path("/a/b")
        await client.create("/kept", ephemeral=True, keep=True)
        with pytest.warns(ResourceWarning, match=re.escape("was not closed")):  # noqa: PT031 - one or the other
            del client
            gc.collect()
        await asyncio.sleep(0.1)  # The loop gets the end of the session, and processes it.

    asyncio.run(main())


SCRIPTS = {
    "never closed": """
async def main():
    client = zkc.AsyncClient(hosts)
    await client.start()
    await client.create("/a", ephemeral=True)
    client.get("/a")
    globals()["kept"] = client
asyncio.run(main())
print("end")
""",
    "closed loop": """
async def main():
    client = zkc.AsyncClient(hosts)
    await client.start()
    return client
client = asyncio.run(main())
print("end")
""",
    "calls under way": """
async def main():
    async with zkc.AsyncClient(hosts) as client:
        for i in range(100):
            client.create(f"/n{i}")
asyncio.run(main())
print("end")
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_script_that_leaves_something_open_ends_in_silence(hosts, name, loop):
    done = run(SCRIPTS[name], hosts, loop)
    assert done.returncode == 0
    assert done.stdout == "end\n"
    # No task looked at the errors of the calls that the end of the session cut off; asyncio logs that.
    assert all("never retrieved" in line or "ClosingError" in line for line in done.stderr.splitlines())


INTERRUPTED = """
started = threading.Event()
def interrupt():
    started.wait()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
async def work(client):
    while True:
        await client.get("/")
async def main():
    try:
        async with zkc.AsyncClient(hosts, session_timeout=60.0) as client:
            tasks = [asyncio.create_task(work(client)) for _ in range(100)]
            await client.create("/mine", ephemeral=True)
            await client.get("/mine")
            started.set()
            await asyncio.gather(*tasks)
    finally:
        print("closed", client.closed)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(zkc.build_info()["linkage"] == "system", reason="libzookeeper hangs up before its goodbye is read")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_ctrl_c_ends_it_cleanly(hosts, client, eventually, loop):
    done = run(INTERRUPTED, hosts, loop)
    assert (done.returncode, done.stderr) == (0, "")
    if sys.version_info >= (3, 11):
        assert done.stdout == "closed True\ninterrupted\n"
    else:
        assert "interrupted" in done.stdout
    eventually(lambda: client.exists("/mine") is None)  # Closed, and not left to its timeout.


PRELUDE = """
import asyncio, os, signal, sys, threading
import zkc
hosts = sys.argv[1]
if sys.argv[2] == "uvloop":
    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
"""


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + script, *arguments], capture_output=True, text=True, timeout=90, check=False
    )


def threads():
    return len(os.listdir("/proc/self/task"))


async def many_gets(hosts):
    async with AsyncClient(hosts) as client:
        await asyncio.gather(*(client.create(f"/n{i}", b"%d" % i) for i in range(100)))
        before = threads()
        seen = set()

        async def work(i):
            expected = b"%d" % i
            for turn in range(1000):
                data, _ = await client.get(f"/n{i}")
                assert data == expected
                if turn % 250 == 0:
                    seen.add(threads())
            return True

        assert all(await asyncio.gather(*(work(i) for i in range(100))))
        # One that an earlier test has joined may be listed for a moment.
        assert max(seen) <= before, "no thread was made for the calls"
        assert threading.active_count() == 1 or threads() <= before
        assert client.metrics().requests["get"] == 100_000


@pytest.mark.slow
def test_a_hundred_tasks_of_a_thousand_gets(hosts):
    asyncio.run(many_gets(hosts))


@pytest.fixture(scope="module")
def _uvloop_is_there():
    """The first loop of uvloop leaves a pipe to the process, for all that follow."""
    uvloop.new_event_loop().close()


@pytest.fixture
def uv(_uvloop_is_there):
    loop = uvloop.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.slow
def test_a_hundred_tasks_of_a_thousand_gets_with_uvloop(hosts, uv):
    uv.run_until_complete(many_gets(hosts))


def test_the_whole_life_of_a_client_with_uvloop(hosts, zookeeper_server, uv):
    async def main():
        async with AsyncClient(hosts, session_timeout=20) as client:
            states = asyncio.Queue()
            client.add_listener(states.put)
            events = asyncio.Queue()
            await client.create("/kept", b"1", ephemeral=True, keep=True)
            await client.get("/kept", watch=events.put)
            await client.set("/kept", b"2")
            assert (await events.get()).type is zkc.EventType.CHANGED
            zookeeper_server.pause()
            with pytest.raises(zkc.OperationTimeoutError):
                await client.get("/kept", timeout=0.1)
            zookeeper_server.resume()
            zookeeper_server.expire(client.session_id, client.session_password)
            while await states.get() is not zkc.ClientState.LOST:
                pass
            await client.wait_for(zkc.ClientState.CONNECTED, timeout=20)
            assert (await client.get("/kept"))[0] == b"2"

    uv.run_until_complete(main())


def test_the_signal_handler_of_a_loop_ends_it(hosts):
    async def main():
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, stop.set)
        try:
            async with AsyncClient(hosts) as client:
                os.kill(os.getpid(), signal.SIGUSR1)
                await stop.wait()
                assert await client.exists("/") is not None
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())
