"""The metrics of a client, over all of its sessions."""

import copy
import json
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zkc
from zkc.metrics import Histogram
from zkc.testing import FaultProxy

from ..build_support import needs_newer_calls
from . import both


async def test_requests_are_counted_by_kind_and_errors_by_class(zk):
    await zk.create("/a", b"12345")
    for _ in range(3):
        await zk.get("/a")
    with pytest.raises(zkc.NoNodeError):
        await zk.get("/none")
    with pytest.raises(zkc.BadVersionError):
        await zk.set("/a", b"", version=7)
    found = zk.metrics()
    assert found.requests == {"create": 1, "get": 4, "set": 1}
    assert found.total == 6
    assert found.errors == {"NoNodeError": 1, "BadVersionError": 1}
    assert found.requests["delete"] == found.errors["NotEmptyError"] == 0
    assert found.bytes_sent >= 5
    assert found.bytes_received >= 15
    assert (found.in_flight, found.sessions, found.reconnects, found.expirations) == (0, 1, 0, 0)


async def test_latency_is_measured(zk):
    for _ in range(20):
        await zk.exists("/")
    latency = zk.metrics().latency
    assert latency.count == sum(latency.counts) == 20
    assert 0 < latency.sum < 60
    assert latency.mean == latency.sum / 20
    assert 0 < latency.percentile(50) <= latency.percentile(99) <= latency.percentile(100) < 60


async def test_what_is_refused_at_once_is_no_request(zk):
    with pytest.raises(ValueError, match="path"):
        await zk.get("no-slash")
    assert zk.metrics().total == 0


async def test_watches_that_fire_are_counted(zk, events):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    await zk.set("/a", b"x")
    await events.next()
    assert zk.metrics().watch_events == 1


@needs_newer_calls
async def test_events_that_the_bound_of_the_queue_drops_are_counted(make_zk, other_zk):
    zk = make_zk(max_queued_events=5)
    await zk.start()
    await other_zk.create("/a")
    async with zk.watch("/a", watch_type=zkc.WatchType.PERSISTENT) as iterator:
        before = zk.metrics()
        assert before.dropped_events == 0
        for _ in range(30):
            await other_zk.set("/a", b"x")
        # All are on their way by a queue of the session, which is bounded as well: none may come later than the GAP.
        await both.eventually(lambda: zk.metrics().dropped_events == 25)
        shown = 0
        while (await iterator.__anext__()).type is not zkc.EventType.GAP:
            shown += 1
        assert shown == 5
        spent = zk.metrics() - before
        assert spent.dropped_events == 25
        assert (spent + spent).dropped_events == 2 * spent.dropped_events
        assert spent.as_dict()["dropped_events"] == spent.dropped_events
    await zk.close()
    assert zk.metrics().dropped_events == spent.dropped_events


async def test_without_a_session_there_is_nothing(make_zk):
    found = make_zk().metrics()
    assert found.total == found.sessions == found.latency.count == 0
    assert found.latency.mean == found.latency.percentile(50) == 0.0


async def test_a_closed_client_keeps_its_metrics_and_a_restarted_one_adds_to_them(make_zk):
    zk = make_zk()
    for times in (1, 2, 3):
        async with zk:
            await zk.exists("/")
            assert zk.metrics().requests == {"exists": times}
        found = zk.metrics()
        assert found.requests == {"exists": times}
        assert found.latency.count == times
        assert (found.sessions, found.reconnects, found.in_flight) == (times, 0, 0)


async def test_the_sessions_before_and_after_an_expiry_are_summed_up(zk, expire_zk):
    for expirations in (1, 2):
        await zk.exists("/")
        await expire_zk(zk)
        found = zk.metrics()
        assert (found.expirations, found.sessions) == (expirations, expirations + 1)
    await zk.exists("/")
    assert zk.metrics().requests["exists"] == 3


async def test_reconnecting_is_counted(make_zk, zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts) as zk:
            for times in (1, 2):
                proxy.drop_connections()
                await both.eventually(lambda times=times: zk.metrics().reconnects == times)
            assert zk.metrics().sessions == 1


def test_requests_without_an_answer_are_in_flight(hosts, zookeeper_server):
    with zkc.Client(hosts) as client:
        before = client.metrics()
        zookeeper_server.pause()
        futures = [client.submit.exists("/") for _ in range(3)]
        spent = client.metrics() - before
        assert (spent.in_flight, spent.total, spent.latency.count) == (3, 3, 0)
        zookeeper_server.resume()
        for future in futures:
            future.result(20)
        after = client.metrics()
        assert (after.in_flight, (after - before).total, (after - before).latency.count) == (0, 3, 3)


def test_the_difference_of_two_moments(client):
    client.create("/a")
    before = client.metrics()
    assert not (before - before).requests
    client.get("/a")
    with pytest.raises(zkc.NodeExistsError):
        client.create("/a")
    spent = client.metrics() - before
    assert spent.requests == {"get": 1, "create": 1}
    assert spent.errors == {"NodeExistsError": 1}
    assert (spent.latency.count, spent.sessions) == (2, 0)
    assert 0 < spent.latency.sum < client.metrics().latency.sum


def test_the_sum_of_two_clients(client, other_client):
    client.create("/a")
    other_client.get("/a")
    found = client.metrics() + other_client.metrics()
    assert found.requests == {"create": 1, "get": 1}
    assert (found.sessions, found.latency.count) == (2, 2)
    assert found.latency.sum == pytest.approx(client.metrics().latency.sum + other_client.metrics().latency.sum)
    assert (found - other_client.metrics()).requests == client.metrics().requests


def test_a_snapshot_is_ready_for_json(client):
    client.exists("/none")
    found = json.loads(json.dumps(client.metrics().as_dict()))
    assert found["requests"] == {"exists": 1}
    assert found["errors"] == {"NoNodeError": 1}
    assert found["total"] == found["latency"]["count"] == sum(found["latency"]["counts"]) == 1
    assert found["latency"]["mean"] == found["latency"]["sum"]
    assert found["latency"]["p50"] <= found["latency"]["p99"]


def test_a_snapshot_is_a_value(client):
    client.exists("/")
    found = client.metrics()
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    client.exists("/")
    assert client.metrics() != found
    with pytest.raises(AttributeError):
        found.in_flight = 7
    with pytest.raises(TypeError, match="unsupported operand"):
        found - 1


FORKED = """
import os, sys, warnings, zkc
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside other threads is what this is about
with zkc.Client(sys.argv[1]) as client:
    child = os.fork()
    if not child:
        try:
            client.metrics()
        except zkc.ForkedError:
            os._exit(7)
    assert os.waitpid(child, 0)[1] == 7 << 8
    assert client.metrics().sessions == 1
"""


def test_a_forked_child_has_measured_nothing(hosts):
    done = subprocess.run([sys.executable, "-c", FORKED, hosts], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


# ---- histograms -----------------------------------------------------------------------------------------------------

_counts = st.lists(st.integers(0, 50), min_size=4, max_size=4)


@settings(deadline=None)  # How long one example takes is up to the machine.
@given(_counts, st.floats(0, 100))
def test_a_percentile_is_in_its_bucket(counts, q):
    bounds = (1.0, 2.0, 4.0)
    found = Histogram(bounds, tuple(counts), 0.0).percentile(q)
    each = [bound for bound, count in zip((*bounds, 4.0), counts) for _ in range(count)]
    if not each:
        assert found == 0.0
        return
    # The request of that rank, and the bucket that it is in.
    upper = each[max(0, min(len(each) - 1, -int(-len(each) * q // 100) - 1))]
    assert upper / 2 <= found <= upper or (upper == 1.0 and found <= 1.0)


@settings(deadline=None)  # How long one example takes is up to the machine.
@given(_counts, st.floats(0, 100), st.floats(0, 100))
def test_percentiles_ascend(counts, one, another):
    histogram = Histogram((1.0, 2.0, 4.0), tuple(counts), 0.0)
    low, high = sorted((one, another))
    assert histogram.percentile(low) <= histogram.percentile(high)


def test_what_is_above_all_bounds_is_given_as_the_last():
    assert Histogram((1.0, 2.0), (0, 0, 5), 99.0).percentile(50) == 2.0


@pytest.mark.parametrize(("q", "error"), [(-1, ValueError), (101, ValueError), ("50", TypeError), (True, TypeError)])
def test_a_percentile_that_is_none(q, error):
    with pytest.raises(error, match=r"q must be .*from 0 to 100"):
        Histogram((1.0,), (1, 0), 0.5).percentile(q)


def test_histograms_of_different_bounds_do_not_mix():
    with pytest.raises(ValueError, match="different bounds"):
        Histogram((1.0,), (1, 0), 0.5)._combine(Histogram((2.0,), (1, 0), 0.5), 1)
