"""The state a row starts from, written by the product's own commands without the network."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from jobpool.cli.bench.posts import Post
from jobpool.kit.effects.clock import SystemClock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.service import run_services
from jobpool.kit.pure.durations import Millis
from jobpool.leader.leadership import Leadership
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import JobpoolError
from jobpool.model.run import Attempt, Evaluation, Run, tick_job_id
from jobpool.model.schedule import Delivery
from jobpool.model.statuses import (
    AllocationStatus,
    EvaluationStatus,
    EvaluationTrigger,
    JobStatus,
    PlanStatus,
    Trigger,
)
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.server.engine import Engine, open_engine
from jobpool.store.codec import encode
from jobpool.store.commands import AddNamespace, AddPlan, NamespaceSettings, PeriodicPatch, PlanPatch
from jobpool.store.datadir import DataDir
from jobpool.store.keyspace import Table, key_of, number
from jobpool.store.port import Fence, Put, Store, Transaction
from jobpool.store.records import Segment

NAMESPACE = "bench"
_SLOTS = 1_000_000
_BATCH = 1000
_SEGMENT = 250


class _NoRetention:
    """History that keeps everything."""

    async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
        return None

    def dropped_before(self, n: int) -> None:
        """Nothing is dropped while loading."""


@asynccontextmanager
async def _store(places: Sequence[Post]) -> AsyncIterator[Store]:
    """The store that the servers of these places have; their etcd members run meanwhile."""
    opened: list[tuple[DataDir, Engine]] = []
    try:
        async with asyncio.TaskGroup() as group:  # a member waits for the others
            for post in places:
                group.create_task(_open(post, opened))
        yield opened[0][1].store
    finally:
        await asyncio.gather(*(_close(data_dir, engine) for data_dir, engine in opened))


async def _open(post: Post, opened: list[tuple[DataDir, Engine]]) -> None:
    config = post.config
    data_dir = DataDir.open(Path(config.directory), config.engine)
    try:
        engine = await open_engine(config, data_dir, SystemClock())
    except BaseException:
        data_dir.close()
        raise
    opened.append((data_dir, engine))


async def _close(data_dir: DataDir, engine: Engine) -> None:
    try:
        await engine.close()
    finally:
        data_dir.close()


async def load_plans(places: Sequence[Post], plans: Iterable[tuple[str, PeriodicPatch]]) -> int:
    """Running noop plans in the namespace `bench`, which has a million slots. Returns how many."""
    async with _store(places) as store:
        replica = Replica(default_slots=100)
        await replica.restore(store)
        leadership = Leadership(
            store,
            replica,
            clock=SystemClock(),
            dice=Dice(1),
            config=LeaderConfig(),
            retention=_NoRetention(),
            server_id="bench",
        )
        async with asyncio.TaskGroup() as group:
            follower = Follower(store, replica, clock=SystemClock(), give_up=leadership.give_up)
            leading = group.create_task(run_services([follower, leadership]))
            reign = await leadership.leading()
            settings = NamespaceSettings(job_parallelism_limit=_SLOTS)
            await reign.committer.submit(AddNamespace(NAMESPACE, settings, if_absent=True))
            commands = [AddPlan(NAMESPACE, name, _plan(name, periodic), "UTC") for name, periodic in plans]
            for at in range(0, len(commands), _BATCH):
                for outcome in await reign.committer.submit_all(commands[at : at + _BATCH]):
                    if isinstance(outcome, JobpoolError):
                        raise outcome
            leading.cancel()
    return len(commands)


def _plan(name: str, periodic: PeriodicPatch) -> PlanPatch:
    return PlanPatch(
        name=name, type="service", executor="noop", status=PlanStatus.RUNNING, synchronous=True, periodic=periodic
    )


async def load_history(places: Sequence[Post], *, runs: int, plans: int, now: Millis) -> None:
    """Finished runs, as segments, one a second up to now, spread over `plans` plans."""
    async with _store(places) as store:
        fence = await store.campaign("bench")
        first = now - runs * 1000
        for at in range(0, runs, _SEGMENT):
            finished = tuple(_finished(first + (at + k) * 1000, (at + k) % plans) for k in range(_SEGMENT))
            leaves = Fence(fence.incarnation, fence.term, fence.n + 1, f"bench-{at}")
            segment = encode(Segment(finished[-1].created_at, finished))
            put = Put(key_of(Table.SEGMENT, (number(leaves.n),)), segment)
            await store.commit(Transaction(fence, leaves, (put,)))
            fence = leaves


def _finished(at: Millis, plan: int) -> Run:
    name = f"plan-{plan}"
    failed = at // 1000 % 20 == 0
    end = JobStatus.FAILED if failed else JobStatus.COMPLETE
    evaluation = Evaluation(1, EvaluationTrigger.PERIODIC_JOB, EvaluationStatus.COMPLETE, at, at)
    status = AllocationStatus.FAILED if failed else AllocationStatus.COMPLETE
    attempt = Attempt(1, 1, f"node-{plan % 10}", at, status, at, at, started_at=at + 5, finished_at=at + 20)
    return Run(
        tick_job_id(NAMESPACE, name, 1, at),
        NAMESPACE,
        name,
        name,
        "service",
        1,
        1,
        Trigger.SCHEDULE,
        at,
        at,
        at + 20,
        50,
        "noop",
        True,
        3_600_000,
        Delivery.AT_LEAST_ONCE,
        end,
        False,
        (evaluation,),
        (attempt,),
        started_at=at + 5,
        finished_at=at + 20,
    )
