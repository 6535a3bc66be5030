"""asyncio: a watch whose call was cancelled is never called, also when the answer, or the event, has come by then."""

import asyncio
import gc
import weakref

import pytest

from . import both
from .failed_watch_support import READS, ROUNDS, Watch, change


@pytest.fixture
def kind():
    return "async"


@pytest.fixture
def patient(make_zk, loop):
    """A client whose session outlives the pauses of these tests."""
    zk = make_zk(session_timeout=60)

    async def prepare():
        await zk.start()
        await zk.create("/a", b"x")

    loop.run_until_complete(prepare())
    return zk


async def test_of_a_task_that_was_cancelled(patient, zookeeper_server):
    watch = Watch()
    zookeeper_server.pause()
    try:
        for read in READS.values():
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(read(patient, "/a", watch=watch), 0.02)
        given_back, events = weakref.ref(watch), watch.events
        del watch
        gc.collect()
        # The queue's consumer gives references back, which is the loop.
        await both.eventually(lambda: given_back() is None)
    finally:
        zookeeper_server.resume()
    await change(patient)
    assert events == []


async def test_cancelled_when_the_answer_has_come(patient):
    """The task is cancelled before it runs again: its call has failed for it, whatever the answer was."""
    for _ in range(ROUNDS):
        watch, answers = Watch(), []

        async def user(watch=watch, answers=answers):
            answers.append(patient.get("/a", watch=watch))
            await answers[0]

        task = asyncio.create_task(user())
        await asyncio.sleep(0)
        while not answers[0].done():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert answers[0].cancelled()
        with pytest.raises(asyncio.CancelledError):
            answers[0].result()
        await change(patient)
        assert watch.events == []


async def test_cancelled_when_the_event_has_come_as_well(patient):
    """Reply and event are delivered in one turn of the loop: the event waits for its turn, and is not shown."""
    session = patient.session
    for _ in range(ROUNDS):
        watch, kept = Watch(), Watch()
        answers = [patient.get("/a", watch=watch)]
        answers += [patient.get("/a", watch=kept), patient.set("/a", b"y"), patient.sync("/")]
        task = asyncio.create_task(_wait(answers[0]))
        await asyncio.sleep(0)
        while session.in_flight:  # The loop is not let run: all is in the queue then.
            pass
        answers[0].add_done_callback(lambda _, task=task: task.cancel())
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.gather(*answers[1:])
        await patient.sync("/")
        await both.eventually(lambda kept=kept: kept.events)
        assert watch.events == []
        assert len(kept.events) == 1


async def _wait(answer):
    return await answer


async def test_an_answer_that_was_taken_has_its_watch(patient):
    watch = Watch()
    answer = patient.get("/a", watch=watch)
    assert (await answer)[0] == b"x"
    assert answer.cancel() is False
    assert answer.result()[0] == b"x"
    await change(patient)
    assert len(watch.events) == 1


async def test_an_answer_that_was_not_awaited_has_its_watch(patient):
    watch = Watch()
    patient.get("/a", watch=watch)
    await patient.sync("/")
    await change(patient)
    assert len(watch.events) == 1


async def test_a_call_that_waits_for_a_place(make_zk):
    zk = make_zk(max_in_flight=1)
    await zk.start()
    await zk.create("/a", b"x")
    watch, first = Watch(), Watch()
    answers = [zk.get("/a", watch=first), *(zk.get("/a", watch=watch) for _ in range(5))]
    for answer in answers[1:]:
        answer.cancel()
    await answers[0]
    await change(zk)
    assert watch.events == []
    assert len(first.events) == 1
