"""Taking the lead, losing it and taking it again; nothing half-begun stays behind."""

import asyncio

import pytest

from jobpool.evaluator.worker import Evaluator
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND
from jobpool.model.errors import StoreFailed, Unavailable
from jobpool.server.local import LocalLeader
from jobpool.store.commands import AddNamespace, StartRun
from jobpool.store.port import Fence, Put
from jobpool.testing.clock import FakeClock, settle
from jobpool.testing.harness import running_core
from jobpool.testing.store import Fault, MemoryStore, write

START = 1_760_011_200_000


@pytest.mark.invariant("L-2")
async def test_lose_and_gain_in_a_row_ends_leading_with_fresh_queues() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await core.add_plan("p", spec="0 0 1 1 *")
        await core.submit(StartRun("default", "p", "r1"))
        await settle()
        first = core.leadership.reign
        for _ in range(3):
            await store.campaign("rival")
            lost = asyncio.get_running_loop().create_task(core.submit(StartRun("default", "p", "r9")))
            await core.advance(3 * SECOND)
            assert isinstance(lost.exception(), Unavailable)
        reign = core.leadership.reign
        assert reign is not first
        assert reign.queues.broker_stats().tracked + reign.queues.blocked_stats().blocked == 1
        assert first.queues.broker_stats().tracked + first.queues.blocked_stats().blocked == 0
        await core.add_node()
        await core.advance(SECOND)
        assert [run.id for run in core.finished] == ["r1"]
        assert store.steps[-1].fence.term == 7


class Overtaken(MemoryStore):
    """What an old leader had on its way arrives just before our first campaign."""

    async def campaign(self, server_id: str) -> Fence:
        self.release_delayed()
        return await super().campaign(server_id)


@pytest.mark.invariant("L-3")
async def test_nothing_is_dispatched_before_the_state_is_as_new_as_the_term() -> None:
    store, clock = Overtaken(), FakeClock(START)
    async with running_core(store, clock) as core:
        await core.add_node()
        await core.add_plan("p", spec="0 0 1 1 *")
        store.fail_next_commit("delayed")
        asked = asyncio.get_running_loop().create_task(core.submit(StartRun("default", "p", "r1")))
        await settle()
    assert asked.done()
    task = asyncio.get_running_loop().create_task(_finished(store, clock))
    for _ in range(10):
        await clock.advance(SECOND)
    assert await task == ["r1"]


async def _finished(store: MemoryStore, clock: FakeClock) -> list[str]:
    async with running_core(store, clock) as core:
        await settle(500)
        return [run.id for run in core.finished]


@pytest.mark.invariant("L-4")
@pytest.mark.parametrize(
    "key",
    [
        "namespaces/x",
        "nodes/x",
        "plans/default/x",
        "versions/default/x/1",
        "cursors/default/x",
        "runs/default/x",
        "idem/x",
    ],
)
@pytest.mark.parametrize("value", [b"", b"\x01\x93", b"\x02later", b"\x01" + b"\xc0"])
async def test_one_record_that_cannot_be_read_is_reported_and_skipped(key: str, value: bytes) -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock) as core:
        await core.add_node()
        await core.add_plan("p", spec="*/10 * * * * *")
    store = store.reopened()
    await write(store, Put(key, value))
    async with running_core(store, clock) as core:
        assert core.replica.broken == [key]
        await core.advance(10 * SECOND)
        assert len(core.finished) == 1


async def test_a_campaign_that_fails_is_tried_again() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    kinds: tuple[Fault, ...] = ("refuse", "lost", "landed-but-unknown")
    for kind in kinds:
        store.fail_next_commit(kind)
    task = asyncio.get_running_loop().create_task(_lead(store, clock))
    for _ in range(10):
        await clock.advance(SECOND)
    assert await task > 1


async def _lead(store: MemoryStore, clock: FakeClock) -> int:
    async with running_core(store, clock) as core:
        return core.state.fence.term


class Broken(MemoryStore):
    """Cannot be read for a while."""

    broken = False

    async def fence(self) -> Fence:
        if self.broken:
            raise StoreFailed("cannot read")
        return await super().fence()


async def test_campaigns_that_fail_for_long_are_told_once_a_minute_and_their_end_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store, clock = Broken(), FakeClock(START)
    async with running_core(store, clock) as core:
        await store.campaign("rival")
        store.broken = True
        await core.advance(90 * SECOND)
        store.broken = False
        await core.advance(10 * SECOND)
        assert core.leadership.leads
    told = [line for line in capsys.readouterr().out.splitlines() if "component=leadership" in line]
    failed = [line for line in told if "campaign_failed" in line]
    assert ["times=1" in line.split() for line in failed] == [True, False]
    assert all("error='cannot read'" in line for line in failed)
    assert len([line for line in told if "leader_found" in line]) == 1


async def test_a_store_that_cannot_be_read_for_a_while_ends_no_server() -> None:
    store, clock = Broken(), FakeClock(START)
    async with running_core(store, clock) as core:
        await store.campaign("rival")
        store.broken = True
        lost = asyncio.get_running_loop().create_task(core.submit(AddNamespace("x")))
        await core.advance(2 * SECOND)
        with pytest.raises(Unavailable, match="no leader"):
            await core.submit(AddNamespace("y"))
        store.broken = False
        await core.advance(5 * SECOND)
        await core.submit(AddNamespace("z"))
        assert isinstance(lost.exception(), Unavailable)
        assert set(core.state.namespaces) == {"default", "z"}


class Hung(MemoryStore):
    """Its reads wait until `answers` is set; `most` is how many waited at once."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()
        self.waiting = self.most = 0

    async def fence(self) -> Fence:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.answers.wait()
        self.waiting -= 1
        return await super().fence()


async def test_a_store_that_hangs_is_asked_once_whether_the_term_is_in_force() -> None:
    """A server that is alone does not resign: without the bound every 400 ms would add one that waits."""
    store, clock = Hung(), FakeClock(START)
    async with running_core(store, clock) as core:
        store.answers.clear()
        await core.advance(10 * SECOND)
        assert (store.waiting, store.most, core.leadership.leads) == (1, 1, True)
        store.answers.set()
        await core.advance(SECOND)
        assert (store.waiting, core.leadership.leads) == (0, True)


@pytest.mark.invariant("W-2")
async def test_an_evaluator_that_dies_with_evaluations_in_hand_delays_them_only() -> None:
    store, clock = MemoryStore(), FakeClock(START)
    async with running_core(store, clock, evaluators=0) as core:
        await core.add_node()
        await core.add_plan("p", spec="0 0 1 1 *")
        await core.submit(StartRun("default", "p", "r1"))
        (gone,) = await core.leadership.reign.queues.dequeue(("service",), 10, timeout=1)
        assert gone.evaluation.job_id == "r1"
        other = Evaluator(LocalLeader(core.leadership), core.replica, clock=clock, dice=Dice(1), number=1)
        task = asyncio.get_running_loop().create_task(other.run())
        await core.advance(59 * SECOND)
        assert not core.finished
        await core.advance(2 * SECOND)
        assert [len(run.attempts) for run in core.finished] == [1]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
