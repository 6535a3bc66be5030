"""A child of a process that holds: it is refused, it never waits, and the parent's holds stay. Scenario 54."""

from __future__ import annotations

import subprocess
import sys

_PRELUDE = """
import asyncio, contextlib, os, signal, sys, warnings, zkc
from zkc.recipes import Instance
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside other threads is what this is about

def refused(*calls):
    for number, call in enumerate(calls):
        try:
            outcome = call()
        except zkc.ForkedError as error:
            assert "make a new client" in str(error).lower(), error
        else:
            raise AssertionError(f"call {number} returned {outcome!r}")

def in_child(check):
    child = os.fork()
    if not child:
        signal.alarm(30)  # ends a child that waits
        try:
            check()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

def hold_is_refused(hold, lost):
    refused(lambda: hold.state, hold.valid_for, hold.check, lambda: hold.lost, hold.confirm, hold.release)
    refused(hold.transaction, lambda: hold.add_listener(print), lambda: hold.on_revoke(print))
    # A signal that was taken before the fork is never set here: it neither waits nor says that nothing is lost.
    refused(lost.wait, lambda: lost.wait(0), lost.is_set, lambda: bool(lost))
    assert "of the parent process" in repr(hold) and "of the parent process" in repr(lost)
    assert hold.token and hold.path and hold.session_id
"""

_LOCKS = """
with zkc.Client(sys.argv[1]) as client:
    lock, reentrant = client.lock("/lock"), client.lock("/reentrant").reentrant()
    holds = [
        lock.acquire(),
        reentrant.acquire(),
        client.rwlock("/rw").write.acquire(),
        client.multilock(["/a", "/b"]).acquire(),
        client.semaphore("/s", 1).acquire(),
    ]
    lost = [hold.lost for hold in holds]
    ticket, transaction = client.lock("/ticket").enqueue(), holds[0].transaction()
    released = client.lock("/released").acquire()
    released.release()

    def check():
        for hold, signal_of_loss in zip(holds, lost):
            hold_is_refused(hold, signal_of_loss)
        transaction.create("/never")
        refused(lock.acquire, lock.try_acquire, lock.enqueue, lock.contenders, transaction.commit)
        refused(reentrant.acquire, reentrant.release, lambda: reentrant.depth, holds[2].downgrade)
        refused(ticket.wait, ticket.position, ticket.cancel, client.semaphore("/s", 1).try_acquire)
        refused(lambda: holds[0].__exit__(None, None, None))
        try:
            with holds[0]:
                raise KeyError  # the child's own error counts
        except KeyError:
            pass
        assert released.state.name == "RELEASED" and released.release() is False
        holds.clear()  # nothing warns, and nothing is sent

    in_child(check)
    for hold in holds:
        assert hold.state.name == "HELD"
        hold.confirm()
    assert ticket.position() == 0 and client.exists("/never") is None
    assert all(hold.release() for hold in [*holds[2:], holds[0], reentrant])
"""

_OTHERS = """
with zkc.Client(sys.argv[1]) as client:
    queue = client.queue("/q")
    queue.put_many([b"1", b"2"])
    item = queue.get()
    election, lease = client.election("/e", identifier="x"), client.lease("/lease", owner="x", ttl=60)
    group = client.group("/g", identifier="x")
    group.join()
    registry = client.registry("/services")
    registration = registry.register(Instance("web", "10.0.0.7", 8080))
    partitioner = client.partitioner("/p", ["i"], identifier="x", settle=0.01)
    barrier = client.double_barrier("/b", 1, identifier="x")
    barrier.enter()
    partitioner.start()
    while not partitioner.mine:
        pass
    with election.lead() as leadership, lease as leased:
        lost, lease_lost = leadership.lost, leased.lost

        def check():
            hold_is_refused(leadership, lost)
            refused(lambda: election.leading, lambda: election.hold, lambda: election.state, election.resign)
            refused(lambda: election.run(print), lambda: election.add_listener(print), election.leader)
            refused(lambda: leased.state, leased.valid_for, leased.check, leased.confirm, leased.renew, leased.release)
            refused(lambda: leased.lost, lease_lost.wait, lease.acquire, lambda: leased.__exit__(None, None, None))
            refused(item.ack, item.nack, queue.get, queue.try_get, lambda: queue.put(b"3"))
            refused(lambda: group.listed, group.join, group.leave, group.members, lambda: group.set_data(b"x"))
            refused(lambda: registration.listed, registration.unregister, registry.close)
            refused(lambda: registration.update(registration.instance))
            refused(lambda: partitioner.mine, partitioner.start, partitioner.stop)
            refused(lambda: barrier.entered, barrier.enter, barrier.leave)
            owners = election, leased, item, group, registration, partitioner, barrier
            assert all("of the parent process" in repr(each) for each in owners), owners
            for each in leased, item, group, registration, partitioner, barrier, registry:
                each.__exit__(KeyError, KeyError(), None)  # silent: the child's own error counts

        in_child(check)
        assert election.leading and leadership.state.name == leased.state.name == "HELD"
        leadership.confirm()
        leased.confirm()
    item.ack()
    assert group.listed and registration.listed and partitioner.mine == {"i"} and barrier.entered
    partitioner.stop()
    barrier.leave()
    registry.close()
    assert queue.get().data == b"2"
"""

_ASYNC = """
async def main():
    async with zkc.AsyncClient(sys.argv[1]) as client:
        hold, lease = await client.lock("/lock").acquire(), await client.lease("/lease", owner="x", ttl=60).acquire()
        election = client.election("/e", identifier="x")
        async with election.lead() as leadership:
            lost = hold.lost

            def check():
                hold_is_refused(hold, lost)
                refused(lambda: lost.__await__(), lambda: election.leading, lambda: lease.state, lease.valid_for)
                refused(client.lock("/lock").acquire, client.lock("/free").try_acquire, lease.release, leadership.check)

            in_child(check)
            await hold.confirm()
            await leadership.confirm()
            assert election.leading and lease.state.name == "HELD"
        assert await hold.release() and await lease.release()

asyncio.run(main())
"""


def _run(script, hosts):
    done = subprocess.run([sys.executable, "-c", _PRELUDE + script, hosts], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


def test_holds_in_a_forked_child(hosts):
    """Scenario 54."""
    _run(_LOCKS, hosts)


def test_what_holds_state_in_a_forked_child(hosts):
    """Scenario 54, of elections, leases, items, groups, registrations, partitioners and barriers."""
    _run(_OTHERS, hosts)


def test_holds_of_asyncio_in_a_forked_child(hosts):
    """Scenario 54."""
    _run(_ASYNC, hosts)
