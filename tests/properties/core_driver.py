"""A busy hour of a cluster in seconds: plans, edits, cancels, failing nodes, refusing stores, all from one seed."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random  # noqa: TID251 — seeded: the same seed is the same history
from typing import Any

from msgspec.structs import replace

from jobpool.kit.pure.durations import MINUTE, SECOND, Millis
from jobpool.model.errors import JobpoolError
from jobpool.model.namespace import WhenFull
from jobpool.model.run import Run
from jobpool.model.schedule import CatchUpMode, Delivery, Overlap
from jobpool.model.statuses import AllocationStatus, JobStatus, NodeStatus, PlanStatus
from jobpool.replica.state import Folded
from jobpool.store.change import Command
from jobpool.store.commands import (
    AddNamespace,
    AddPlan,
    CancelDrain,
    CancelRun,
    CatchUpPatch,
    DeletePlan,
    Mark,
    NamespaceSettings,
    PausePlan,
    PeriodicPatch,
    PlanPatch,
    RegisterNode,
    RemoveNode,
    ReportRun,
    ResumePlan,
    RetryPatch,
    SetNodeStatus,
    StartDrain,
    StartRun,
    SwitchPlan,
    UpdateNamespace,
    UpdatePlan,
    releases,
)
from jobpool.testing.clock import FakeClock
from jobpool.testing.harness import Core, settle
from jobpool.testing.store import MemoryStore

REST: dict[str, Any] = {"executor": "rest", "parameters": '{"url": "http://127.0.0.1:1/", "method": "get"}'}
SPECS = ("* * * * * *", "*/2 * * * * *", "*/5 * * * * *", "@every 3s", "@every 7s")
PLANS: dict[tuple[str, str], dict[str, Any]] = {
    ("default", "plain"): {"spec": "* * * * * *"},
    ("default", "alone"): {"spec": "*/2 * * * * *", "overlap": Overlap.SKIP},
    ("default", "stubborn"): {"spec": "@every 3s", "retry": RetryPatch(attempts=2, backoff=SECOND)},
    ("default", "once"): {"spec": "@every 3s", "delivery": Delivery.AT_MOST_ONCE},
    ("small", "crowd"): {"spec": "*/2 * * * * *", "synchronous": False, **REST},
    ("queue", "patient"): {
        "spec": "* * * * * *",
        "catch_up": CatchUpPatch(mode=CatchUpMode.ALL, window=20 * MINUTE, max_runs=9, rate_per_minute=30),
    },
}


def plan_patch(*, spec: str, **fields: Any) -> PlanPatch:
    given: dict[str, Any] = {
        "name": "plan",
        "type": "service",
        "executor": "noop",
        "status": PlanStatus.RUNNING,
        "periodic": PeriodicPatch(spec=spec, time_zone="UTC"),
        **fields,
    }
    return PlanPatch(**given)


ALONE: dict[tuple[str, str], dict[str, Any]] = {
    ("default", "alone"): {"spec": "* * * * * *", "overlap": Overlap.SKIP},
    ("default", "once"): {"spec": "* * * * * *", "overlap": Overlap.SKIP, "delivery": Delivery.AT_MOST_ONCE},
    ("default", "stubborn"): {
        "spec": "*/2 * * * * *",
        "overlap": Overlap.SKIP,
        "retry": RetryPatch(attempts=2, backoff=SECOND),
    },
    ("small", "handed"): {"spec": "*/2 * * * * *", "overlap": Overlap.SKIP, "synchronous": False, **REST},
    ("default", "plain"): {"spec": "*/5 * * * * *"},
}
"""Plans most of which forbid overlap."""


class Driver:
    """Does things to a core, second by second. `times` says when each commit was made.

    Of plans that forbid overlap, `held` are the runs that were seen out of reach, and `doubled` those that had an open
    attempt while another run of their plan had one.
    """

    def __init__(
        self,
        core: Core,
        store: MemoryStore,
        clock: FakeClock,
        seed: int,
        *,
        plans: Mapping[tuple[str, str], dict[str, Any]] = PLANS,
        pausing: bool = False,
    ) -> None:
        self.pausing = pausing
        self.plans = plans
        self.alone = [key for key, fields in plans.items() if fields.get("overlap") is Overlap.SKIP]
        self.held: set[str] = set()
        self.doubled: list[list[str]] = []
        self.core = core
        self.store = store
        self.clock = clock
        self.dice = Random(seed)
        self.times: dict[int, Millis] = {}
        self._asked: list[asyncio.Task[object]] = []
        self._names = 0
        core.answer = self.answer
        core.replica.listen(self._note)

    def _note(self, folded: Folded) -> None:
        self.times[folded.n] = self.clock.now()
        for key in self.alone:
            runs = [self.core.state.runs[job_id] for job_id in self.core.state.live_runs(*key)]
            self.held |= {run.id for run in runs if run.status is JobStatus.UNKNOWN}
            at_work = [run.id for run in runs if run.open_attempt is not None]
            if len(at_work) > 1:
                self.doubled.append(at_work)

    async def set_up(self) -> None:
        core = self.core
        await core.through(core.submit(AddNamespace("small", NamespaceSettings(job_parallelism_limit=2))))
        await core.through(core.submit(AddNamespace("queue", NamespaceSettings(3, WhenFull.WAIT))))
        for at in range(3):
            await core.through(core.add_node(f"n{at}", capacity=2 + at, executors=("noop", "rest")))
        for key, fields in self.plans.items():
            await core.through(core.submit(AddPlan(*key, plan_patch(**fields), "UTC")))

    async def live(self, seconds: int, *, faults: bool = False) -> None:
        for _ in range(seconds):
            for _ in range(self.dice.randrange(4)):
                self.dice.choice(self.deeds)()
            if self.plans is ALONE:
                self.dice.choice((self.fall, self.rise, self.forget, self.give_up, self.cancel, self.speak))()
            if faults and self.dice.random() < 0.3:
                self.dice.choice((self.fault, self.fault, self.rival))()
            await self.clock.advance(self.dice.choice((300, 500, 1000, 1700)))
            if faults:
                self.store.release_delayed()

    async def calm_down(self, *, wait: Millis = 4 * MINUTE) -> None:
        """No more faults and no more ticks; every node is back and every callee has answered."""
        core = self.core
        core.answer = lambda run: AllocationStatus.COMPLETE
        self.store.release_delayed()
        await self.clock.advance(10 * SECOND)
        for key, plan in list(core.state.plans.items()):
            if plan.active:
                await core.through(core.submit(SwitchPlan(*key, online=False)))
        for node_id in list(core.state.nodes):
            await core.through(core.submit(CancelDrain(node_id, eligible=True)))
            await core.through(core.revive_node(node_id))
        await self.clock.advance(wait)
        for run in list(core.state.runs.values()):
            if run.accepted:
                await core.through(core.submit(ReportRun(run.id, JobStatus.COMPLETE)))
        await self.clock.advance(2 * SECOND)
        for outcome in await asyncio.gather(*self._asked, return_exceptions=True):
            if isinstance(outcome, BaseException):
                assert isinstance(outcome, JobpoolError), outcome

    # ---- agents

    def answer(self, run: Run) -> AllocationStatus | None:
        throw = Random(f"{run.id}-{len(run.attempts)}").random()
        if run.ended:
            return AllocationStatus.COMPLETE if throw < 0.6 else AllocationStatus.FAILED
        if not run.synchronous or throw < 0.5:
            return None
        return AllocationStatus.COMPLETE if throw < 0.85 else AllocationStatus.FAILED

    # ---- deeds

    @property
    def deeds(self) -> tuple[Callable[[], None], ...]:
        return (
            self.start,
            self.cancel,
            self.speak,
            self.speak,
            self.speak,
            self.call_back,
            self.edit,
            self.switch,
            self.replace_plan,
            self.fall,
            self.rise,
            self.rise,
            self.forget,
            self.give_up,
            self.drain,
            self.end_drain,
            self.end_drain,
            self.resize_node,
            self.resize_namespace,
            self.oversleep,
            *((self.pause, self.resume, self.resume) if self.pausing else ()),
        )

    def ask(self, command: Command[Any]) -> None:
        self._asked.append(asyncio.get_running_loop().create_task(self.core.submit(command)))

    def _run(self) -> Run | None:
        runs = sorted(self.core.state.runs.values(), key=lambda run: run.id)
        return self.dice.choice(runs) if runs else None

    def _plan(self) -> tuple[str, str]:
        return self.dice.choice(list(self.plans))

    def start(self) -> None:
        self._names += 1
        mark = self.dice.choice((None, Mark("one", "digest"), Mark("two", "digest")))
        self.ask(StartRun(*self._plan(), f"manual-{self._names}-{self.clock.now()}", mark=mark))

    def cancel(self) -> None:
        if (run := self._run()) is not None:
            self.ask(CancelRun(run.id))

    def speak(self) -> None:
        """An agent says more of a run that it holds."""
        run = self._run()
        if run is None or run.open_attempt is None or run.open_attempt.node_id in self.core.silent:
            return
        accepted = not run.synchronous and not run.ended
        said = (AllocationStatus.RUNNING, AllocationStatus.COMPLETE, AllocationStatus.FAILED, AllocationStatus.EXPIRED)
        status = AllocationStatus.RUNNING if accepted else self.dice.choice(said)
        self.ask(replace(self.core.report(run, status), accepted=accepted))

    def call_back(self) -> None:
        for run in list(self.core.state.runs.values()):
            if run.accepted and self.dice.random() < 0.5:
                self.ask(ReportRun(run.id, self.dice.choice((JobStatus.COMPLETE, JobStatus.FAILED))))

    def edit(self) -> None:
        key = self._plan()
        spec = PeriodicPatch(spec=self.dice.choice(SPECS))
        patch = self.dice.choice((PlanPatch(priority=self.dice.randrange(1, 99)), PlanPatch(periodic=spec)))
        self.ask(UpdatePlan(*key, patch, "UTC"))

    def switch(self) -> None:
        self.ask(SwitchPlan(*self._plan(), online=self.dice.random() < 0.7))

    def pause(self) -> None:
        """Until somebody resumes it, or for a few seconds."""
        soon = self.clock.now() + self.dice.randrange(1, 6) * 700
        self.ask(PausePlan(*self._plan(), "somebody", until=self.dice.choice((None, soon, soon, soon))))

    def resume(self) -> None:
        self.ask(ResumePlan(*self._plan(), self.dice.random() < 0.3))

    def replace_plan(self) -> None:
        key = self._plan()
        self.ask(SwitchPlan(*key, online=False))
        self.ask(DeletePlan(*key))
        self.ask(AddPlan(*key, plan_patch(**self.plans[key]), "UTC"))

    def fall(self) -> None:
        """A node falls silent; often the leader has noticed already."""
        node_id = self.dice.choice(sorted(self.core.state.nodes) or ["n0"])
        self.core.silent.add(node_id)
        if self.dice.random() < 0.7:
            self.ask(SetNodeStatus(node_id, NodeStatus.DOWN, "no heartbeat received"))

    def rise(self) -> None:
        if self.core.silent:
            self._asked.append(asyncio.get_running_loop().create_task(self._rise(min(self.core.silent))))

    def forget(self) -> None:
        """An agent comes back with nothing of what it had."""
        if self.core.silent:
            self._asked.append(asyncio.get_running_loop().create_task(self._rise(max(self.core.silent), empty=True)))

    async def _rise(self, node_id: str, *, empty: bool = False) -> object:
        if self.core.state.node(node_id) is not None:
            await self.core.revive_node(node_id, empty=empty)
        return node_id

    def give_up(self) -> None:
        """An operator deletes a node by force; its machine comes back empty all the same."""
        down = sorted(node.id for node in self.core.state.nodes.values() if node.status is NodeStatus.DOWN)
        if down:
            self._asked.append(asyncio.get_running_loop().create_task(self._give_up(self.dice.choice(down))))

    async def _give_up(self, node_id: str) -> object:
        self.core.silent.add(node_id)
        while given_up := releases(self.core.state, node_id, 2, for_good=True):
            for outcome in await self.core.submit_all(given_up):
                if isinstance(outcome, JobpoolError):
                    raise outcome
        await self.core.submit(RemoveNode(node_id))
        await self.core.add_node(node_id, capacity=3, executors=("noop", "rest"))
        self.core.silent.discard(node_id)
        return node_id

    def drain(self) -> None:
        within = self.dice.choice((None, 0, SECOND, 5 * SECOND))
        self.ask(StartDrain(self.dice.choice(sorted(self.core.state.nodes) or ["n0"]), within))

    def end_drain(self) -> None:
        closed = [node.id for node in self.core.state.nodes.values() if not node.eligible]
        if closed:
            self.ask(CancelDrain(self.dice.choice(closed), eligible=self.dice.random() < 0.8))

    def resize_node(self) -> None:
        node = self.dice.choice(list(self.core.state.nodes.values()))
        if node.id not in self.core.silent:
            self.ask(RegisterNode(replace(node, capacity=self.dice.randrange(1, 6)), node.server))
            self.ask(SetNodeStatus(node.id, NodeStatus.READY, "node is ready"))

    def resize_namespace(self) -> None:
        name = self.dice.choice(("default", "small", "queue"))
        self.ask(UpdateNamespace(name, NamespaceSettings(job_parallelism_limit=self.dice.randrange(1, 12))))

    def oversleep(self) -> None:
        """The machine was suspended, or its clock was set."""
        if self.dice.random() < 0.4:
            self.clock.jump(self.dice.choice((2 * SECOND, 90 * SECOND, 6 * MINUTE)))

    # ---- misfortune

    def fault(self) -> None:
        for _ in range(self.dice.randrange(1, 4)):
            self.store.fail_next_commit(self.dice.choice(("refuse", "lost", "landed-but-unknown", "delayed")))

    def rival(self) -> None:
        """Another server takes the lead and loses it again."""
        self._asked.append(asyncio.get_running_loop().create_task(self._campaign()))

    async def _campaign(self) -> object:
        await settle(self.dice.randrange(3))
        return await self.store.campaign("rival")
