"""Calls made again: after which errors, how often, and when the client is connected again."""

import asyncio
import contextlib
import inspect
import signal
import threading
import time

import pytest

import zkc
from zkc.retry import Retry, is_retriable
from zkc.testing import FaultProxy

QUICK = Retry(backoff=0.001, max_backoff=0.001)


def lost():
    return zkc.ConnectionLossError(operation="get", path="/a")


class Failing:
    """A function that raises what it is given, one after the other, and then returns its arguments."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return arguments, options


def either(kind, function):
    """Return a function as the kind of client takes it: a coroutine function for asyncio."""

    async def coroutine_function(*arguments, **options):
        result = function(*arguments, **options)
        return await result if inspect.isawaitable(result) else result

    return coroutine_function if kind == "async" else function


@pytest.fixture(params=["sync", "async"])
def call(request):
    """Return a function that calls another one under a policy, in either way."""
    if request.param == "sync":
        return lambda policy, function, *args, **kwargs: policy.call(function, *args, **kwargs)
    return lambda policy, function, *args, **kwargs: asyncio.run(
        policy.acall(either("async", function), *args, **kwargs)
    )


# ---- which errors ---------------------------------------------------------------------------------------------------

PASSING = [
    zkc.ConnectionLossError,
    zkc.SessionMovedError,
    zkc.RequestTimeoutError,
    zkc.ThrottledError,
    zkc.OperationTimeoutError,
    zkc.ConnectTimeoutError,
    zkc.SessionExpiredError,
    zkc.UnknownSessionError,
]


@pytest.mark.parametrize("error", PASSING)
def test_an_error_that_passes_is_retriable_if_that_does_no_harm(error):
    assert is_retriable(error(maybe_applied=False))
    assert not is_retriable(error(maybe_applied=True))
    assert is_retriable(error(maybe_applied=True), idempotent=True)
    assert is_retriable(error(operation="get"))  # a read changes nothing


@pytest.mark.parametrize(
    "error",
    [
        *(
            cls
            for cls in map(vars(zkc.errors).get, zkc.errors.__all__)
            if isinstance(cls, type) and issubclass(cls, zkc.ZooKeeperError) and cls not in PASSING
        ),
        ConnectionError,
        TimeoutError,
        ValueError,
    ],
)
def test_no_other_error_is(error):
    assert not is_retriable(error(), idempotent=True)


def test_idempotent_is_true_or_false():
    with pytest.raises(TypeError, match="idempotent must be True or False"):
        is_retriable(lost(), idempotent=1)


# ---- how often ------------------------------------------------------------------------------------------------------


def test_it_is_called_until_it_succeeds(call):
    function = Failing(lost(), zkc.ThrottledError(), lost())
    assert call(QUICK, function, 1, two=2) == ((1,), {"two": 2})
    assert function.calls == 4


def test_after_the_last_attempt_its_error_is_raised(call):
    errors = [zkc.ConnectionLossError(f"number {number}", maybe_applied=False) for number in range(9)]
    function = Failing(*errors)
    with pytest.raises(zkc.ConnectionLossError) as caught:
        call(QUICK, function)
    assert caught.value is errors[4]
    assert function.calls == 5


@pytest.mark.parametrize("error", [zkc.NoNodeError(), zkc.ConnectionLossError(operation="set"), KeyError("k")])
def test_any_other_error_is_raised_at_once(call, error):
    function = Failing(lost(), error, lost())
    with pytest.raises(type(error)) as caught:
        call(QUICK, function)
    assert caught.value is error
    assert function.calls == 2


def test_what_may_have_been_applied_is_repeated_if_that_is_harmless(call):
    function = Failing(zkc.ConnectionLossError(operation="set"), zkc.OperationTimeoutError(operation="set"))
    call(Retry(backoff=0.001, idempotent=True), function)
    assert function.calls == 3


# ---- what ends a pause ----------------------------------------------------------------------------------------------

LONG = Retry(attempts=None, backoff=60.0, max_backoff=60.0, jitter=0.0)


def interrupt(*_):
    raise KeyboardInterrupt


@contextlib.contextmanager
def interrupted(seconds):
    """Expect the KeyboardInterrupt that a signal handler raises in a block, as Ctrl-C does, soon after it begins."""
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the block of the caller is within
            signal.setitimer(signal.ITIMER_REAL, seconds)  # Here: on a busy machine the signal may come at once.
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_ctrl_c_ends_a_pause():
    began = time.monotonic()
    with interrupted(0.2):
        LONG.call(Failing(lost()))
    assert time.monotonic() - began < 30


def test_ctrl_c_ends_waiting_for_a_connection(hosts, zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy, zkc.Client(proxy.hosts) as client:
        proxy.refuse()
        proxy.drop_connections()
        client.wait_for(zkc.ClientState.SUSPENDED, timeout=20)
        with interrupted(1.0):
            # Nine tenths of the pause are for the connection.
            client.retry(Failing(lost()), policy=Retry(backoff=5.0, jitter=0.0))


@pytest.mark.parametrize("through_client", [False, True])
def test_cancelling_ends_it_at_once(through_client):
    async def main():
        client = zkc.AsyncClient("127.0.0.1:1")
        function = either("async", Failing(lost()))
        waiting = client.retry(function, policy=LONG) if through_client else LONG.acall(function)
        task = asyncio.ensure_future(waiting)
        await asyncio.sleep(0.05)  # It pauses by then, or is cancelled before: both end it.
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 30


# ---- by a client ----------------------------------------------------------------------------------------------------


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def far(make_zk, hosts, proxy):
    """Make a client behind the proxy."""
    return make_zk(proxy.hosts + hosts[hosts.index("/") :])


def lose_first(zk, proxy, call):
    """Return a function that makes a call, and whose first request gets no answer because the connection breaks."""
    attempts = []

    def send():
        attempts.append(None)
        if len(attempts) > 1:
            return call(zk.inner)
        proxy.pause()
        answer = call(zk.inner.submit)
        proxy.drop_connections()
        proxy.resume()
        return answer

    def send_and_wait():
        answer = send()
        return answer.result(20) if len(attempts) == 1 else answer

    return (either("async", send) if zk.kind == "async" else send_and_wait), attempts


async def test_a_call_is_made_with_its_arguments(zk):
    path = await zk.retry(zk.inner.create, "/a", b"x", ephemeral=True)
    assert path == "/a"
    stat = await zk.retry(zk.inner.set, "/a", b"y", version=0)
    assert stat.version == 1
    data, _ = await zk.retry(zk.inner.get, "/a", policy=QUICK)
    assert data == b"y"
    with pytest.raises(zkc.NodeExistsError):
        await zk.retry(zk.inner.create, "/a")
    assert zk.metrics().requests == {"create": 2, "set": 1, "get": 1}


async def test_a_read_is_repeated_as_soon_as_there_is_a_connection_again(far, proxy):
    async with far as zk:
        function, attempts = lose_first(zk, proxy, lambda client: client.exists("/"))
        began = time.monotonic()
        # A tenth of the pause is always made.
        assert await zk.retry(function, policy=Retry(backoff=20.0, max_backoff=20.0, jitter=0.0)) is not None
        assert time.monotonic() - began < 18
        assert len(attempts) == 2


async def test_a_change_that_may_have_been_applied_is_not_repeated(far, proxy):
    async with far as zk:
        function, attempts = lose_first(zk, proxy, lambda client: client.create("/a"))
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await zk.retry(function)
        assert caught.value.maybe_applied
        assert len(attempts) == 1


async def test_a_harmless_change_is(far, proxy):
    async with far as zk:
        await zk.retry(zk.inner.create, "/a")
        function, attempts = lose_first(zk, proxy, lambda client: client.set("/a", b"x"))
        await zk.retry(function, policy=Retry(idempotent=True))
        assert len(attempts) == 2
        assert (await zk.get("/a"))[0] == b"x"


async def test_it_goes_on_through_an_expiry(zk, zookeeper_server):
    before = zk.session_id
    zookeeper_server.expire(before, zk.session_password)
    patient = Retry(attempts=None, deadline=60.0)
    while zk.session_id == before:
        assert await zk.retry(zk.inner.exists, "/", policy=patient) is not None
    assert zk.metrics().expirations == 1


async def test_the_next_session_is_waited_for(far, proxy, zookeeper_server):
    async with far as zk:
        proxy.refuse()
        proxy.drop_connections()
        await zk.wait_for(zkc.ClientState.SUSPENDED, timeout=20)
        before = zk.session_id
        zookeeper_server.expire(before, zk.session_password)
        proxy.accept()

        def need_another():
            if zk.session_id == before:
                raise zkc.SessionExpiredError(operation="get")

        await zk.retry(either(zk.kind, need_another), policy=Retry(2, backoff=10.0, max_backoff=10.0, jitter=0.0))
        assert zk.connected


async def test_an_expiry_that_no_session_follows_is_final(zk):
    function = Failing(zkc.SessionExpiredError(operation="get"))
    await zk.close()
    with pytest.raises(zkc.SessionExpiredError):
        await zk.retry(either(zk.kind, function))
    assert function.calls == 1


async def test_closing_ends_it(far, proxy, loop):
    async with far as zk:
        proxy.refuse()
        proxy.drop_connections()
        await zk.wait_for(zkc.ClientState.SUSPENDED, timeout=20)
        if zk.kind == "async":
            closing = loop.call_later(0.3, lambda: asyncio.ensure_future(zk.inner.close()))
        else:
            closing = threading.Timer(0.3, zk.inner.close)
            closing.start()

        def function():
            if not zk.closed:
                raise lost()
            return zk.inner.exists("/")

        try:
            with pytest.raises(zkc.ClosingError):
                await zk.retry(either(zk.kind, function), policy=Retry(None, backoff=1.0, jitter=0.0, deadline=60.0))
        finally:
            if zk.kind == "sync":
                closing.join()


async def test_the_deadline_holds_while_there_is_no_connection(far, proxy):
    async with far as zk:
        proxy.refuse()
        proxy.drop_connections()
        await zk.wait_for(zkc.ClientState.SUSPENDED, timeout=20)
        function = Failing(*(lost() for _ in range(1000)))
        began = time.monotonic()
        with pytest.raises(zkc.ConnectionLossError):
            await zk.retry(either(zk.kind, function), policy=Retry(None, backoff=0.05, max_backoff=0.05, deadline=2.0))
        assert time.monotonic() - began > 1.8
        assert function.calls > 2
        proxy.accept()


async def test_starting_can_be_repeated(make_zk, proxy):
    zk = make_zk(proxy.hosts, connect_timeout=0.3)
    proxy.refuse()

    def start():
        attempts.append(None)
        if len(attempts) == 2:
            proxy.accept()
        return zk.inner.start()

    attempts = []
    await zk.retry(either(zk.kind, start), policy=Retry(None, backoff=0.01, deadline=60.0))
    assert zk.connected


# ---- what is refused ------------------------------------------------------------------------------------------------


async def test_what_is_no_policy_or_no_function_is_refused(make_zk):
    zk = make_zk()
    with pytest.raises(TypeError, match=r"policy must be a zkc\.Retry or None, not int"):
        await zk.retry(print, policy=3)
    with pytest.raises(TypeError, match="fn must be callable"):
        await zk.retry("/a")
