"""What looks at the store's space tell the leader, whichever etcd it is; and what of old plans goes for space."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from msgspec.structs import replace

from jobpool.leader.allowance import Allowance
from jobpool.leader.leadership import Leadership
from jobpool.model.errors import JobpoolError, ResourceExhausted, Unavailable
from jobpool.model.server import ServerRecord
from jobpool.server.cluster_info import ServersSeen
from jobpool.server.feed import HistoryFeed
from jobpool.server.membership import Membership
from jobpool.server.space import SpaceWatch, StoreSpace
from jobpool.server.surroundings import Surroundings
from jobpool.store.codec import encode
from jobpool.store.commands import JoinServer, PlanPatch, StartRun, UpdatePlan
from jobpool.store.engines.etcd.looks import LOOK_AGAIN, LOOK_EVERY
from jobpool.store.operations import EngineStatus, Operations, Space
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import Core, running_core
from jobpool.testing.store import MemoryStore

MB = 1_000_000
SERVER = ServerRecord("s1", "one", "http://a:1", "1", 0, quota=500 * MB)


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    async with running_core(MemoryStore(), FakeClock(), evaluators=0) as core:
        yield core


def clock_of(core: Core) -> FakeClock:
    return cast(FakeClock, core.clock)


class Lead:
    leads = True


def store_space(core: Core, *, leads: bool = True) -> tuple[StoreSpace, Allowance]:
    lead, allowance = Lead(), Allowance()
    lead.leads = leads
    return StoreSpace(allowance, cast(Leadership, lead), core.replica), allowance


async def test_the_first_member_that_would_be_full_counts(core: Core) -> None:
    space, allowance = store_space(core)
    space.looked(Space(1, 1, 800 * MB))
    assert allowance.space.quota == 800 * MB
    await core.submit_all([JoinServer(SERVER), JoinServer(replace(SERVER, id="s2", quota=0))])
    space.looked(Space(1, 1, 800 * MB))
    assert allowance.space.quota == 500 * MB
    await core.submit(JoinServer(replace(SERVER, quota=900 * MB)))
    space.looked(Space(1, 1, 800 * MB))
    assert allowance.space.quota == 800 * MB


async def test_the_leader_says_once_that_the_store_is_full_and_that_it_is_not(
    core: Core, capsys: pytest.CaptureFixture[str]
) -> None:
    space, _ = store_space(core)
    for in_use in (70, 85, 90, 85, 70, 60):
        space.looked(Space(in_use * MB, in_use * MB, 100 * MB))
    told = capsys.readouterr().out
    assert told.count("store_full") == told.count("store_has_room") == 1
    assert told.index("store_full") < told.index("store_has_room")
    follower, _ = store_space(core, leads=False)
    follower.looked(Space(85 * MB, 85 * MB, 100 * MB))
    assert "store_full" not in capsys.readouterr().out


# ---- an etcd that runs already


class Foreign:
    """An etcd that somebody else runs."""

    def __init__(self) -> None:
        self.space = Space(90 * MB, 85 * MB, 100 * MB)
        self.refusal: JobpoolError | None = None
        self.asked = 0

    async def status(self) -> EngineStatus:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        return EngineStatus(space=self.space)


class Watched:
    def __init__(self, core: Core) -> None:
        self.clock, self.etcd = clock_of(core), Foreign()
        space, self.allowance = store_space(core)
        watch = SpaceWatch(cast(Operations, self.etcd), space, clock=self.clock)
        self.task = asyncio.get_running_loop().create_task(watch.run())

    def refuses(self) -> bool:
        try:
            self.allowance.check(1, 0)
        except ResourceExhausted:
            return True
        return False


@pytest.fixture
async def watched(core: Core) -> AsyncIterator[Watched]:
    watched = Watched(core)
    yield watched
    watched.task.cancel()
    await asyncio.gather(watched.task, return_exceptions=True)


async def test_an_etcd_that_is_not_ours_is_looked_at(watched: Watched) -> None:
    assert not watched.refuses()
    await watched.clock.advance(LOOK_AGAIN)
    assert watched.refuses()
    watched.etcd.space = Space(90 * MB, 10 * MB, 100 * MB)
    await watched.clock.advance(LOOK_EVERY)
    assert not watched.refuses()
    asked = watched.etcd.asked
    watched.allowance.renew()
    await watched.clock.advance(LOOK_AGAIN)
    assert watched.etcd.asked == asked + 1


async def test_without_a_quota_nothing_is_refused_and_a_large_one_is_told_of(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.etcd.space = Space(1_000 * MB, 1_000 * MB)
    await watched.clock.advance(LOOK_EVERY)
    assert "space_unknown" not in capsys.readouterr().out
    watched.etcd.space = Space(3_000 * MB, 3_000 * MB)
    await watched.clock.advance(3 * LOOK_EVERY)
    assert capsys.readouterr().out.count("set quota-backend-bytes") == 1
    assert not watched.refuses()


async def test_an_etcd_that_does_not_answer_is_asked_again_and_told_of_once(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.etcd.refusal = Unavailable("permission denied")
    await watched.clock.advance(5 * LOOK_EVERY)
    assert capsys.readouterr().out.count("space_unknown") == 1
    watched.etcd.refusal = None
    await watched.clock.advance(LOOK_EVERY)
    assert watched.refuses()


# ---- versions of plans


def around(core: Core) -> Surroundings:
    nobody = cast(Membership, None), cast(ServersSeen, None), cast(HistoryFeed, None)
    return Surroundings(core.leadership, core.replica, nobody[0], seen=nobody[1], feed=nobody[2])


async def test_old_versions_go_from_the_oldest_on_but_not_those_that_runs_need(core: Core) -> None:
    await core.add_plan("p", spec="0 0 1 1 *")
    for at in range(4):
        if at == 1:
            await core.submit(StartRun("default", "p", "01J0000000000000000000000A"))
        await core.submit(UpdatePlan("default", "p", PlanPatch(description=f"version {at}"), "UTC"))
    versions = sorted(core.state.versions)
    assert len(versions) == 4
    size = len(encode(core.state.versions[versions[0]]))
    assert await around(core).drop_versions(0) == 0
    assert sorted(core.state.versions) == versions
    assert await around(core).drop_versions(1) >= size
    # One command drops many; the run is of the second version.
    assert sorted(core.state.versions) == [versions[1]]
    assert await around(core).drop_versions(10**9) == 0


async def test_a_short_silence_does_not_use_up_the_word_on_the_quota(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.etcd.refusal = Unavailable("away")
    await watched.clock.advance(2 * LOOK_EVERY)
    watched.etcd.refusal, watched.etcd.space = None, Space(3_000 * MB, 3_000 * MB)
    await watched.clock.advance(2 * LOOK_EVERY)
    assert capsys.readouterr().out.count("set quota-backend-bytes") == 1
