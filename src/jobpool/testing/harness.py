"""A server's core in one process: leader, evaluators and a pretend agent on any store and clock.

What a test sees here is the product itself from the committer to the replica; only the agent's stream is short-cut.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from jobpool.evaluator.worker import Evaluator
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.service import run_services
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.leader.leadership import Leadership
from jobpool.leader.term import LeaderConfig, Retention
from jobpool.model.errors import JobpoolError
from jobpool.model.node import Node
from jobpool.model.plan import Plan
from jobpool.model.run import Run, allocation_id
from jobpool.model.statuses import AllocationStatus, DesiredStatus, NodeStatus, PlanStatus
from jobpool.replica.follow import Follower
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded, State
from jobpool.server.local import LocalLeader
from jobpool.store.change import Command
from jobpool.store.commands import (
    AddNamespace,
    AddPlan,
    LoseAttempt,
    PeriodicPatch,
    PlanPatch,
    RegisterNode,
    ReportAttempt,
    Reported,
    SetNodeStatus,
    vouchers,
)
from jobpool.store.port import Store
from jobpool.testing.clock import FakeClock, settle

R = TypeVar("R")

SERVER = "test"
"""The id of the server that the core is."""


class NoRetention:
    """History that keeps everything."""

    async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
        return None

    def dropped_before(self, n: int) -> None:
        """Nothing to forget."""


class Core:
    """`finished` collects every run that ended, in order.

    The pretend agents beat every 5 s and report `answers` of whatever they are given, at once; `answer` overrides that
    run by run, None = nothing yet. Told to stop they do, while they are `obedient`. A `silent` one does nothing at all.
    """

    def __init__(
        self, store: Store, clock: Clock, *, config: LeaderConfig, slots: int, evaluators: int, seed: int
    ) -> None:
        self.store = store
        self.clock = clock
        self.ttl = config.min_heartbeat_ttl
        self.replica = Replica(default_slots=slots)
        self.leadership = Leadership(
            store,
            self.replica,
            clock=clock,
            dice=Dice(seed),
            config=config,
            retention=self,
            server_id=SERVER,
        )
        self.evaluators = [
            Evaluator(LocalLeader(self.leadership), self.replica, clock=clock, dice=Dice(seed + at), number=at)
            for at in range(evaluators)
        ]
        self.retention: Retention = NoRetention()
        self.finished: list[Run] = []
        self.answers: AllocationStatus | None = AllocationStatus.COMPLETE
        self.answer: Callable[[Run], AllocationStatus | None] = lambda run: self.answers
        self.obedient = True
        self.silent: set[str] = set()
        self._reports: list[ReportAttempt] = []
        self._reported = asyncio.Event()
        self.replica.listen(self._observe)

    @property
    def state(self) -> State:
        return self.replica.state

    async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
        return await self.retention.retention_cut(older_than=older_than, keep_runs=keep_runs)

    def dropped_before(self, n: int) -> None:
        self.retention.dropped_before(n)

    async def submit(self, command: Command[object]) -> object:
        return await self.leadership.reign.committer.submit(command)

    async def submit_all(self, commands: Sequence[Command[object]]) -> list[object]:
        return list(await self.leadership.reign.committer.submit_all(commands))

    async def add_node(
        self, node_id: str = "node-1", *, capacity: int = 256, executors: Sequence[str] = ("noop",)
    ) -> None:
        now = self.clock.now()
        node = Node(
            node_id, node_id, "0", NodeStatus.INITIALIZING, now, now, capacity=capacity, executors=tuple(executors)
        )
        await self.submit(RegisterNode(node, SERVER))
        await self.submit(SetNodeStatus(node_id, NodeStatus.READY, "node is ready"))

    async def revive_node(self, node_id: str, *, empty: bool = False) -> None:
        """A node that was silent, or down, is back, says what it holds, and goes on with it; `empty`: nothing."""
        self.silent.discard(node_id)
        node = self.state.node(node_id)
        assert node is not None
        await self.submit(RegisterNode(node, SERVER))
        self.leadership.reign.heartbeats.beat(node_id, self.ttl)
        runs = [self.state.runs[job_id] for job_id in self.state.node_runs(node_id)]
        if empty:
            await self.submit_all([_lost(run) for run in runs])
        else:
            # What is of a snapshot it vouches for only where a test says so.
            known = [run for run in runs if not run.predates(self.state.era)]
            held = {allocation_id(run.id, len(run.attempts)): run.attempts[-1].fence for run in known}
            await self.submit_all(vouchers(self.state, node_id, held))
            for run in runs:
                self._ask(run)
        await self.submit(SetNodeStatus(node_id, NodeStatus.READY, "node is ready"))

    async def add_plan(self, plan_id: str, *, spec: str, namespace: str = "default", **fields: object) -> Plan:
        """A running noop plan in UTC; `fields` are those of PlanPatch."""
        patch = PlanPatch(
            **{
                "name": plan_id,
                "type": "service",
                "executor": "noop",
                "status": PlanStatus.RUNNING,
                "periodic": PeriodicPatch(spec=spec, time_zone="UTC"),
                **fields,
            }  # type: ignore[arg-type]
        )
        added = await self.submit(AddPlan(namespace, plan_id, patch, "UTC"))
        assert isinstance(added, Plan)
        return added

    async def advance(self, span: Millis) -> None:
        assert isinstance(self.clock, FakeClock)
        await self.clock.advance(span)

    async def through(self, asked: Coroutine[object, object, R]) -> R:
        """Let a fake clock's time pass until it is answered: the committer paces itself, and tries again, by it."""
        if not isinstance(self.clock, FakeClock):
            return await asked
        task = asyncio.get_running_loop().create_task(asked)
        await settle()
        while not task.done():
            await self.advance(1)
        return task.result()

    def _observe(self, folded: Folded) -> None:
        if folded.segment is not None:
            self.finished.extend(folded.segment.runs)
        for old, new in folded.runs:
            before = old.open_attempt if old is not None else None
            after = new.open_attempt if new is not None else None
            if new is None or after is None:
                continue
            if before is None or before.desired is not after.desired:
                self._ask(new)

    def _ask(self, run: Run) -> None:
        """Put the agent's word on the run's open attempt, if it has one, on its way."""
        attempt = run.attempts[-1]
        stopped = attempt.desired is DesiredStatus.STOP and self.obedient
        status = AllocationStatus.CANCELLED if stopped else self.answer(run)
        if status is not None and attempt.node_id not in self.silent:
            self._reports.append(self.report(run, status))
            self._reported.set()

    def report(self, run: Run, status: AllocationStatus) -> ReportAttempt:
        attempt = run.attempts[-1]
        now = self.clock.now()
        return ReportAttempt(
            run.id, attempt.number, attempt.node_id, attempt.fence, status, started_at=now, finished_at=now
        )

    async def work(self) -> None:
        """What agents do by themselves. After a crash they take up what their journals hold."""
        await self.leadership.leading()
        for run in self.state.runs.values():
            if run.open_attempt is not None:
                self._ask(run)
        while True:
            await self._reported.wait()
            self._reported.clear()
            reports, self._reports = self._reports, []
            outcomes: Sequence[Reported | JobpoolError]
            try:
                outcomes = await self.leadership.reign.committer.submit_all(reports)
            except JobpoolError as failure:
                outcomes = [failure] * len(reports)
            again = [report for report, outcome in zip(reports, outcomes, strict=True) if _refused(outcome)]
            if again:
                await self.clock.sleep(SECOND)
                self._reports += again
                self._reported.set()

    async def beat(self) -> None:
        while True:
            if self.leadership.leads:
                for node in self.state.nodes.values():
                    if node.id not in self.silent and node.status is not NodeStatus.DOWN:
                        self.leadership.reign.heartbeats.beat(node.id, self.ttl)
            await self.clock.sleep(5 * SECOND)

    async def serve(self) -> None:
        await self.replica.restore(self.store)
        agents = [_Agents("agents-work", self.work), _Agents("agents-beat", self.beat)]
        follower = Follower(self.store, self.replica, clock=self.clock, give_up=self.leadership.give_up)
        await run_services([follower, self.leadership, *self.evaluators, *agents])


def _lost(run: Run) -> LoseAttempt:
    attempt = run.attempts[-1]
    why = "its agent does not know of it any more"
    return LoseAttempt(run.id, attempt.number, attempt.node_id, attempt.fence, why)


def _refused(outcome: object) -> bool:
    return isinstance(outcome, JobpoolError)


class _Agents:
    """One thing that the pretend agents do all the time."""

    def __init__(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._run = run

    async def run(self) -> None:
        await self._run()


@asynccontextmanager
async def running_core(
    store: Store,
    clock: Clock,
    *,
    config: LeaderConfig | None = None,
    slots: int = 100,
    evaluators: int = 1,
    seed: int = 1,
    silent: Iterable[str] = (),
    answers: AllocationStatus | None = AllocationStatus.COMPLETE,
) -> AsyncIterator[Core]:
    """A core that leads, with the namespace `default`. Leaving it is a crash: nothing is said to anybody."""
    core = Core(store, clock, config=config or LeaderConfig(), slots=slots, evaluators=evaluators, seed=seed)
    core.silent.update(silent)
    core.answers = answers
    task = asyncio.get_running_loop().create_task(core.serve())
    leading = asyncio.get_running_loop().create_task(core.leadership.leading())
    try:
        await asyncio.wait([task, leading], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await core.through(core.submit(AddNamespace("default", if_absent=True)))
        yield core
    finally:
        task.cancel()
        leading.cancel()
        outcome, _ = await asyncio.gather(task, leading, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome


__all__ = ["Core", "NoRetention", "running_core", "settle"]
