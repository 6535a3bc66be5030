"""A client in OpenTelemetry: its metrics when they are collected, and a span for each call."""

import asyncio
import gc
import inspect
import subprocess
import sys
import weakref

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import zkc
import zkc.otel

from . import both

# ---- metrics --------------------------------------------------------------------------------------------------------


class Meters:
    """A provider of meters, and what is collected from it."""

    def __init__(self):
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False)

    def collect(self):
        """Return the values of each instrument, by the attributes that are not the same for all."""
        found = {}
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                if scope.scope.name != "zkc":
                    continue  # A metric of the SDK itself.
                for metric in scope.metrics:
                    points = found.setdefault(
                        metric.name.replace("zkc.client.", "").replace("zkc.recipe.", "recipe."), {}
                    )
                    for point in metric.data.data_points:
                        attributes = dict(point.attributes)
                        assert attributes.pop("db.system.name") == "zookeeper"
                        attributes.pop("zkc.hosts")
                        key = "/".join(attributes.values())
                        assert key not in points
                        points[key] = point.value
        return found


@pytest.fixture
def meters():
    meters = Meters()
    yield meters
    meters.provider.shutdown()


async def test_metrics_are_read_when_they_are_collected(zk, meters):
    with zkc.otel.observe(zk.inner, meters.provider):
        await zk.create("/a", b"x")
        await zk.get("/a")
        with pytest.raises(zkc.NoNodeError):
            await zk.get("/none")
        found = meters.collect()
        assert found["requests"] == {"create": 1, "get": 2}
        assert found["errors"] == {"NoNodeError": 1}
        assert found["in_flight"] == {"": 0}
        assert found["sessions"] == {"": 1}
        assert found["expirations"] == found["reconnects"] == found["watch_events"] == {"": 0}
        assert found["dropped_events"] == {"": 0}
        assert found["sent"][""] == zk.metrics().bytes_sent > 0
        assert found["received"][""] == zk.metrics().bytes_received > 0
        assert found["request.duration.sum"][""] == zk.metrics().latency.sum > 0
        buckets = found["request.duration.bucket"]
        assert buckets["+Inf"] == 3
        assert list(buckets.values()) == sorted(buckets.values())
        await zk.get("/a")
        assert meters.collect()["requests"]["get"] == 3


async def outcome(call):
    """Return the outcome of a call of a recipe of either client."""
    return await call if inspect.isawaitable(call) else call


async def test_metrics_of_recipes_have_their_kind_and_no_path(zk, meters):
    with zkc.otel.observe(zk.inner, meters.provider):
        for path in ("/a", "/b"):
            hold = await outcome(zk.inner.lock(path).acquire())
            await zk.delete(hold.path)
            await both.eventually(hold.lost.done)
        queue = zk.inner.queue("/jobs")
        await outcome(queue.put(b"x"))
        item = await outcome(queue.get())
        await outcome(item.ack())
        found = meters.collect()
    assert found["recipe.grants"] == {"lock": 2, "queue": 0}
    assert found["recipe.losses"] == {"lock/deleted": 2}
    assert found["recipe.hold.bucket"]["lock/+Inf"] == 2
    assert found["recipe.queue_length.sum"] == {"lock": 0.0, "queue": 0.0}
    assert (found["recipe.puts"]["queue"], found["recipe.acks"]["queue"]) == (1, 1)
    assert found["recipe.attempts.sum"]["queue"] == 1.0


async def test_an_expiry_and_the_next_session_are_seen(zk, meters, expire_zk):
    with zkc.otel.observe(zk.inner, meters.provider):
        await expire_zk(zk)
        found = meters.collect()
        assert (found["expirations"], found["sessions"]) == ({"": 1}, {"": 2})


def test_clients_of_the_same_attributes_are_summed_up_and_the_sum_does_not_fall(hosts, meters):
    one, another = zkc.Client(hosts), zkc.Client(hosts)
    with zkc.otel.observe(one, meters.provider) as observed, another:
        zkc.otel.observe(another, meters.provider)
        with one:
            one.exists("/")
        another.exists("/")
        assert meters.collect()["requests"] == {"exists": 2}
        observed.close()
        observed.close()
        with one:
            one.exists("/")  # Not observed any more.
        assert meters.collect()["requests"] == {"exists": 2}
        another.exists("/")
        assert meters.collect()["requests"] == {"exists": 3}


def test_attributes_distinguish_clients(client, other_client, meters):
    zkc.otel.observe(client, meters.provider, attributes={"role": "one"})
    zkc.otel.observe(other_client, meters.provider, attributes={"role": "another"})
    client.exists("/")
    assert meters.collect()["sessions"] == {"one": 1, "another": 1}
    assert list(meters.collect()["requests"]) == ["one/exists"]


def test_an_observed_client_may_be_forgotten(hosts, meters):
    client = zkc.Client(hosts)
    zkc.otel.observe(client, meters.provider)
    with client:
        client.exists("/")
    assert meters.collect()["requests"] == {"exists": 1}
    forgotten = weakref.ref(client)
    del client
    gc.collect()
    assert forgotten() is None
    assert meters.collect()["requests"] == {"exists": 1}


def test_without_an_sdk_it_costs_nothing_and_does_nothing(client):
    with zkc.otel.observe(client), zkc.otel.trace(client):
        assert client.exists("/") is not None


# ---- spans ----------------------------------------------------------------------------------------------------------


class Spans:
    """A provider of tracers, and the spans that ended."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def ended(self):
        return self.exporter.get_finished_spans()


@pytest.fixture
def spans():
    spans = Spans()
    yield spans
    spans.provider.shutdown()


async def test_each_call_has_a_span(zk, spans, zookeeper_server):
    with zkc.otel.trace(zk.inner, spans.provider):
        await zk.create("/a", b"secret")
        await zk.set("/a", b"secret")
        assert await zk.children("/") == ["a"]
        await both.eventually(lambda: len(spans.ended) == 3)
    await zk.get("/a")
    assert [span.name for span in spans.ended] == ["zookeeper create", "zookeeper set", "zookeeper children"]
    span = spans.ended[1]
    assert span.kind is SpanKind.CLIENT
    assert span.attributes == {
        "db.system.name": "zookeeper",
        "db.operation.name": "set",
        "zkc.path": "/a",
        "server.address": "127.0.0.1",
        "server.port": zookeeper_server.port,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.end_time > span.start_time


async def test_spans_have_no_secrets(zk, spans):
    with zkc.otel.trace(zk.inner, spans.provider):
        await zk.add_auth("digest", "ann:secret")
        await zk.create("/a", b"secret")
        with pytest.raises(zkc.NodeExistsError):
            await zk.create("/a", b"secret")
        with pytest.raises(TypeError):
            await zk.add_auth(7, "ann:secret")
        await both.eventually(lambda: len(spans.ended) == 4)
    texts = [
        str((dict(span.attributes), span.status.description, [dict(e.attributes) for e in span.events]))
        for span in spans.ended
    ]
    assert not any("secret" in text for text in texts)


async def test_a_call_that_fails_says_why(zk, spans):
    with zkc.otel.trace(zk.inner, spans.provider):
        with pytest.raises(zkc.NoNodeError):
            await zk.get("/none")
        with pytest.raises(ValueError, match="path"):
            await zk.get("none")
        await both.eventually(lambda: len(spans.ended) == 2)
    missing, refused = sorted(spans.ended, key=lambda span: span.start_time)
    assert missing.attributes["error.type"] == "zkc.errors.NoNodeError"
    assert missing.attributes["db.response.status_code"] == "-101"
    assert missing.status.status_code is StatusCode.ERROR
    assert "/none" in missing.status.description
    assert missing.events[0].name == "exception"
    assert refused.attributes["error.type"] == "ValueError"
    assert "db.response.status_code" not in refused.attributes


async def test_a_span_lasts_until_the_answer(zk, spans, zookeeper_server):
    with zkc.otel.trace(zk.inner, spans.provider):
        zookeeper_server.pause()
        futures = [zk.inner.submit.exists("/"), zk.inner.submit.get("/none")]
        assert spans.ended == ()
        zookeeper_server.resume()
        await both.eventually(lambda: all(future.done() for future in futures))
        await both.eventually(lambda: len(spans.ended) == 2)
        assert futures[0].result() is not None
        assert isinstance(futures[1].exception(), zkc.NoNodeError)
    assert {span.name: span.attributes.get("error.type") for span in spans.ended} == {
        "zookeeper exists": None,
        "zookeeper get": "zkc.errors.NoNodeError",
    }


async def test_spans_of_an_acquire_and_of_its_hold(zk, spans):
    with zkc.otel.trace(zk.inner, spans.provider):
        lock = zk.inner.lock("/a")
        hold = await outcome(lock.acquire())
        await both.eventually(lambda: len(spans.ended) == 1)
        await outcome(hold.release())
        lost = await outcome(lock.acquire())
        await zk.delete(lost.path)
        await both.eventually(lambda: len(spans.ended) == 6)
    names = sorted(span.name for span in spans.ended)
    assert names == [f"zookeeper {name}" for name in ("acquire", "acquire", "delete", "hold", "hold", "release")]
    acquire, released, broken = spans.ended[0], *(span for span in spans.ended if span.name == "zookeeper hold")
    assert (acquire.kind, released.kind) == (SpanKind.CLIENT, SpanKind.INTERNAL)
    assert (acquire.attributes["zkc.path"], acquire.attributes["zkc.recipe"]) == ("/a", "lock")
    assert released.attributes == {
        "db.system.name": "zookeeper",
        "zkc.recipe": "lock",
        "zkc.path": hold.path,
        "zkc.token": hold.token,
    }
    assert (released.status.status_code, broken.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert broken.attributes["error.type"] == "deleted"
    assert [link.context.span_id for link in released.links] == [acquire.context.span_id]


def test_a_traced_acquire_whose_task_is_cancelled_behind_the_grant_leaves_nothing(hosts, spans):
    async def main():
        async with zkc.AsyncClient(hosts) as client:
            with zkc.otel.trace(client, spans.provider):
                future = client.lock("/a").acquire()

                async def acquire():
                    await future

                task = asyncio.ensure_future(acquire())
                await asyncio.sleep(0)  # It awaits the future now.
                # Behind the callback of the span, and before the task runs again.
                future.add_done_callback(lambda _: task.cancel())
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert future.cancelled()
            await both.eventually(lambda: len(spans.ended) >= 2)
            free = await client.lock("/a").acquire(timeout=10.0)
            await free.release()

    asyncio.run(main())
    assert "zookeeper hold" in [span.name for span in spans.ended]


def test_span_of_a_submitted_acquire(client, spans, eventually):
    with zkc.otel.trace(client, spans.provider):
        hold = client.submit(client.lock("/a").acquire).result(20)
        client.submit(hold.release).result(20)
        eventually(lambda: len(spans.ended) == 3)
    assert sorted(span.name for span in spans.ended) == [f"zookeeper {name}" for name in ("acquire", "hold", "release")]


async def test_a_call_that_is_cancelled_ends_its_span(zk, spans, zookeeper_server):
    with zkc.otel.trace(zk.inner, spans.provider):
        zookeeper_server.pause()
        future = zk.inner.submit.exists("/")
        assert future.cancel()
        await both.eventually(lambda: len(spans.ended) == 1)
        zookeeper_server.resume()
    assert spans.ended[0].attributes["error.type"] == "cancelled"


def test_asyncio_still_reports_an_error_that_was_not_retrieved(hosts, spans):
    reported = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        async with zkc.AsyncClient(hosts) as client:
            with zkc.otel.trace(client, spans.provider):
                answer = client.get("/none")
                await both.eventually(lambda: spans.ended)
                del answer
                gc.collect()

    asyncio.run(main())
    assert isinstance(reported[0]["exception"], zkc.NoNodeError)


def test_a_traced_client_may_be_forgotten(hosts, spans):
    client = zkc.Client(hosts)
    traced = zkc.otel.trace(client, spans.provider)
    with client:
        client.exists("/")
    forgotten = weakref.ref(client)
    gc.disable()  # It goes at once, and needs no collector.
    try:
        del client
        assert forgotten() is None
    finally:
        gc.enable()
    traced.close()
    assert len(spans.ended) == 1


def test_a_client_is_traced_once(client, spans, eventually):
    with zkc.otel.trace(client, spans.provider) as traced, pytest.raises(ValueError, match="traced already"):
        zkc.otel.trace(client, spans.provider)
    traced.close()
    with zkc.otel.trace(client, spans.provider):
        client.exists("/")
        client.submit.exists("/").result()
        eventually(lambda: len(spans.ended) == 2)  # A result may be there a moment before its span ends.


@pytest.mark.parametrize("function", [zkc.otel.observe, zkc.otel.trace])
def test_what_is_no_client_is_refused(function):
    with pytest.raises(TypeError, match=r"client must be a zkc\.Client"):
        function("127.0.0.1:2181")


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
import zkc
try:
    import zkc.otel
except ImportError as error:
    print(error)
"""


def test_without_opentelemetry_it_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "pip install 'zkc[otel]'" in done.stdout
