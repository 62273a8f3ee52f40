"""A store restored from a snapshot of any moment, whatever the log that it leaves had done since.

The leader of the restored store may be killed after every single commit. Nothing that was due between the snapshot and
its first start ever fires, nothing that was live in the snapshot is ever placed, and all of it ends, once.
"""

from collections.abc import Iterable, Sequence

import pytest

from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.leader.term import LeaderConfig
from jobpool.model.reasons import Reason
from jobpool.model.run import Run
from jobpool.model.schedule import LedgerRange
from jobpool.model.statuses import BY_HAND
from jobpool.store.codec import decode
from jobpool.store.keyspace import RESTORED, Table, key_of, parse_key
from jobpool.store.port import Put, Step, Transaction
from jobpool.testing.audit import Audit, same_state
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import running_core
from jobpool.testing.restored import restored_from
from jobpool.testing.store import MemoryStore
from tests.properties.core_driver import Driver
from tests.properties.test_core_crash import SLOTS, a_node_is_there, record, store_of

CONFIG = LeaderConfig()
AWAY: tuple[Millis, ...] = (0, 3 * SECOND, 10 * MINUTE)


class Past:
    """A history that is cut at a snapshot, and the store restored from it."""

    def __init__(self, steps: Sequence[Step], taken_at: Millis, *, away: Millis) -> None:
        self._before = steps
        self._taken_at = taken_at
        self.restored_at = taken_at + away
        self.live = dict(Audit(steps, slots=SLOTS).state.runs)

    async def store(self, since: Iterable[Step] = ()) -> MemoryStore:
        """The restored store, having lived through these steps since."""
        store = await restored_from(await store_of(self._before), taken_at=self._taken_at, at=self.restored_at)
        fence = await store.fence()
        for step in since:
            await store.commit(Transaction(fence, step.fence, step.ops))
            fence = step.fence
        return store

    async def audit(self, store: MemoryStore) -> Audit:
        """Of both logs as if they were one."""
        fresh = await self.store()
        key = key_of(Table.META, RESTORED)
        (record,) = await fresh.range(key, key + "0", limit=1)
        joint = Step(await fresh.fence(), (Put(key, record.value),))
        return Audit([*self._before, joint, *store.steps], slots=SLOTS)


def check_past(past: Past, audit: Audit, store: MemoryStore) -> None:
    """What a restore promises."""
    restored = audit.state.restored
    assert restored is not None
    assert restored.until is not None
    for job_id, run in past.live.items():
        ended = audit.ended[job_id]
        assert len(ended.attempts) == len(run.attempts), f"{job_id} was placed again"
        assert len(ended.evaluations) == len(run.evaluations), f"{job_id} was to be placed again"
    born = {run.id: run for step in store.steps for run in _runs_of(step)}
    fired = [run for run in born.values() if run.id not in past.live and run.trigger not in BY_HAND]
    early = [run.id for run in fired if run.scheduled_at <= restored.until]
    assert not early, f"fired though the log that was left may have fired them: {early}"


def _runs_of(step: Step) -> list[Run]:
    found = []
    for op in step.ops:
        named = parse_key(op.key) if isinstance(op, Put) else None
        if named is not None and isinstance(op, Put) and named[0] is Table.RUN:
            value = decode(Table.RUN, op.value)
            assert isinstance(value, Run)
            found.append(value)
    return found


def ranges_of(steps: Iterable[Step]) -> list[LedgerRange]:
    puts = [op for step in steps for op in step.ops if isinstance(op, Put) and op.key.startswith("ledger/")]
    values = [decode(Table.LEDGER, op.value) for op in puts]
    return [value for value in values if isinstance(value, LedgerRange)]


async def live_on(store: MemoryStore, past: Past, now: Millis, *, seed: int, silent: Iterable[str]) -> list[Step]:
    """A leader over the store until everything is calm; the steps until the busy part ended."""
    clock = FakeClock(now)
    async with running_core(store, clock, config=CONFIG, slots=SLOTS, evaluators=2, seed=seed, silent=silent) as core:
        driver = Driver(core, store, clock, seed)
        await core.through(a_node_is_there(core))
        await clock.advance(3 * SECOND)
        busy = store.steps
        await clock.advance(CONFIG.failover_grace(len(core.state.nodes)))
        survivors = [job_id for job_id in past.live if (run := core.state.run(job_id)) is not None and not run.accepted]
        assert not survivors, "still live though its agents had their time"
        await driver.calm_down()
        audit = await past.audit(store)
        same_state(audit.state, core.state)
        audit.check_finished()
        audit.check_ticks(clock.now())
        check_past(past, audit, store)
    return busy


@pytest.mark.invariant("L-3")
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_snapshot_of_any_moment_fires_nothing_again(seed: int) -> None:
    steps, times = await record(seed, seconds=20)
    for n in range(seed, len(steps) + 1, 5):
        past = Past(steps[:n], times[n - 1], away=AWAY[n % len(AWAY)])
        silent = ("n0", "n1", "n2")[: n % 4]
        try:
            await live_on(await past.store(), past, past.restored_at, seed=seed, silent=silent)
        except BaseException as failure:
            failure.add_note(f"seed {seed}, snapshot at n {n}, silent {silent}")
            raise


@pytest.mark.invariant("L-3")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_crash_after_every_commit_of_the_first_term(seed: int) -> None:
    steps, times = await record(seed, seconds=12)
    n = len(steps) - seed
    past = Past(steps[:n], times[n - 1], away=10 * SECOND)
    assert len(past.live) > 2
    since = await live_on(await past.store(), past, past.restored_at, seed=seed, silent=("n0",))
    assert len(since) > 5
    for k in range(1, len(since) + 1):
        store = await past.store(since[:k])
        try:
            await live_on(store, past, past.restored_at + 5 * SECOND, seed=seed, silent=("n0",))
        except BaseException as failure:
            failure.add_note(f"seed {seed}, snapshot at n {n}, crash {k} commits after the restore")
            raise


async def test_the_gap_is_one_range_of_each_plan() -> None:
    steps, times = await record(1, seconds=5)
    past = Past(steps, times[-1], away=10 * MINUTE)
    store = await past.store()
    since = await live_on(store, past, past.restored_at, seed=1, silent=())
    found = ranges_of(since)
    assert {entry.reason for entry in found} == {"missed_window"}
    assert max(entry.count or 0 for entry in found) >= 599


async def test_runs_that_nobody_reports_say_so() -> None:
    steps, times = await record(2, seconds=10)
    past = Past(steps, times[-1], away=0)
    store = await past.store()
    await live_on(store, past, past.restored_at, seed=2, silent=("n0", "n1", "n2"))
    audit = await past.audit(store)
    lost = [audit.ended[job_id] for job_id, run in past.live.items() if not run.ended and not run.accepted]
    assert lost
    assert {run.reason for run in lost} <= {Reason.NODE_LOST, Reason.CANCELLED}
    assert all("restored from a snapshot" in run.info for run in lost if run.reason is Reason.NODE_LOST)
