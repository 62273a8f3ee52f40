"""A server's core in one process: leader, evaluators and a pretend agent on any store and clock.

What a test sees here is the product itself from the committer to the replica; only the agent's stream is short-cut.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from jobpool.evaluator.worker import Evaluator
from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.effects.service import run_services
from jobpool.kit.pure.durations import Millis
from jobpool.leader.leadership import Leadership
from jobpool.leader.term import LeaderConfig
from jobpool.model.errors import JobpoolError
from jobpool.model.node import Node
from jobpool.model.plan import Plan
from jobpool.model.run import Run
from jobpool.model.statuses import AllocationStatus, NodeStatus, PlanStatus
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded, State
from jobpool.server.local import LocalLeader
from jobpool.store.change import Command
from jobpool.store.commands import (
    AddNamespace,
    AddPlan,
    PeriodicPatch,
    PlanPatch,
    RegisterNode,
    ReportAttempt,
    SetNodeStatus,
)
from jobpool.store.port import Store
from jobpool.testing.clock import FakeClock, settle


class NoRetention:
    """History that keeps everything."""

    async def retention_cut(self, *, older_than: Millis, keep_runs: int) -> int | None:
        return None

    def dropped_before(self, n: int) -> None:
        """Nothing to forget."""


class Core:
    """`finished` collects every run that ended, in order; `answers` is what the pretend agents report at once."""

    def __init__(
        self, store: Store, clock: Clock, *, config: LeaderConfig, slots: int, evaluators: int, seed: int
    ) -> None:
        self.store = store
        self.clock = clock
        self.replica = Replica(default_slots=slots)
        self.leadership = Leadership(
            store,
            self.replica,
            clock=clock,
            dice=Dice(seed),
            config=config,
            retention=NoRetention(),
            server_id="test",
        )
        self.evaluators = [
            Evaluator(LocalLeader(self.leadership), self.replica, clock=clock, dice=Dice(seed + at), number=at)
            for at in range(evaluators)
        ]
        self.finished: list[Run] = []
        self.answers: AllocationStatus | None = AllocationStatus.COMPLETE
        self._reports: list[ReportAttempt] = []
        self._reported = asyncio.Event()
        self.replica.listen(self._observe)

    @property
    def state(self) -> State:
        return self.replica.state

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
        await self.submit(RegisterNode(node))
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

    def _observe(self, folded: Folded) -> None:
        if folded.segment is not None:
            self.finished.extend(folded.segment.runs)
        if self.answers is None:
            return
        for old, new in folded.runs:
            attempt = new.open_attempt if new is not None else None
            if new is None or attempt is None or (old is not None and old.open_attempt is not None):
                continue
            self._reports.append(self.report(new, self.answers))
            self._reported.set()

    def report(self, run: Run, status: AllocationStatus) -> ReportAttempt:
        attempt = run.attempts[-1]
        now = self.clock.now()
        return ReportAttempt(
            run.id, attempt.number, attempt.node_id, attempt.fence, status, started_at=now, finished_at=now
        )

    async def _answer(self) -> None:
        while True:
            await self._reported.wait()
            self._reported.clear()
            reports, self._reports = self._reports, []
            with suppress(JobpoolError):  # the term ended: the next one asks again
                await self.leadership.reign.committer.submit_all(reports)

    async def serve(self) -> None:
        await self.replica.restore(self.store)
        await run_services([self.leadership, *self.evaluators, _Answers(self)])


class _Answers:
    name = "answers"

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        await self._core._answer()


@asynccontextmanager
async def running_core(
    store: Store,
    clock: Clock,
    *,
    config: LeaderConfig | None = None,
    slots: int = 100,
    evaluators: int = 1,
    seed: int = 1,
) -> AsyncIterator[Core]:
    """A core that leads, with the namespace `default`. Leaving it is a crash: nothing is said to anybody."""
    core = Core(store, clock, config=config or LeaderConfig(), slots=slots, evaluators=evaluators, seed=seed)
    task = asyncio.get_running_loop().create_task(core.serve())
    try:
        leading = asyncio.get_running_loop().create_task(core.leadership.leading())
        await asyncio.wait([task, leading], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await core.submit(AddNamespace("default", if_absent=True))
        yield core
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


__all__ = ["Core", "NoRetention", "running_core", "settle"]
