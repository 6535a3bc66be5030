"""Protected creates whose answer has come and reaches no caller: the znode is deleted. One that was taken stays."""

import asyncio
import contextlib
import subprocess
import sys
import time

import pytest

import zkc
from zkc import AsyncClient

from . import both

FLAGS = {"ephemeral": True, "sequential": True, "protected": True}
ROUNDS = 50


def create(client, **options):
    return client.create("/o/p-", b"", **FLAGS, **options)


async def answered(client, answer):
    """Let the loop run until an answer is there, and not one turn longer."""
    while not answer.done():
        await asyncio.sleep(0)


async def left(client):
    """Return the names that stay, once what was begun before has been cleaned up."""
    marks = [client.create("/o/mark-", sequential=True) for _ in range(2)]
    for mark in marks:
        await client.delete(await mark)
    return await client.children("/o")


async def nothing_left(client):
    return await left(client) == []


# ---- asyncio --------------------------------------------------------------------------------------------------------


async def test_a_task_cancelled_before_it_runs_again(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/o")
        for _ in range(ROUNDS):
            answers = []

            async def user(answers=answers):
                answers.append(create(client))
                return await answers[0]

            task = asyncio.create_task(user())  # It is sent, and awaited, in one step.
            await asyncio.sleep(0)
            await answered(client, answers[0])
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # A caller that kept the future does not get the path of a znode that is being deleted.
            assert answers[0].cancelled()
            with pytest.raises(asyncio.CancelledError):
                answers[0].result()
            with pytest.raises(asyncio.CancelledError):
                answers[0].exception()
            with pytest.raises(asyncio.CancelledError):
                await answers[0]
        await both.eventually(lambda: nothing_left(client))


async def test_an_answer_given_to_a_task(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/o")
        for _ in range(ROUNDS):
            answer = create(client)
            task = asyncio.create_task(answer)
            await asyncio.sleep(0)
            await answered(client, answer)
            if task.done():  # The answer came before the task began.
                await client.delete(task.result())
                continue
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await both.eventually(lambda: nothing_left(client))


async def test_gathered_and_cancelled(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/o")
        for _ in range(ROUNDS):
            never = asyncio.get_running_loop().create_future()
            answers = [create(client) for _ in range(3)]
            gathered = asyncio.gather(*answers, never)
            for answer in answers:
                await answered(client, answer)
            gathered.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gathered
        await both.eventually(lambda: nothing_left(client))


async def test_several_tasks_wait_for_one(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/o")
        answer = create(client)
        tasks = [asyncio.create_task(_wait(answer)) for _ in range(3)]
        await asyncio.sleep(0)
        await answered(client, answer)
        tasks[2].cancel()  # The first has taken it before this one runs.
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        path = answer.result()
        assert outcomes[:2] == [path, path]
        assert outcomes[2] == path or isinstance(outcomes[2], asyncio.CancelledError)
        await client.sync("/")
        assert await left(client) == [path.rpartition("/")[2]]


async def _wait(answer):
    return await answer


async def test_one_that_was_taken_or_is_kept_stays(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/o")
        taken, kept, forgotten = (create(client) for _ in range(3))
        paths = [await taken]
        assert taken.cancel() is False
        await answered(client, kept)
        await answered(client, forgotten)
        paths.append(kept.result())
        del forgotten
        shielded = create(client)
        waiting = asyncio.shield(shielded)
        waiting.cancel()
        await answered(client, shielded)
        paths.append(shielded.result())
        names = await left(client)
        assert len(names) == 4
        assert {path.rpartition("/")[2] for path in paths} <= set(names)


async def test_cancelled_by_hand(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/o")
        answer = create(client)
        await answered(client, answer)
        assert answer.cancel() is True
        assert answer.cancel() is False
        with pytest.raises(asyncio.CancelledError):
            await answer
        await both.eventually(lambda: nothing_left(client))
        failed = client.create("/none/p-", **FLAGS)
        await answered(client, failed)
        assert failed.cancel() is False
        with pytest.raises(zkc.NoNodeError):
            await failed


async def test_it_is_not_kept_then(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/o")
        answer = create(client, keep=True)
        await answered(client, answer)
        assert len(client.kept) == 1
        answer.cancel()
        await both.eventually(lambda: nothing_left(client))
        assert client.kept == []


async def test_calls_that_wait_for_a_place(hosts):
    async with AsyncClient(hosts, max_in_flight=1) as client:
        await client.create("/o")
        answers = [create(client) for _ in range(5)]
        tasks = [asyncio.create_task(_wait(answer)) for answer in answers]
        await asyncio.sleep(0)
        for answer, task in zip(answers, tasks):
            await answered(client, answer)
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        stays = [path.rpartition("/")[2] for path in outcomes if isinstance(path, str)]

        async def only_those():
            return sorted(await left(client)) == sorted(stays)

        await both.eventually(only_those)


LIMITS = """
import asyncio, sys
import uvloop, zkc

async def main():
    async with zkc.AsyncClient(sys.argv[1]) as client:
        await client.create("/o")
        made = []
        for number in range(300):
            try:
                answer = client.create("/o/p-", ephemeral=True, sequential=True, protected=True)
                made.append(await asyncio.wait_for(answer, 1e-4 + number * 1e-5))
            except asyncio.TimeoutError:
                pass
        for _ in range(2000):
            await client.sync("/")
            names = await client.children("/o")
            if len(names) == len(made):
                break
        print(sorted(names) == sorted(path.rpartition("/")[2] for path in made), len(made))

if sys.argv[2] == "uvloop":
    uvloop.install()
asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_limits_of_asyncio(hosts, loop):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", LIMITS, hosts, loop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("True"), done.stdout


# ---- threads --------------------------------------------------------------------------------------------------------


def test_a_future_cancelled_while_the_answer_comes(client, eventually):
    client.create("/o")
    made = []
    for number in range(200):
        future = create(client.submit)
        deadline = time.perf_counter() + number * 5e-6
        while time.perf_counter() < deadline:
            pass
        if not future.cancel():
            made.append(future.result(20))
    for number in range(200):
        future = create(client.submit, timeout=1e-4 + number * 5e-6)
        with contextlib.suppress(zkc.OperationTimeoutError):
            made.append(future.result(20))
    names = sorted(path.rpartition("/")[2] for path in made)
    eventually(lambda: sorted(client.children("/o")) == names)


class Interrupted(BaseException):
    """The exception that a signal handler of a program raises."""


def test_interrupted_at_each_line(client, eventually):
    """Whatever line of the client a signal handler interrupts, no znode stays whose path was not returned."""
    client.create("/o")
    made = []
    for number in range(1000):
        lines = 0

        def trace(frame, event, _, number=number):
            nonlocal lines
            if "/zkc/" not in frame.f_code.co_filename.replace("\\", "/"):
                return None
            if event == "line":
                lines += 1
                if lines == number:
                    sys.settrace(None)
                    raise Interrupted
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            made.append(create(client))
        except Interrupted:
            continue
        finally:
            sys.settrace(before)
        if lines < number:
            break
    else:
        pytest.fail("it never came to its end")
    assert number > 20
    names = sorted(path.rpartition("/")[2] for path in made)
    eventually(lambda: sorted(client.children("/o")) == names)
