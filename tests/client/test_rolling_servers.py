"""Clients with watches of every kind, while the members of their ensemble change to another version, one by one."""

import pytest

from zkc import EventType
from zkc.testing import Ensemble

from ..build_support import needs_newer_calls
from . import both

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(600),
    needs_newer_calls,
]
READY = 60.0  # Seconds that an ensemble may take for an election on a busy machine.
ATTEMPTS = 10


class Seen(list):
    """A callback of a persistent watch, that keeps its events."""

    def __call__(self, event):
        self.append(event)

    @property
    def gaps(self):
        return sum(event.type is EventType.GAP for event in self)

    def since(self, mark):
        return [(event.type, event.path) for event in self[mark:]]


class OneShots:
    """One-shot watches of all kinds, which are set before a member changes, and fire afterwards."""

    def __init__(self, zk, step):
        self._zk = zk
        self._step = step
        self.fired = {}

    def _watch(self, name):
        self.fired[name] = []
        return self.fired[name].append

    async def set(self):
        await self._zk.get("/n", watch=self._watch("data beside a persistent watch"))
        await self._zk.children("/n", watch=self._watch("children beside a persistent watch"))
        await self._zk.get("/alone", watch=self._watch("data"))
        await self._zk.children("/alone", watch=self._watch("children"))
        await self._zk.exists(f"/new-{self._step}", watch=self._watch("exists"))

    def wanted(self):
        kinds = (EventType.CHANGED, "/n"), (EventType.CHILD, "/n"), (EventType.CHANGED, "/alone")
        last = (EventType.CHILD, "/alone"), (EventType.CREATED, f"/new-{self._step}")
        return dict(zip(self.fired, ([each] for each in (*kinds, *last))))

    def seen(self):
        return {name: [(event.type, event.path) for event in events] for name, events in self.fired.items()}


class Watcher:
    """A client with persistent watches, a recurring one and a cache on one subtree."""

    def __init__(self, zk, ensemble):
        self.zk = zk
        self._ensemble = ensemble
        self.persistent, self.recursive = Seen(), Seen()
        self.value = None
        self.cache = None

    async def start(self):
        await self.zk.watch_events("/n", self.persistent)
        await self.zk.watch_events("/n", self.recursive, recursive=True)
        await self.zk.watch_data("/n", self._note)
        self.cache = self.zk.inner.cache("/n", jitter=0)
        if self.zk.kind == "async":
            await self.cache.start()
            await self.cache.wait_ready(READY)
        else:
            self.cache.start()
            self.cache.wait_ready(READY)

    def _note(self, data, stat):
        self.value = data

    @property
    def server(self):
        """The member that serves the client now."""
        return next(member for member in self._ensemble.members if member.hosts == str(self.zk.server))


async def settled(*clients):
    """Wait until every client has a connection that serves."""
    for zk in clients:
        await both.mended(lambda zk=zk: zk.sync("/"))


async def change(writer, name):
    """Change the subtree, and return what persistent and recursive watches of its root see of that."""
    await writer.set("/n", name.encode())
    await writer.create(f"/n/{name}", b"first")
    await writer.set(f"/n/{name}", b"second")
    await writer.set("/n", f"{name} again".encode())
    whole = [(EventType.CHANGED, "/n")]
    return (
        [*whole, (EventType.CHILD, "/n"), *whole],
        [*whole, (EventType.CREATED, f"/n/{name}"), (EventType.CHANGED, f"/n/{name}"), *whole],
    )


async def check(watcher, writer, step):
    """Change the subtree and hold that every event comes, in order; where a gap comes between, change it again."""
    for attempt in range(ATTEMPTS):
        name = f"{step}-{attempt}"
        marks = len(watcher.persistent), len(watcher.recursive)
        gaps = watcher.persistent.gaps + watcher.recursive.gaps
        persistent, recursive = await change(writer, name)
        await both.eventually(lambda name=name: watcher.value == f"{name} again".encode(), READY)
        if watcher.persistent.gaps + watcher.recursive.gaps == gaps:
            break
    else:
        raise AssertionError("there was a gap at every attempt")
    await both.eventually(lambda: len(watcher.persistent.since(marks[0])) >= len(persistent))
    await both.eventually(lambda: len(watcher.recursive.since(marks[1])) >= len(recursive))
    await settled(watcher.zk)  # Behind whatever comes twice.
    assert watcher.persistent.since(marks[0]) == persistent
    assert watcher.recursive.since(marks[1]) == recursive
    # Servers since 3.9 tell which transaction made the change.
    _, stat = await writer.get("/n")
    expected = stat.mzxid if watcher.server.version >= (3, 9) else None
    assert [seen[-1].zxid for seen in (watcher.persistent, watcher.recursive)] == [expected, expected]
    names = await writer.children("/n")
    await both.eventually(lambda: watcher.cache.children("/n") == sorted(names))
    await both.eventually(lambda: watcher.cache.data("/n") == f"{name} again".encode())
    await both.eventually(lambda: {watcher.cache.data(f"/n/{each}") for each in names} == {b"second"})


async def test_members_change_to_another_version_and_back_under_watches(make_zk, server_homes):
    old, new = server_homes[0], server_homes[-1]
    with Ensemble(3, homes=[old] * 3) as ensemble:
        async with make_zk(ensemble.hosts, session_timeout=40.0) as zk, make_zk(ensemble.hosts) as writer:
            await writer.create_many({"/n": b"", "/alone": b""}.items(), raise_errors=True)
            watcher = Watcher(zk, ensemble)
            await watcher.start()
            session_id = zk.session_id
            await check(watcher, writer, "begin")
            served = {watcher.server.version}
            for step, (member, home) in enumerate((each, home) for home in (new, old) for each in ensemble.members):
                one_shots = OneShots(zk, step)
                await one_shots.set()
                before, gaps = watcher.server, (watcher.persistent.gaps, watcher.recursive.gaps)
                member.home = home
                member.restart()
                ensemble.wait_ready(READY)
                await settled(zk, writer)
                served.add(watcher.server.version)
                if watcher.server is not before:
                    await both.eventually(lambda gaps=gaps: watcher.persistent.gaps > gaps[0])
                    await both.eventually(lambda gaps=gaps: watcher.recursive.gaps > gaps[1])
                await writer.set("/alone", b"changed")
                await writer.create(f"/alone/{step}")
                await writer.create(f"/new-{step}")
                await check(watcher, writer, step)
                await both.eventually(lambda: one_shots.seen() == one_shots.wanted())  # noqa: B023
                # Nothing comes twice.
                await check(watcher, writer, f"{step}-more")
                assert one_shots.seen() == one_shots.wanted()
            assert zk.session_id == session_id
            # Each member was restarted in both directions, so the client has moved between the versions.
            assert len(served) > 1
            watcher.cache.close()


async def test_clients_with_all_members_in_their_list_work_with_both_versions_at_once(make_zk, server_homes):
    """The members of one ensemble serve one tree, whatever their versions; what only new ones can, old ones refuse."""
    old, new = server_homes[0], server_homes[-1]
    with Ensemble(3, homes=[old, new, new]) as ensemble:
        versions = [member.version for member in ensemble.members]
        assert versions[0] < versions[1] == versions[2]
        for number, member in enumerate(ensemble.members):
            async with make_zk(member.hosts) as zk, make_zk(ensemble.members[number - 1].hosts) as other:
                seen = Seen()
                await zk.watch_events("/tree", seen, recursive=True)
                await other.ensure_path(f"/tree/{number}")
                await both.eventually(
                    lambda seen=seen, number=number: f"/tree/{number}" in {each.path for each in seen}
                )
                await zk.sync("/")
                assert await zk.count_descendants("/tree") == number + 1
                await zk.create(f"/own-{number}", ephemeral=True)
                assert await zk.get_ephemerals() == [f"/own-{number}"]
