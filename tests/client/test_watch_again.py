"""A watch that is removed and set again at once, on one path."""

import zkc

from .both import Events


async def test_a_subscription_that_follows_a_cancelled_one(zk, other_zk):
    """Before 3.9 a removal may take the next watch of the path with it: that one is set when the removal is done."""
    await zk.create("/r")
    for number in range(5):
        old = await zk.watch_events("/r", lambda event: None, recursive=True)
        old.cancel()
        events = Events()
        new = await zk.watch_events("/r", events, recursive=True)
        await other_zk.set("/r", b"%d" % number)
        assert (await events.next()).type is zkc.EventType.CHANGED
        assert not new.cancelled
        new.cancel()
    assert zk.inner._subscriptions.removals.keys() <= {"/r"}
