"""Counters that kazoo changes as well. Scenario 50, its part on other programs."""

from __future__ import annotations

import pytest

import zkc

from .kazoo_support import run_kazoo, start_kazoo

KINDS = [
    ({"type": "int"}, "zk.Counter('/app/n')", 2),
    ({"type": "float", "initial": 1.5}, "zk.Counter('/app/n', default=1.5)", 0.25),
    ({"type": "int32"}, "zk.Counter('/app/n', support_curator=True)", 2),
]
CYCLES = 500


@pytest.mark.parametrize(("options", "made", "amount"), KINDS)
def test_a_counter_of_zkc_goes_on_in_kazoo(client, hosts, options, made, amount):
    counter = client.counter("/app/n", **options)
    before = counter.add(amount).value
    told = run_kazoo(hosts, f"n = {made}\nprint(repr(n.value))\nn += {amount}\nn += {amount}")
    assert told == repr(before)
    assert counter.get().value == before + 2 * amount
    assert counter.add(amount).value == before + 3 * amount


@pytest.mark.parametrize(("options", "made", "amount"), KINDS)
def test_a_counter_of_kazoo_goes_on_in_zkc(client, hosts, options, made, amount):
    told = run_kazoo(hosts, f"n = {made}\nprint(repr(n.value))")
    counter = client.counter("/app/n", **options)
    assert repr(counter.get().value) == told, "kazoo has created a znode without data"
    counter.add(amount)
    told = run_kazoo(hosts, f"n = {made}\nn -= {amount}\nprint(repr(n.value), repr(n.pre_value))")
    assert told == f"{options.get('initial', 0)!r} {options.get('initial', 0) + amount!r}"


@pytest.mark.parametrize("exact", [False, True])
def test_both_add_at_the_same_time(client, hosts, exact):
    """500 cycles each: no add is lost, and none counts twice."""
    counter = client.counter("/app/n", exact=exact)
    program = f"""
from kazoo.retry import RetryFailedError
n = zk.Counter('/app/n')
print('ready', flush=True)
done = 0
while done < {CYCLES}:
    try:
        n += 1
    except RetryFailedError:  # zkc was faster, each time
        continue
    done += 1
"""
    with start_kazoo(hosts, program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(CYCLES):
            counter.add(attempts=1000)
        assert process.wait(60) == 0
    assert counter.get().value == 2 * CYCLES
    with zkc.Client(hosts) as fresh:
        assert fresh.get("/app/n")[0] == b"%d" % (2 * CYCLES)
