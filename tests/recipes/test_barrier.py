"""Barriers: programs that wait until a znode is gone, and rounds of a number of programs."""

import asyncio
import json

import pytest

import zkc
from zkc.recipes import BarrierBrokenError, BarrierSizeError

from ..client.both import Events, eventually
from .thread_support import in_thread, recipe


def double(zk, n, identifier):
    return recipe(zk, "double_barrier", "/phase", n, identifier=identifier)


def begin(awaitable):
    return asyncio.ensure_future(awaitable)


async def roll_of(zk, number):
    try:
        return json.loads((await zk.get(f"/phase/round-{number:010d}"))[0])
    except zkc.NoNodeError:
        return None


async def joined(zk, number, members):
    """Wait until a round has a number of members."""

    async def enough():
        roll = await roll_of(zk, number)
        return roll is not None and len(roll["members"]) == members

    await eventually(enough)


async def cleaned(zk):
    """Wait until no round is left."""

    async def clean():
        return await zk.children("/phase") == []

    await eventually(clean)


# ---- the barrier ----------------------------------------------------------------------------------------------------


async def test_a_barrier_is_a_znode_that_stops_all_until_it_is_removed(zk, other_zk):
    barrier, other = recipe(zk, "barrier", "/a/b"), recipe(other_zk, "barrier", "/a/b")
    assert await barrier.wait() is True
    assert await barrier.remove() is False
    assert await barrier.set() is True
    assert await other.set() is False
    assert await other.is_set() is True
    assert (await zk.exists("/a/b")).ephemeral_owner == 0
    assert await other.wait(timeout=0.1) is False
    waiting = begin(other.wait())
    await asyncio.sleep(0.05)
    await other_zk.set("/a/b", b"a change is no removal")
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert await barrier.remove() is True
    assert await waiting is True


async def test_a_wait_at_a_barrier_survives_the_session(zk, other_zk, expire_zk):
    barrier = recipe(other_zk, "barrier", "/barrier")
    await barrier.set()
    waiting = begin(recipe(zk, "barrier", "/barrier").wait())
    await asyncio.sleep(0.05)
    await expire_zk(zk)
    assert not waiting.done()
    await barrier.remove()
    assert await asyncio.wait_for(waiting, 30) is True


async def test_a_barrier_removed_during_an_outage_lets_pass_afterwards(make_zk, proxy, through, zk):
    cut = make_zk(through)
    await cut.start()
    barrier = recipe(zk, "barrier", "/barrier")
    await barrier.set()
    told = Events()
    cut.add_listener(told)
    waiting = begin(recipe(cut, "barrier", "/barrier").wait())
    await asyncio.sleep(0.05)
    proxy.refuse()
    proxy.drop_connections()
    assert await told.next() is zkc.ClientState.SUSPENDED
    await barrier.remove()
    proxy.accept()
    assert await asyncio.wait_for(waiting, 30) is True


# ---- rounds ---------------------------------------------------------------------------------------------------------


async def test_members_enter_together_and_leave_together(zk, other_zk):
    first, second = double(zk, 2, "a"), double(other_zk, 2, "b")
    for generation in range(3):
        entering = begin(first.enter())
        await joined(zk, generation, 1)
        await asyncio.sleep(0.02)
        assert not entering.done()
        late = await second.enter()
        early = await entering
        assert (early.generation, early.members, early.index) == (generation, ("a", "b"), 0)
        assert (late.generation, late.members, late.index) == (generation, ("a", "b"), 1)
        leaving = begin(first.leave())
        await asyncio.sleep(0.02)
        assert not leaving.done()
        await second.leave()
        await leaving
    await cleaned(zk)


async def test_a_member_alone_passes_and_a_block_leaves(zk):
    async with double(zk, 1, "a") as found:
        assert found.members == ("a",)
    await cleaned(zk)
    with pytest.raises(KeyError):
        async with double(zk, 1, "a"):
            raise KeyError
    await cleaned(zk)
    assert (await zk.get("/phase"))[0] == b"2"


async def test_one_member_too_many_is_in_the_next_round(zk, other_zk):
    """Scenario 47."""
    barriers = [double(client, 2, str(number)) for number, client in enumerate([zk, other_zk, zk])]
    entering = [begin(barrier.enter()) for barrier in barriers]
    await joined(zk, 1, 1)
    await eventually(lambda: sum(future.done() for future in entering) == 2)
    [left] = [number for number, future in enumerate(entering) if not future.done()]
    last = double(other_zk, 2, "last")
    assert (await last.enter()).generation == 1
    assert (await entering[left]).generation == 1
    generations = sorted([(await future).generation for future in entering])
    assert generations == [0, 0, 1]
    await asyncio.gather(*[barrier.leave() for barrier in [*barriers, last]])
    await cleaned(zk)


async def test_a_stale_ready_lets_no_member_pass(zk, other_zk):
    """Scenario 47."""
    await zk.create("/phase/ready", make_parents=True)
    first, second = double(zk, 2, "a"), double(other_zk, 2, "b")
    with pytest.raises(zkc.OperationTimeoutError):
        await first.enter(timeout=0.2)
    await zk.delete("/phase/ready")
    await cleaned(zk)
    number = int((await zk.get("/phase"))[0] or 0)  # It was in no round yet where that took longer than its timeout.
    entering = begin(first.enter())
    await joined(zk, number, 1)
    await second.enter()
    assert (await entering).generation == number


async def test_an_enter_that_times_out_says_how_many_members_came(zk, other_zk):
    others = begin(double(other_zk, 3, "b").enter())
    await joined(zk, 0, 1)
    with pytest.raises(
        zkc.OperationTimeoutError, match=r"2 of 3 members came within 3 s; this member leaves no znode"
    ) as caught:
        await double(zk, 3, "a").enter(timeout=3.0)
    assert caught.value.maybe_applied is False
    with pytest.raises(BarrierBrokenError, match="gave up"):
        await others
    await cleaned(zk)


async def test_a_spurious_event_lets_no_member_pass(zk, other_zk):
    """Scenario 47 (c#1290)."""
    first, second = double(zk, 2, "a"), double(other_zk, 2, "b")
    entering = begin(first.enter())
    await joined(zk, 0, 1)
    for _ in range(5):
        await other_zk.set("/phase", b"0")
        await other_zk.create("/phase/round-0000000000/foreign", ephemeral=True)
        await other_zk.delete("/phase/round-0000000000/foreign")
    await asyncio.sleep(0.1)
    assert not entering.done()
    await second.enter()
    await entering


async def test_the_death_of_a_member_breaks_the_round_for_all_who_wait(make_zk, zk, other_zk, zookeeper_server):
    """Scenario 47."""
    for victim in range(3):  # The first member watches the others, and they watch the first.
        mortal = make_zk()
        await mortal.start()
        clients = [zk, other_zk]
        clients.insert(victim, mortal)
        entering = []
        for number, client in enumerate(clients):
            entering.append(begin(double(client, 4, str(number)).enter()))
            await joined(zk, victim, number + 1)
        await mortal.close()
        for number, future in enumerate(entering):
            if number == victim:
                with pytest.raises(zkc.ClosingError):
                    await future
                continue
            with pytest.raises(BarrierBrokenError, match=f"member '{victim}' died in round {victim}") as caught:
                await asyncio.wait_for(future, 30)
            assert (caught.value.generation, caught.value.member) == (victim, str(victim))
    await cleaned(zk)


async def test_a_member_that_gives_up_breaks_the_round(zk, other_zk):
    """Scenario 47."""
    waiting = begin(double(zk, 3, "a").enter())
    await joined(zk, 0, 1)
    with pytest.raises(zkc.OperationTimeoutError):
        await double(other_zk, 3, "b").enter(timeout=2.0)
    with pytest.raises(BarrierBrokenError, match=r"member 'b' (gave up|died) in round 0"):
        await waiting
    await cleaned(zk)


async def test_an_expired_member_is_told_and_breaks_the_round(zk, other_zk, expire_zk):
    """Scenario 47."""
    mine, theirs = begin(double(zk, 3, "a").enter()), begin(double(other_zk, 3, "b").enter())
    await joined(zk, 0, 2)
    await expire_zk(zk)
    with pytest.raises(BarrierBrokenError, match=r"member 'a' (expired|died)"):
        await asyncio.wait_for(mine, 30)
    with pytest.raises(BarrierBrokenError, match="member 'a' died"):
        await asyncio.wait_for(theirs, 30)


async def test_a_member_that_dies_at_work_breaks_the_leave(make_zk, zk, other_zk):
    """Scenario 47."""
    mortal = make_zk()
    await mortal.start()
    first, second, third = double(zk, 3, "a"), double(mortal, 3, "b"), double(other_zk, 3, "c")
    await asyncio.gather(first.enter(), second.enter(), third.enter())
    leaving = begin(first.leave())
    await asyncio.sleep(0.05)
    assert not leaving.done()
    await mortal.close()
    with pytest.raises(BarrierBrokenError, match="member 'b' died"):
        await asyncio.wait_for(leaving, 30)
    with pytest.raises(BarrierBrokenError, match="member 'b' died"):
        await third.leave()
    await cleaned(zk)


async def test_a_member_that_has_left_may_die(make_zk, zk, other_zk):
    mortal = make_zk()
    await mortal.start()
    first, second = double(mortal, 2, "a"), double(other_zk, 2, "b")
    await asyncio.gather(first.enter(), second.enter())
    with pytest.raises(zkc.OperationTimeoutError):
        await first.leave(timeout=2.0)
    await mortal.close()
    await second.leave()
    await cleaned(zk)


async def test_an_abort_breaks_the_round(zk, other_zk):
    first, second = double(zk, 2, "a"), double(other_zk, 2, "b")
    await asyncio.gather(first.enter(), second.enter())
    assert await first.abort() is True
    assert await first.abort() is False
    with pytest.raises(BarrierBrokenError, match="member 'a' gave up"):
        await second.leave()
    with pytest.raises(RuntimeError, match="enter"):
        await second.leave()
    await cleaned(zk)


async def test_another_size_is_refused(zk, other_zk):
    waiting = begin(double(zk, 2, "a").enter())
    await joined(zk, 0, 1)
    with pytest.raises(BarrierSizeError, match="its members wait for 2, not 3"):
        await double(other_zk, 3, "b").enter()
    await double(other_zk, 2, "c").enter()
    await waiting


async def test_a_round_of_dead_members_is_left_behind(make_zk, zk):
    gone_client = make_zk()
    await gone_client.start()
    waiting = begin(double(gone_client, 2, "dead").enter())
    await joined(zk, 0, 1)
    await gone_client.close()
    with pytest.raises(zkc.ClosingError):
        await waiting
    first, second = double(zk, 2, "a"), double(zk, 2, "b")
    rounds = await asyncio.gather(first.enter(), second.enter())
    assert {found.members for found in rounds} <= {("a", "b"), ("b", "a")}
    await asyncio.gather(first.leave(), second.leave())


async def test_many_members_enter_and_leave_in_many_rounds(hosts):
    """No member passes before all have come, in any round."""
    size, generations = 8, 10
    inside, passed = [0] * generations, [0] * generations

    async with zkc.AsyncClient(hosts) as one, zkc.AsyncClient(hosts) as two:

        async def work(number):
            barrier = (one, two)[number % 2].double_barrier("/phase", size, identifier=str(number))
            for generation in range(generations):
                inside[generation] += 1
                assert (await barrier.enter()).generation == generation
                assert inside[generation] == size
                passed[generation] += 1
                await barrier.leave()
                assert passed[generation] == size

        await asyncio.wait_for(asyncio.gather(*[work(number) for number in range(size)]), 60)


async def test_a_cancelled_enter_leaves_no_member(hosts):
    async with zkc.AsyncClient(hosts) as client, zkc.AsyncClient(hosts) as other:
        for turns in [*range(12), 200]:
            entering = asyncio.ensure_future(client.double_barrier("/phase", 2, identifier="a").enter())
            for _ in range(turns):
                await asyncio.sleep(0.0005 if turns == 200 else 0)
            entering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await entering

            async def no_member():
                found = await other.exists("/phase")
                return found is None or await other.children("/phase") == []

            await eventually(no_member)


@pytest.mark.parametrize("cut", range(1, 13))
async def test_a_connection_lost_in_a_round_changes_nothing(make_zk, proxy, through, zk, cut):
    """Each request of a round is lost once, with its reply."""
    lossy = make_zk(through)
    await lossy.start()
    first, second = double(lossy, 2, "a"), double(zk, 2, "b")

    async def drop():
        await asyncio.sleep(cut * 0.002)
        await in_thread(proxy.drop_connections)

    for generation in range(2):
        dropping = begin(drop())
        found = await asyncio.wait_for(asyncio.gather(first.enter(), second.enter()), 20)
        assert {round_.generation for round_ in found} == {generation}
        await asyncio.wait_for(asyncio.gather(first.leave(), second.leave()), 20)
        await dropping


@pytest.mark.parametrize(("path", "n"), [("/", 1), ("phase", 1), ("/phase", 0)])
def test_arguments_of_a_double_barrier_are_checked(client, path, n):
    with pytest.raises(ValueError, match=r"path|n must"):
        client.double_barrier(path, n, identifier="a")
